//! Files that are opened for writing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::{Value, json};

use super::Case;
use super::backends::doctor;
use crate::daemon::is_alert;
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::{Report, old};

pub(super) const CASES: &[Case] = &[
    Case::each("files::every_call_on_the_host", |stage| {
        every_call(stage, &Place::Host(stage.lab));
    }),
    Case::each("files::every_call_in_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("file"), &[]);
        every_call(stage, &Place::In(&container));
    }),
    Case::each("files::refused_opens_say_why", refused_opens),
    Case::each("files::reads_are_not_told", reads_are_not_told),
    Case::each("files::one_open_is_told_once", one_open_is_told_once),
    Case::each("files::names_that_are_not_utf8", names_that_are_not_utf8),
    Case::each("files::upper_layer_is_told_apart", upper_layer),
];

/// The interfaces to the kernel.
const CALLS: &[&str] = &["openat", "openat2", "io-uring", "io-uring2"];

/// Those that not every architecture has.
const OLD_CALLS: &[&str] = if old::IS_HERE { &["open", "int80"] } else { &[] };
const OLD_CREATION: &[&str] = if old::IS_HERE { &["creat"] } else { &[] };

fn every_call(stage: &Stage<'_>, place: &Place<'_>) {
    let daemon = stage.watch();
    let dir = place.dir("files");
    let there = dir.join("there");
    let there = there.to_str().expect("a plain path");
    place.trigger(&["open", there, "--mode", "create"]);
    let blind = blind(stage);
    let (seen, unseen): (Vec<&str>, Vec<&str>) =
        CALLS.iter().chain(OLD_CALLS).partition(|call| !(blind && call.starts_with("io-uring")));
    let reports = unseen.iter().map(|call| place.trigger(&["open", there, "--call", call]));
    let unseen: Vec<Report> = reports.collect();
    for call in &seen {
        let report = place.trigger(&["open", there, "--call", call]);
        assert_eq!(report.errno, 0, "{call}: {report}");
        let alert = place.expect(&daemon, &report, "file_open_write", |_| true);
        let (file, created) = (&alert["file"], &alert["runmon"]["created"]);
        assert_eq!(file["path"], there, "{call}: {alert:#}");
        assert_eq!((created, &file["access"]), (&json!(false), &json!("write")));
        assert_eq!((&file["type"], &file["mode"]), (&json!("file"), &json!("0644")), "{call}");
        assert_eq!(alert["event"]["outcome"], "success");
        assert_eq!(alert["runmon"]["arguments_from"], "kernel_object", "{call}: {alert:#}");
        if let Place::Host(_) = place {
            let inode = fs::metadata(there).expect("the file is there").ino();
            assert_eq!(file["inode"], inode.to_string(), "{call}");
        }
        // Hooks on the object are called alike from everywhere: they cannot tell.
        if call.starts_with("io-uring") && stage.hooks == Hooks::Fallback {
            assert_eq!(alert["runmon"]["io_uring"], true, "{call}: {alert:#}");
        }
    }
    for report in &unseen {
        daemon.expect_none("an open that cannot be seen", |it| {
            place.is_by(report, it) && it["file"]["path"] == there
        });
    }
    for call in seen.iter().chain(OLD_CREATION) {
        let new = dir.join(format!("new-{call}"));
        let new = new.to_str().expect("a plain path");
        let report = place.trigger(&["open", new, "--mode", "create", "--call", call]);
        let alert = place.expect(&daemon, &report, "file_create", |_| true);
        assert_eq!(alert["file"]["path"], new, "{call}: {alert:#}");
        assert_eq!(alert["runmon"]["created"], true);
        let again = place.trigger(&["open", new, "--mode", "create", "--call", call]);
        let alert = place.expect(&daemon, &again, "file_open_write", |_| true);
        assert_eq!(alert["runmon"]["created"], false, "{call}: it was there already");
    }
    daemon.stop();
}

/// Whether these hooks say that they see no open through io_uring at all on this kernel.
fn blind(stage: &Stage<'_>) -> bool {
    let found = doctor(stage.lab, stage.hooks);
    let (_, blind) = found.get("file_open").expect("opens are planned");
    blind.iter().any(|gap| gap == RINGS || gap.starts_with(&format!("{RINGS} (")))
}

const RINGS: &str = "opens through io_uring";

/// Which name, which reason, and where the name was read.
fn refused_opens(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("refused");
    let lab = dir.parent().expect("the lab's directory");
    for dir in [lab, &dir] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("open a directory");
    }
    let secret = dir.join("secret");
    fs::write(&secret, "").expect("write a file");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("close a file");
    let absent = dir.join("no/such/file");
    let origin = if stage.hooks == Hooks::Fallback { "user_memory" } else { "kernel_copy" };
    for (path, uid, errno, code) in [
        (&secret, "65534", libc::EACCES, "EACCES"),
        (&absent, "0", libc::ENOENT, "ENOENT"),
        (&dir, "0", libc::EISDIR, "EISDIR"),
    ] {
        let path = path.to_str().expect("a plain path");
        let report = place.trigger(&["open", path, "--uid", uid]);
        assert_eq!(report.errno, errno, "{report}");
        let alert = place.expect(&daemon, &report, "file_open_write", |_| true);
        assert_eq!(alert["event"]["outcome"], "failure", "{alert:#}");
        assert_eq!(alert["event"]["code"], code, "{alert:#}");
        assert_eq!(alert["file"]["path"], path);
        assert_eq!(alert["runmon"]["arguments_from"], origin, "{alert:#}");
        assert_eq!(alert["user"]["id"], uid, "{alert:#}");
    }
    daemon.stop();
}

/// Only what can change a file is asked for.
fn reads_are_not_told(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("reads");
    let path = dir.join("file");
    fs::write(&path, "").expect("write a file");
    let path = path.to_str().expect("a plain path");
    let reports: Vec<_> = ["read", "handle"]
        .into_iter()
        .map(|mode| place.trigger(&["open", path, "--mode", mode]))
        .collect();
    let later = place.trigger(&["open", path, "--mode", "append"]);
    place.expect(&daemon, &later, "file_open_write", |_| true);
    for report in &reports {
        daemon.expect_none("an open for reading", |it| {
            place.is_by(report, it) && it["file"]["path"] == path
        });
    }
    // A file without a name is written to from the start.
    let unnamed = dir.to_str().expect("a plain path");
    let report = place.trigger(&["open", unnamed, "--mode", "tmpfile"]);
    if report.errno != libc::EOPNOTSUPP {
        daemon.expect("an unnamed file", |it| {
            place.is_by(&report, it) && it["file"]["links"] == 0 && it["file"]["inode"].is_string()
        });
    }
    daemon.stop();
}

/// On overlayfs one open is one of the file behind it as well.
fn one_open_is_told_once(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("once"), &[]);
    let place = Place::In(&container);
    let first = place.trigger(&["open", "/etc/hosts"]);
    let second = place.trigger(&["open", "/etc/hosts"]);
    for report in [&first, &second] {
        place.expect(&daemon, report, "file_open_write", |_| true);
        place.expect(&daemon, report, "exit", |_| true);
        let documents = daemon.documents();
        let told: Vec<&Value> = documents
            .iter()
            .filter(|it| is_alert(it) && !it["file"].is_null() && place.is_by(report, it))
            .collect();
        assert_eq!(told.len(), 1, "documents of one open: {told:#?}");
    }
    daemon.stop();
}

fn names_that_are_not_utf8(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("names");
    let dir = dir.to_str().expect("a plain path");
    // The trigger copies itself to such a name before it starts the copy.
    let report = place.trigger(&["exec", "not-utf8", "--dir", dir]);
    let alert = place.expect(&daemon, &report, "file_create", |_| true);
    assert_eq!(alert["file"]["path"], format!("{dir}/\\xff\\xfe-{}", report.pid));
    assert_eq!(alert["file"]["name"], format!("\\xff\\xfe-{}", report.pid));
    daemon.stop();
}

/// What the image brought, and what is the container's own.
fn upper_layer(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("upper"), &[]);
    let place = Place::In(&container);
    let new = place.trigger(&["open", "/root/new", "--mode", "create"]);
    let alert = place.expect(&daemon, &new, "file_create", |_| true);
    assert_eq!(alert["file"]["upper_layer"], true, "{alert:#}");
    // Opened for writing, a file of the image is copied up: after the kernel has allowed the open,
    // which is where the one family of hooks sees it, and before the call returns.
    let first = place.trigger(&["open", "/etc/hosts"]);
    let alert = place.expect(&daemon, &first, "file_open_write", |_| true);
    let copied_up = stage.hooks == Hooks::Fallback;
    assert_eq!(alert["file"]["upper_layer"], copied_up, "{alert:#}");
    let second = place.trigger(&["open", "/etc/hosts"]);
    let alert = place.expect(&daemon, &second, "file_open_write", |_| true);
    assert_eq!(alert["file"]["upper_layer"], true, "{alert:#}");
    let host = stage.dir("host").join("file");
    let host: &Path = &host;
    let report = stage.trigger(&["open", host.to_str().expect("plain"), "--mode", "create"]);
    let alert = Place::Host(stage.lab).expect(&daemon, &report, "file_create", |_| true);
    assert_eq!(alert["file"]["upper_layer"], false, "{alert:#}");
    daemon.stop();
}
