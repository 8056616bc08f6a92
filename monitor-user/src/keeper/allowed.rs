//! What the keeper opens, whoever asks: it was told before anything untrusted was read.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::beneath::Beneath;
use crate::{
    config::{Config, Target},
    kubernetes::KubernetesOptions,
};

/// Where a user's own runtimes keep their files.
const OF_USERS: [&str; 2] = [".local/share/docker", ".local/share/containers/storage"];

/// What may be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// Directories in and below which files are read.
    pub directories: Vec<PathBuf>,
    /// Files that are read.
    pub files: Vec<PathBuf>,
    /// Sockets of containerd, which is asked about containers and images.
    pub sockets: Vec<PathBuf>,
    /// What sinks have.
    pub sinks: OfSinks,
    /// What they had before they were changed: those that were there may be wanted again.
    pub sinks_before: OfSinks,
    /// The file that says so.
    pub config: PathBuf,
    /// Whether roots of processes are opened for inventories of them.
    pub inventory: bool,
    /// Whether packets from and to listeners are seen.
    pub traffic: bool,
    /// Whether all of the roots of containers is looked through for setuid programs.
    pub thorough: bool,
    /// Whether what engines keep of images is read.
    pub images: bool,
    /// Whether files are handed out that say how the host is set up.
    pub host: bool,
    /// The root directory whose files these are; None: that of this host.
    pub root: Option<PathBuf>,
}

/// What sinks may have opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfSinks {
    /// Files that are read at each connection.
    pub files: Vec<PathBuf>,
    /// Files that are appended to and rotated.
    pub logs: Vec<PathBuf>,
}

impl OfSinks {
    fn of(config: &Config) -> Self {
        let log = |target: &Target| match target {
            Target::File(file) => Some(file.path.clone()),
            _ => None,
        };
        let targets = || config.sinks.iter().map(|sink| &sink.target);
        Self {
            files: targets().flat_map(Target::files).collect(),
            logs: targets().filter_map(log).collect(),
        }
    }
}

/// What is read below the directories of runtimes.
const OF_RUNTIMES: [&str; 10] = [
    "config.json",
    "config.v2.json",
    "hostconfig.json",
    "repositories.json",
    "containers.json",
    "volatile-containers.json",
    "images.json",
    "state.json",
    "status",
    "shim-binary-path",
];

/// Where the files of containers themselves are, or of their volumes.
const OF_CONTAINERS: [&str; 4] = ["rootfs", "merged", "diff", "volumes"];

impl Allowed {
    /// What a configuration has opened, and the file that it is read from.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let roots = &config.runtime_roots;
        let named = config.kubernetes.iter().flat_map(KubernetesOptions::files);
        Self {
            directories: roots.iter().map(|root| root.state.clone()).collect(),
            files: named.chain([config.path.clone()]).collect(),
            sockets: roots.iter().filter_map(|root| root.socket.clone()).collect(),
            sinks: OfSinks::of(config),
            sinks_before: OfSinks::default(),
            config: config.path.clone(),
            inventory: config.upkeep.is_some(),
            images: config.upkeep.is_some(),
            traffic: config.posture.as_ref().is_some_and(|it| it.listens),
            thorough: false,
            host: config.posture.is_some(),
            root: None,
        }
    }

    /// The same, with the sinks of another configuration beside those that are there.
    pub(super) fn with_sinks(&self, config: &Config) -> Self {
        let (sinks, sinks_before) = (OfSinks::of(config), self.sinks.clone());
        Self { sinks, sinks_before, ..self.clone() }
    }

    fn logs(&self) -> impl Iterator<Item = &PathBuf> {
        self.sinks.logs.iter().chain(&self.sinks_before.logs)
    }

    /// Where a file is that may be read.
    pub(super) fn reads<'p>(&'p self, path: &'p Path) -> Option<Beneath<'p>> {
        let is_runtimes = |name: &std::ffi::OsStr| OF_RUNTIMES.iter().any(|known| name == *known);
        let is_one = path.file_name().is_some_and(is_runtimes)
            || is_image_config(path)
            || self.images && is_of_images(path);
        self.looks(path).filter(|_| is_one)
    }

    /// Where something is that may be listed, or looked at.
    pub(super) fn looks<'p>(&'p self, path: &'p Path) -> Option<Beneath<'p>> {
        let below = |directory: &'p PathBuf| {
            let rest = path.strip_prefix(directory).ok()?;
            Some(Beneath { directory, rest })
        };
        let is_containers = |name: &std::ffi::OsStr| OF_CONTAINERS.iter().any(|it| name == *it);
        let found = self.directories.iter().find_map(below).filter(|_| is_plain(path))?;
        (!found.rest.iter().any(is_containers)).then_some(found)
    }

    /// Whether it is one of the files that may be read.
    pub(super) fn is_named(&self, path: &Path) -> bool {
        let of_sinks = self.sinks.files.iter().chain(&self.sinks_before.files);
        is_plain(path) && self.files.iter().chain(of_sinks).any(|it| it == path)
    }

    /// Whether it may be read, or listed, if it is a user's own, who can make a link to any file.
    pub(super) fn is_of_user(path: &Path) -> bool {
        is_plain(path) && is_of_user(path)
    }

    /// Whether it may be the file that runc's state leads to, wherever the bundle is.
    pub(super) fn is_bundle(path: &Path) -> bool {
        is_plain(path) && path.file_name().is_some_and(|name| name == "config.json")
    }

    /// Whether it may be told what is at a path.
    pub(super) fn stats(&self, path: &Path) -> bool {
        self.is_named(path)
            || self.appends(path)
            || Self::is_of_user(path)
            || Self::is_bundle(path)
            || is_plain(path) && is_namespace(path)
    }

    /// Whether containerd may be asked at a socket.
    pub(super) fn asks(&self, path: &Path) -> bool {
        self.sockets.iter().any(|socket| socket == path)
    }

    /// Whether a file that is appended to is another user's, or where another user's files are.
    pub(super) fn writes_for_others(&self) -> bool {
        let is_others = |path: &Path| {
            path.metadata().is_ok_and(|it| it.uid() != nix::unistd::geteuid().as_raw())
        };
        self.logs().any(|log| is_others(log) || log.parent().is_some_and(is_others))
    }

    /// Whether a file may be appended to, and rotated.
    pub(super) fn appends(&self, path: &Path) -> bool {
        self.logs().any(|log| log == path)
    }
}

/// Whether a path is absolute and does not climb.
fn is_plain(path: &Path) -> bool {
    let mut components = path.components();
    components.next() == Some(Component::RootDir)
        && components.all(|it| matches!(it, Component::Normal(_)))
}

/// Places of users who run containers without root.
fn is_of_user(path: &Path) -> bool {
    let is_at_home = |place: &str| {
        let length = Path::new(place).components().count() + 1;
        path.ancestors().any(|above| above.ends_with(place) && above.components().count() > length)
    };
    path.starts_with("/run/user") || OF_USERS.into_iter().any(is_at_home)
}

/// Where Docker keeps configurations of images, each named by its digest.
fn is_image_config(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
    let is_digest = name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit);
    is_digest && path.parent().is_some_and(|above| above.ends_with("imagedb/content/sha256"))
}

/// What else is kept of images: their layers, how large these are, and configurations, whose names
/// are made of their digests.
fn is_of_images(path: &Path) -> bool {
    let mut names = path.iter().rev().map(|name| name.to_string_lossy());
    let [name, _, above, beyond] = [(); 4].map(|()| names.next().unwrap_or_default());
    match &*name {
        "layers.json" => true,
        "size" => above == "sha256" && beyond == "layerdb",
        name => name.starts_with('=') && above.ends_with("-images"),
    }
}

/// Files that stand for namespaces.
fn is_namespace(path: &Path) -> bool {
    let names: Vec<_> = path.iter().skip(1).map(|name| name.to_string_lossy()).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    matches!(names[..], ["proc", _, "ns", _] | ["run" | "var", .., "netns", _])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Allowed {
        Allowed {
            directories: vec!["/run/containerd".into()],
            files: vec!["/var/run/secrets/token".into()],
            sockets: vec!["/run/containerd/containerd.sock".into()],
            sinks: OfSinks {
                files: vec!["/etc/runmon/ca.pem".into()],
                logs: vec!["/var/log/runmon.ndjson".into()],
            },
            sinks_before: OfSinks::default(),
            config: "/etc/runmon/config.yaml".into(),
            inventory: false,
            traffic: false,
            thorough: false,
            images: false,
            host: false,
            root: None,
        }
    }

    #[test]
    fn what_is_kept_of_images_is_read_for_who_lists_them() {
        let for_images = Allowed { images: true, ..allowed() };
        for path in [
            "/run/containerd/overlay-layers/layers.json",
            "/run/containerd/image/overlay2/layerdb/sha256/0a/size",
            "/run/containerd/overlay-images/0a/=c2hhMjU2OmFh",
        ] {
            let path = Path::new(path);
            assert!(for_images.reads(path).is_some() && allowed().reads(path).is_none());
        }
        for path in [
            "/run/containerd/overlay-images/0a/manifest",
            "/run/containerd/x/size",
            "/run/containerd/x/=c2hhMjU2OmFh",
            "/run/containerd/overlay/0a/diff/layers.json",
        ] {
            assert!(for_images.reads(Path::new(path)).is_none(), "{path}");
        }
    }

    #[test]
    fn only_what_was_allowed_is_opened() {
        let allowed = allowed();
        let reads = |path: &str| {
            let path = Path::new(path);
            allowed.reads(path).is_some() || allowed.is_named(path)
        };
        for path in [
            "/var/run/secrets/token",
            "/etc/runmon/ca.pem",
            "/run/containerd/io.containerd.runtime.v2.task/default/x/config.json",
            &format!("/run/containerd/image/overlay2/imagedb/content/sha256/{}", "0a".repeat(32)),
        ] {
            assert!(reads(path), "{path}");
        }
        for path in [
            "/run/user/1000/containers/overlay-containers/x/userdata/config.json",
            "/home/u/.local/share/docker/containers/x/config.v2.json",
        ] {
            assert!(!reads(path) && Allowed::is_of_user(Path::new(path)), "{path}");
        }
        for path in [
            "/etc/shadow",
            "/var/run/secrets",
            "/var/run/secrets/token/x",
            "/run/containerd2/config.json",
            "/run/containerd",
            "/run/containerd/x/passwd",
            "/run/containerd/image/overlay2/imagedb/content/sha256/passwd",
            &format!("/run/containerd/x/{}", "0a".repeat(32)),
            "/run/containerd/io.containerd.runtime.v2.task/default/x/rootfs/app/config.json",
            "/run/containerd/../../etc/shadow",
            "run/containerd/x",
            "/proc/1/environ",
            "/var/log/runmon.ndjson",
            "/.local/share/docker",
        ] {
            assert!(!reads(path) && !Allowed::is_of_user(Path::new(path)), "{path}");
        }
        let looks = |path: &str| allowed.looks(Path::new(path)).is_some();
        assert!(looks("/run/containerd") && looks("/run/containerd/x"));
        assert!(!looks("/run") && !looks("/run/containerd/x/rootfs/etc"));
    }

    #[test]
    fn sockets_and_logs_are_those_that_were_named() {
        let allowed = allowed();
        assert!(allowed.asks(Path::new("/run/containerd/containerd.sock")));
        assert!(!allowed.asks(Path::new("/run/containerd/containerd.sock.ttrpc")));
        assert!(allowed.appends(Path::new("/var/log/runmon.ndjson")));
        assert!(!allowed.appends(Path::new("/var/log/../log/runmon.ndjson")));
        assert!(allowed.stats(Path::new("/var/log/runmon.ndjson")));
    }

    #[test]
    fn of_namespaces_it_is_told_which_they_are() {
        let stats = |path: &str| allowed().stats(Path::new(path));
        assert!(stats("/proc/1/ns/net") && stats("/var/run/netns/cni-1") && stats("/run/netns/x"));
        assert!(!stats("/proc/1/root") && !stats("/proc/1/ns/../exe") && !stats("/etc/netns/x"));
    }
}
