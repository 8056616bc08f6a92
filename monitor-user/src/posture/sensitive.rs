//! Places of the host of which each is as much as the host: its own directories, and the sockets by
//! which runtimes are told what to do. Which of them are there, and which of them a mount has.

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use serde::{Deserialize, Serialize};

use super::{
    mounts::{self, Mounted},
    process,
};
use crate::{limits::HOST_LINES, metadata::RuntimeRoot};

/// Directories of the host, of which each is as much as the host: whole, or what is below them.
const DIRECTORIES: [&str; 18] = [
    "/boot",
    "/dev",
    "/etc",
    "/lib/modules",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    // Scripts of packages, crontabs, and what timers last did: root of the host runs by them.
    "/var/lib/dpkg",
    "/var/lib/kubelet",
    "/var/lib/rpm",
    "/var/lib/systemd",
    "/var/run",
    "/var/spool/cron",
];

/// Of what the host keeps in memory only the whole counts: pods have places there.
const WHOLE_ONLY: [&str; 2] = ["/run", "/var/run"];

/// Where the sockets of runtimes are, unless they are told otherwise.
pub(super) const SOCKETS: [&str; 11] = [
    "/run/buildkit/buildkitd.sock",
    "/run/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/nerdctl/nerdctl.sock",
    "/run/podman/podman.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
];

/// What they are called, wherever they are.
const SOCKET_NAMES: [&str; 7] = [
    "buildkitd.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "cri-dockerd.sock",
    "crio.sock",
    "docker.sock",
    "podman.sock",
];

/// What runtimes themselves mount from there into every container.
const GIVEN: [&str; 4] =
    ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/termination-log"];

/// Parts of paths at which runtimes keep what they mount.
const OF_RUNTIMES: [&str; 9] = [
    "/containerd/io.containerd.grpc.v1.cri/",
    "/containers/storage/",
    "/docker/containers/",
    "/docker/overlay2/",
    "/docker/volumes/",
    "/kubelet/plugins/kubernetes.io/",
    "/kubelet/pods/",
    "/overlay-containers/",
    "/run/secrets",
];

/// File systems of which each container has one of its own at the usual place.
const OWN_KINDS: [&str; 7] =
    ["cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs", "securityfs"];

/// The sockets of runtimes that a configuration names.
#[must_use]
pub fn configured_sockets(roots: &[RuntimeRoot]) -> Vec<String> {
    let sockets = roots.iter().filter_map(|root| root.socket.as_ref()?.to_str());
    sockets.take(HOST_LINES).map(str::to_owned).collect()
}

/// Those places that are on the host, where its links lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Places {
    /// Directories.
    pub directories: Vec<String>,
    /// Sockets, and where one is not there, the directory that was made for it.
    pub sockets: Vec<String>,
}

impl Places {
    /// Looks for them, and for sockets at places of their own. What cannot be seen counts as there.
    #[must_use]
    pub(super) fn look(sockets: &[String]) -> Self {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let at = |path: &str| open(path, flags, Mode::empty()).ok();
        let is_own = || {
            let mounts = |pid| process::namespace(pid, "mnt");
            mounts(std::process::id()).is_some_and(|own| mounts(2) == Some(own))
        };
        // Whose own view is the host's may not be shown that of the first process.
        let root = at("/proc/1/root").or_else(|| at("/").filter(|_| is_own()));
        Self::among(sockets, |path| match &root {
            Some(root) => match mounts::resolved_in(root, path) {
                Ok(place) => Some(place),
                Err(Errno::ENOENT | Errno::ENOTDIR) => None,
                Err(_) => Some(path.to_owned()),
            },
            None => Some(path.to_owned()),
        })
    }

    /// Those that are there, as `place` says of each path where it leads to.
    fn among(sockets: &[String], place: impl Fn(&str) -> Option<String>) -> Self {
        let unique = |mut all: Vec<String>| {
            all.sort_unstable();
            all.dedup();
            all
        };
        let made_for = |path: &str| {
            let (folder, _) = path.rsplit_once('/')?;
            let is_others = folder.is_empty() || folder == "/tmp" || DIRECTORIES.contains(&folder);
            place(folder).filter(|_| !is_others)
        };
        let socket = |path: &str| place(path).or_else(|| made_for(path));
        let own = sockets.iter().map(String::as_str);
        Self {
            directories: unique(DIRECTORIES.iter().filter_map(|path| place(path)).collect()),
            sockets: unique(SOCKETS.into_iter().chain(own).filter_map(socket).collect()),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.directories.iter().chain(&self.sockets)
    }

    /// Whether a path of the host is one of its own directories, or below one.
    pub(super) fn is_own(&self, path: &str) -> bool {
        if OF_RUNTIMES.iter().any(|part| path.contains(part)) {
            return false;
        }
        let known = DIRECTORIES.into_iter().chain(self.directories.iter().map(String::as_str));
        path == "/"
            || known.into_iter().any(|known| match WHOLE_ONLY.contains(&known) {
                true => path == known,
                false => is_within(path, known),
            })
    }

    /// The sockets that a mount has, if it has one: it can be one by its name, too.
    pub(super) fn sockets_of<'m>(&self, mount: &'m Mounted) -> Option<Vec<&'m str>> {
        let has: Vec<&str> = of(mount, &self.sockets).collect();
        (!has.is_empty() || is_named_socket(mount)).then_some(has)
    }

    /// The directories of the host's own in a mount, if it has any, or is a part of one.
    pub(super) fn directories_of<'m>(&self, mount: &'m Mounted) -> Option<Vec<&'m str>> {
        let host = mount.on_host.as_deref()?;
        if GIVEN.contains(&&*mount.at)
            || OWN_KINDS.contains(&&*mount.kind) && (mount.at == host || is_own_cgroup(mount))
            || is_named_socket(mount)
            || mount.at.starts_with("/dev/") && mount.kind == "devtmpfs"
        {
            return None;
        }
        let has: Vec<&str> = of(mount, &self.directories).collect();
        match host {
            // That is all of them.
            "/" => Some(Vec::new()),
            _ => (!has.is_empty() || self.is_own(host)).then_some(has),
        }
    }
}

/// Those of these places that are in a mount.
fn of<'m>(mount: &'m Mounted, places: &[String]) -> impl Iterator<Item = &'m str> {
    mount.has.iter().filter(|it| places.contains(it)).map(String::as_str)
}

/// Whether a path is another one, or below it.
pub(super) fn is_within(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_named_socket(mount: &Mounted) -> bool {
    let is_one = |path: &str| SOCKET_NAMES.contains(&path.rsplit('/').next().unwrap_or(path));
    is_one(&mount.at) || mount.on_host.as_deref().is_some_and(is_one)
}

/// Where each container has its own cgroups.
fn is_own_cgroup(mount: &Mounted) -> bool {
    mount.kind.starts_with("cgroup") && mount.at.starts_with("/sys/fs/cgroup")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_where_links_lead_to_and_those_that_are_not_there_are_none() {
        let place = |path: &str| match path {
            "/etc" | "/run" | "/srv/own.sock" | "/run/podman" => Some(path.to_owned()),
            "/var/run" => Some("/run".to_owned()),
            "/var/lib/docker" => Some("/data/docker".to_owned()),
            "/run/docker.sock" => Some("/run/x/docker.sock".to_owned()),
            _ => None,
        };
        let own = ["/srv/own.sock", "/run/gone.sock", "/tmp/gone.sock"].map(str::to_owned);
        let places = Places::among(&own, place);
        assert_eq!(places.directories, ["/data/docker", "/etc", "/run"]);
        assert_eq!(places.sockets, ["/run/podman", "/run/x/docker.sock", "/srv/own.sock"]);
        for (path, expected) in [
            ("/", true),
            ("/etc/ssh", true),
            ("/etcetera", false),
            ("/data/docker/image", true),
            ("/data/docker/volumes/x/_data", false),
            ("/run", true),
            ("/run/x", false),
            ("/data", false),
        ] {
            assert_eq!(places.is_own(path), expected, "{path}");
        }
    }

    #[test]
    fn this_host_has_directories_of_its_own() {
        let places = Places::look(&["/no/such/socket".to_owned()]);
        assert!(places.directories.iter().any(|it| it == "/etc"), "{places:?}");
    }
}
