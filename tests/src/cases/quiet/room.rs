//! A root of its own for work that changes the system: what is done there is done to the paths that
//! a host has, with the host's own programs, and the host keeps as it is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::daemon::{Daemon, is_alert};

const ROOM: &str = include_str!("room.sh");

/// A script that says which room it is before it becomes one.
const NAMED: &str = r#"readlink /proc/self/ns/mnt; exec /bin/sh "$@""#;

/// The rule that the last act in a room breaks.
const LAST: &str = "preload_file_written";

/// Whether the host has what a room takes; the small system of a virtual machine has not.
pub(super) fn is_possible() -> bool {
    ["/usr/bin/unshare", "/usr/sbin/pivot_root", "/usr/bin/dpkg"]
        .iter()
        .all(|program| Path::new(program).is_file())
}

/// A room in which the work is done.
pub(super) struct Room {
    /// Number of its mount namespace.
    namespace: u64,
}

/// Does the work of a script in a room. It is given the folder of Debian packages that set-up
/// fetched, which may be absent.
pub(super) fn work(name: &str, script: &str) -> Room {
    let dir = Folder(format!("/var/lib/runmon-e2e-{}-{name}", std::process::id()).into());
    fs::create_dir_all(dir.0.join("room")).expect("make a folder for the room");
    let file = |name: &str, text: &str| {
        let path = dir.0.join(name);
        fs::write(&path, text).expect("write a script");
        path
    };
    let (room, script) = (file("room.sh", ROOM), file("work.sh", script));
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]);
    command.args(["/bin/sh", "-c", NAMED, "room"]).arg(room).arg(dir.0.join("room")).arg(script);
    command.arg(env::var_os("PACKAGES").unwrap_or_else(|| "/nonexistent".into()));
    let output = command.stdin(Stdio::null()).output().expect("start the work");
    assert!(output.status.success(), "{name}: {output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.lines().next().and_then(|line| line.strip_prefix("mnt:["));
    let number = number.and_then(|it| it.strip_suffix(']')?.parse().ok());
    Room { namespace: number.expect("the room says which it is") }
}

impl Room {
    /// Waits for the alert on the last act, and expects that no other came of the room.
    pub(super) fn expect_quiet(&self, daemon: &Daemon) {
        let is_here = |it: &Value| it["runmon"]["namespaces"]["mount"] == self.namespace;
        daemon.expect("the last act in the room", |it| is_here(it) && it["rule"]["id"] == LAST);
        daemon.expect_none("ordinary work", |it| {
            is_alert(it) && is_here(it) && it["rule"]["id"] != LAST
        });
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
