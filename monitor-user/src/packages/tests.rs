//! What databases say, and how roots are read.

use std::{fs, os::unix::fs::symlink};

use nix::{sys::stat::Mode, unistd::mkfifo};

use super::*;
use crate::limits::PACKAGE_PATHS;
use crate::records::folder::Folder;

fn file(name: &str, text: &str) -> DatabaseFile {
    DatabaseFile { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
}

#[test]
fn each_database_is_read_as_it_is_written() {
    let index = Index::of(&[
        file("coreutils.list", "/.\n/bin\n/bin/ls\n/usr/share/doc\n"),
        file("libc6:amd64.list", "/lib/x86_64-linux-gnu/libc.so.6\n"),
        file("base-files.md5sums", "d41d8cd98f00b204e9800998ecf8427e  etc/issue\nbroken\n\n"),
        file(
            "installed",
            "C:Q1\nP:busybox\nV:1.36\nF:bin\nR:busybox\na:0:0:755\nF:\nR:top\n\nP:musl\nF:lib\nR:ld\n",
        ),
        file("coreutils.postinst", "/usr/bin/evil\n"),
        file("man-db.list", "/usr/bin/man\n"),
        file("light.list", "/usr/bin/man\n"),
        file("diversions", "/usr/bin/man\n/usr/bin/man.REAL\nlight\n"),
    ]);
    let index = index.unwrap();
    #[track_caller]
    fn check(index: &Index, path: &str, package: Option<&str>) {
        assert_eq!(index.package(path.as_bytes()), package, "{path}");
    }
    check(&index, "/bin/ls", Some("coreutils"));
    check(&index, "/usr/bin/ls", Some("coreutils"));
    check(&index, "/usr/lib/x86_64-linux-gnu/libc.so.6", Some("libc6"));
    check(&index, "/etc/issue", Some("base-files"));
    check(&index, "/bin/busybox", Some("busybox"));
    check(&index, "/usr/bin/busybox", Some("busybox"));
    check(&index, "/top", Some("busybox"));
    check(&index, "/lib/ld", Some("musl"));
    check(&index, "/usr/bin/evil", None);
    check(&index, "/usr/bin/man.REAL", Some("man-db"));
    check(&index, "/usr/bin/man", Some("light"));
    check(&index, "/tmp/ls", None);
    check(&index, "/usr/usr/bin/ls", None);
}

/// Whatever bytes are there, reading ends and nothing panics.
#[test]
fn nonsense_is_no_database() {
    let text = b"P:\xff\nF:\nR:\nR\n:\nF\nP\n\0\n/\xff\n  \n".as_slice();
    for name in ["installed", "x.list", ".list", ":.list", "x.md5sums", ""] {
        let index = Index::of(&[DatabaseFile { name: name.to_owned(), bytes: text.to_vec() }]);
        assert_eq!(index.unwrap().package(b"/bin/ls"), None, "{name}");
    }
    let many: String = (0..=PACKAGE_PATHS).map(|number| format!("/{number}\n")).collect();
    assert_eq!(Index::of(&[file("x.list", &many)]).unwrap_err(), Reason::TooLarge);
}

#[test]
fn the_last_mount_at_the_root_counts() {
    let text = "22 1 0:20 / / rw - rootfs rootfs rw\n\
                23 22 0:21 / /proc rw - proc proc rw\n\
                24 22 0:22 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a:/b,upperdir=/u\n";
    assert_eq!(root::root_mount(text), Some(("overlay", "rw,lowerdir=/a:/b,upperdir=/u")));
    assert_eq!(root::root_mount("1 2 0:3 / /x rw - ext4 /dev/sda rw"), None);
    assert_eq!(root::root_mount("nonsense"), None);
}

fn write(folder: &Folder, path: &str, text: &str) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Each layer is a folder; what the upper one hides is not read, and nothing leads out of one.
#[test]
fn layers_are_read_the_upper_one_first() {
    let (upper, lower) = (Folder::new("packages-upper"), Folder::new("packages-lower"));
    let outside = Folder::new("packages-outside");
    write(&lower, "var/lib/dpkg/info/a.list", "/usr/bin/a\n");
    write(&lower, "var/lib/dpkg/info/b.list", "/usr/bin/b\n");
    write(&upper, "var/lib/dpkg/info/b.list", "/usr/bin/b2\n");
    write(&upper, "var/lib/dpkg/info/b.postinst", "no list");
    write(&outside, "evil.list", "/usr/bin/evil\n");
    let info = upper.path().join("var/lib/dpkg/info");
    symlink(outside.path().join("evil.list"), info.join("evil.list")).unwrap();
    // Stands for what takes a file away; nobody waits for who writes to it.
    mkfifo(&info.join("a.list"), Mode::S_IRWXU).unwrap();
    write(&lower, "lib/apk/db/installed", "P:low\nF:bin\nR:x\n");
    let read = root::read_for_tests(&[upper.path(), lower.path()]).unwrap();
    let index = Index::of(&read).unwrap();
    let package = |path: &str| index.package(path.as_bytes());
    assert_eq!((package("/usr/bin/b2"), package("/usr/bin/b")), (Some("b"), None));
    assert_eq!((package("/usr/bin/a"), package("/usr/bin/evil")), (None, None));
    assert_eq!(package("/bin/x"), Some("low"));
}

/// This process itself: Debian's databases, or others, of the host.
#[test]
fn the_root_of_a_process_is_read() {
    let exe = fs::read_link("/proc/self/exe").unwrap();
    let meta = fs::metadata(&exe).unwrap();
    let key = FileKey {
        major: 0,
        minor: 0,
        inode: std::os::unix::fs::MetadataExt::ino(&meta),
        ctime_ns: 0,
        size: 0,
    };
    let path = std::os::unix::ffi::OsStrExt::as_bytes(exe.as_os_str()).into();
    let viewers = vec![u32::MAX, std::process::id()];
    let question = PackageQuestion { key, magic: 0, path, viewers, since_ns: Some(0) };
    let mut librarian = Librarian::new(Box::new(Direct));
    let PackageAnswer { package, .. } = librarian.answer(&question);
    match package {
        Fact::Known(belonging, _) => assert_eq!(belonging.name, None, "cargo built it"),
        Fact::Unknown(reason) => {
            let told = [Reason::NoDatabase, Reason::NotRead, Reason::NotPermitted];
            assert!(told.contains(&reason), "{reason:?}");
        }
    }
    let other = PackageQuestion { path: b"/nowhere".as_slice().into(), ..question };
    assert_eq!(librarian.answer(&other).package, Fact::Unknown(Reason::Gone));
}

/// A root of one fingerprint is read once.
#[test]
fn what_was_read_stays_for_a_while() {
    struct Counted(std::sync::mpsc::Sender<bool>);
    impl Find for Counted {
        fn find(&mut self, question: &PackageQuestion, known: &[u64]) -> Result<Databases, Reason> {
            let fingerprint = question.key.inode;
            let is_known = known.contains(&fingerprint);
            self.0.send(is_known).unwrap();
            let files = (!is_known).then(|| vec![file("a.list", "/usr/bin/a\n")]);
            Ok(Databases { fingerprint, files, ..Databases::default() })
        }
    }
    let (tell, told) = std::sync::mpsc::channel();
    let mut librarian = Librarian::new(Box::new(Counted(tell)));
    let mut ask = |inode: u64| {
        let key = FileKey { major: 0, minor: 0, inode, ctime_ns: 0, size: 0 };
        let path = b"/bin/a".as_slice().into();
        let question = PackageQuestion { key, magic: 0, path, viewers: Vec::new(), since_ns: None };
        let Fact::Known(belonging, _) = librarian.answer(&question).package else {
            panic!("it is known")
        };
        assert_eq!(belonging.name.as_deref(), Some("a"));
        told.try_recv().unwrap()
    };
    assert_eq!([ask(1), ask(1), ask(2), ask(1)], [false, true, false, true]);
    for inode in 2..2 + PACKAGE_INDEXES as u64 {
        ask(inode);
    }
    assert!(!ask(1), "it made room for others");
}
