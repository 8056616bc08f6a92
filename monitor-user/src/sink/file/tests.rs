use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, symlink},
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        stat::Mode,
    },
    unistd::mkfifo,
};

use super::*;
use crate::reach::{Direct, numbered};
use crate::records::folder::Folder;

fn open(path: &Path, rotate_bytes: u64, keep: u32) -> Result<FileSink, SinkError> {
    FileSink::open(
        "test",
        FileOptions {
            path: path.to_owned(),
            rotate_bytes,
            rotate_after: None,
            sync: Sync::Always,
            keep,
        },
        Box::new(Direct),
    )
}

fn put(sink: &mut FileSink, text: &str) -> io::Result<()> {
    sink.write(&[text.as_bytes().to_vec()])
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn rotates_and_keeps_what_fits() {
    let folder = Folder::new("file-rotates");
    let path = folder.path().join("alerts");
    let mut sink = open(&path, 10, 2).unwrap();
    for text in ["first", "second", "third", "fourth"] {
        put(&mut sink, text).unwrap();
    }
    assert_eq!(read(&path), "fourth\n");
    assert_eq!(read(numbered(&path, 1)), "third\n");
    assert_eq!(read(numbered(&path, 2)), "second\n");
    assert_eq!(read(numbered(&path, 3)), "");
    fs::remove_file(&path).unwrap();
    put(&mut sink, "fifth").unwrap();
    assert_eq!(read(&path), "fifth\n", "a removed file is made again");
}

#[test]
fn a_file_that_is_old_is_rotated_too() {
    let folder = Folder::new("file-old");
    let path = folder.path().join("alerts");
    let mut sink = open(&path, 1000, 2).unwrap();
    sink.options.rotate_after = Some(Duration::from_secs(3600));
    put(&mut sink, "one").unwrap();
    put(&mut sink, "two").unwrap();
    assert_eq!(read(&path), "one\ntwo\n");
    sink.options.rotate_after = Some(Duration::ZERO);
    put(&mut sink, "three").unwrap();
    assert_eq!((read(&path), read(numbered(&path, 1))), ("three\n".into(), "one\ntwo\n".into()));
}

#[test]
fn only_regular_files_are_taken() {
    let folder = Folder::new("file-regular");
    let [fifo, link] = ["fifo", "link"].map(|name| folder.path().join(name));
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    symlink("/dev/null", &link).unwrap();
    for path in [Path::new("/dev/null"), &fifo, &link, folder.path()] {
        let error = open(path, 10, 2).err().unwrap();
        assert!(matches!(error, SinkError::NotRegular { .. }), "{error:?}");
    }
    let error = open(&folder.path().join("no/alerts"), 10, 2).err().unwrap();
    assert!(matches!(error, SinkError::Open { .. }), "{error:?}");
}

#[test]
fn what_took_the_place_of_a_file_stays() {
    let folder = Folder::new("file-place");
    let path = folder.path().join("alerts");
    let mut sink = open(&path, 4, 2).unwrap();
    put(&mut sink, "first").unwrap();
    // In the way of a rotation.
    mkfifo(&numbered(&path, 1), Mode::S_IRWXU).unwrap();
    put(&mut sink, "second").unwrap();
    assert!(fs::metadata(numbered(&path, 1)).unwrap().file_type().is_fifo());
    assert_eq!(read(&path), "first\nsecond\n", "it grows on");
    assert!(put(&mut sink, &"long ".repeat(4)).is_err(), "but not for ever");
    fs::remove_file(numbered(&path, 1)).unwrap();
    put(&mut sink, "later").unwrap();
    assert_eq!(
        (read(&path), read(numbered(&path, 1))),
        ("later\n".into(), "first\nsecond\n".into())
    );
    // In the place of the file itself.
    fs::remove_file(&path).unwrap();
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    assert!(put(&mut sink, "third").is_err());
    assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    fs::remove_file(&path).unwrap();
    put(&mut sink, "fourth").unwrap();
    assert_eq!(read(&path), "fourth\n");
}

#[test]
fn a_line_that_was_cut_is_taken_out() {
    /// No test writes as far as this by itself.
    const END: u64 = 1 << 32;
    // Writing over the limit would end the process otherwise.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .unwrap();
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, END, hard).unwrap();
    let folder = Folder::new("file-cut");
    let path = folder.path().join("alerts");
    let before = END - 5;
    let file = File::create(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"\n", before - 1).unwrap();
    let mut sink = open(&path, 1 << 40, 2).unwrap();
    assert!(put(&mut sink, "too long for it").is_err());
    assert_eq!(fs::metadata(&path).unwrap().len(), before, "half a line is left");
    put(&mut sink, "fits").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), END);
}

#[test]
fn a_line_that_a_power_cut_left_is_ended() {
    let folder = Folder::new("file-torn");
    let path = folder.path().join("alerts");
    fs::write(&path, "whole\nha").unwrap();
    let mut sink = open(&path, 1000, 2).unwrap();
    put(&mut sink, "next").unwrap();
    put(&mut sink, "last").unwrap();
    assert_eq!(read(&path), "whole\nha\nnext\nlast\n");
    // Whoever moves it away may leave another such one.
    let moved = folder.path().join("moved");
    fs::rename(&path, moved).unwrap();
    fs::write(&path, "to").unwrap();
    put(&mut sink, "again").unwrap();
    assert_eq!(read(&path), "to\nagain\n");
}
