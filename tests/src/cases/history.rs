//! What was raised is kept, told of with what was done around it, and can be excepted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_alert, is_heartbeat};
use crate::lab::{Ran, Stage};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("history::an_alert_and_its_story_outlive_a_kill", outlives),
    Case::new("history::an_exception_is_written_and_keeps_quiet", excepted),
    Case::new("history::sinks_get_what_they_got_without_it", sinks_alike),
    Case::new("history::without_it_nothing_is_kept", switched_off),
];

/// A rule about one word among the arguments of busybox.
pub(super) fn rules(word: &str) -> String {
    format!(
        "- rule: Word said\n  id: word_said\n  version: 7\n  desc: Somebody says it.\n  condition: \
         evt.type = execve and proc.name = busybox and proc.cmdline contains {word}\n  output: \
         said %proc.cmdline\n  priority: WARNING\n  tags: [T1059.004]\n  triage: [Look who said \
         it.]\n"
    )
}

fn options(stage: &Stage<'_>, word: &str, keys: &str) -> Options {
    Options {
        rules: Some(rules(word)),
        keys: format!("heartbeat_seconds: 1\nrollup_seconds: 0\n{keys}"),
        state_dir: Some(stage.dir("state")),
        ..Options::default()
    }
}

/// A shell says three words, one after the other.
pub(super) fn say(words: [&str; 3]) {
    let script = "for word; do /bin/busybox echo \"$word\"; done";
    let status = Command::new("/bin/sh").args(["-c", script, "sh"]).args(words).output();
    assert!(status.expect("start a shell").status.success());
}

fn alerts(stage: &Stage<'_>, config: &Path, args: &[&str]) -> Ran {
    let config = config.to_str().expect("a plain path");
    stage.runmon(["alerts"].iter().chain(args).copied().chain(["-c", config]))
}

fn alert(daemon: &Daemon, word: &str) -> Value {
    daemon.expect("an alert", |it| {
        it["process"]["command_line"].as_str().is_some_and(|line| line.contains(word))
    })
}

/// The name by which an alert says that its story is opened.
fn short(alert: &Value) -> String {
    let command = alert["runmon"]["story"]["command"].as_str().expect("a command");
    let short = command.strip_prefix("runmon alerts show ").expect("a command of ours");
    short.split(' ').next().expect("a name").to_owned()
}

fn said(told: &Value) -> Vec<String> {
    let story = told["story"].as_array().cloned().unwrap_or_default();
    let lines = story.iter().map(|it| it["document"]["process"]["command_line"].clone());
    lines.filter_map(|line| line.as_str().map(str::to_owned)).collect()
}

/// What the parent is called: `sh` is a name of one shell or another.
fn alert_of_parent(told: &Value) -> String {
    told["alert"]["process"]["parent"]["name"].as_str().expect("a parent").to_owned()
}

fn outlives(stage: &Stage<'_>) {
    let word = stage.name("word");
    let daemon = stage.daemon(options(stage, &word, ""));
    let config = daemon.config();
    let none = alerts(stage, &config, &[]);
    none.assert(0, &["no alerts in"]);
    let hostile = format!("{word} \u{1b}[31m\n\u{202e}<script>");
    say(["one before", &hostile, "one after"]);
    let short = short(&alert(&daemon, &word));
    let tell = || -> Option<Value> {
        let ran = alerts(stage, &config, &["show", &short[..6], "--json"]);
        serde_json::from_str(&ran.stdout).ok()
    };
    let has = |told: &Value, words: &str| said(told).iter().any(|line| line.contains(words));
    wait::until("all of its story, while it runs", || {
        let told = tell()?;
        (has(&told, "one before") && has(&told, "one after")).then_some(())
    });
    daemon.kill();
    let listed = alerts(stage, &config, &["--since", "1h"]);
    listed.assert(0, &[]);
    let line = listed.stdout.lines().find(|line| line.contains(&short)).expect("its line");
    for part in ["WARNING", "host", "Word said: said", "\\x1b[31m\\x0a\\xe2\\x80\\xae<script>"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!listed.stdout.contains(['\u{1b}', '\u{202e}']), "{listed:#?}");
    let story = alerts(stage, &config, &["show", &short]);
    story.assert(0, &[]);
    assert!(!story.stdout.contains(['\u{1b}', '\u{202e}']), "{story:#?}");
    for part in [
        "word_said, version 7",
        "sh(",
        "← did it",
        "yes proc.name = busybox   (is `busybox`)",
        "https://attack.mitre.org/techniques/T1059/004/",
        "Look who said it.",
        "echo one before",
        "echo one after",
        "alerts except",
    ] {
        assert!(story.stdout.contains(part), "{part}: {}", story.stdout);
    }
    let place = |what: &str| story.stdout.find(what).expect("it is told");
    assert!(place("echo one before") < place("this alert:"), "{}", story.stdout);
    assert!(place("this alert:") < place("echo one after"), "{}", story.stdout);
    let parent = alert_of_parent(&tell().expect("its story"));
    let filtered = |filter: &str| alerts(stage, &config, &["--json", filter]).stdout;
    assert!(filtered(&format!("proc.name = busybox and proc.pname = {parent}")).contains(&word));
    assert_eq!(filtered("proc.name = busybox and proc.pname = init-other"), "");
    alerts(stage, &config, &["show", "nothing"]).assert(2, &["no alert `nothing`", "hint"]);
    let none = [&["--container", "hos"][..], &["--since", "2001-01-01", "--until", "2001-01-01"]];
    for args in none {
        assert_eq!(alerts(stage, &config, args).stdout, "", "{args:?}");
    }
    let upside_down = alerts(stage, &config, &["--since", "1h", "--until", "2h"]);
    upside_down.assert(2, &["--since is behind --until", "hint"]);
    stage.runmon(["alerts", "--store", "/etc"]).assert(2, &["/etc is no store", "hint"]);
    let counted = alerts(stage, &config, &["--group-by", "rule"]);
    assert!(counted.stdout.contains("Word said"), "{counted:#?}");
}

fn excepted(stage: &Stage<'_>) {
    let word = stage.name("word");
    let daemon = stage.daemon(options(stage, &word, ""));
    let config = daemon.config();
    let hostile = format!("{word} \u{1b}[31m");
    say(["before", &hostile, "after"]);
    let short = short(&alert(&daemon, &word));
    wait::until("it to be kept", || {
        alerts(stage, &config, &[]).stdout.contains(&short).then_some(())
    });
    let except = |more: &[&str]| {
        let args = ["except", &short, "--owner", "shop team", "--reason", "it's: as it should be"];
        alerts(stage, &config, &[&args[..], more].concat())
    };
    except(&[]).assert(2, &["--expires is missing", "hint"]);
    let file = config.with_file_name("rules.yaml");
    let before = fs::read_to_string(&file).expect("the rules");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set a mode");
    let shown = except(&["--expires", "90d", "--dry-run"]);
    shown.assert(0, &["it would have hidden 1"]);
    assert!(shown.stdout.contains("owner: \"shop team\""), "{shown:#?}");
    assert_eq!(fs::read_to_string(&file).expect("the rules"), before, "a dry run changes nothing");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set a mode");
    except(&["--expires", "90d"]).assert(0, &[]);
    let after = fs::read_to_string(&file).expect("the rules");
    assert!(after.starts_with(&before), "{after}");
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let path = file.to_str().expect("a plain path");
    stage.runmon(["rules", "check", path]).assert(0, &[]);
    let tests = stage.runmon(["rules", "test", path]);
    tests.assert(0, &[]);
    assert!(tests.stdout.contains('2'), "{tests:#?}");
    daemon.expect_document("the rules to be read again", |it| {
        is_heartbeat(it) && it["runmon"]["reloads"]["rules"]["taken"].as_u64() >= Some(1)
    });
    let raised = || daemon.documents().iter().filter(|it| is_alert(it)).count();
    let before = raised();
    say(["before", &hostile, "after"]);
    daemon.expect_document("it to be counted", |it| {
        let states = it["runmon"]["rule_states"].as_array().cloned().unwrap_or_default();
        states.iter().any(|state| state["excepted"][0]["count"].as_u64() >= Some(1))
    });
    assert_eq!(raised(), before, "it is quiet");
    // The same by another program's child is something else.
    let nearly = Command::new("/bin/busybox").args(["echo", &word]).output();
    assert!(nearly.expect("start busybox").status.success());
    wait::until("an alert on what is nearly the same", || (raised() > before).then_some(()));
    daemon.stop();
}

/// With and without history a sink gets the same documents by the same numbers.
fn sinks_alike(stage: &Stage<'_>) {
    let numbers = |keys: &str, name: &str| {
        let word = stage.name("word");
        let log = stage.dir(name).join("alerts.ndjson");
        let sinks = format!("- kind: file\n  path: {log:?}\n  heartbeats: false\n");
        let state_dir = Some(stage.dir(&format!("state-{name}")));
        let daemon = stage.daemon(Options { sinks, state_dir, ..options(stage, &word, keys) });
        for _ in 0..20 {
            say(["a", &word, "b"]);
        }
        wait::until("all in the file", || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            (text.lines().filter(|line| line.contains("\"alert\"")).count() >= 20).then_some(())
        });
        daemon.stop();
        let path = log.to_str().expect("a plain path").to_owned();
        stage.runmon(["verify-stream", "--from-start", &path]).assert(0, &[]);
        let text = fs::read_to_string(&log).expect("the file");
        let number = |line: &str| {
            let document: Value = serde_json::from_str(line).expect("JSON");
            document["runmon"]["delivery"]["number"].as_u64()
        };
        text.lines().map(number).collect::<Vec<_>>()
    };
    // How many updates come hangs on when facts do.
    for (keys, name) in [("", "with"), ("history: false", "without")] {
        let found = numbers(keys, name);
        let gapless: Vec<_> = (1..=found.len() as u64).map(Some).collect();
        assert_eq!(found, gapless, "{name}");
    }
}

fn switched_off(stage: &Stage<'_>) {
    let word = stage.name("word");
    let daemon = stage.daemon(options(stage, &word, "history: false"));
    let config = daemon.config();
    say(["a", &word, "b"]);
    let alert = alert(&daemon, &word);
    assert!(alert["runmon"].get("story").is_none(), "{alert:#}");
    daemon.stop();
    alerts(stage, &config, &[]).assert(2, &["history: false", "hint"]);
}
