//! What is read must be a regular file: anything else is refused at once, and never waited for.

use std::{process::Command, time::Duration};

use crate::{
    folder::Folder,
    program::{run_within, testdata, write},
};

const SOON: Duration = Duration::from_secs(10);

fn fifo(folder: &Folder, name: &str) -> String {
    let path = folder.path().join(name).to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[track_caller]
fn refused(args: &[&str], code: i32, what: &str) {
    let outcome = run_within(SOON, args);
    assert_eq!(outcome.code, Some(code), "{args:?}: {}", outcome.stderr);
    assert!(outcome.stderr.contains(what), "{args:?}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("\nhint: "), "{args:?}: {}", outcome.stderr);
}

#[test]
fn a_fifo_is_refused_at_once() {
    let folder = Folder::new("fifo");
    let rules = fifo(&folder, "r.yaml");
    refused(&["rules", "check", &rules], 2, "it is a FIFO, not a regular file");
    let directory = folder.path().to_str().unwrap();
    refused(&["rules", "check", directory], 2, "it is a FIFO, not a regular file");
    refused(&["replay", &testdata("story.rec"), "-r", &rules], 2, "it is a FIFO");
    let config = fifo(&folder, "c.yaml");
    refused(&["run", "-c", &config], 2, "it is a FIFO, not a regular file");
    let recording = fifo(&folder, "x.rec");
    refused(&["replay", &recording], 1, "it is a FIFO, not a regular file");
}

#[test]
fn devices_and_directories_are_refused() {
    refused(&["run", "-c", "/dev/zero"], 2, "it is a character device, not a regular file");
    refused(&["rules", "check", "/dev/zero"], 2, "it is a character device");
    refused(&["replay", "/dev/zero"], 1, "it is a character device");
    refused(&["run", "-c", "/dev"], 2, "it is a directory, not a regular file");
}

#[test]
fn a_configuration_has_a_limit() {
    let folder = Folder::new("large");
    let large = write(&folder, "large.yaml", &vec![b'\n'; (1 << 20) + 1]);
    refused(&["run", "-c", &large], 2, "it is larger than 1048576 bytes");
    // What fits is read whole: the error is its last line's.
    let mut fits = vec![b'\n'; (1 << 20) - 6];
    fits.extend(b"no: 1\n");
    let fits = write(&folder, "fits.yaml", &fits);
    refused(&["run", "-c", &fits], 2, "there is no key `no`");
}
