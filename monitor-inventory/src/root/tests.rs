//! Roots that were made to harm who reads them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::*;

/// A directory that is gone with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inventory-{name}-{}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn write_program(&self, path: &str, content: &[u8]) {
        self.write(path, content);
        fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn link(&self, target: impl AsRef<Path>, path: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::open(&self.0).unwrap()
    }

    /// Makes a device or a FIFO; false where this user may not.
    pub(crate) fn node(&self, path: &str, what: &[&str]) -> bool {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        Command::new("mknod").arg(path).args(what).status().is_ok_and(|it| it.success())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn read(root: &dyn Root, path: &str) -> Result<Vec<u8>, RootError> {
    root.read(Path::new(path), 100)
}

#[test]
fn nothing_leads_out_of_a_folder() {
    let (scratch, outside) = (Scratch::new("out"), Scratch::new("outside"));
    outside.write("secret", "x");
    scratch.write("etc/file", "content");
    scratch.link(outside.path().join("secret"), "absolute");
    scratch.link("../../../../../../../../../../../etc/hostname", "up");
    scratch.link("/etc/file", "inside");
    scratch.link("loop", "loop");
    scratch.link("/proc/self/root/etc/hostname", "magic");
    let root = scratch.folder();
    assert_eq!(read(&root, "/inside").unwrap(), b"content");
    assert_eq!(read(&root, "etc/../../../etc/file").unwrap(), b"content");
    for path in ["absolute", "up", "loop", "magic"] {
        assert!(read(&root, path).is_err(), "{path}");
        assert!(root.stat(Path::new(path)).is_err(), "{path}");
    }
    assert_eq!(read(&root, "etc"), Err(RootError::OtherKind));
    assert_eq!(read(&root, "none"), Err(RootError::NotFound));
    assert_eq!(root.read(Path::new("etc/file"), 6), Err(RootError::TooLarge));
    assert_eq!(root.read(Path::new("etc/file"), 7).unwrap(), b"content");
    assert_eq!(root.read_at(Path::new("etc/file"), 3, 2).unwrap(), b"te");
    assert_eq!(root.read_at(Path::new("etc/file"), 9, 2).unwrap(), b"");
}

/// Nobody waits for who writes to a FIFO, and no device is opened.
#[test]
fn only_regular_files_are_opened() {
    let scratch = Scratch::new("kinds");
    assert!(scratch.node("fifo", &["p"]));
    assert_eq!(read(&scratch.folder(), "fifo"), Err(RootError::OtherKind));
    if scratch.node("zero", &["c", "1", "5"]) {
        assert_eq!(read(&scratch.folder(), "zero"), Err(RootError::OtherKind));
    }
    let _socket = std::os::unix::net::UnixListener::bind(scratch.path().join("socket")).unwrap();
    assert_eq!(read(&scratch.folder(), "socket"), Err(RootError::OtherKind));
    let listing = scratch.folder().list(Path::new("/")).unwrap();
    assert!(listing.entries.iter().all(|entry| entry.stat.kind == FileKind::Other));
}

#[test]
fn no_more_is_read_than_may_be() {
    let scratch = Scratch::new("bounded");
    scratch.write("a", [0; 60]);
    let (root, never) = (scratch.folder(), || false);
    let bounds = Bounds { bytes: 100, files: 3, names: 9 };
    let bounded = Bounded::new(&root, bounds, &never);
    assert!(read(&bounded, "a").is_ok());
    assert_eq!(read(&bounded, "a"), Err(RootError::UsedUp), "bytes");
    let bounded = Bounded::new(&root, bounds, &never);
    let paths = vec![PathBuf::from("none"); 4];
    assert_eq!(bounded.read_each(&paths, 9), vec![Err(RootError::UsedUp); 4], "files");
    let late = || true;
    assert_eq!(read(&Bounded::new(&root, bounds, &late), "a"), Err(RootError::UsedUp), "time");
}

#[test]
fn upper_layers_hide_lower_ones() {
    let (upper, lower) = (Scratch::new("upper"), Scratch::new("lower"));
    lower.write("usr/lib/db/file", "lower");
    lower.write("usr/lib/db/only", "below");
    lower.write("usr/lib/kept/file", "kept");
    lower.write("was-a-directory/file", "x");
    lower.write("was-a-file", "x");
    lower.link("usr/lib", "lib");
    lower.link("/usr/lib/db", "abs");
    lower.link("../../../../etc/hostname", "etc/up");
    lower.link("a/../b", "turn");
    lower.write("b", "turned");
    lower.write("a/x", "");
    upper.write("usr/lib/db/file", "upper");
    upper.write("was-a-directory", "file");
    upper.write("was-a-file/file", "directory");
    let layers = Layers::new(vec![upper.folder(), lower.folder()]);
    // The link is in the lower layer, and what it leads to in the upper one.
    assert_eq!(read(&layers, "lib/db/file").unwrap(), b"upper");
    assert_eq!(read(&layers, "abs/file").unwrap(), b"upper");
    assert_eq!(read(&layers, "lib/db/only").unwrap(), b"below");
    assert_eq!(read(&layers, "was-a-directory").unwrap(), b"file");
    assert_eq!(read(&layers, "was-a-directory/file"), Err(RootError::NotFound));
    assert_eq!(read(&layers, "was-a-file/file").unwrap(), b"directory");
    assert_eq!(read(&layers, "turn").unwrap(), b"turned");
    assert!(read(&layers, "etc/up").is_err());
    let mut names: Vec<_> = layers.list(Path::new("/lib/db")).unwrap().entries;
    names.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(names.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["file", "only"]);
    assert!(layers.has(Path::new("usr/lib/kept")) && !layers.has(Path::new("usr/lib/gone")));
}

/// As the kernel does it; needs root.
#[test]
fn what_was_taken_away_is_not_there() {
    let (upper, lower) = (Scratch::new("white"), Scratch::new("whiteout-lower"));
    lower.write("gone", "x");
    lower.write("gone-directory/file", "x");
    lower.write("opaque/below", "x");
    upper.write("opaque/above", "y");
    let set = |name: &str| {
        let path = upper.path().join("opaque");
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, name, b"y", flags).is_ok()
    };
    let is_root = upper.node("gone", &["c", "0", "0"]);
    if !is_root || !upper.node("gone-directory", &["c", "0", "0"]) {
        return;
    }
    if !set("trusted.overlay.opaque") && !set("user.overlay.opaque") {
        return;
    }
    let layers = Layers::new(vec![upper.folder(), lower.folder()]);
    assert_eq!(read(&layers, "gone"), Err(RootError::NotFound));
    assert_eq!(read(&layers, "gone-directory/file"), Err(RootError::NotFound));
    assert_eq!(read(&layers, "opaque/below"), Err(RootError::NotFound));
    assert_eq!(read(&layers, "opaque/above").unwrap(), b"y");
    let listing = layers.list(Path::new("/")).unwrap();
    let kinds: Vec<_> = listing.entries.iter().map(|it| it.stat.kind).collect();
    assert_eq!(kinds.iter().filter(|it| **it == FileKind::Other).count(), 2, "hidden, no file");
}

#[test]
fn many_layers_are_one() {
    let scratches: Vec<Scratch> = (0..9).map(|at| Scratch::new(&format!("many-{at}"))).collect();
    for (at, scratch) in scratches.iter().enumerate() {
        scratch.write(&format!("d/{at}"), at.to_string());
        scratch.write("d/same", at.to_string());
    }
    let layers = Layers::new(scratches.iter().map(Scratch::folder).collect());
    assert_eq!(read(&layers, "d/same").unwrap(), b"0");
    assert_eq!(read(&layers, "d/8").unwrap(), b"8");
    assert_eq!(layers.list(Path::new("d")).unwrap().entries.len(), 10);
}
