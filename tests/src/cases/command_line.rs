//! What is said where something is wrong: one clear error, the exit code, never a panic.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::Case;
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Options, runmon};
use crate::lab::{Ran, Stage};

pub(super) const CASES: &[Case] = &[
    Case::new("command_line::smoke_without_root", without_root),
    Case::new("command_line::bad_rules", bad_rules),
    Case::new("command_line::bad_configuration", bad_configuration),
    Case::new("command_line::bad_usage", bad_usage),
    Case::new("command_line::doctor_speaks_to_people", |stage| {
        let ran = stage.runmon(["doctor"]);
        ran.assert(0, &[]);
        for word in ["sched_process_exec", "cgroup v2", "file_open"] {
            assert!(ran.stdout.contains(word), "{ran:#?}");
        }
    }),
];

/// The program with another user's rights. Its copy is where that user can reach it.
pub(super) fn as_nobody(stage: &Stage<'_>, args: &[&str]) -> Ran {
    const NOBODY: u32 = 65534;
    let dir = stage.dir("nobody");
    let lab = dir.parent().expect("the lab's directory");
    for dir in [lab, &dir] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("open a directory");
    }
    let copy = dir.join("runmon");
    fs::copy(runmon(), &copy).expect("copy runmon");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("open the copy");
    let mut command = Command::new(copy);
    std::os::unix::process::CommandExt::gid(&mut command, NOBODY);
    std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    let output = command.args(args).current_dir("/").stdin(Stdio::null()).output();
    Ran::from(output.expect("start runmon as nobody"))
}

fn without_root(stage: &Stage<'_>) {
    for command in [&["run"][..], &["tail"], &["record", "-o", "/tmp/never.rec"]] {
        as_nobody(stage, command).assert(1, &["needs root", "hint"]);
    }
    // These need none.
    as_nobody(stage, &["rules", "list"]).assert(0, &[]);
    as_nobody(stage, &["--help"]).assert(0, &[]);
    let doctor = as_nobody(stage, &["doctor"]);
    doctor.assert(1, &[]);
    assert!(doctor.stdout.contains("root"), "{doctor:#?}");
}

fn bad_rules(stage: &Stage<'_>) {
    let dir = stage.dir("bad");
    let file = dir.join("rules.yaml");
    let path = file.to_str().expect("a plain path").to_owned();
    let bad: &[(&str, &[&str])] = &[
        (&EVERY_ACT.replace(EVERY_ACT_CONDITION, "proc.nam = x"), &["proc.nam", "proc.name"]),
        (&EVERY_ACT.replace(EVERY_ACT_CONDITION, "proc.name = "), &[]),
        (&EVERY_ACT.replace(EVERY_ACT_CONDITION, "(proc.name = x"), &[]),
        ("- rule: [", &[]),
        ("- rule: no condition\n", &["condition"]),
    ];
    for (text, words) in bad {
        fs::write(&file, text).expect("write the rules");
        let config =
            stage.configuration(&Options { rules: Some((*text).to_owned()), ..Options::default() });
        let config = config.to_str().expect("a plain path");
        stage
            .runmon(["run", "-c", config, "--for", "1s"])
            .assert(2, &["rules.yaml:"])
            .assert(2, words);
        let check = stage.runmon(["rules", "check", &path]);
        assert_eq!(check.code, Some(2), "{check:#?}");
        assert!(!check.stderr.contains("panicked"), "{check:#?}");
    }
    let absent = dir.join("absent.yaml");
    let absent = absent.to_str().expect("a plain path");
    stage.runmon(["rules", "check", absent]).assert(2, &["absent.yaml"]);
    stage.runmon(["run", "-r", absent, "--for", "1s"]).assert(2, &["absent.yaml"]);
}

fn bad_configuration(stage: &Stage<'_>) {
    let dir = stage.dir("bad");
    let file = dir.join("config.yaml");
    let path = file.to_str().expect("a plain path").to_owned();
    for (text, word) in [
        ("this is no mapping", "config.yaml"),
        ("no_such_key: 1", "no_such_key"),
        ("ring_bytes: 1000", "power of two"),
        ("heartbeat_seconds: 0", "heartbeat_seconds"),
        ("hooks: \"lsm\"", "fallback"),
        ("sinks: [{kind: pigeon}]", "pigeon"),
        ("sinks: [{kind: file}]", "path"),
        ("sinks: [{kind: http}]", "url"),
    ] {
        fs::write(&file, text).expect("write the configuration");
        let ran = stage.runmon(["run", "-c", &path, "--for", "1s"]);
        ran.assert(2, &[word, "config.yaml"]);
        assert!(ran.stdout.is_empty(), "{ran:#?}");
    }
    let absent = dir.join("absent.yaml");
    stage.runmon(["run", "-c", absent.to_str().expect("plain")]).assert(2, &["absent.yaml"]);
    // Not text at all, and a directory.
    fs::write(&file, b"\xff\xfe\x00").expect("write the configuration");
    stage.runmon(["run", "-c", &path]).assert(2, &["config.yaml"]);
    stage.runmon(["run", "-c", dir.to_str().expect("plain")]).assert(2, &[]);
}

fn bad_usage(stage: &Stage<'_>) {
    for args in [
        &["run", "--no-such-option"][..],
        &["no-such-command"],
        &["run", "--hooks", "lsm"],
        &["run", "--for", "soon"],
        &["record"],
        &["tail", "proc.nam = x"],
        &["tail", "proc.name ="],
    ] {
        stage.runmon(args).assert(2, &[]);
    }
    stage.runmon(["--version"]).assert(0, &[]);
    let config = stage.configuration(&Options::default());
    let config = config.to_str().expect("plain");
    stage.runmon(["run", "-c", config, "--instance", "../x", "--for", "1s"]).assert(2, &["../x"]);
}
