//! Where runtimes keep what they know.

use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::enrich::cgroup_path::USERS;

/// Which runtime's layout a place has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// A state directory of containerd's.
    Containerd,
    /// A data root of Docker's.
    Docker,
    /// A place in the layout of containers/storage: podman's and CRI-O's.
    Podman,
    /// A root of runc's or crun's.
    Runc,
    /// A worker's root of BuildKit's.
    Buildkit,
}

impl RuntimeKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Containerd, Self::Docker, Self::Podman, Self::Runc, Self::Buildkit];

    /// As the configuration has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Runc => "runc",
            Self::Buildkit => "buildkit",
        }
    }

    /// The kind of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A place where a runtime keeps its running containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeRoot {
    /// Whose layout it has.
    pub kind: RuntimeKind,
    /// The directory.
    pub state: PathBuf,
    /// containerd's socket.
    pub socket: Option<PathBuf>,
}

/// Where runtimes keep their state unless they are told otherwise: whose, the directory, and
/// containerd's socket below it. The engines come before what they run containers with.
const USUAL: [(RuntimeKind, &str); 9] = [
    (RuntimeKind::Docker, "/var/lib/docker"),
    (RuntimeKind::Podman, "/var/lib/containers/storage"),
    (RuntimeKind::Podman, "/run/containers/storage"),
    (RuntimeKind::Containerd, "/run/containerd"),
    (RuntimeKind::Containerd, "/run/docker/containerd/daemon"),
    (RuntimeKind::Containerd, "/run/k3s/containerd"),
    (RuntimeKind::Runc, "/run/runc"),
    (RuntimeKind::Runc, "/run/crun"),
    (RuntimeKind::Buildkit, "/var/lib/buildkit/runc-overlayfs"),
];

impl RuntimeRoot {
    /// Where runtimes keep their state unless they are told otherwise.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        USUAL.iter().map(|(kind, state)| Self::new(*kind, Path::new(state))).collect()
    }

    /// A place. containerd's socket is in its state directory, or beside that of Docker's own one.
    #[must_use]
    pub fn new(kind: RuntimeKind, state: &Path) -> Self {
        let directory = match state.file_name() {
            Some(name) if name == "daemon" => state.parent().unwrap_or(state),
            _ => state,
        };
        let has_socket = kind == RuntimeKind::Containerd;
        let socket = has_socket.then(|| directory.join("containerd.sock"));
        Self { kind, state: state.to_owned(), socket }
    }
}

/// The places of a user who runs containers without root: whose they are, the cgroup's path tells.
/// None where it tells of no user.
pub(super) fn of_user(cgroup_path: &str) -> Option<Vec<RuntimeRoot>> {
    let uid = user(cgroup_path)?;
    let home = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.dir);
    let at_home = |kind, path: &str| Some(RuntimeRoot::new(kind, &home.as_ref()?.join(path)));
    let run = Path::new("/run/user").join(uid.to_string());
    let at_run = |kind, path: &str| Some(RuntimeRoot::new(kind, &run.join(path)));
    let places = [
        at_home(RuntimeKind::Docker, ".local/share/docker"),
        at_home(RuntimeKind::Podman, ".local/share/containers/storage"),
        at_run(RuntimeKind::Podman, "containers"),
        at_run(RuntimeKind::Containerd, "docker/containerd/daemon"),
        at_run(RuntimeKind::Runc, "runc"),
        at_run(RuntimeKind::Runc, "crun"),
    ];
    Some(places.into_iter().flatten().collect())
}

/// Whether a cgroup is in the slice of users.
pub(super) fn is_users(cgroup_path: &str) -> bool {
    cgroup_path.starts_with(USERS)
}

/// The user in whose slice a cgroup is; root's containers are where everybody's are.
fn user(cgroup_path: &str) -> Option<u32> {
    let rest = cgroup_path.strip_prefix("/user.slice/user-")?;
    let uid = rest.split_once(".slice/")?.0.parse().ok()?;
    (uid != 0).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_beside_the_state() {
        let usual = RuntimeRoot::usual();
        let sockets: Vec<_> = usual.iter().flat_map(|root| &root.socket).collect();
        let expected = [
            "/run/containerd/containerd.sock",
            "/run/docker/containerd/containerd.sock",
            "/run/k3s/containerd/containerd.sock",
        ];
        assert_eq!(sockets, expected.map(PathBuf::from).iter().collect::<Vec<_>>());
    }

    #[test]
    fn kinds_have_names() {
        for kind in RuntimeKind::ALL {
            assert_eq!(RuntimeKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(RuntimeKind::from_name("rkt"), None);
    }

    #[test]
    fn a_user_is_told_by_the_slice() {
        let of = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-1.scope";
        assert_eq!(user(of), Some(1000));
        for path in ["/user.slice/user-0.slice/x", "/docker/user-1.slice/x", "/user.slice/user-x"] {
            assert_eq!(user(path), None, "{path}");
        }
    }
}
