//! Which files an inventory reads. Who opens files for it without trusting it hands out these, and
//! no others: see [`is_named`] and [`is_program`].

use std::path::Path;

use crate::{apk, binary, dpkg, java, node, python, rpm};

/// Bytes of a file that tell whether it is a program, and of one where its table of sections is.
pub const HEAD_BYTES: usize = 64;

/// Where programs say in which order their bytes are, and of which type they are; and the types
/// that can be run: a core dump is none.
const ORDER: usize = 5;
const BIG: u8 = 2;
const TYPE: usize = 16;
const RUN: [u16; 2] = [2, 3];

/// Whether it is a file at a place that only root can write to, or link away from.
#[must_use]
pub fn is_fixed(path: &Path) -> bool {
    let path = path.strip_prefix("/").unwrap_or(path);
    let mut fixed = [dpkg::STATUS, dpkg::DIVERSIONS, "etc/os-release", "usr/lib/os-release"]
        .into_iter()
        .chain(["etc/alpine-release", "etc/redhat-release", "etc/debian_version"])
        .chain(apk::PATHS)
        .chain(rpm::PATHS)
        .chain(rpm::PATHS_OF_LOG);
    fixed.any(|known| path.as_os_str() == known)
}

/// Whether a file is read for its name: a database, a list of files, a description, an archive.
#[must_use]
pub fn is_named(path: &Path) -> bool {
    let path = path.strip_prefix("/").unwrap_or(path);
    if is_fixed(path) {
        return true;
    }
    let (Some(name), Some(parent)) = (path.file_name().and_then(|it| it.to_str()), path.parent())
    else {
        return false;
    };
    let ends_parent = |end: &str| parent.to_str().is_some_and(|parent| parent.ends_with(end));
    let is_in = |name: &str| parent.components().any(|it| it.as_os_str() == name);
    let is_in_python = || python::PLACES.iter().any(|place| is_in(place));
    match name {
        _ if parent == Path::new(dpkg::STATUS_DIRECTORY) => true,
        _ if parent == Path::new(dpkg::INFO) => name.ends_with(".list"),
        "METADATA" | "RECORD" => ends_parent(".dist-info") && is_in_python(),
        "top_level.txt" => {
            (ends_parent(".dist-info") || ends_parent(".egg-info")) && is_in_python()
        }
        "PKG-INFO" => ends_parent(".egg-info") && is_in_python(),
        "package.json" => is_in(node::PLACE),
        _ if name.ends_with(".egg-info") => is_in_python(),
        _ => java::is_archive(name),
    }
}

/// Whether a file is read for what it begins with: a program.
#[must_use]
pub fn is_program(head: &[u8]) -> bool {
    let two = head.get(TYPE..TYPE + 2).and_then(|two| <[u8; 2]>::try_from(two).ok());
    let is_big = head.get(ORDER) == Some(&BIG);
    let kind =
        two.map(|two| if is_big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) });
    head.starts_with(binary::MAGIC) && kind.is_some_and(|kind| RUN.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_wanted() {
        let is = |path: &str| is_named(Path::new(path));
        for path in [
            "/var/lib/dpkg/status",
            "var/lib/dpkg/diversions",
            "var/lib/dpkg/status.d/base",
            "/var/lib/dpkg/info/libc6:amd64.list",
            "/lib/apk/db/installed",
            "/usr/lib/sysimage/rpm/rpmdb.sqlite",
            "/usr/lib/python3/dist-packages/x-1.dist-info/METADATA",
            "/usr/lib/python3/dist-packages/x-1.egg-info",
            "/srv/node_modules/@a/b/package.json",
            "/opt/app.jar",
            "/etc/os-release",
        ] {
            assert!(is(path), "{path}");
        }
        for path in [
            "/etc/shadow",
            "/root/.ssh/id_rsa",
            "/home/u/METADATA",
            "/srv/package.json",
            "/var/lib/dpkg/info/x.postinst",
            "/etc/x.egg-info",
            "/proc/1/environ",
            "/",
            "",
        ] {
            assert!(!is(path), "{path}");
        }
        let head = |kind: u8| [b"\x7fELF\x02\x01\x01", &[0; 9][..], &[kind, 0]].concat();
        assert!(is_program(&head(2)) && is_program(&head(3)));
        assert!(!is_program(&head(4)), "a core dump");
        assert!(!is_program(b"root:x:") && !is_program(b"\x7fELF\x02"));
    }
}
