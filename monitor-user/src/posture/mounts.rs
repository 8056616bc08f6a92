//! What is mounted in a container, as `/proc/PID/mountinfo` has it.

use serde::{Deserialize, Serialize};

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlink},
    sys::stat::Mode,
};

use super::{
    process,
    sensitive::{Places, is_within},
};

/// A mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Mounted {
    /// Where, in the container.
    pub at: String,
    /// It cannot be written to.
    pub is_readonly: bool,
    /// Its file system.
    pub kind: String,
    /// What is mounted, as the kernel names it.
    pub source: String,
    /// Where the host has the same directory or file, if it has it anywhere.
    pub on_host: Option<String>,
    /// The places that were asked for which are there, or in it.
    pub has: Vec<String>,
    /// What is mounted below it spreads to others that have it.
    pub is_shared: bool,
}

/// A mount of the host's: its device, what of it is mounted, and where.
#[derive(Debug)]
struct OfHost {
    device: String,
    root: String,
    at: String,
}

/// The mounts that a text lists, the ones below first; `host` lists those of the host, where that
/// is known, of which these places are asked for. None if it was cut.
#[must_use]
pub(super) fn parse(text: &str, host: Option<&str>, places: &Places) -> Option<Vec<Mounted>> {
    let of_host: Vec<OfHost> = host.unwrap_or_default().lines().filter_map(OfHost::line).collect();
    let asked = places.all().filter_map(|place| Some((&**place, inside(&of_host, place)?)));
    let host = Host { asked: asked.collect(), places, mounts: &of_host };
    text.ends_with('\n').then(|| text.lines().filter_map(|it| line(it, &host)).collect())
}

/// What a device has, by its number and the path in it.
type Inside<'h> = (&'h str, String);

/// What is known of the host.
struct Host<'h> {
    mounts: &'h [OfHost],
    places: &'h Places,
    /// The places, and what is there.
    asked: Vec<(&'h str, Inside<'h>)>,
}

/// What is at a place of the host: of the mounts above it the nearest has it, and the last of those
/// at one place.
fn inside<'h>(mounts: &'h [OfHost], place: &str) -> Option<Inside<'h>> {
    let above = mounts.iter().filter(|it| is_within(place, &it.at));
    let nearest = above.max_by_key(|it| it.at.trim_end_matches('/').len())?;
    let rest = place.strip_prefix(nearest.at.trim_end_matches('/'))?;
    Some((&nearest.device, format!("{}{rest}", nearest.root.trim_end_matches('/'))))
}

impl OfHost {
    fn line(line: &str) -> Option<Self> {
        let mut words = line.split(' ').skip(2);
        let (device, root, at) = (words.next()?, words.next()?, words.next()?);
        Some(Self { device: device.to_owned(), root: unescaped(root), at: unescaped(at) })
    }

    /// Where the host has this of a device, by this mount.
    fn place(&self, device: &str, root: &str) -> Option<String> {
        let rest = match &*self.root {
            "/" => root,
            own => root.strip_prefix(own).filter(|it| it.is_empty() || it.starts_with('/'))?,
        };
        let rest = rest.trim_end_matches('/');
        let place = format!("{}{rest}", self.at.trim_end_matches('/'));
        let place = if place.is_empty() { "/".to_owned() } else { place };
        (self.device == device).then_some(place)
    }
}

fn line(line: &str, host: &Host<'_>) -> Option<Mounted> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let (device, root) = (place.next()?, unescaped(place.next()?));
    let (at, options) = (place.next()?, place.next()?);
    let is_shared = place.any(|word| word.starts_with("shared:"));
    let mut what = what.split(' ');
    let (kind, source, of_all) = (what.next()?, what.next()?, what.next()?);
    let is_readonly = [options, of_all].iter().any(|list| list.split(',').any(|it| it == "ro"));
    // One that has been mounted twice has two places: what counts is that one of them is the host's
    // own. Of others the one that has most of the way in it is nearest to what is mounted.
    let places = host.mounts.iter().filter_map(|it| Some((it, it.place(device, &root)?)));
    let on_host = places.max_by_key(|(it, place)| (host.places.is_own(place), it.root.len()));
    let on_host = on_host.map(|(_, place)| place);
    let asked = host.asked.iter().filter(|(_, (of, path))| *of == device && is_within(path, &root));
    let has = asked.map(|(place, _)| (*place).to_owned()).collect();
    let source = if root == "/" { unescaped(source) } else { root };
    let kind = kind.to_owned();
    Some(Mounted { at: unescaped(at), is_readonly, kind, source, on_host, has, is_shared })
}

/// A space, a tab, a line's end and a backslash are written as numbers.
fn unescaped(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The place that a path stands for in the root of a process.
#[must_use]
pub(super) fn resolved(pid: u32, path: &str) -> Option<String> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = open(&process::path(pid, "root"), flags, Mode::empty()).ok()?;
    resolved_in(&root, path).ok()
}

/// The place that a path stands for in a root: links on the way are followed, and lead nowhere
/// outside of it. Nothing is opened there.
pub(super) fn resolved_in(root: &OwnedFd, path: &str) -> nix::Result<String> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let found = openat2(root, path, OpenHow::new().flags(flags).resolve(inside))?;
    let place = readlink(&*format!("/proc/self/fd/{}", found.as_raw_fd()))?;
    place.into_string().map_err(|_other| Errno::EILSEQ)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_place_and_whether_they_can_be_written_to() {
        let text = "9 8 0:33 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a\n\
                    10 9 0:34 / /proc rw - proc proc rw\n\
                    11 9 8:1 /srv/da\\040ta /da\\040ta rw,nosuid - ext4 /dev/sda1 ro\n\
                    12 9 8:1 /x /x ro shared:2 - ext4 /dev/sda1 rw\n";
        let mounts = parse(text, None, &Places::default()).unwrap();
        let shown: Vec<_> =
            mounts.iter().map(|it| (&*it.at, it.is_readonly, &*it.kind, &*it.source)).collect();
        assert_eq!(
            shown,
            [
                ("/", false, "overlay", "overlay"),
                ("/proc", false, "proc", "proc"),
                ("/da ta", true, "ext4", "/srv/da ta"),
                ("/x", true, "ext4", "/x"),
            ]
        );
        assert_eq!(parse("9 8 0:33 / / rw - overlay over", None, &Places::default()), None);
    }

    #[test]
    fn where_the_host_has_it_is_found() {
        let host = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /run rw - tmpfs run rw\n\
                    3 1 8:2 /sub /data rw - btrfs /dev/sdb rw\n\
                    4 1 8:1 /srv/x /mnt/y rw - ext4 /dev/sda1 rw\n";
        let text = "9 8 0:5 /docker.sock /var/run/docker.sock rw shared:1 - tmpfs run rw\n\
                    9 8 8:1 / /host rw - ext4 /dev/sda1 rw\n\
                    9 8 8:1 /etc /x rw - ext4 /dev/sda1 rw\n\
                    9 8 8:2 /sub/a /a rw - btrfs /dev/sdb rw\n\
                    9 8 8:2 /subs /b rw - btrfs /dev/sdb rw\n\
                    9 8 8:1 /srv/x/z /c rw - ext4 /dev/sda1 rw\n\
                    9 8 0:9 / /proc rw - proc proc rw\n";
        let mounts = parse(text, Some(host), &Places::default()).unwrap();
        let places: Vec<_> = mounts.iter().map(|it| it.on_host.as_deref()).collect();
        let expected = ["/run/docker.sock", "/", "/etc", "/data/a", "", "/mnt/y/z", ""];
        assert_eq!(places, expected.map(|it| Some(it).filter(|it| !it.is_empty())));
        assert!(mounts[0].is_shared && !mounts[1].is_shared);
    }

    /// By what a device has at a path, and not by names: of what another device has nothing is in a
    /// mount of the directory above.
    #[test]
    fn what_is_in_a_mount_is_found() {
        let host = "1 0 8:1 / / rw - ext4 a rw\n2 1 0:5 / /run rw - tmpfs run rw\n\
                    3 1 8:2 / /var/lib/docker rw - ext4 b rw\n\
                    4 1 8:1 /srv/k /var/lib/kubelet rw - ext4 a rw\n\
                    5 1 8:1 /etc/ssh /mnt/ssh rw - ext4 a rw\n";
        let places = Places {
            directories: ["/etc", "/var/lib/containerd", "/var/lib/docker", "/var/lib/kubelet"]
                .map(str::to_owned)
                .into(),
            sockets: ["/run/x/own.sock", "/srv/s.sock"].map(str::to_owned).into(),
        };
        let has = |device: &str, root: &str| {
            let text = format!("9 8 {device} {root} /x rw - ext4 a rw\n");
            let mount = parse(&text, Some(host), &places).unwrap().remove(0);
            (mount.on_host.unwrap_or_default(), mount.has.join(" "))
        };
        for (device, root, on_host, expected) in [
            ("8:1", "/var", "/var", "/var/lib/containerd"),
            ("8:1", "/var/lib", "/var/lib", "/var/lib/containerd"),
            ("8:1", "/var/library", "/var/library", ""),
            ("8:1", "/", "/", "/etc /var/lib/containerd /var/lib/kubelet /srv/s.sock"),
            ("8:1", "/srv", "/srv", "/var/lib/kubelet /srv/s.sock"),
            ("8:1", "/srv/k", "/var/lib/kubelet", "/var/lib/kubelet"),
            ("8:1", "/srv/k/y", "/var/lib/kubelet/y", ""),
            ("8:1", "/etc/ssh/y", "/etc/ssh/y", ""),
            ("8:2", "/", "/var/lib/docker", "/var/lib/docker"),
            ("0:5", "/", "/run", "/run/x/own.sock"),
            ("0:5", "/x", "/run/x", "/run/x/own.sock"),
            ("0:5", "/x/own.sock", "/run/x/own.sock", "/run/x/own.sock"),
            ("0:9", "/", "", ""),
        ] {
            let expected = (on_host.to_owned(), expected.to_owned());
            assert_eq!(has(device, root), expected, "{device} {root}");
        }
    }

    #[test]
    fn links_are_followed_inside_of_a_root() {
        let own = std::process::id();
        assert_eq!(resolved(own, "/proc/../dev/").as_deref(), Some("/dev"));
        assert_eq!(resolved(own, "/no-such-directory"), None);
    }
}
