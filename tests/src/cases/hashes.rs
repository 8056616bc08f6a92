//! Hashes of executed files: the right one, or none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Case;
use crate::daemon::{Daemon, Options};
use crate::lab::{Stage, trigger_path};
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case::new("hashes::alerts_about_starts_carry_them_on_the_host", |stage| {
        starts(stage, &Place::Host(stage.lab));
    }),
    Case::new("hashes::alerts_about_starts_carry_them_in_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("hashes"), &[]);
        starts(stage, &Place::In(&container));
    }),
    Case::new("hashes::a_rule_finds_a_program_by_its_hash", rule_on_a_hash),
    Case::new("hashes::a_rule_that_asks_in_vain_is_told_of", asked_in_vain),
    Case::new("hashes::large_files_are_not_read", large_file),
    Case::new("hashes::a_file_that_changes_is_never_told_as_another", changing_file),
];

/// Matches the starts that the cases make, and few others of the machine.
const STARTS: &str = "\
- rule: Start
  id: start
  desc: A program is started to nap.
  condition: evt.type = execve and proc.args startswith nap
  output: a start of %proc.name
  priority: INFO
";

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_trigger() -> String {
    digest(&fs::read(trigger_path()).expect("read the trigger"))
}

/// Every way of starting a program of which the file can be reached while it runs.
fn starts(stage: &Stage<'_>, place: &Place<'_>) {
    let daemon = stage.daemon(Options { rules: Some(STARTS.to_owned()), ..Options::default() });
    let expected = of_trigger();
    for (how, memfd, deleted) in [
        ("plain", false, false),
        ("fresh", false, false),
        ("deleted", false, true),
        ("memfd", true, true),
    ] {
        let dir = place.dir(&stage.name(how));
        let dir = dir.to_str().expect("a plain path");
        // It outlives its start by a second, which a hash of an emulated machine may need.
        let report = place.trigger(&["exec", how, "--dir", dir, "--", "nap", "1000"]);
        let alert = place.expect(&daemon, &report, "exec", |it| it["process"]["args"][1] == "nap");
        let process = &alert["process"];
        assert_eq!(process["hash"]["sha256"], expected, "{how}: {process:#}");
        let file = &process["code_file"];
        assert_eq!((&file["memfd"], &file["deleted"]), (&json!(memfd), &json!(deleted)), "{how}");
        assert_eq!(alert["runmon"]["metadata"]["state"], "complete");
    }
    let ended = daemon.stop();
    let tables = &ended.heartbeat()["runmon"]["tables"];
    assert!(tables["hashes_missed"].as_u64() > Some(0), "{tables:#}");
    assert_eq!(tables["hashes_refused"], 0, "{tables:#}");
}

/// Where they are switched off such a rule cannot fire, which is not left unsaid.
fn asked_in_vain(stage: &Stage<'_>) {
    let condition = format!("proc.exe_sha256 = {}", of_trigger());
    let rules = STARTS.replace("proc.args startswith nap", &condition);
    let keys = "hash: \"off\"".to_owned();
    let daemon = stage.daemon(Options { rules: Some(rules), keys, ..Options::default() });
    let finding = daemon.expect_document("the finding", |document| {
        document["rule"]["name"] == "Rules ask for hashes that are off"
    });
    let text = finding["message"].as_str().unwrap_or_default();
    assert!(text.contains("`hash: off`"), "{text}");
    daemon.stop();
}

/// A rule about a hash fires on the program, whatever its name, and on nothing else.
fn rule_on_a_hash(stage: &Stage<'_>) {
    let dir = stage.dir("indicators");
    let (program, other) = (dir.join("known"), dir.join("other"));
    fs::copy(trigger_path(), &program).expect("copy the trigger");
    fs::copy(trigger_path(), &other).expect("copy the trigger");
    let mut bytes = fs::read(&other).expect("read the copy");
    // Behind the end of what is loaded.
    bytes.push(0);
    fs::write(&other, bytes).expect("change the copy");
    let rules = format!(
        "- list: bad_hashes\n  items: [{}, {}]\n- rule: Known hash\n  id: known_hash\n  desc: d\n  \
         condition: evt.type = execve and proc.exe_sha256 in (bad_hashes)\n  \
         output: found %proc.exe_sha256\n  priority: INFO\n",
        "0".repeat(64),
        of_trigger()
    );
    let daemon = stage.daemon(Options { rules: Some(rules), ..Options::default() });
    // Where reading takes longer than a rule waits, the hash is known at the next start.
    for program in [&other, &program, &program, &program] {
        run(program, &["nap", "1000"]);
    }
    let alert = started(&daemon, &program);
    assert_eq!(alert["rule"]["id"], "known_hash");
    assert_eq!(alert["message"], format!("found {}", of_trigger()));
    assert_eq!(alert["runmon"]["metadata"]["state"], "complete");
    daemon.expect_none("an alert about another file", |it| {
        it["process"]["executable"] == json!(other)
    });
    daemon.stop();
}

fn large_file(stage: &Stage<'_>) {
    let keys = "hash_bytes_max: 1000".to_owned();
    let daemon =
        stage.daemon(Options { keys, rules: Some(STARTS.to_owned()), ..Options::default() });
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["exec", "plain"]);
    let alert = place.expect(&daemon, &report, "exec", |it| it["process"]["args"][1] == "nap");
    assert_eq!(alert["process"]["hash"], json!({ "unknown_because": "too_large" }));
    daemon.stop();
}

/// Programs that are written over as soon as they have ended: some before they can be read.
fn changing_file(stage: &Stage<'_>) {
    const FILES: usize = 20;
    let daemon = stage.daemon(Options { rules: Some(STARTS.to_owned()), ..Options::default() });
    let dir = stage.dir("changing");
    let bytes = fs::read(trigger_path()).expect("read the trigger");
    for number in 0..FILES {
        let program = dir.join(format!("trigger-{number}"));
        let mut own = bytes.clone();
        // Each has a hash of its own.
        own.extend(number.to_string().into_bytes());
        fs::write(&program, &own).expect("write the program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("make it run");
        run(&program, &["nap", "0"]);
        // Of the same length.
        let other = vec![b'x'; own.len()];
        fs::write(&program, other).expect("write over the program");
        let hash = &started(&daemon, &program)["process"]["hash"];
        match hash["sha256"].as_str() {
            Some(hash) => assert_eq!(hash, digest(&own)),
            None => {
                let why = hash["unknown_because"].as_str();
                assert!(matches!(why, Some("changed" | "gone")), "{hash:#}");
            }
        }
    }
    daemon.stop();
}

fn run(program: &Path, args: &[&str]) {
    let mut command = Command::new(program);
    let ran = command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(ran.expect("start the program").success());
}

/// The alert about the start of a program, or its update.
fn started(daemon: &Daemon, program: &Path) -> Value {
    daemon.expect(&format!("the start of {}", program.display()), |it| {
        it["event"]["action"] == "exec" && it["process"]["executable"] == json!(program)
    })
}
