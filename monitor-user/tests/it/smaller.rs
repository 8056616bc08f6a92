//! Parts of recordings. What was chosen looks as it does among everything, and a recording that has
//! only that tells the same.

use std::{collections::HashSet, fs, process::ExitCode, time::Duration};

use clap::Parser as _;
use proptest::prelude::*;
use runmon::{
    cli::{Cli, Command},
    commands::{Usage, replay},
};

use crate::{folder::Folder, program::testdata};

/// Alerts on everything, with what is hard to tell of it.
const EVERY: &str = "
- rule: every
  desc: d
  condition: evt.num >= 0
  output: >
    %evt.type %proc.aname %proc.pname %container.name %container.image.repository %fd.sip.name
    %fd.sip.container.name %fd.sip.pod.name %proc.exe_sha256 %proc.origin
  priority: debug
";

const CONDITIONS: &[&str] = &[
    "evt.type = execve",
    "evt.type = connect",
    "evt.type in (connect, sendto) and container.id != host",
    "evt.type = openat and container.id != host",
    "evt.type in (dns_query, dns_answer)",
    "proc.name in (sh, bash, dash)",
    "proc.aname intersects (sh, dpkg, apt-get)",
    "container.id = host",
    "container.id != host",
    "container.image.repository exists",
    "fd.sip.name exists",
    "proc.exe_sha256 exists",
    "proc.name startswith a or proc.name startswith p",
    "evt.type = procexit",
    "user.uid != 0",
];

const RECORDINGS: &[&str] = &["story.rec", "quiet/build.rec", "quiet/node.rec", "quiet/server.rec"];

fn replay_of(args: &[&str]) -> anyhow::Result<ExitCode> {
    let cli = Cli::try_parse_from([&["runmon", "replay"], args].concat()).unwrap();
    let Command::Replay(args) = cli.command else { panic!("no replay") };
    replay::run(&args)
}

/// The documents that a replay makes, one a line.
fn documents(folder: &Folder, args: &[&str]) -> Vec<String> {
    let path = folder.path().join("documents.ndjson");
    drop(fs::remove_file(&path));
    let rules = folder.path().join("every.yaml");
    fs::write(&rules, EVERY).unwrap();
    let (to, rules) = (path.display().to_string(), rules.display().to_string());
    let more = ["--json", "--events", "--rollup-seconds", "0", "-r", &rules, "-o", &to];
    replay_of(&[args, &more].concat()).unwrap();
    fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect()
}

/// A smaller recording; how many bytes it has.
fn smaller(folder: &Folder, recording: &str, choice: &[&str]) -> (String, u64) {
    let path = folder.path().join("smaller.rec");
    drop(fs::remove_file(&path));
    let to = path.display().to_string();
    replay_of(&[&[recording, "-o", &to], choice].concat()).unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    (to, bytes)
}

/// What was chosen looks as it does among everything, also in a recording that has only that.
fn check(recording: &str, all: &HashSet<String>, choice: &[&str]) -> (usize, u64) {
    let folder = Folder::new(&format!("smaller-{:?}", std::thread::current().id()));
    let shown = documents(&folder, &[&[recording], choice].concat());
    for document in &shown {
        assert!(all.contains(document), "{choice:?} shows what is not so: {document}");
    }
    let (cut, bytes) = smaller(&folder, recording, choice);
    let again = documents(&folder, &[&cut]);
    for (expected, found) in shown.iter().zip(&again) {
        assert_eq!(expected, found, "{recording} {choice:?}");
    }
    assert_eq!(shown.len(), again.len(), "{recording} {choice:?}");
    (shown.len(), bytes)
}

fn all_of(recording: &str) -> HashSet<String> {
    let folder = Folder::new(&format!("all-{:?}", std::thread::current().id()));
    documents(&folder, &[recording]).into_iter().collect()
}

#[test]
fn a_smaller_recording_tells_the_same() {
    for (recording, least) in [("story.rec", 10), ("quiet/node.rec", 4)] {
        let recording = testdata(recording);
        let (all, whole) = (all_of(&recording), fs::metadata(&recording).unwrap().len());
        let mut found = 0;
        for condition in CONDITIONS {
            let (shown, bytes) = check(&recording, &all, &["--where", condition]);
            found += usize::from(shown > 0);
            assert!(shown > 0 || bytes < whole, "{recording} {condition}: {bytes} of {whole}");
        }
        assert!(found >= least, "{recording}: {found} conditions hold for something");
    }
}

/// A part of a part is that part.
#[test]
fn a_smaller_recording_is_made_smaller() {
    let folder = Folder::new("smaller-still");
    let choice = ["--where", "evt.type in (execve, openat) and container.id != host"];
    let (once, _) = smaller(&folder, &testdata("story.rec"), &choice);
    let before = documents(&folder, &[&once]);
    let kept = folder.path().join("once.rec").display().to_string();
    fs::rename(once, &kept).unwrap();
    let (twice, _) = smaller(&folder, &kept, &choice);
    assert!(!before.is_empty());
    assert_eq!(documents(&folder, &[&twice]), before);
}

#[test]
fn everything_is_chosen_without_a_choice() {
    let folder = Folder::new("copy");
    for recording in ["story-version-1.rec", "quiet/node.rec"] {
        let recording = testdata(recording);
        let (copy, bytes) = smaller(&folder, &recording, &[]);
        assert_eq!(documents(&folder, &[&copy]), documents(&folder, &[&recording]));
        assert!(bytes <= fs::metadata(&recording).unwrap().len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_part_of_the_time_tells_the_same(
        recording in prop::sample::select(RECORDINGS),
        condition in prop::option::of(prop::sample::select(CONDITIONS)),
        from in prop::option::of(0..60_u64),
        to in prop::option::of(0..60_u64),
    ) {
        let [from, to] = [from, to].map(|it| it.map(|seconds| format!("{seconds}s")));
        let choice = [("--where", condition), ("--from", from.as_deref()), ("--to", to.as_deref())];
        let choice: Vec<&str> =
            choice.iter().filter_map(|(name, it)| it.map(|it| [*name, it])).flatten().collect();
        if !choice.is_empty() {
            let recording = testdata(recording);
            check(&recording, &all_of(&recording), &choice);
        }
    }
}

#[test]
fn moments_are_offsets_or_times() {
    let moment = |text: &str| text.parse::<replay::Moment>();
    assert_eq!(moment("90s"), Ok(replay::Moment::After(Duration::from_secs(90))));
    assert_eq!(moment("2m"), Ok(replay::Moment::After(Duration::from_secs(120))));
    assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(replay::Moment::At(1_000_000_000)));
    assert_eq!(moment("1970-01-01T02:00:00+02:00"), Ok(replay::Moment::At(0)));
    for wrong in ["", "soon", "-1s", "2026-05-04", "12:30"] {
        assert!(moment(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn files_are_not_replaced_and_forms_are_not_guessed() {
    let folder = Folder::new("replaced");
    let story = testdata("story.rec");
    let path = folder.path().join("there.rec");
    fs::write(&path, "precious").unwrap();
    let there = path.display().to_string();
    for more in [&[][..], &["--where", "evt.type = execve"], &["--json"]] {
        let error = replay_of(&[&[&*story, "-o", &there], more].concat()).unwrap_err();
        assert!(error.to_string().contains("never replaces a file"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let documents = folder.path().join("x.ndjson").display().to_string();
    let error = replay_of(&[&story, "-o", &documents]).unwrap_err();
    assert!(error.to_string().contains("--format ecs"), "{error}");
    let error = replay_of(&[&story, "--where", "evt.typ = execve"]).unwrap_err();
    assert!(error.downcast_ref::<Usage>().is_some(), "{error}");
}
