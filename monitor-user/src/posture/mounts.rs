//! What is mounted in a container, as `/proc/PID/mountinfo` has it.

use std::os::fd::AsRawFd as _;

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::stat::Mode,
};

use super::process;

/// A mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounted {
    /// Where, in the container.
    pub at: String,
    /// It cannot be written to.
    pub is_readonly: bool,
    /// Its file system.
    pub kind: String,
    /// What is mounted, as the kernel names it.
    pub source: String,
}

/// The mounts that a text lists, the ones below first. None if it was cut.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Vec<Mounted>> {
    text.ends_with('\n').then(|| text.lines().filter_map(line).collect())
}

fn line(line: &str) -> Option<Mounted> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, at, options) = (place.next()?, place.next()?, place.next()?);
    let mut what = what.split(' ');
    let (kind, source, of_all) = (what.next()?, what.next()?, what.next()?);
    let is_readonly = [options, of_all].iter().any(|list| list.split(',').any(|it| it == "ro"));
    let source = if root == "/" { unescaped(source) } else { unescaped(root) };
    Some(Mounted { at: unescaped(at), is_readonly, kind: kind.to_owned(), source })
}

/// A space, a tab, a line's end and a backslash are written as numbers.
fn unescaped(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The place that a path stands for in the root of a process: links on the way are followed, and
/// lead nowhere outside of it. Nothing is opened there.
#[must_use]
pub(super) fn resolved(pid: u32, path: &str) -> Option<String> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(&process::path(pid, "root"), flags | OFlag::O_DIRECTORY, Mode::empty()).ok()?;
    let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let found = openat2(&root, path, OpenHow::new().flags(flags).resolve(inside)).ok()?;
    let place = std::fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()?;
    place.into_os_string().into_string().ok()
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
        let mounts = parse(text).unwrap();
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
        assert_eq!(parse("9 8 0:33 / / rw - overlay over"), None);
    }

    #[test]
    fn links_are_followed_inside_of_a_root() {
        let own = std::process::id();
        assert_eq!(resolved(own, "/proc/../dev/").as_deref(), Some("/dev"));
        assert_eq!(resolved(own, "/no-such-directory"), None);
    }
}
