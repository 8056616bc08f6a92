//! Replays of the recording in `testdata/`.

use std::fs;

use crate::{
    folder::Folder,
    golden,
    program::{Outcome, run, testdata, write},
};

fn replay(args: &[&str]) -> Outcome {
    let story = testdata("story.rec");
    run(&[&["replay", &story], args].concat())
}

#[test]
fn alerts_are_the_golden_ones() {
    for (form, file) in [
        ("text", "text.txt"),
        ("ecs", "ecs.ndjson"),
        ("ocsf", "ocsf.ndjson"),
        ("falco", "falco.ndjson"),
    ] {
        let first = replay(&["--format", form]);
        assert_eq!((first.code, &*first.stderr), (Some(0), ""), "{form}");
        golden::compare(&format!("testdata/replay/{file}"), &first.stdout);
        assert_eq!(replay(&["--format", form]).stdout, first.stdout, "{form}, again");
    }
    assert_eq!(replay(&["--json"]).stdout, replay(&["--format", "ecs"]).stdout);
    assert_eq!(replay(&[]).stdout, replay(&["--format", "text"]).stdout);
}

#[test]
fn events_are_shown_when_asked_for() {
    let (plain, all) = (replay(&["--json"]).stdout, replay(&["--json", "--events"]).stdout);
    let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
    assert!(lines(&all) > lines(&plain));
    let stats = replay(&["--stats"]).stderr;
    assert!(stats.contains(" records, ") && stats.contains(" events/s"), "{stats}");
}

#[test]
fn repeats_are_gathered_as_the_daemon_does() {
    const EVERY: &str = "- rule: every\n  desc: d\n  condition: evt.type = execve\n  \
                         output: o\n  priority: NOTICE\n";
    let folder = Folder::new("rollup");
    let rules = write(&folder, "every.yaml", EVERY.as_bytes());
    let recording = testdata("quiet/upgrade.rec");
    let told = |more: &[&str]| {
        let outcome = run(&[&["replay", &recording, "--json", "--rules", &rules], more].concat());
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
        let documents = serde_json::Deserializer::from_slice(&outcome.stdout).into_iter();
        let documents: Vec<serde_json::Value> = documents.map(Result::unwrap).collect();
        let of_form = |form: &str| {
            let of_form = documents.iter().filter(|it| it["runmon"]["document"] == form);
            of_form.cloned().collect::<Vec<_>>()
        };
        let rollups = of_form("rollup");
        let repeats: u64 =
            rollups.iter().map(|it| it["runmon"]["rollup"]["count"].as_u64().unwrap()).sum();
        (of_form("alert").len() as u64, repeats)
    };
    let (all, none) = told(&["--rollup-seconds", "0"]);
    let (alerts, repeats) = told(&[]);
    assert_eq!((none, alerts + repeats), (0, all));
    assert!(repeats > 0);
    assert_eq!(told(&["--rollup-seconds", "60"]), (alerts, repeats));
    assert!(told(&["--rollup-seconds", "86400"]).0 <= alerts);
    assert_eq!(run(&["replay", &recording, "--rollup-seconds", "86401"]).code, Some(2));
}

/// A recording without blocks is cut in the middle of an entry; one with blocks loses the last one.
#[test]
fn a_cut_recording_is_replayed_up_to_the_cut() {
    let folder = Folder::new("cut");
    for file in ["story-version-2.rec", "story.rec"] {
        let whole = fs::read(testdata(file)).unwrap();
        let cut = write(&folder, file, &whole[..whole.len() - 10]);
        let outcome = run(&["replay", &cut]);
        assert_eq!(outcome.code, Some(0));
        assert!(outcome.stderr.contains("the recording was cut"), "{}", outcome.stderr);
        let is_one_block = file == "story.rec";
        let expected = if is_one_block { Vec::new() } else { replay(&[]).stdout };
        assert_eq!(outcome.stdout, expected);
    }
}

#[test]
fn what_cannot_be_replayed_is_1() {
    #[track_caller]
    fn check(file: &str, stderr: &str) {
        let outcome = run(&["replay", file]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(stderr), "{}", outcome.stderr);
    }
    let folder = Folder::new("damaged");
    check("/nowhere.rec", "cannot open the recording /nowhere.rec: No such file or directory");
    check(&write(&folder, "empty.rec", b""), "empty.rec is no runmon recording");
    check(&write(&folder, "foreign.rec", b"\x7fELF..."), "foreign.rec is no runmon recording");
    check(folder.path().to_str().unwrap(), "");
    let mut damaged = fs::read(testdata("story-version-2.rec")).unwrap();
    let entry = [0x93, 0, 0xc6];
    let last = damaged.windows(3).rposition(|part| part == entry).unwrap();
    damaged[last + 40] ^= 0xee;
    check(&write(&folder, "damaged.rec", &damaged), "damaged.rec is damaged at entry ");
    // What was read before the damage was good, and is shown.
    let before = run(&["replay", &write(&folder, "damaged.rec", &damaged)]).stdout;
    assert!(!before.is_empty() && replay(&[]).stdout.starts_with(&before));
    let mut damaged = fs::read(testdata("story.rec")).unwrap();
    *damaged.last_mut().unwrap() ^= 0xee;
    check(&write(&folder, "damaged.rec", &damaged), "the recording is damaged in 1 place");
    check(&write(&folder, "damaged.rec", &damaged), "the block's checksum is another");
}

#[test]
fn recordings_of_the_versions_before_are_read() {
    for file in ["story-version-1.rec", "story-version-2.rec"] {
        let old = run(&["replay", &testdata(file)]);
        assert_eq!((old.code, old.stdout), (Some(0), replay(&[]).stdout), "{file}");
    }
}

/// What ordinary work does was recorded, and cut down by the example `cut_recording`. The work in
/// a root of its own ends with an act that alerts.
#[test]
fn ordinary_work_raises_no_alert() {
    const LAST: &[&str] = &["preload_file_written"];
    for (work, events, expected) in
        [("upgrade", 500, LAST), ("server", 500, LAST), ("node", 100, LAST), ("build", 100, &[])]
    {
        let recording = testdata(&format!("quiet/{work}.rec"));
        let outcome = run(&["replay", &recording, "--json", "--events"]);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{work}");
        let documents: Vec<serde_json::Value> = outcome
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let of_form = |form: &str| {
            documents.iter().filter(|it| it["runmon"]["document"] == form).collect::<Vec<_>>()
        };
        assert!(of_form("event").len() > events, "{work}: {} events", of_form("event").len());
        let alerts = of_form("alert");
        let rules: Vec<_> = alerts.iter().map(|it| it["rule"]["id"].as_str().unwrap()).collect();
        assert_eq!(rules, expected, "{work}: {alerts:#?}");
    }
}
