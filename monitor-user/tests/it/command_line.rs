//! Exit codes and messages: 0 clean, 1 run-time failure, 2 usage, configuration or rules.

use crate::{
    folder::Folder,
    program::{run, run_as_nobody, testdata, write},
};

#[track_caller]
fn check(args: &[&str], code: i32, stderr: &str) {
    let outcome = run(args);
    assert_eq!(outcome.code, Some(code), "{args:?}: {}", outcome.stderr);
    assert!(outcome.stderr.contains(stderr), "{args:?}: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{args:?}: {}", outcome.stderr);
}

#[test]
fn usage_is_2() {
    check(&[], 2, "Usage: runmon");
    check(&["--nope"], 2, "unexpected argument '--nope'");
    check(&["wacth"], 2, "unrecognized subcommand 'wacth'");
    check(&["replay"], 2, "<FILE>");
    check(&["run", "--json", "--format", "text"], 2, "cannot be used with");
    check(&["run", "--format", "xml"], 2, "[possible values: text, ecs, ocsf, falco, cef]");
    check(&["record", "-o", "/x", "--for", "soon"], 2, "such as 60s");
    check(&["tail", "--rules", "/x"], 2, "--alerts");
    check(&["rules", "list", "--log", "a=b=c"], 2, "hint: error, warn, info, debug or trace");
    check(&["tail", "proc.nme = x"], 2, "did you mean `proc.name`?");
}

#[test]
fn bad_names_of_instances_are_2() {
    let long = "x".repeat(65);
    for name in ["", "..", "a/b", "a b", "ä", &long] {
        for command in [&["run"][..], &["tail"], &["record", "-o", "/x"]] {
            let args = [command, &["--instance", name]].concat();
            check(&args, 2, "use letters, digits, `-` and `_`, at most 64");
        }
    }
}

#[test]
fn bad_levels_of_the_log_are_2() {
    for level in ["bogus", "warn,bogus", "runmon=bogus", ""] {
        let hint = "hint: error, warn, info, debug or trace";
        check(&["rules", "fields", "--log", level], 2, hint);
    }
    for level in ["off", "INFO", "warn,runmon=debug", "runmon::sink=trace"] {
        check(&["rules", "fields", "--log", level], 0, "");
    }
}

#[test]
fn help_and_version_are_clean() {
    for args in [&["--help"][..], &["--version"], &["run", "--help"], &["rules", "check", "-h"]] {
        let outcome = run(args);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{args:?}");
        assert!(!outcome.stdout.is_empty());
    }
}

#[test]
fn bad_configurations_are_2() {
    let folder = Folder::new("config");
    check(&["run", "-c", "/nowhere/c.yaml"], 2, "cannot read the configuration /nowhere/c.yaml: ");
    let unknown = write(&folder, "unknown.yaml", b"rule: []\n");
    check(
        &["run", "-c", &unknown],
        2,
        "unknown.yaml:1:1: there is no key `rule`; did you mean `rules`?",
    );
    let wrong = write(&folder, "wrong.yaml", b"ring_bytes: 5\n");
    check(&["record", "-o", "/x", "-c", &wrong], 2, "wrong.yaml: ring_bytes: 5 is no power of two");
    let binary = write(&folder, "binary.yaml", b"\xff\xfe\0");
    check(&["run", "-c", &binary], 2, "cannot read the configuration ");
    for path in ["/nowhere/c.yaml", &unknown, &binary] {
        check(&["run", "-c", path], 2, "\nhint: ");
    }
}

#[test]
fn configurations_are_checked_and_shown() {
    let folder = Folder::new("checked");
    let good = write(&folder, "good.yaml", b"sinks:\n- kind: file\n  path: /x\n");
    let checked = run(&["config", "check", &good]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("sink file: alerts"), "{said}");
    let shown = run(&["config", "show", &good]);
    let again = write(&folder, "shown.yaml", &shown.stdout);
    assert_eq!(run(&["config", "show", &again]).stdout, shown.stdout);
    let bad = write(&folder, "bad.yaml", b"sinks:\n- kind: file\n  pth: /x\n");
    check(
        &["config", "check", &bad],
        2,
        "bad.yaml:3:3: there is no key `pth`; did you mean `path`?",
    );
    let rules = write(&folder, "rules.yaml", b"rules: [/nowhere]\n");
    check(&["config", "check", &rules], 2, "/nowhere");
    for key in ["lifecycle_table", "image_end_of_life", "vulnerability_pack"] {
        let named = write(&folder, "named.yaml", format!("{key}: /nowhere\n").as_bytes());
        check(&["config", "check", &named], 2, "/nowhere");
    }
    assert!(run(&["config", "schema"]).stdout.starts_with(b"{\n"));
}

/// No value of a configuration makes the daemon fail later.
#[test]
fn numbers_have_bounds() {
    const MANY: &str = "9223372036854775807";
    let folder = Folder::new("numbers");
    let bad = |key: &str, text: &str| {
        let file = write(&folder, "c.yaml", text.as_bytes());
        check(&["run", "--for", "1s", "-c", &file], 2, &format!("{key}: "));
        check(&["run", "--for", "1s", "-c", &file], 2, " is not between ");
    };
    bad("process_table_bytes", "process_table_bytes: 0");
    bad("process_table_bytes", &format!("process_table_bytes: {MANY}"));
    bad("heartbeat_seconds", &format!("heartbeat_seconds: {MANY}"));
    let sinks = [
        ("kind: \"stdout\"", "queue"),
        ("kind: \"stdout\"", "queue_bytes"),
        ("kind: file\n  path: /x", "rotate_bytes"),
        ("kind: http\n  url: http://h/", "give_up_seconds"),
    ];
    for (sink, key) in sinks {
        for number in [MANY, "0"] {
            bad(&format!("sinks[0].{key}"), &format!("sinks:\n- {sink}\n  {key}: {number}"));
        }
    }
    bad("sinks[0].keep", "sinks:\n- kind: file\n  path: /x\n  keep: 4294967295");
}

#[test]
fn bad_rules_are_2() {
    let folder = Folder::new("rules");
    let rule = b"- rule: R\n  desc: d\n  condition: proc.nme = x\n  output: o\n  priority: info\n";
    let bad = write(&folder, "bad.yaml", rule);
    let outcome = run(&["rules", "check", &bad]);
    let stdout = String::from_utf8(outcome.stdout).unwrap();
    assert_eq!(outcome.code, Some(2));
    assert!(stdout.contains("bad.yaml:3:14: error[unknown-field]"), "{stdout}");
    for args in [
        &["rules", "test", &bad][..],
        &["rules", "list", &bad],
        &["replay", &testdata("story.rec"), "--rules", &bad],
        &["run", "--rules", &bad],
    ] {
        check(args, 2, "bad.yaml:3:14: error[unknown-field]");
    }
    check(&["rules", "check", "/nowhere"], 2, "cannot read rules from /nowhere: ");
    let binary = write(&folder, "binary.yaml", b"\0\xff\xfe");
    assert_eq!(run(&["rules", "check", &binary]).code, Some(2));
}

#[test]
fn embedded_rules_are_clean() {
    let text = |args: &[&str]| {
        let outcome = run(args);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{args:?}");
        String::from_utf8(outcome.stdout).unwrap()
    };
    assert!(text(&["rules", "check"]).contains(" 0 errors, 0 warnings"));
    assert!(text(&["rules", "test"]).contains(" passed, 0 failed"));
    let listed: serde_json::Value =
        serde_json::from_str(&text(&["rules", "list", "--json"])).unwrap();
    let rules = listed.as_array().unwrap().len();
    assert!(rules >= 12, "{rules}");
    assert_eq!(text(&["rules", "list"]).lines().count(), rules + 1);
    assert!(text(&["rules", "fields"]).contains("proc.aname[n]"));
    let fields: serde_json::Value =
        serde_json::from_str(&text(&["rules", "fields", "--json"])).unwrap();
    assert!(fields.as_array().unwrap().len() > 50);
}

#[test]
fn watching_without_root_says_so() {
    for args in [&["run"][..], &["tail"], &["record", "-o", "/tmp/never-made.rec"]] {
        let outcome = run_as_nobody(args);
        assert_eq!(outcome.code, Some(1), "{args:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.starts_with("runmon: watching needs root\nhint: "),
            "{args:?}: {}",
            outcome.stderr
        );
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn doctor_needs_no_root_to_say_what_is_missing() {
    let outcome = run_as_nobody(&["doctor", "--json"]);
    assert_eq!(outcome.code, Some(1));
    let report: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let root = report["host"].as_array().unwrap().iter().find(|found| found["what"] == "root");
    assert_eq!(root.unwrap()["good"], false);
    assert!(report["failure"].is_string(), "{report}");
}
