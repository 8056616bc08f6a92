//! The filter of opens: it must let through whatever a rule can be about.

use super::*;
use crate::rules::{
    filter::PathFilter,
    kinds::{OPEN_READ, OPEN_WRITE},
};

const WRITE: u8 = 5;
const READ: u8 = 6;

fn filter_of(conditions: &[&str]) -> (Rules, PathFilter) {
    let rules: Vec<String> = conditions
        .iter()
        .enumerate()
        .map(|(at, condition)| {
            format!(
                "- rule: r{at}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n"
            )
        })
        .collect();
    let file = rules.concat();
    let loaded = load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let filter = PathFilter::of(&loaded.rules);
    (loaded.rules, filter)
}

fn open(path: &str, writes: bool) -> Event {
    event(&[
        ("evt.type", text("open")),
        ("fd.name", text(path)),
        ("evt.is_open_write", TestValue::Bool(writes)),
    ])
}

#[test]
fn the_kinds_are_those_of_opens() {
    assert_eq!((KindSet::of(&[WRITE]), KindSet::of(&[READ])), (OPEN_WRITE, OPEN_READ));
}

#[test]
fn what_no_rule_names_is_left_out() {
    let (_, filter) = filter_of(&[
        "evt.type = open and evt.is_open_write = true and fd.name = /etc/shadow",
        "evt.type = open and evt.is_open_write = true and fd.name startswith /etc/cron",
        "evt.type = open and evt.is_open_write = true and fd.filename in (a.conf, b.conf)",
        "evt.type = open and evt.is_open_write = true and fd.directory = /opt and fd.num >= 0",
        "evt.type = open and evt.is_open_write = true and fd.name endswith /.ssh/id_rsa",
        "evt.type = open and evt.is_open_write = true and fd.directory endswith /a/manifests",
        "evt.type = open and evt.is_open_read = true and evt.is_open_write = false \
         and fd.name pmatch (/root/secret)",
    ]);
    assert_eq!(filter.kinds, OPEN_WRITE.union(OPEN_READ));
    for (path, write, read) in [
        ("/etc/shadow", true, false),
        ("/etc/shadow-", false, false),
        ("/etc/cron.d/x", true, false),
        ("/etc/crontab", true, false),
        ("/etc/passwd", false, false),
        ("/srv/x/a.conf", true, false),
        ("/srv/x/a.conf2", false, false),
        ("/opt/x", true, false),
        ("/optical", false, false),
        ("/home/u/.ssh/id_rsa", true, false),
        ("/home/u/.ssh/id_dsa", false, false),
        ("/x/y/manifests/p", true, false),
        ("/x/manifests2/p", false, false),
        ("/root/secret", false, true),
        ("/root/secret/key", false, true),
        ("/root/other", false, false),
    ] {
        let found = [WRITE, READ].map(|kind| filter.passes(kind, path.as_bytes()));
        assert_eq!(found, [write, read], "{path}");
    }
}

/// A rule that says nothing of paths, or says it in a way that the kernel cannot look for, turns the
/// filter off for its kinds, and for no other.
#[test]
fn a_rule_about_any_path_is_about_all() {
    for condition in [
        "evt.type = open and evt.is_open_write = true and proc.name = x",
        "evt.type = open and evt.is_open_write = true and fd.name contains key",
        "evt.type = open and evt.is_open_write = true and fd.name endswith .key",
        "evt.type = open and evt.is_open_write = true and not fd.name startswith /proc",
        "evt.type = open and evt.is_open_write = true and tolower(fd.name) = /etc/x",
        "evt.type = open and evt.is_open_write = true and (fd.name = /a or proc.name = x)",
        "evt.type = open and evt.is_open_write = true and fd.name contains ../",
    ] {
        assert_eq!(filter_of(&[condition]).1.kinds, OPEN_READ, "{condition}");
    }
    let exec = filter_of(&["evt.type = execve and proc.name = x"]).1;
    assert!(exec.paths.is_empty() && exec.kinds == OPEN_WRITE.union(OPEN_READ), "nothing passes");
}

/// What was reached does not climb, and names that lead nowhere are not filtered.
#[test]
fn names_that_climb_are_no_reason_to_tell_of_all() {
    let condition = "evt.type = open and evt.is_open_write = true and fd.nameraw contains ../../";
    let (_, filter) = filter_of(&[condition]);
    assert_eq!(filter.kinds, OPEN_WRITE.union(OPEN_READ));
    assert!(filter.paths.is_empty() && filter.names.is_empty());
}

/// Each start has what the shorter ones have: the kernel finds the longest alone.
#[test]
fn longer_starts_have_what_shorter_ones_ask_for() {
    let (_, filter) = filter_of(&[
        "evt.type = open and evt.is_open_write = true and fd.name startswith /etc/",
        "evt.type = open and evt.is_open_write = false and fd.name startswith /etc/ssh/",
    ]);
    let kinds = |start: &[u8]| filter.paths.get(start).copied();
    assert_eq!(kinds(b"/etc/"), Some(OPEN_WRITE));
    assert_eq!(kinds(b"/etc/ssh/"), Some(OPEN_WRITE.union(OPEN_READ)));
}

/// Whatever a shipped rule fires on passes, of paths that its tests name and of ones near them.
#[test]
fn the_shipped_rules_miss_nothing() {
    let mut all: Vec<(String, Vec<u8>)> =
        embedded().iter().map(|file| (file.name.to_owned(), file.bytes.to_vec())).collect();
    // As if all were on.
    for (_, bytes) in &mut all {
        *bytes = String::from_utf8_lossy(bytes).replace("enabled: false", "enabled: true").into();
    }
    let files: Vec<RuleFile<'_>> =
        all.iter().map(|(name, bytes)| RuleFile { name, bytes }).collect();
    let rules = load(&files).rules;
    let filter = PathFilter::of(&rules);
    let named: Vec<String> = rules
        .rules()
        .iter()
        .flat_map(|rule| &rule.tests)
        .filter_map(|test| match &test.acts {
            monitor_rules::TestActs::Event(event) => Some(event),
            _ => None,
        })
        .flat_map(|event| &event.fields)
        .filter(|field| field.name == "fd.name")
        .filter_map(|field| match &field.value {
            TestValue::Str(path) if path.starts_with('/') => Some(path.clone()),
            _ => None,
        })
        .collect();
    assert!(named.len() > 50, "{}", named.len());
    let mut asked = 0;
    for path in &named {
        for near in [path.clone(), format!("{path}x"), format!("{path}/x"), format!("/x{path}")] {
            for writes in [true, false] {
                let event = open(&near, writes);
                let mut fired = Vec::new();
                for rule in rules.rules().iter().filter(|rule| rule.enabled) {
                    if rule.condition.eval(&event) != monitor_rules::Tri::False {
                        fired.push(&rule.about.name);
                    }
                }
                let passes = filter.passes(event.action.kind(), near.as_bytes());
                assert!(passes || fired.is_empty(), "{near} {writes}: {fired:?}");
                asked += fired.len();
            }
        }
    }
    assert!(asked > 20, "{asked}: were nothing to fire, nothing would be shown");
}
