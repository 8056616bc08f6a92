//! Acts on names and attributes of files.

use serde_json::{Value, json};

use super::{Done, Run, Wrong, errno_name, is_blind_to_rings, sees_objects, watch};
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::calls::{DIR, NAMES, NEW, OLD, Row};

/// Acts, the action that is told, the name and the other name, and the text.
type Told = (&'static [&'static str], &'static str, &'static str, &'static str, &'static str);

const TOLD: &[Told] = &[
    (&["rename", "renameat", "renameat2"], "rename", OLD, NEW, "PATH → OTHER"),
    (&["link", "linkat"], "link", OLD, NEW, "OTHER is PATH"),
    (&["symlink", "symlinkat"], "symlink", NEW, "says", "PATH → says"),
    (&["unlink", "unlinkat"], "unlink", OLD, "", "PATH"),
    (&["rmdir", "unlinkat-dir"], "rmdir", DIR, "", "PATH"),
    (&["mkdir", "mkdirat"], "mkdir", NEW, "", "PATH 0750"),
    (&["mknod", "mknodat"], "mknod", NEW, "", "PATH 0640"),
    (&["truncate"], "truncate", OLD, "", "PATH to 7 bytes"),
    (&["chmod", "fchmod", "fchmodat", "fchmodat2"], "chmod", OLD, "", "PATH 4711"),
    (&["chown", "fchown", "lchown", "fchownat", "fchownat-empty"], "chown", OLD, "", "PATH 1:2"),
    (&["utime", "utimes", "futimesat", "utimensat", "futimens"], "utimes", OLD, "", "PATH"),
    (&["setxattr", "lsetxattr", "fsetxattr"], "xattr", OLD, "trusted.mark", "PATH trusted.mark"),
    (
        &["removexattr", "lremovexattr", "fremovexattr"],
        "xattr",
        OLD,
        "trusted.mark",
        "PATH without trusted.mark",
    ),
];

/// What a ring can do.
const RING: &[&str] = &["renameat", "linkat", "symlinkat", "unlinkat", "unlinkat-dir", "mkdirat"];

/// Acts whose success their hook does not see: it is asked whether they may be.
const CHECKED: &[&str] =
    &["rename", "link", "symlink", "unlink", "rmdir", "mkdir", "mknod", "xattr"];

pub(super) fn on_the_host(stage: &Stage<'_>) {
    let dir = stage.dir("names");
    every_way(stage, &Place::Host(stage.lab), &dir, &dir);
}

pub(super) fn in_a_container(stage: &Stage<'_>) {
    let container = stage.containerd().run(&stage.name("names"), &[]);
    let place = Place::In(&container);
    let dir = place.dir("names");
    let here = format!("/proc/{}/root{}", container.pid(), dir.display());
    every_way(stage, &place, &dir, here.as_ref());
}

fn every_way(stage: &Stage<'_>, place: &Place<'_>, dir: &std::path::Path, here: &std::path::Path) {
    let daemon = watch(stage);
    let names = |is_one: fn(&&Row) -> bool| -> Vec<&str> {
        NAMES.iter().filter(is_one).map(|row| row.name).collect()
    };
    let all = names(|row| row.has_native());
    let at = names(|row| row.has_native() && row.words.contains('@'));
    let compat = names(|row| row.has_compat());
    let compat_at = names(|row| row.has_compat() && row.words.contains('@'));
    let mut runs = Vec::new();
    for (way, form, names) in [
        ("native", "absolute", &all[..]),
        ("native", "relative", &all),
        ("native", "at", &at),
        ("int80", "absolute", &compat),
        ("int80", "at", &compat_at),
        ("io-uring", "absolute", RING),
        ("io-uring", "at", RING),
    ] {
        let run = Run::new(place, dir, here, way, form);
        let done = run.perform(&daemon, names);
        runs.push((run, done, names));
    }
    let ended = daemon.stop();
    let mut wrong = Wrong::default();
    for (run, done, names) in &runs {
        for name in *names {
            check(stage, run, done, name, ended.heartbeat(), &mut wrong);
        }
    }
    wrong.none();
}

/// One act of a run: told once, and told right.
fn check(
    stage: &Stage<'_>,
    run: &Run<'_>,
    done: &Done,
    name: &str,
    heartbeat: &Value,
    wrong: &mut Wrong,
) {
    let what = format!("{} {} {name}", run.way, run.form);
    let errno = done.errno(name);
    let is_missing = matches!(errno, libc::ENOSYS | libc::EINVAL);
    if is_missing && (name == "fchmodat2" || run.way == "io-uring") {
        return;
    }
    // Containers may not set these attributes.
    if name.ends_with("xattr") && errno == libc::EPERM && matches!(run.place, Place::In(_)) {
        return;
    }
    if errno != 0 {
        return wrong.note(format!("{what}: errno {errno}"));
    }
    let dir = format!("{}/", run.dir.join(name).display());
    let told: Vec<&Value> = done
        .told
        .iter()
        .filter(|it| it["file"]["path"].as_str().is_some_and(|path| path.starts_with(&dir)))
        .collect();
    let row = TOLD.iter().find(|row| row.0.contains(&name)).expect("a row for each act");
    if told.is_empty() && run.way == "io-uring" && is_blind_to_rings(heartbeat, row.1) {
        return;
    }
    let [document] = told[..] else {
        let all: Vec<String> = told.iter().map(|it| it["runmon"].to_string()).collect();
        return wrong.note(format!("{what}: told {} times: {}", told.len(), all.join("\n  ")));
    };
    compare(stage, run, name, row, document, wrong);
    // The fallback has no more than the name, but where the call has a descriptor.
    if row.2 == OLD {
        let inode = done.inodes.get(name).map(|inode| json!(inode.to_string()));
        let inode = inode.filter(|_| has_object(stage, name)).unwrap_or_default();
        wrong.expect_eq(&format!("{what}: inode"), &document["file"]["inode"], &inode);
    }
    run.place.assert_named_in(document);
}

/// Whether the object of an act is known, and not only its name.
fn has_object(stage: &Stage<'_>, name: &str) -> bool {
    let row = NAMES.iter().find(|row| row.name == name).expect("a row for each act");
    sees_objects(stage) || row.words.starts_with("fd ")
}

fn compare(
    stage: &Stage<'_>,
    run: &Run<'_>,
    name: &str,
    &(_, action, path, other, text): &Told,
    document: &Value,
    wrong: &mut Wrong,
) {
    let object = has_object(stage, name);
    let through = if object || run.form != "absolute" { "real" } else { "link" };
    let full = |text: &str| match text {
        OLD | NEW | DIR => run.dir.join(name).join(through).join(text).display().to_string(),
        text => text.to_owned(),
    };
    let (path, other) = (full(path), full(other));
    let text = text.replace("PATH", &path).replace("OTHER", &other);
    let origin = match (object, run.way) {
        (true, _) => "kernel_object",
        (false, "io-uring") => "kernel_copy",
        (false, _) => "user_memory",
    };
    let outcome = match stage.hooks {
        Hooks::Kprobe => "unknown",
        Hooks::Fentry if CHECKED.contains(&action) => "unknown",
        Hooks::Auto | Hooks::Fentry | Hooks::Fallback if run.way == "io-uring" => "unknown",
        Hooks::Auto | Hooks::Fentry | Hooks::Fallback => "success",
    };
    let mut same = |of: &str, found: &Value, expected: Value| {
        let what = format!("{} {} {name}: {of}", run.way, run.form);
        wrong.expect_eq(&what, found, &expected);
    };
    same("action", &document["event"]["action"], json!(action));
    same("path", &document["file"]["path"], json!(path));
    let other = if other.is_empty() { Value::Null } else { json!(other) };
    same("other", &document["runmon"]["other"], other);
    same("text", &document["runmon"]["act"], json!(text));
    same("origin", &document["runmon"]["arguments_from"], json!(origin));
    same("outcome", &document["event"]["outcome"], json!(outcome));
}

/// Acts that nobody may do on what is root's.
const FORBIDDEN: &[&str] = &[
    "rename", "symlink", "unlink", "rmdir", "mkdir", "mknod", "truncate", "chmod", "fchmod",
    "chown", "utimes", "setxattr",
];

pub(super) fn refused(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let dir = stage.dir("refused");
    let place = Place::Host(stage.lab);
    for dir in dir.ancestors().take(2) {
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir, open).expect("open a directory");
    }
    let mut run = Run::new(&place, &dir, &dir, "native", "absolute");
    run.uid = Some("65534");
    let done = run.perform(&daemon, FORBIDDEN);
    let mut wrong = Wrong::default();
    for name in FORBIDDEN {
        let errno = done.errno(name);
        assert!(matches!(errno, libc::EPERM | libc::EACCES), "{name}: {errno}");
        let dir = format!("{}/", dir.join("native-absolute").join(name).display());
        let is_here =
            |it: &&Value| it["file"]["path"].as_str().is_some_and(|path| path.starts_with(&dir));
        let told: Vec<&Value> = done.told.iter().filter(is_here).collect();
        // Refused before the security modules are asked.
        let unseen = *name == "setxattr" && sees_objects(stage);
        let [document] = told[..] else {
            if !(unseen && told.is_empty()) {
                wrong.note(format!("{name}: told {} times: {told:#?}", told.len()));
            }
            continue;
        };
        let action = document["event"]["action"].as_str().unwrap_or_default();
        let unknown = stage.hooks == Hooks::Kprobe
            || stage.hooks == Hooks::Fentry && CHECKED.contains(&action);
        let expected = if unknown { "unknown" } else { "failure" };
        let outcome = &document["event"]["outcome"];
        wrong.expect_eq(&format!("{name}: outcome"), outcome, &json!(expected));
        let code = if unknown { Value::Null } else { json!(errno_name(errno)) };
        wrong.expect_eq(&format!("{name}: code"), &document["event"]["code"], &code);
        wrong.expect_eq(&format!("{name}: user"), &document["user"]["id"], &json!("65534"));
    }
    daemon.stop();
    wrong.none();
}
