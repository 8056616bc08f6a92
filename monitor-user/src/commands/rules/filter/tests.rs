use super::*;
use crate::rules::{Rules, load};

const RULES: &str = "\
- rule: Shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: o
  priority: warning
  tags: [maturity_stable, container, mitre_execution, T1059.004]
- rule: Upload
  desc: d
  condition: evt.type in (connect, sendto) and proc.name = curl
  output: o
  priority: notice
  enabled: false
  tags: [maturity_sandbox, mitre_exfiltration, T1048]
";

fn rules() -> Rules {
    load(&[monitor_rules::RuleFile { name: "f.yaml", bytes: RULES.as_bytes() }]).rules
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn check(args: &RulesFilterArgs, expected: &[&str]) {
    let (filter, rules) = (Filter::of(args).unwrap(), rules());
    let through = rules.rules().iter().filter(|rule| filter.lets_through(rule));
    let names: Vec<&str> = through.map(|rule| &*rule.about.name).collect();
    assert_eq!(names, expected, "{args:?}");
}

#[test]
fn each_option_lets_through_what_it_names() {
    let none = RulesFilterArgs::default;
    check(&none(), &["Shell", "Upload"]);
    check(&RulesFilterArgs { tag: words(&["container"]), ..none() }, &["Shell"]);
    let both = words(&["container", "maturity_sandbox"]);
    check(&RulesFilterArgs { tag: both, ..none() }, &["Shell", "Upload"]);
    for word in ["execution", "TA0002", "mitre_execution", "Execution"] {
        check(&RulesFilterArgs { tactic: words(&[word]), ..none() }, &["Shell"]);
    }
    for word in ["T1059", "t1059.004"] {
        check(&RulesFilterArgs { technique: words(&[word]), ..none() }, &["Shell"]);
    }
    check(&RulesFilterArgs { technique: words(&["T1059.001"]), ..none() }, &[]);
    check(&RulesFilterArgs { kind: words(&["exec"]), ..none() }, &["Shell"]);
    check(&RulesFilterArgs { kind: words(&["send"]), ..none() }, &["Upload"]);
    check(&RulesFilterArgs { kind: words(&["execve"]), ..none() }, &["Shell"]);
    let least = |word: &str| RulesFilterArgs { priority: Some(word.to_owned()), ..none() };
    check(&least("warning"), &["Shell"]);
    check(&least("Info"), &["Shell", "Upload"]);
    check(&least("critical"), &[]);
    check(&RulesFilterArgs { enabled: true, ..none() }, &["Shell"]);
    check(&RulesFilterArgs { disabled: true, ..none() }, &["Upload"]);
}

#[test]
fn options_combine() {
    let args = |kind: &str, enabled| RulesFilterArgs {
        kind: words(&[kind]),
        enabled,
        ..RulesFilterArgs::default()
    };
    check(&args("connect", false), &["Upload"]);
    check(&args("connect", true), &[]);
}

#[test]
fn words_that_name_nothing_suggest_the_nearest() {
    let none = RulesFilterArgs::default;
    let error = |args| match Filter::of(&args) {
        Ok(_) => panic!("{args:?}"),
        Err(error) => error.0,
    };
    assert_eq!(
        error(RulesFilterArgs { tactic: words(&["persistance"]), ..none() }),
        "`persistance` is no ATT&CK tactic\nhint: did you mean `persistence`?"
    );
    assert_eq!(
        error(RulesFilterArgs { kind: words(&["exce"]), ..none() }),
        "`exce` is no kind of event\nhint: did you mean `exec`?"
    );
    let far = error(RulesFilterArgs { kind: words(&["nothing-like-it"]), ..none() });
    assert!(far.contains("hint: one of exec, fork, exit, connect, send, file_open, "), "{far}");
    let unseen = error(RulesFilterArgs { kind: words(&["semop"]), ..none() });
    assert!(unseen.starts_with("events of type `semop` are not observed"), "{unseen}");
    assert_eq!(
        error(RulesFilterArgs { priority: Some("warnign".to_owned()), ..none() }),
        "`warnign` is no priority\nhint: did you mean `warning`?"
    );
    let technique = error(RulesFilterArgs { technique: words(&["1059"]), ..none() });
    assert!(technique.ends_with("hint: write it as T1059 or T1059.004"), "{technique}");
}

#[test]
fn a_list_without_rules_says_why() {
    let why = |args| Filter::of(&args).unwrap().why_none(rules().rules());
    let tag = RulesFilterArgs { tag: words(&["maturity_stabel"]), ..RulesFilterArgs::default() };
    assert_eq!(
        why(tag),
        "no rule has the tag `maturity_stabel`\nhint: did you mean `maturity_stable`?"
    );
    let known = RulesFilterArgs { tag: words(&["container"]), ..RulesFilterArgs::default() };
    assert_eq!(why(known), "no rule is all of that");
}
