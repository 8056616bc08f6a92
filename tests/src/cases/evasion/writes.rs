//! Files that are changed without a write, or through a descriptor that another process opened.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::process::{Command, Stdio};

use serde_json::json;

use super::{is_blind, watch_acts};
use crate::lab::{Hooks, Stage, report, trigger_path};
use crate::place::Place;

/// How, and whether a file system need not be able to.
const WAYS: &[(&str, bool)] = &[
    ("mmap", false),
    ("splice", false),
    ("tee", false),
    ("sendfile", false),
    ("copy-file-range", false),
    ("pwritev2", false),
    ("fallocate", true),
    ("clone", true),
];

/// Whatever changes the file needs a descriptor that is open for writing: that open is told of.
pub(super) fn without_write(stage: &Stage<'_>) {
    const BEFORE: &[u8] = b"before";
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("writes");
    for (way, may_fail) in WAYS {
        let path = dir.join(way);
        fs::write(&path, BEFORE).expect("write a file");
        let inode = fs::metadata(&path).expect("stat").ino().to_string();
        let report = place.trigger(&["evade", way, path.to_str().expect("plain")]);
        let now = fs::read(&path).expect("read the file");
        assert!(now != BEFORE || *may_fail, "{report} changed nothing");
        let alert = place
            .expect(&daemon, &report, "file_open_write", |it| it["file"]["path"] == json!(path));
        assert_eq!(alert["file"]["inode"], inode, "{way}: {alert:#}");
        assert_eq!(alert["process"]["name"], "trigger", "{way}");
    }
    daemon.stop();
}

/// Told of as one that came in, by the process that took it.
pub(super) fn taken_descriptor(stage: &Stage<'_>) {
    let daemon = watch_acts(stage);
    let place = Place::Host(stage.lab);
    let path = stage.dir("taken").join("file");
    fs::write(&path, "").expect("write a file");
    let inode = fs::metadata(&path).expect("stat").ino().to_string();
    let report = place.trigger(&["evade", "get-fd", path.to_str().expect("plain")]);
    assert_eq!(report.errno, 0, "{report}");
    let alert = place.expect(&daemon, &report, "file_receive", |_| true);
    assert_eq!(alert["file"]["path"], json!(path), "{alert:#}");
    assert_eq!(alert["file"]["inode"], inode, "{alert:#}");
    daemon.stop();
}

/// What was opened and connected before the monitor came is not seen to be used: that is stated.
pub(super) fn older_descriptors(stage: &Stage<'_>) {
    let path = stage.dir("older").join("file");
    fs::write(&path, "").expect("write a file");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("an address").to_string();
    let mut older = Command::new(trigger_path());
    older.args(["evade", "older"]).arg(&path).arg(&address);
    older.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut older = older.spawn().expect("start the trigger");
    let mut stdout = BufReader::new(older.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("read what the trigger says");
    assert_eq!(line, "ready\n");
    let daemon = stage.watch();
    drop(older.stdin.take());
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("read the report");
    older.wait().expect("wait for the trigger");
    let report = report(&rest, b"");
    assert_eq!(report.errno, 0, "{report}");
    assert_eq!(fs::read(&path).expect("read the file"), b"evaded");
    let place = Place::Host(stage.lab);
    let later = path.with_extension("later");
    place.expect(&daemon, &report, "file_create", |it| it["file"]["path"] == json!(later));
    daemon.expect_none("an older descriptor", |it| {
        let action = it["event"]["action"].as_str().unwrap_or_default();
        place.is_by(&report, it)
            && (it["file"]["path"] == json!(path) || matches!(action, "connect" | "send"))
    });
    let ended = daemon.stop();
    assert!(is_blind(ended.heartbeat(), "file_open", "a descriptor from before the monitor"));
    assert!(is_blind(ended.heartbeat(), "connect", "connections from before the monitor"));
}

/// A disk that is opened to be written to, past every file on it.
pub(super) fn device(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let node = stage.dir("device").join("disk");
    let path = node.to_str().expect("plain");
    // A loop device without a file, where the kernel has the driver.
    let made = Command::new("/bin/busybox").args(["mknod", path, "b", "7", "7"]).status();
    assert!(made.expect("start busybox").success());
    assert!(fs::metadata(&node).expect("stat").file_type().is_block_device());
    let report = place.trigger(&["open", path]);
    let alert = place.expect(&daemon, &report, "file_open_write", |it| it["file"]["path"] == path);
    // The fallback sees what the call came to, and without a driver that is no file.
    if report.errno == 0 || stage.hooks != Hooks::Fallback {
        let inode = fs::metadata(&node).expect("stat").ino().to_string();
        assert_eq!(alert["file"]["inode"], inode, "{alert:#}");
        assert_eq!(alert["file"]["type"], "device", "{alert:#}");
    }
    daemon.stop();
}

/// Every family tells of the open, whatever it tells of the tracing that it is.
pub(super) fn memory_of_another(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["deed", "proc-mem", "/tmp"]);
    assert_eq!(report.errno, 0, "{report}");
    let child = report.numbers.get("child").copied().unwrap_or_default();
    place.expect(&daemon, &report, "file_open_write", |it| {
        it["file"]["path"] == format!("/proc/{child}/mem")
    });
    daemon.stop();
}

/// A path that is longer than the kernel lets one be named at once: its end is told, that it was
/// cut, and which file it is.
pub(super) fn too_deep(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("abyss");
    let report = place.trigger(&["evade", "deep", dir.to_str().expect("plain")]);
    assert_eq!(report.errno, 0, "{report}");
    let inode = report.numbers.get("inode").copied().unwrap_or_default().to_string();
    let alert = place.expect(&daemon, &report, "file_create", |it| it["file"]["inode"] == inode);
    let path = alert["file"]["path"].as_str().unwrap_or_default();
    assert!(path.ends_with("/deep") && path.len() > 3000, "{alert:#}");
    assert_eq!(alert["runmon"]["path_truncated"], true, "{alert:#}");
    daemon.stop();
}
