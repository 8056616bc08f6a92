//! Which paths only the runtimes of a host, or of a user, give to cgroups of containers. Guests
//! (LXC, nspawn), delegated services and containers make any below their own: what ends like a
//! container's own cgroup is one only where what is above it is nobody else's.
//!
//! | who | path |
//! |---|---|
//! | systemd | `/a.slice/a-b.slice/…`, and in it a scope: nobody else makes slices at its root |
//! | kubelet with cgroupfs | `[/kubelet]/kubepods[/<class>]/pod<uid>/…` |
//! | Docker, containerd and podman with cgroupfs | `/docker/…`, `/k8s.io/…`, `/libpod_parent/…` |
//!
//! A runtime that was told of another place, or that is in a container, is known by its files only.

use super::{USERS, is_long_id};

/// Classes of pods that have a cgroup of their own.
const CLASSES: [&str; 2] = ["burstable", "besteffort"];

/// Whether slices begin at a cgroup: at the root, and at that of a user's own service manager.
/// Runtimes put containers there, and whoever makes cgroups elsewhere does not.
#[must_use]
pub fn begins_slices(path: &str) -> bool {
    path.is_empty() || below_manager(path) == Some("")
}

/// Whether a container's cgroup of this path is where only runtimes put some. What has another
/// path can be anybody's, unless the files of its runtime name it.
#[must_use]
pub fn is_usual(path: &str) -> bool {
    let below = below_manager(path).or_else(|| (!path.starts_with(USERS)).then_some(path));
    let Some((above, _)) = below.and_then(|below| below.rsplit_once('/')) else { return false };
    let parts: Vec<&str> = above.split('/').skip(1).collect();
    match &parts[..] {
        ["docker" | "k8s.io" | "libpod_parent"] => true,
        ["libpod_parent", pod] => is_long_id(pod),
        ["kubelet", "kubepods", pod @ ..] | ["kubepods", pod @ ..] => is_pod(pod),
        slices => are_slices(slices),
    }
}

/// What is below the cgroup of a user's own service manager.
fn below_manager(path: &str) -> Option<&str> {
    let (user, rest) = path.strip_prefix(USERS)?.strip_prefix("user-")?.split_once(".slice/")?;
    let below = rest.strip_prefix("user@")?.strip_prefix(user)?.strip_prefix(".service")?;
    (below.is_empty() || below.starts_with('/')).then_some(below)
}

/// Whether this is a pod's cgroup below that of all pods.
fn is_pod(parts: &[&str]) -> bool {
    match parts {
        [class, pod] => CLASSES.contains(class) && pod.starts_with("pod"),
        [pod] => pod.starts_with("pod"),
        _ => false,
    }
}

/// Whether these are slices as systemd puts them: each in that which its name begins with.
fn are_slices(parts: &[&str]) -> bool {
    let mut outer = None;
    parts.iter().all(|part| {
        let Some(name) = part.strip_suffix(".slice") else { return false };
        let is_next = match name.rsplit_once('-') {
            Some((start, _)) => outer == Some(start),
            None => outer.is_none(),
        };
        outer = Some(name);
        is_next
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const MANAGER: &str = "/user.slice/user-1000.slice/user@1000.service";

    #[test]
    fn slices_begin_at_the_root_and_at_managers() {
        for path in ["", MANAGER] {
            assert!(begins_slices(path), "{path}");
        }
        for path in [
            "/docker/1",
            "/user.slice",
            "/user.slice/user-1000.slice/user@1.service",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-1.scope",
            "/user.slice/user-1000.slice/user@1000.services",
            "/docker/1/user.slice/user-1000.slice/user@1000.service",
        ] {
            assert!(!begins_slices(path), "{path}");
        }
    }

    #[test]
    fn runtimes_have_places_of_their_own() {
        let of_host = [
            "/docker/ID",
            "/docker-ID.scope",
            "/system.slice/docker-ID.scope",
            "/ecstasks.slice/ecstasks-1f.slice/docker-ID.scope",
            "/k8s.io/ID",
            "/kubepods/pod1/ID",
            "/kubepods/burstable/pod1/ID",
            "/kubepods/besteffort/pod1/crio-ID",
            "/kubelet/kubepods/burstable/pod1/ID",
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/ID",
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/crio-ID.scope",
            "/libpod_parent/libpod-ID",
            "/libpod_parent/ID/libpod-ID",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope",
        ];
        let of_user = ["/user.slice/docker-ID.scope", "/user.slice/user-a.slice/libpod-ID.scope"];
        let of_user = of_user.map(|path| format!("{MANAGER}{path}"));
        for path in of_host.map(str::to_owned).iter().chain(&of_user) {
            assert!(is_usual(&path.replace("ID", ID)), "{path}");
        }
        // Below another's cgroup none of them is.
        for above in [
            "/lxc.payload.c1",
            "/machine.slice/machine-x.scope",
            "/machine.slice/machine-x.scope/payload",
            "/system.slice/ci.service",
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/kubepods/pod1/ID",
            "/foo.slice",
            "/foo",
            "/user.slice/user-1000.slice",
            "/user.slice/user-1000.slice/session-1.scope",
            &format!("{MANAGER}/app.slice/ci.service"),
        ] {
            for path in of_host.into_iter().filter(|path| path.matches('/').count() > 1) {
                let path = format!("{above}{path}").replace("ID", ID);
                assert!(!is_usual(&path), "{path}");
            }
        }
    }

    #[test]
    fn other_places_are_anybodys() {
        for path in [
            "",
            "/anything/ID",
            "/docker/x/ID",
            "/docker/buildkit/ID",
            "/kubepods/ID",
            "/kubepods/x/pod1/ID",
            "/kubepods/burstable/x/ID",
            "/kubepods/burstable/pod1/x/ID",
            "/kubelet/docker/ID",
            "/libpod_parent/x/libpod-ID",
            "/system.slice/ci.service/ID",
            "/system.slice/a.slice/docker-ID.scope",
            "/a-b.slice/docker-ID.scope",
            "/a.slice/b-a.slice/docker-ID.scope",
            "/a.slice/a-b-c.slice/docker-ID.scope",
            "/user.slice/docker-ID.scope",
            "/user.slice/user-1000.slice/docker-ID.scope",
        ] {
            assert!(!is_usual(&path.replace("ID", ID)), "{path}");
        }
    }
}
