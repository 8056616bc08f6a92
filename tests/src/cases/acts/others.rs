//! Acts on processes, memory, descriptors and the system.

use std::path::Path;

use serde_json::{Value, json};

use super::{Done, Run, Wrong, errno_name, is_watched, sees_objects, watch};
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::calls::{OTHERS, Row};

/// An act, the action that is told, and its text; an empty action is not told of. In the text PATH
/// is the directory with the act's names, CHILD the process that it is about.
type Told = (&'static str, &'static str, &'static str);

const TOLD: &[Told] = &[
    ("setuid", "setuid", "65534 65534 65534"),
    ("setreuid", "setuid", "0 65534 65534"),
    ("setresuid", "setuid", "1 65534 2"),
    ("setgid", "setgid", "65534 65534 65534"),
    ("setregid", "setgid", "0 65534 65534"),
    ("setresgid", "setgid", "1 65534 2"),
    // The id that only the file systems look at is not among those that are told.
    ("setfsuid", "setuid", "0 0 0"),
    ("setfsgid", "setgid", "0 0 0"),
    ("unshare", "unshare", "CLONE_NEWUTS"),
    ("setns", "setns", "CLONE_NEWUTS"),
    ("memfd", "memfd", "mark MFD_CLOEXEC"),
    ("userfaultfd", "userfaultfd", "O_CLOEXEC"),
    ("socket-packet", "socket", "AF_PACKET SOCK_RAW 768"),
    ("socket-raw", "socket", "AF_INET SOCK_RAW 1"),
    ("socket-vsock", "socket", "AF_VSOCK SOCK_STREAM 0"),
    ("socket-common", "", ""),
    ("chroot", "chroot", "PATH/dir"),
    ("mmap", "map", "PATH/old PROT_READ|PROT_EXEC"),
    ("mmap-data", "", ""),
    ("mprotect", "protect", " PROT_READ|PROT_EXEC"),
    ("mprotect-data", "", ""),
    ("pkey_mprotect", "protect", " PROT_READ|PROT_EXEC"),
    ("pidfd_getfd", "file_receive", "PATH/old came in"),
    ("ptrace-attach", "ptrace", "PTRACE_ATTACH CHILD"),
    ("ptrace-seize", "ptrace", "PTRACE_SEIZE CHILD"),
    ("mount-tmpfs", "mount", "none at PATH/dir tmpfs"),
    ("mount-bind", "mount", "PATH/. at PATH/dir "),
    ("umount2", "umount", "PATH/dir"),
    ("move_mount", "mount", "FROM at PATH/dir "),
    ("fsmount", "mount", "FROM at PATH/dir "),
    ("finit_module", "module", "PATH/old"),
    ("init_module", "module", ""),
];

/// Told of with their result by hooks on the return of the call itself; these do not see 32-bit
/// calls.
const CALLS: &[&str] = &["unshare", "setns", "memfd", "userfaultfd"];

/// Acts whose names the fallback reads from user memory.
const NAMED: &[&str] = &["chroot", "mount", "umount", "memfd"];

pub(super) fn on_the_host(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let dir = stage.dir("others");
    let place = Place::Host(stage.lab);
    let mut runs = Vec::new();
    for way in ["native", "int80"] {
        let has = |row: &Row| if way == "native" { row.has_native() } else { row.has_compat() };
        let is_here = |name: &str| OTHERS.iter().any(|row| row.name == name && has(row));
        for told in TOLD.iter().filter(|told| is_here(told.0)) {
            let run = Run::new(&place, &dir, &dir, way, "absolute");
            let done = run.perform(&daemon, &[told.0]);
            runs.push((run, done, told));
        }
    }
    let ended = daemon.stop();
    let mut wrong = Wrong::default();
    for (run, done, told) in &runs {
        // Some kernels lack what one family needs for a kind; then that is stated.
        let is_watched = is_watched(ended.heartbeat(), told.1);
        check(stage, run, done, told, is_watched, &mut wrong);
    }
    wrong.none();
}

fn check(
    stage: &Stage<'_>,
    run: &Run<'_>,
    done: &Done,
    told: &Told,
    is_watched: bool,
    wrong: &mut Wrong,
) {
    let &(name, action, text) = told;
    let what = format!("{} {name}", run.way);
    let object = sees_objects(stage);
    let errno = done.errno(name);
    // There are kernels without these; only the objects' hooks are asked before that shows.
    let is_tried = name.ends_with("module") || matches!(name, "socket-vsock" | "pkey_mprotect");
    if errno != 0 && !is_tried {
        return wrong.note(format!("{what}: errno {errno}"));
    }
    let is_seen = match stage.hooks {
        Hooks::Fentry | Hooks::Kprobe => run.way == "native" || !CALLS.contains(&name),
        Hooks::Auto | Hooks::Fallback => errno == 0,
    };
    // Of a mount also its preparation is told.
    let is_it = |it: &&Value| {
        let path = it["file"]["path"].as_str();
        let mount = name.contains("mount");
        !it["runmon"]["act"].is_null()
            && (!mount || it["event"]["action"] == action)
            && (!mount || path.is_some_and(|path| path.contains(name)))
    };
    let mut found: Vec<&Value> = done.told.iter().filter(is_it).collect();
    if name == "umount2" {
        found.retain(|it| it["event"]["action"] == "umount");
    }
    if action.is_empty() || !is_seen || !is_watched || errno == libc::ENOSYS {
        if !found.is_empty() {
            wrong.note(format!("{what}: told of: {found:#?}"));
        }
        return;
    }
    let [document] = found[..] else {
        let all: Vec<String> = found.iter().map(|it| it["runmon"].to_string()).collect();
        return wrong.note(format!("{what}: told {} times: {}", found.len(), all.join("\n  ")));
    };
    let named = !object && NAMED.contains(&action);
    let text = expected_text(run, done, name, text, object);
    let by_call = CALLS.contains(&name);
    let outcome = match stage.hooks {
        Hooks::Kprobe => "unknown",
        Hooks::Fentry if !by_call => "unknown",
        Hooks::Auto | Hooks::Fentry | Hooks::Fallback => "success",
    };
    let is_user = named || name == "memfd";
    let origin = if is_user { "user_memory" } else { "kernel_object" };
    let mut same = |of: &str, found: &Value, expected: &str| {
        wrong.expect_eq(&format!("{what}: {of}"), found, &json!(expected));
    };
    same("action", &document["event"]["action"], action);
    same("text", &document["runmon"]["act"], &text);
    same("outcome", &document["event"]["outcome"], outcome);
    same("origin", &document["runmon"]["arguments_from"], origin);
}

fn expected_text(run: &Run<'_>, done: &Done, name: &str, text: &str, object: bool) -> String {
    let through = if object || matches!(name, "mmap" | "pidfd_getfd" | "finit_module") {
        "real"
    } else {
        "link"
    };
    let dir = run.dir.join(name).join(through).display().to_string();
    // What is mounted by the older call is a text, as it was passed.
    let passed = run.dir.join(name).join("link/.").display().to_string();
    let child = done.report.numbers.get("child").copied().unwrap_or_default();
    let text = text.replace("PATH/.", &passed).replace("PATH", &dir);
    // A mount that has no place yet has no path but its own root.
    let text = text.replace("FROM", if object { "/" } else { "" });
    // Who attaches is asked for the right to; the request is the call's.
    let text = if object { text.replace("PTRACE_SEIZE", "PTRACE_ATTACH") } else { text };
    text.replace("CHILD", &child.to_string())
}

/// Acts that nobody may do, and whether the hooks on objects are asked before they are refused.
const FORBIDDEN: &[(&str, bool)] = &[
    ("setuid", false),
    ("setgid", false),
    ("chroot", false),
    ("unshare", true),
    ("socket-packet", true),
    ("finit_module", false),
];

pub(super) fn refused(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let dir = stage.dir("refused");
    for dir in dir.ancestors().take(2) {
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir, open).expect("open a directory");
    }
    let place = Place::Host(stage.lab);
    let mut wrong = Wrong::default();
    for (name, is_asked) in FORBIDDEN {
        let mut run = Run::new(&place, &dir, Path::new(&dir), "native", "absolute");
        run.uid = Some("1");
        let done = run.perform(&daemon, &[name]);
        let errno = done.errno(name);
        if errno == libc::ENOSYS {
            continue;
        }
        assert_eq!(errno, libc::EPERM, "{name}");
        // The process becomes another user first.
        let told: Vec<&Value> = done
            .told
            .iter()
            .filter(|it| !it["runmon"]["act"].is_null())
            .filter(|it| it["runmon"]["act"] != "1 1 1" || it["event"]["outcome"] == "failure")
            .collect();
        if sees_objects(stage) && !is_asked {
            if !told.is_empty() {
                wrong.note(format!("{name}: told of: {told:#?}"));
            }
            continue;
        }
        let [document] = told[..] else {
            wrong.note(format!("{name}: told {} times: {told:#?}", told.len()));
            continue;
        };
        let knows = match stage.hooks {
            Hooks::Kprobe => false,
            Hooks::Fentry => CALLS.contains(name),
            Hooks::Auto | Hooks::Fallback => true,
        };
        let (outcome, code) =
            if knows { ("failure", json!(errno_name(errno))) } else { ("unknown", Value::Null) };
        wrong.expect_eq(
            &format!("{name}: outcome"),
            &document["event"]["outcome"],
            &json!(outcome),
        );
        wrong.expect_eq(&format!("{name}: code"), &document["event"]["code"], &code);
    }
    daemon.stop();
    wrong.none();
}
