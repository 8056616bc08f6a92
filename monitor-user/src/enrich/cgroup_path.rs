//! What the path of a cgroup says about a container.
//!
//! | runtime | path |
//! |---|---|
//! | Docker | `/docker/<64 hex>`, `…/docker-<64 hex>.scope` |
//! | containerd CRI, cgroupfs | `/k8s.io/<64 hex>`, `/kubepods/…/pod<uid>/<64 hex>` |
//! | containerd CRI, systemd | `…/cri-containerd-<64 hex>.scope` |
//! | CRI-O | `…/crio-<64 hex>.scope` |
//! | podman | `…/libpod-<64 hex>[.scope]` |
//! | BuildKit, a step of a build | `…/buildkit/<25>`, Docker with systemd: `docker-<25>.scope` |
//! | Kata Containers, a pod's sandbox | `…/kata_<64 hex>`, `/kata_overhead/<64 hex>` |
//! | runc, crun, systemd | `…/runc-<name>.scope`, `…/crun-<name>.scope`: possible |
//! | ctr, runc, crun and others | `…/<any name>`: possible, the bundle decides |

mod usual;

pub use usual::{begins_slices, is_usual};

/// What the paths of the cgroups of users begin with.
pub(crate) const USERS: &str = "/user.slice/";

/// How sure a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The path is one that only containers have.
    Certain,
    /// A container may have such a path; its bundle decides.
    Possible,
}

/// The container that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'p> {
    /// The part of the path that ends with the container's own cgroup.
    pub path: &'p str,
    /// Its id.
    pub id: &'p str,
    /// Its runtime or engine, if the path tells.
    pub runtime: Option<&'static str>,
    /// Uid of its pod, if the path tells. By itself it counts where the path is a usual one only.
    pub pod_uid: Option<String>,
    /// How sure that is.
    pub shape: Shape,
}

/// Prefixes of the last component, and whose they are.
const PREFIXES: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("crio-", "cri-o"),
    ("libpod-", "podman"),
    ("nerdctl-", "containerd"),
];

/// Who runs the steps of builds, and where.
pub(crate) const BUILDKIT: &str = "buildkit";

/// What Kata Containers puts before the name of a cgroup, in which the virtual machine is.
const KATA: &str = "kata_";

/// Its cgroup for what serves virtual machines.
const KATA_OVERHEAD: &str = "kata_overhead";

/// Prefixes of scopes that runtimes have systemd make, with names that anyone chose.
const RUNTIMES: [&str; 2] = ["runc-", "crun-"];

/// Endings of cgroups that service managers make for themselves.
const SERVICES: [&str; 6] = [".service", ".slice", ".scope", ".socket", ".mount", ".swap"];

/// Endings of those of them that are one service's or session's, with all that is below.
const ENDS: [&str; 2] = [".service", ".scope"];

/// The innermost container that a cgroup's path names.
#[must_use]
pub fn container(path: &str) -> Option<Named<'_>> {
    let mut end = path.len();
    while end > 0 {
        let part = path.get(..end)?;
        let (above, last) = part.rsplit_once('/')?;
        if let Some((id, runtime)) = certain(above, last) {
            let pod_uid = pod_uid(above);
            return Some(Named { path: part, id, runtime, pod_uid, shape: Shape::Certain });
        }
        end = above.len();
    }
    possible(path)
}

/// Whose a cgroup is: the outermost container that a path names for certain, or the slice of a
/// user.
#[must_use]
pub fn outermost(path: &str) -> Option<&str> {
    let is_container = |part: &&str| {
        part.rsplit_once('/').is_some_and(|(above, last)| certain(above, last).is_some())
    };
    user_slice(path).or_else(|| parts(path).find(is_container))
}

/// The paths of all cgroups above one and its own, the outermost first.
pub fn parts(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).filter(|part| !part.is_empty())
}

fn user_slice(path: &str) -> Option<&str> {
    let (user, _) = path.strip_prefix(USERS)?.split_once('/')?;
    path.get(..USERS.len() + user.len())
}

/// Whether some part of a path is one that only containers have.
#[must_use]
pub fn is_certain(path: &str) -> bool {
    container(path).is_some_and(|named| named.shape == Shape::Certain)
}

/// Whether a path is one that only virtual machines of Kata Containers have.
#[must_use]
pub fn is_kata(path: &str) -> bool {
    let Some((above, last)) = path.rsplit_once('/') else { return false };
    last.strip_prefix(KATA).is_some_and(is_long_id)
        || above.ends_with(KATA_OVERHEAD) && is_long_id(last)
}

/// The cgroups of such a machine, where those of its containers would be in that parent.
#[must_use]
pub fn of_kata(parent: &str, id: &str) -> [String; 2] {
    [format!("{parent}/{KATA}{id}"), format!("/{KATA_OVERHEAD}/{id}")]
}

fn certain<'p>(above: &str, last: &'p str) -> Option<(&'p str, Option<&'static str>)> {
    let name = last.strip_suffix(".scope").unwrap_or(last);
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = name.strip_prefix(prefix)
            && is_long_id(id)
        {
            return Some((id, Some(runtime)));
        }
    }
    let build = name.strip_prefix("docker-").filter(|_| last.ends_with(".scope"));
    let build = build.or_else(|| above.ends_with("/buildkit").then_some(last));
    if let Some(id) = build.filter(|id| is_build_id(id)) {
        return Some((id, Some(BUILDKIT)));
    }
    if let Some(id) = last.strip_prefix(KATA)
        && is_long_id(id)
    {
        return Some((id, None));
    }
    if !is_long_id(last) {
        return None;
    }
    let parent = above.rsplit('/').next().unwrap_or_default();
    let runtime = match parent {
        "docker" => Some("docker"),
        "k8s.io" | "moby" => Some("containerd"),
        KATA_OVERHEAD => None,
        _ if above.contains("/kubepods") => None,
        // Anyone may give a directory such a name: its bundle decides.
        _ => return None,
    };
    Some((last, runtime))
}

fn possible(path: &str) -> Option<Named<'_>> {
    let (above, last) = path.rsplit_once('/')?;
    let of_runtime = RUNTIMES.iter().find_map(|prefix| last.strip_prefix(prefix));
    let id = match of_runtime.and_then(|name| name.strip_suffix(".scope")) {
        Some(id) => id,
        // Service managers make the others for themselves, and services what is below theirs.
        None if SERVICES.iter().any(|ending| last.ends_with(ending)) => return None,
        None if ENDS.iter().any(|ending| above.contains(ending)) => return None,
        None => last,
    };
    let pod_uid = pod_uid(above);
    (!id.is_empty()).then_some(Named { path, id, runtime: None, pod_uid, shape: Shape::Possible })
}

fn is_long_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An id as BuildKit makes it: a number to the base of 36.
fn is_build_id(text: &str) -> bool {
    text.len() == 25 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// `pod<uid>` of the cgroupfs driver, `…-pod<uid>.slice` of the systemd driver, which writes the
/// uid's dashes as underscores; podman's have no uid. Users may call theirs anything, and have no
/// pods.
fn pod_uid(above: &str) -> Option<String> {
    if above.starts_with(USERS) {
        return None;
    }
    let component = above.rsplit('/').next()?;
    let name = component.strip_suffix(".slice").unwrap_or(component);
    let at = name.rfind("pod")?;
    let uid = name.get(at + 3..)?;
    let plausible = uid.len() >= 32
        && uid.starts_with(|first: char| first.is_ascii_hexdigit())
        && uid.bytes().all(|b| b.is_ascii_hexdigit() || b"-_".contains(&b));
    plausible.then(|| uid.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[track_caller]
    fn check(path: &str, expected: Option<(&str, Option<&str>, Option<&str>, Shape)>) {
        let path = path.replace("ID", ID);
        let found = container(&path);
        let found = found.as_ref().map(|n| (n.id, n.runtime, n.pod_uid.as_deref(), n.shape));
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_cgroup_is_of_the_outermost() {
        let docker = format!("/docker/{ID}");
        let inner = format!("{docker}/docker/{ID}");
        let in_slice = format!("/user.slice/user-7.slice{docker}");
        for (path, of) in [
            ("/", None),
            ("/system.slice/a.service/x", None),
            (&*docker, Some(&*docker)),
            (&inner, Some(&docker)),
            (&in_slice, Some("/user.slice/user-7.slice")),
            ("/user.slice/user-7.slice", None),
        ] {
            assert_eq!(outermost(path), of, "{path}");
        }
    }

    #[test]
    fn paths() {
        let uid = "8d4a8b5c-0000-1111-2222-333344445555";
        check("/", None);
        check("/init.scope", None);
        check("/system.slice/sshd.service", None);
        check("/user.slice/user-0.slice/session-1.scope", None);
        check("/docker/ID", Some((ID, Some("docker"), None, Shape::Certain)));
        check("/docker/ID/inner", Some((ID, Some("docker"), None, Shape::Certain)));
        check("/system.slice/docker-ID.scope", Some((ID, Some("docker"), None, Shape::Certain)));
        check("/k8s.io/ID", Some((ID, Some("containerd"), None, Shape::Certain)));
        check(
            "/kubepods/besteffort/pod8d4a8b5c-0000-1111-2222-333344445555/ID",
            Some((ID, None, Some(uid), Shape::Certain)),
        );
        check(
            "/kubepods.slice/kubepods-pod8d4a8b5c_0000_1111_2222_333344445555.slice/\
             cri-containerd-ID.scope",
            Some((ID, Some("containerd"), Some(uid), Shape::Certain)),
        );
        check(
            "/user.slice/user-7.slice/kubepods-pod8d4a8b5c_0000_1111_2222_333344445555.slice/\
             cri-containerd-ID.scope",
            Some((ID, Some("containerd"), None, Shape::Certain)),
        );
        check("/machine.slice/libpod-ID.scope", Some((ID, Some("podman"), None, Shape::Certain)));
        check(
            "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope",
            Some((ID, Some("podman"), None, Shape::Certain)),
        );
        check(
            "/kubepods/besteffort/pod8d4a8b5c-0000-1111-2222-333344445555/kata_ID",
            Some((ID, None, Some(uid), Shape::Certain)),
        );
        let step = "l6ope9b2pw4lo82boicg696dh";
        for above in ["/docker/buildkit/", "/buildkit/", "/docker/ID/docker/buildkit/"] {
            let expected = Some((step, Some("buildkit"), None, Shape::Certain));
            check(&format!("{above}{step}"), expected);
        }
        check(
            &format!("/system.slice/docker-{step}.scope"),
            Some((step, Some("buildkit"), None, Shape::Certain)),
        );
        check("/buildkit/step", Some(("step", None, None, Shape::Possible)));
        check("/kata_overhead/ID", Some((ID, None, None, Shape::Certain)));
        check("/default/n1", Some(("n1", None, None, Shape::Possible)));
        check("/n1", Some(("n1", None, None, Shape::Possible)));
        check("/user.slice/user-0.slice/n1", Some(("n1", None, None, Shape::Possible)));
        check("/system.slice/runc-n1.scope", Some(("n1", None, None, Shape::Possible)));
        check(
            "/user.slice/user@1.service/crun-n1.scope",
            Some(("n1", None, None, Shape::Possible)),
        );
        check("/system.slice/runc-.scope", None);
        check("/system.slice/runc.scope/n1", None);
        check("/anything/ID", Some((ID, None, None, Shape::Possible)));
        check("/user.slice/user@1000.service/ID", None);
    }
}
