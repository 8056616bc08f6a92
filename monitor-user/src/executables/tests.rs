use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{enrich::hashes::FileKey, records::folder::Folder};

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open(path: &Path, bytes_max: u64) -> Executables {
    let path = path.join("executables");
    Executables::open(ExecutablesOptions {
        path,
        owner: None,
        bytes_max,
        file_bytes_max: bytes_max,
    })
}

/// About a program of so many bytes.
fn question(size: usize, known: Option<&str>) -> HashQuestion {
    let key = FileKey { major: 1, minor: 2, inode: 3, ctime_ns: 4, size: size as u64 };
    let known = known.map(Arc::from);
    HashQuestion {
        key,
        magic: 0,
        path: None,
        pid: 1,
        exec_ns: 1,
        ancestors: Vec::new(),
        mtime_ns: 4,
        keep: true,
        known,
    }
}

/// Reads these bytes in two pieces.
fn content(bytes: &[u8]) -> impl FnOnce(Option<Copy<'_>>) -> Fact<Arc<str>> {
    move |copy| {
        let (one, other) = bytes.split_at(bytes.len() / 2);
        if let Some(copy) = copy
            && copy(one)
        {
            copy(other);
        }
        Fact::Known(digest(bytes).into(), FactSource::File)
    }
}

fn keep(executables: &mut Executables, bytes: &[u8]) -> Result<String, Reason> {
    let answer = executables.keep(&question(bytes.len(), None), content(bytes));
    assert_eq!(answer.hash, Fact::Known(digest(bytes).into(), FactSource::File));
    match answer.copy.unwrap() {
        Fact::Known(kept, _) => {
            assert_eq!((kept.bytes, &*kept.sha256), (bytes.len() as u64, &*digest(bytes)));
            Ok(kept.path.to_string())
        }
        Fact::Unknown(reason) => Err(reason),
    }
}

fn names(executables: &Executables) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(&executables.options.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn number(executables: &Executables, name: &str) -> u64 {
    let name = format!("kept_executables{name}");
    executables.state().named(0).into_iter().find(|(known, _)| *known == name).unwrap().1
}

/// Names of these contents, as a directory has them.
fn of(contents: &[&[u8]]) -> Vec<String> {
    let mut names: Vec<String> = contents.iter().map(|bytes| digest(bytes)).collect();
    names.sort();
    names
}

#[test]
fn a_copy_is_whole_and_nobody_can_execute_it() {
    let folder = Folder::new("executables-whole");
    let mut executables = open(folder.path(), 100);
    let path = keep(&mut executables, b"a program").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"a program");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let directory = Path::new(&path).parent().unwrap();
    assert_eq!(fs::metadata(directory).unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(names(&executables), of(&[b"a program"]));
}

#[test]
fn the_oldest_goes_first_and_what_is_wanted_again_is_the_newest() {
    let folder = Folder::new("executables-bound");
    let mut executables = open(folder.path(), 30);
    for bytes in [[b'a'; 10], [b'b'; 10], [b'c'; 10], [b'a'; 10]] {
        keep(&mut executables, &bytes).unwrap();
    }
    assert_eq!((number(&executables, ""), number(&executables, "_copied")), (3, 3));
    keep(&mut executables, &[b'd'; 11]).unwrap();
    // Ten and eleven bytes: two of the others had to go.
    assert_eq!(names(&executables), of(&[&[b'a'; 10], &[b'd'; 11]]));
    assert_eq!((number(&executables, "_bytes"), number(&executables, "_evicted")), (21, 2));
}

#[test]
fn what_was_there_is_known_again_and_the_bound_may_be_another_one() {
    let folder = Folder::new("executables-again");
    let mut executables = open(folder.path(), 100);
    for bytes in [b"one", b"two", b"six"] {
        keep(&mut executables, bytes).unwrap();
    }
    let path = executables.options.path.clone();
    drop(executables);
    // What stopped half way, and what is none of ours.
    fs::write(path.join("draft"), "half").unwrap();
    fs::write(path.join("README"), "mine").unwrap();
    std::os::unix::fs::symlink("README", path.join("0".repeat(64))).unwrap();
    let executables = open(folder.path(), 7);
    let mut expected = of(&[b"two", b"six"]);
    expected.extend(["README".to_owned(), "0".repeat(64)]);
    expected.sort();
    assert_eq!(names(&executables), expected);
    assert_eq!((number(&executables, ""), number(&executables, "_bytes")), (2, 6));
}

#[test]
fn a_known_content_is_not_read_again_unless_its_copy_is_gone() {
    let folder = Folder::new("executables-known");
    let mut executables = open(folder.path(), 100);
    let path = keep(&mut executables, b"known").unwrap();
    let asked = question(5, Some(&digest(b"known")));
    let answer = executables.keep(&asked, |_| panic!("it was read"));
    assert!(matches!(answer.copy, Some(Fact::Known(kept, _)) if *kept.path == *path));
    fs::remove_file(&path).unwrap();
    executables.keep(&asked, content(b"known"));
    assert_eq!(fs::read(&path).unwrap(), b"known");
    assert_eq!((number(&executables, ""), number(&executables, "_bytes")), (1, 5));
}

#[test]
fn what_is_not_as_long_as_it_was_is_not_kept() {
    let folder = Folder::new("executables-length");
    for (bytes, told) in [(b"longer".as_slice(), 5), (b"short", 6)] {
        let mut executables = open(folder.path(), 100);
        let answer = executables.keep(&question(told, None), content(bytes));
        assert_eq!(answer.copy, Some(Fact::Unknown(Reason::NotWritten)));
        assert_eq!(names(&executables), Vec::<String>::new());
    }
}

#[test]
fn what_cannot_be_read_says_why_and_leaves_nothing() {
    let folder = Folder::new("executables-unread");
    let mut executables = open(folder.path(), 100);
    let answer = executables.keep(&question(9, None), |copy| {
        assert!(copy.unwrap()(b"half"));
        Fact::Unknown(Reason::Changed)
    });
    assert_eq!(answer.copy, Some(Fact::Unknown(Reason::Changed)));
    assert_eq!((number(&executables, "_unread"), names(&executables)), (1, vec![]));
    // Somebody else's file is read at once.
    keep(&mut executables, b"another").unwrap();
}

#[test]
fn a_disk_that_refuses_is_left_alone_for_a_while() {
    let folder = Folder::new("executables-refused");
    let mut executables = open(folder.path(), 100);
    let draft = executables.options.path.join("draft");
    fs::create_dir(&draft).unwrap();
    // The hash is told all the same.
    assert_eq!(keep(&mut executables, b"one"), Err(Reason::NotWritten));
    fs::remove_dir(&draft).unwrap();
    assert_eq!(keep(&mut executables, b"one"), Err(Reason::NotWritten));
    assert_eq!(number(&executables, "_unwritten"), 2);
    // Where it is known nothing is read for it.
    let asked = question(3, Some(&digest(b"one")));
    let answer = executables.keep(&asked, |_| panic!("it was read"));
    assert_eq!(answer.copy, Some(Fact::Unknown(Reason::NotWritten)));
    executables.rests_since = None;
    keep(&mut executables, b"one").unwrap();
}

#[test]
fn without_a_directory_alerts_say_so() {
    let folder = Folder::new("executables-nowhere");
    fs::write(folder.path().join("executables"), "in the way").unwrap();
    let mut executables = open(folder.path(), 100);
    assert_eq!(keep(&mut executables, b"one"), Err(Reason::NotWritten));
}
