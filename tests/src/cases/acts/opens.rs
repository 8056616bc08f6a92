//! Opens for reading.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use serde_json::{Value, json};

use super::{Wrong, watch};
use crate::daemon::is_alert;
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::old;

/// The calls, each by its file; and one that is refused.
pub(super) fn to_read(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let place = Place::Host(stage.lab);
    let dir = stage.dir("reads");
    for dir in dir.ancestors().take(2) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("open a directory");
    }
    let (real, link) = (dir.join("real"), dir.join("link"));
    fs::write(&real, "x").expect("write a file");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).expect("close a file");
    std::os::unix::fs::symlink("real", &link).expect("make a link");
    let inode = fs::metadata(&real).expect("stat").ino().to_string();
    let (path, link) = (real.to_str().expect("plain"), link.to_str().expect("plain"));
    let mut wrong = Wrong::default();
    for (call, uid) in [
        ("open", "0"),
        ("openat", "0"),
        ("openat2", "0"),
        ("int80", "0"),
        ("openat", "65534"),
        ("openat2", "65534"),
    ] {
        if matches!(call, "open" | "int80") && !old::IS_HERE {
            continue;
        }
        let report = place.trigger(&["open", link, "--mode", "read", "--call", call, "--uid", uid]);
        place.expect(&daemon, &report, "exit", |_| true);
        let documents = daemon.documents();
        let told: Vec<&Value> = documents
            .iter()
            .filter(|it| is_alert(it) && place.is_by(&report, it))
            .filter(|it| it["event"]["action"] == "file_open_read")
            .filter(|it| it["file"]["path"] == path || it["file"]["path"] == link)
            .collect();
        let what = format!("{call} by {uid}");
        // Stated: kprobes do not see what is refused.
        let unseen = uid != "0" && stage.hooks == Hooks::Kprobe;
        let [document] = told[..] else {
            if !(unseen && told.is_empty()) {
                wrong.note(format!("{what}: told {} times: {told:#?}", told.len()));
            }
            continue;
        };
        let mut same = |of: &str, found: &Value, expected: Value| {
            wrong.expect_eq(&format!("{what}: {of}"), found, &expected);
        };
        if uid == "0" {
            same("path", &document["file"]["path"], json!(path));
            same("inode", &document["file"]["inode"], json!(inode));
            same("outcome", &document["event"]["outcome"], json!("success"));
        } else {
            same("path", &document["file"]["path"], json!(link));
            same("code", &document["event"]["code"], json!("EACCES"));
            same("outcome", &document["event"]["outcome"], json!("failure"));
        }
    }
    daemon.stop();
    wrong.none();
}
