//! Acts that take more than one call.

use serde_json::{Value, json};

use super::{Wrong, sees_objects, watch};
use crate::daemon::is_alert;
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::calls;

/// The deed, the action that is told, its text with hooks on objects, and that of the fallback;
/// empty where it sees nothing. REAL is the directory of the deed, CHILD the other process.
type Told = (&'static str, &'static str, &'static str, &'static str);

const TOLD: &[Told] = &[
    ("receive", "file_receive", "REAL/old came in", ""),
    ("vm-writev", "ptrace", "PTRACE_ATTACH CHILD", "PTRACE_ATTACH CHILD"),
    // That the memory is opened to be written to is told by every family.
    ("proc-mem", "ptrace", "PTRACE_ATTACH CHILD", ""),
    ("traceme", "ptrace", "PTRACE_TRACEME PARENT", "PTRACE_TRACEME 0"),
    ("clone", "unshare", "CLONE_NEWUTS child CHILD", "CLONE_NEWUTS child CHILD"),
    ("clone3", "unshare", "CLONE_NEWUTS child CHILD", "CLONE_NEWUTS child CHILD"),
    ("bpf-load", "bpf", "BPF_PROG_LOAD trigger_prog", "BPF_PROG_LOAD "),
    ("capset", "capset", "effective 0x1", "effective 0x1"),
    ("pivot-root", "pivot_root", "REAL, the old one at REAL/dir", "REAL, the old one at REAL/dir"),
    ("protect-file", "protect", "REAL/old PROT_READ|PROT_EXEC", " PROT_READ|PROT_EXEC"),
    ("signal", "signal", "SIGURG to MONITOR", "SIGURG to MONITOR"),
];

pub(super) fn on_the_host(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let dir = stage.dir("deeds");
    let place = Place::Host(stage.lab);
    let monitor = daemon.pid().to_string();
    let mut wrong = Wrong::default();
    for &(deed, action, object, fallback) in TOLD {
        let here = dir.join(deed);
        calls::prepare(&here).expect("prepare an act");
        let path = here.to_str().expect("a plain path");
        let report = place.trigger(&["deed", deed, path, "--pid", &monitor]);
        if report.errno != 0 {
            wrong.note(format!("{deed}: {report}"));
            continue;
        }
        place.expect(&daemon, &report, "exit", |_| true);
        let documents = daemon.documents();
        let found: Vec<&Value> = documents
            .iter()
            .filter(|it| is_alert(it) && place.is_by(&report, it))
            .filter(|it| it["event"]["action"] == action)
            // Mounts of its own are a preparation.
            .filter(|it| it["runmon"]["act"] != "CLONE_NEWNS")
            .collect();
        let text = if sees_objects(stage) { object } else { fallback };
        if text.is_empty() {
            if !found.is_empty() {
                wrong.note(format!("{deed}: told of: {found:#?}"));
            }
            continue;
        }
        let [document] = found[..] else {
            let all: Vec<String> = found.iter().map(|it| it["runmon"].to_string()).collect();
            wrong.note(format!("{deed}: told {} times: {}", found.len(), all.join("\n  ")));
            continue;
        };
        let child = report.numbers.get("child").copied().unwrap_or_default();
        let parent = document["process"]["parent"]["pid"].to_string();
        let text = text
            .replace("REAL", &here.join("real").display().to_string())
            .replace("CHILD", &child.to_string())
            .replace("MONITOR", &monitor)
            .replace("PARENT", &parent);
        wrong.expect_eq(&format!("{deed}: text"), &document["runmon"]["act"], &json!(text));
        // A tracepoint tells of what has come about, whatever the other hooks are.
        let came_about = matches!(deed, "clone" | "clone3" | "signal");
        let known = came_about || stage.hooks == Hooks::Fallback;
        let outcome = if known { "success" } else { "unknown" };
        let found = &document["event"]["outcome"];
        wrong.expect_eq(&format!("{deed}: outcome"), found, &json!(outcome));
    }
    daemon.stop();
    wrong.none();
}
