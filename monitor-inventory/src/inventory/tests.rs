//! Whole roots.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    binary::{self, Seen},
    root::tests::Scratch,
};

fn names(inventory: &Inventory) -> Vec<String> {
    let packages = inventory.packages.iter();
    packages.map(|it| format!("{} {}@{}", it.kind.name(), it.name, it.version)).collect()
}

fn kinds(inventory: &Inventory, path: &str) -> Vec<ProblemKind> {
    let problems = inventory.problems.iter().filter(|it| &*it.path == path);
    problems.map(|it| it.kind).collect()
}

#[test]
fn packages_of_all_sorts_are_found() {
    let scratch = Scratch::new("sorts");
    scratch.write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    let status =
        "Package: python3-six\nStatus: install ok installed\nVersion: 1.16.0-4\nSource: six\n";
    scratch.write("var/lib/dpkg/status", status);
    let egg = "usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO";
    scratch.write(egg, "Name: six\nVersion: 1.16.0\n");
    // As before /usr was merged.
    scratch.write("var/lib/dpkg/info/python3-six.list", format!("/.\n/{}\n", &egg[4..]));
    let wheel = "opt/venv/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA";
    scratch.write(wheel, "Name: requests\nVersion: 2.31.0\n");
    scratch.write("srv/node_modules/@a/b/package.json", r#"{"name":"@a/b","version":"1"}"#);
    scratch.write("srv/node_modules/c/package.json", r#"{"name":"c","version":"2"}"#);
    scratch.write("srv/node_modules/c/lib/package.json", r#"{"name":"no","version":"2"}"#);
    scratch.write("srv/package.json", r#"{"name":"no","version":"2"}"#);
    scratch.write("opt/x.jar", crate::java::tests::archive(&[("x", b"")], true));
    scratch.write("opt/y-1.2.jar", crate::java::tests::archive(&[("x", b"")], true));
    let inventory = of(&scratch.folder(), &Options::whole());
    assert_eq!(
        names(&inventory),
        [
            "dpkg python3-six@1.16.0-4",
            "python requests@2.31.0",
            "python six@1.16.0",
            "node @a/b@1",
            "node c@2",
            "java y@1.2",
        ]
    );
    assert_eq!(inventory.problems, []);
    let six = inventory.packages.iter().find(|it| &*it.name == "six").unwrap();
    assert_eq!(six.brought_by.as_deref(), Some("python3-six"));
    let brought = inventory.packages.iter().filter(|it| it.brought_by.is_some()).count();
    assert_eq!(brought, 1, "what was put there otherwise is of nobody");
    let requests = inventory.packages.get(1).unwrap();
    assert_eq!((requests.brought_by.as_deref(), &*requests.path), (None, &*format!("/{wheel}")));
    let mut places = Vec::new();
    of_files(&scratch.folder(), &inventory.packages, &mut |at, place| {
        places.push((at, format!("{place:?}").starts_with("Below")));
    })
    .unwrap();
    assert_eq!(places.iter().filter(|it| it.0 == 0).count(), 2, "the list has a directory, too");
    assert!(places.contains(&(3, true)) && places.contains(&(5, false)));
}

#[test]
fn an_image_without_a_package_manager_has_files_of_its_packages() {
    let scratch = Scratch::new("distroless");
    scratch.write("usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    scratch.link("../usr/lib/os-release", "etc/os-release");
    scratch.write("var/lib/dpkg/status.d/libc6", "Package: libc6\nSource: glibc\nVersion: 2.36\n");
    let digests = "d41d8cd98f00b204e9800998ecf8427e  usr/lib/libc.so.6\n";
    scratch.write("var/lib/dpkg/status.d/libc6.md5sums", digests);
    let inventory = of(&scratch.folder(), &Options::whole());
    assert_eq!(names(&inventory), ["dpkg libc6@2.36"]);
    assert_eq!(inventory.problems, []);
    assert_eq!(inventory.os.as_ref().unwrap().distro().as_deref(), Some("debian-12"));
    let mut files = Vec::new();
    of_files(&scratch.folder(), &inventory.packages, &mut |_, place| {
        if let Place::File(path) = place {
            files.push(String::from_utf8_lossy(path).into_owned());
        }
    })
    .unwrap();
    assert_eq!(files, ["/usr/lib/libc.so.6"]);
}

/// Whose file another package's took the place of has it where that put it.
#[test]
fn diverted_files_are_where_they_are() {
    let scratch = Scratch::new("diverted");
    let one = |name: &str| format!("Package: {name}\nStatus: install ok installed\nVersion: 1\n\n");
    scratch.write("var/lib/dpkg/status", ["old", "new"].map(one).concat());
    scratch.write("var/lib/dpkg/info/old.list", "/bin/tool\n/bin/other\n");
    scratch.write("var/lib/dpkg/info/new.list", "/usr/bin/tool\n");
    let diversions = "/bin/tool\n/bin/tool.old\nnew\n/usr/bin/other\n/opt/other\n:\n";
    scratch.write("var/lib/dpkg/diversions", diversions);
    let inventory = of(&scratch.folder(), &Options::whole());
    let mut files = Vec::new();
    of_files(&scratch.folder(), &inventory.packages, &mut |at, place| {
        if let Place::File(path) = place {
            files.push((at, String::from_utf8_lossy(path).into_owned()));
        }
    })
    .unwrap();
    files.sort();
    let expected = [(0, "/usr/bin/tool"), (1, "/bin/tool.old"), (1, "/opt/other")];
    assert_eq!(names(&inventory), ["dpkg new@1", "dpkg old@1"]);
    assert_eq!(files, expected.map(|(at, path)| (at, path.to_owned())));
}

/// What stands where a database is expected, and is none, is told.
#[test]
fn a_hostile_root_is_told_and_harms_nobody() {
    let scratch = Scratch::new("hostile");
    scratch.link("/etc/shadow", "var/lib/dpkg/status.d/shadow");
    scratch.link("../../../../../../../../../../../etc/shadow", "etc/os-release");
    assert!(scratch.node("var/lib/dpkg/status", &["p"]));
    let is_root = scratch.node("lib/apk/db/installed", &["c", "1", "5"]);
    let huge = std::fs::File::create(scratch.path().join("huge.jar")).unwrap();
    huge.set_len(1 << 40).unwrap();
    std::fs::create_dir_all(scratch.path().join("var/lib/rpm")).unwrap();
    let database = std::fs::File::create(scratch.path().join("var/lib/rpm/rpmdb.sqlite")).unwrap();
    database.set_len(1 << 40).unwrap();
    scratch.write("var/lib/rpm/Packages", "an older format");
    scratch.write_program("bin/torn", &[b"\x7fELF\x02\x01\x01".as_slice(), &[0xff; 200]].concat());
    scratch.link("..", "loop/up");
    let deep = "d/".repeat(100) + "site-packages/x-1.dist-info/METADATA";
    scratch.write(&deep, "Name: x\nVersion: 1\n");
    let python = "usr/lib/python3/dist-packages";
    assert!(scratch.node(&format!("{python}/a-1.egg-info"), &["p"]));
    let inventory = of(&scratch.folder(), &Options::whole());
    assert_eq!((names(&inventory), &inventory.os), (Vec::new(), &None));
    let check = |path: &str, kind| assert_eq!(kinds(&inventory, path), [kind], "{path}");
    check("/var/lib/dpkg/status", ProblemKind::OtherKind);
    if is_root {
        check("/lib/apk/db/installed", ProblemKind::OtherKind);
    }
    check("/huge.jar", ProblemKind::Broken);
    check("/var/lib/rpm/rpmdb.sqlite", ProblemKind::NotRead);
    check("/var/lib/rpm/Packages", ProblemKind::NotRead);
    check(&format!("/{python}/a-1.egg-info"), ProblemKind::OtherKind);
    assert!(inventory.problems.iter().any(|it| it.kind == ProblemKind::Cut), "deep directories");
}

#[test]
fn what_is_cut_is_told() {
    let scratch = Scratch::new("cut");
    for at in 0..100 {
        scratch
            .write(&format!("srv/node_modules/{at}/package.json"), r#"{"name":"a","version":"1"}"#);
    }
    let bounds = Bounds { files: 50, ..Bounds::default() };
    let inventory = of(&scratch.folder(), &Options { bounds, ..Options::whole() });
    assert!(inventory.problems.iter().any(|it| it.kind == ProblemKind::Cut));
    let late = || true;
    let inventory = of(&scratch.folder(), &Options { is_late: &late, ..Options::whole() });
    assert!(inventory.problems.iter().any(|it| it.kind == ProblemKind::Cut));
    let skip = vec!["/srv".into()];
    let inventory = of(&scratch.folder(), &Options { skip, ..Options::whole() });
    assert_eq!((inventory.packages, inventory.problems), (Vec::new(), Vec::new()));
}

/// This program was built without cargo-auditable, and is no Go program.
#[test]
fn a_program_of_neither_is_no_problem() {
    let scratch = Scratch::new("program");
    let own = std::fs::read("/proc/self/exe").unwrap();
    scratch.write_program("bin/own", &own);
    let inventory = of(&scratch.folder(), &Options::whole());
    assert_eq!((inventory.packages, inventory.problems), (Vec::new(), Vec::new()));
    // Whatever of it was read beforehand, its sections are the same.
    let (root, path) = (scratch.folder(), Path::new("bin/own"));
    let (size, head) = (own.len() as u64, own[..64].to_vec());
    let begin = binary::table(&head);
    let table = root.read_at(path, begin, binary::TABLE_BYTES).unwrap();
    assert!(!table.is_empty() && begin > 0);
    let seen = [
        Seen { size, ..Seen::default() },
        Seen { size, head: head.clone(), table: (begin, table[..100].to_vec()) },
        Seen { size, head, table: (begin, table) },
    ];
    let own = binary::sections_of(&own[..], &[b".text"]).unwrap();
    for seen in seen {
        assert_eq!(binary::sections(&root, path, seen, &[b".text"]).unwrap(), own);
    }
}

proptest! {
    /// Any bytes are packages, or parts that say nothing.
    #[test]
    fn any_bytes_are_packages_or_none(
        lines in prop::collection::vec("(Package: |Version: |Status: |Source: |P:|V:|F:|R:|)\\PC{0,9}", 0..30),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let text = lines.join("\n");
        for bytes in [text.as_bytes(), &bytes] {
            let mut each = |package: Package| {
                let _purl = (package.purl(None), package.osv(None));
                assert!(!package.name.is_empty());
            };
            dpkg::parse(bytes, "x", &mut each);
            apk::parse(bytes, "x", &mut each);
            crate::go::parse(bytes, "x", &mut each);
            crate::cargo_auditable::parse(bytes, "x", &mut each);
            crate::python::parse(bytes, "x").into_iter().for_each(&mut each);
            crate::node::parse(bytes, "x").into_iter().for_each(&mut each);
            apk::each_file(bytes, |_, _| {});
            dpkg::each_of_digests(bytes, |_| {});
            let _os = os_release::parse(bytes).map(|os| (os.ecosystem(), os.is_rolling()));
            let _sections = binary::sections_of(bytes, &[b".text"]);
        }
    }
}
