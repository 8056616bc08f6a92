//! `runmon rules` from outside. What it writes of the rules in `testdata/rules/` is golden.

use serde_json::Value;

use crate::{
    folder::Folder,
    golden,
    program::{Outcome, run, testdata, write},
};

/// The rules of the tests, as seen from the crate's directory, where tests run.
const RULES: &str = "testdata/rules/rules.yaml";

/// Runs a subcommand with these rules.
fn rules(args: &[&str]) -> Outcome {
    run(&[&["rules"], args, &[RULES]].concat())
}

/// What may be said of the test's rules.
const ENDED: &str = "runmon: testdata/rules/rules.yaml:11: warning[exception-ended]: exception \
    `old_migration` of rule `Shell of a web server` ended on 2020-06-30 and keeps nothing quiet any \
    more; put off `expires`, or take the exception out\n";

#[track_caller]
fn text(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(["", ENDED].contains(&&*outcome.stderr), "{}", outcome.stderr);
    String::from_utf8(outcome.stdout.clone()).unwrap()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).unwrap()
}

#[test]
fn lists_are_the_golden_ones() {
    golden::compare("testdata/rules/list.txt", text(&rules(&["list"])).as_bytes());
    let layer = rules(&["list", "--navigator"]);
    golden::compare("testdata/rules/layer.json", text(&layer).as_bytes());
}

#[test]
fn a_layer_has_each_technique_once() {
    let layer = json(&run(&["rules", "list", "--navigator"]));
    assert_eq!(layer["versions"]["layer"], "4.5");
    assert_eq!(layer["domain"], "enterprise-attack");
    let techniques = layer["techniques"].as_array().unwrap();
    let mut ids: Vec<&str> =
        techniques.iter().filter_map(|one| one["techniqueID"].as_str()).collect();
    assert!(ids.len() > 10);
    ids.dedup();
    assert_eq!(ids.len(), techniques.len());
    for one in techniques {
        let names = one["comment"].as_str().unwrap().split("; ").count();
        assert_eq!(one["score"], names, "{one:#}");
    }
}

#[test]
fn a_filter_lets_few_rules_through() {
    let all = json(&run(&["rules", "list", "--json"])).as_array().unwrap().len();
    let some = run(&["rules", "list", "--json", "--tactic", "execution", "--enabled"]);
    let some = json(&some);
    let some = some.as_array().unwrap();
    assert!(!some.is_empty() && some.len() < all);
    assert!(some.iter().all(|rule| rule["enabled"] == true));
}

#[test]
fn a_filter_without_rules_says_so() {
    let none = rules(&["list", "--kind", "fork"]);
    assert_eq!((none.code, &*none.stdout), (Some(0), &b""[..]));
    assert_eq!(none.stderr, format!("{ENDED}runmon: no rule is all of that\n"));
    let none = rules(&["list", "--kind", "fork", "--json"]);
    assert_eq!((none.code, &*none.stdout), (Some(0), &b"[]\n"[..]));
    let wrong = rules(&["list", "--tactic", "persistance"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.ends_with("hint: did you mean `persistence`?\n"), "{}", wrong.stderr);
}

#[test]
fn explanations_are_the_golden_ones() {
    for (name, file) in [
        ("web_shell", "explain.txt"),
        ("Many connections", "explain_shadow.txt"),
        ("download_and_run", "explain_off.txt"),
        ("Swallowed", "explain_swallowed.txt"),
    ] {
        let told = text(&run(&["rules", "explain", name, "-r", RULES]));
        golden::compare(&format!("testdata/rules/{file}"), told.as_bytes());
    }
    let told = text(&run(&["rules", "explain", "web_shell", "--json", "-r", RULES]));
    golden::compare("testdata/rules/explain.json", told.as_bytes());
}

#[test]
fn what_the_compiler_warns_of_is_told() {
    let told = text(&run(&["rules", "explain", "Never", "-r", "testdata/rules/never.yaml"]));
    let doubt = "rule `Never` can never fire here: no kind of event has the `evt.type`";
    assert!(told.contains(doubt), "{told}");
}

#[test]
fn every_shipped_rule_can_be_explained() {
    let all = json(&run(&["rules", "list", "--json"]));
    let off = all.as_array().unwrap().iter().filter(|rule| rule["enabled"] == false);
    let on = all.as_array().unwrap().iter().filter(|rule| rule["enabled"] == true);
    for rule in on.take(10).chain(off.take(3)) {
        let told = run(&["rules", "explain", rule["id"].as_str().unwrap(), "--json"]);
        let story = json(&told);
        assert_eq!((told.code, &story["name"]), (Some(0), &rule["name"]));
        let doubts = story["doubts"].as_array().unwrap().len();
        assert_eq!(doubts == 0, rule["enabled"] == true, "{story:#}");
    }
}

#[test]
fn an_unknown_rule_suggests_the_nearest() {
    for (name, hint) in [
        ("Terminal shel in container", "did you mean `Terminal shell in container`?"),
        ("terminal_shell_in_contaner", "did you mean `terminal_shell_in_container`?"),
        ("shell in container", "did you mean `Terminal shell in container`?"),
        ("zzz", "`runmon rules list` shows all"),
    ] {
        let outcome = run(&["rules", "explain", name]);
        assert_eq!(outcome.code, Some(2));
        let expected = format!("runmon: no rule has the name or id `{name}`\nhint: {hint}\n");
        assert_eq!(outcome.stderr, expected);
    }
}

#[test]
fn what_a_rule_makes_of_an_event_is_golden() {
    let event = ["--event", "testdata/rules/event.yaml", "-r", RULES];
    let told = |args: &[&str]| text(&run(&[&["rules", "explain"], &event[..], args].concat()));
    for (args, file) in [
        (&["web_shell"][..], "event.txt"),
        (&["web_shell", "--json"], "event.json"),
        (&[], "event_all.txt"),
        (&["--json"], "event_all.json"),
    ] {
        golden::compare(&format!("testdata/rules/{file}"), told(args).as_bytes());
    }
}

#[test]
fn events_of_a_recording_are_explained() {
    let story = testdata("story.rec");
    let told = |number: &str, args: &[&str]| {
        run(&[&["rules", "explain", "--recording", &story, "--number", number], args].concat())
    };
    let first = text(&told("1", &[]));
    assert!(first.starts_with("An event of kind "), "{first}");
    let many = told("1000000", &[]);
    assert_eq!(many.code, Some(2));
    assert!(many.stderr.ends_with(" events, and no number 1000000\n"), "{}", many.stderr);
    // Some event of the story fires some rule.
    let fires = |told: Vec<u8>| String::from_utf8(told).unwrap().contains("\nfires ");
    assert!((1..60).map(|number| told(&number.to_string(), &[]).stdout).any(fires));
}

#[test]
fn files_that_describe_no_event_say_what_is_expected() {
    let folder = Folder::new("event");
    for (text, stderr) in [
        ("", "describes no event\n"),
        ("- a\n- b\n", "error[shape]: the file describes no event; write the fields"),
        ("a: 1\n---\nb: 1\n", "the file has more than one event; put each in a file of its own"),
        (
            r#"{"@timestamp": "2026-01-01", "event": {"kind": "alert"}}"#,
            "`@timestamp` is of a document as a monitor writes it; write the fields of the event",
        ),
        (r#"{"output_fields": {"evt.type": "open"}}"#, "`output_fields` is of a document"),
        ("proc.name: sh\n", ":1:1: the event has no `evt.type`"),
        ("evt.type: execve\nproc.nme: sh\n", ":2:1: no event has a field `proc.nme`"),
        ("evt.type: [\n", "error[yaml]"),
    ] {
        let file = write(&folder, "event.yaml", text.as_bytes());
        let outcome = run(&["rules", "explain", "--event", &file]);
        assert_eq!(outcome.code, Some(2), "{text}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(stderr), "{text}: {}", outcome.stderr);
    }
    // A whole test will do.
    let test = "name: x\nfires: true\nevent: {evt.type: execve, proc.name: sh}\n";
    let file = write(&folder, "event.yaml", test.as_bytes());
    assert_eq!(run(&["rules", "explain", "--event", &file]).code, Some(0));
    for (args, stderr) in [
        (&["--event", "/nowhere.yaml"][..], "cannot read an event from /nowhere.yaml"),
        (&[], "required arguments were not provided"),
        (&["x", "--recording", "/nowhere.rec"], "--number <N>"),
        (&["--recording", "/x", "--number", "0"], "invalid value '0'"),
    ] {
        let outcome = run(&[&["rules", "explain"], args].concat());
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(stderr), "{}", outcome.stderr);
    }
}

#[test]
fn tests_say_which_rules_lack_some() {
    let told = text(&rules(&["test"]));
    let (first, rest) = told.split_once('\n').unwrap();
    assert!(first.starts_with("3 passed, 0 failed, of 4 rules, in "), "{told}");
    assert_eq!(
        rest,
        "2 rules without tests: Download and run, Swallowed\n\
         1 rule without a test that keeps quiet: Many connections\n"
    );
    let told = text(&rules(&["test", "--table"]));
    assert!(told.starts_with("FIRING  QUIET  FAILED  ID"), "{told}");
    assert!(told.contains("\n1       1      0       web_shell "), "{told}");
    let one = json(&rules(&["test", "--json", "--rule", "web_shell"]));
    assert_eq!((&one["passed"], &one["failed"]), (&2.into(), &0.into()));
    assert_eq!(one["rules"].as_array().unwrap().len(), 1);
    let unknown = rules(&["test", "--rule", "web_shel"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("did you mean `web_shell`?"), "{}", unknown.stderr);
    // The shipped ones lack nothing.
    assert_eq!(text(&run(&["rules", "test"])).lines().count(), 1);
}

#[test]
fn tests_that_fail_are_told_to_programs() {
    let folder = Folder::new("failing");
    let rule = "- rule: r\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: info\n  \
                tests:\n  - {name: t, fires: false, event: {evt.type: execve}}\n";
    let file = write(&folder, "r.yaml", rule.as_bytes());
    let outcome = run(&["rules", "test", "--json", &file]);
    assert_eq!(outcome.code, Some(1));
    let failure = json(&outcome)["failures"][0].clone();
    assert_eq!((&failure["test"], &failure["expected"]), (&"t".into(), &"quiet".into()));
    assert!(failure["text"].as_str().unwrap().contains("expected to be quiet, fired"));
}

#[test]
fn a_bench_counts_and_measures_each_rule() {
    let (story, json_too) = (testdata("story.rec"), ["--json", "-r", "testdata/rules/busy.yaml"]);
    let args = ["rules", "bench", &story];
    let told = text(&run(&args));
    assert!(told.contains(" million events/s\n\nSHARE "), "{told}");
    let told = json(&run(&[&args[..], &json_too].concat()));
    let rules = told["rules"].as_array().unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let by_id = |id: &str| rules.iter().find(|rule| rule["id"] == id).unwrap();
    assert!(number(&told["events"]) > 0.0 && number(&told["event_ns"]) > 0.0);
    // A rule that is off costs nothing, and one for another kind is not tried.
    assert_eq!(rules.len(), 2);
    let every = by_id("every_start");
    assert_eq!(every["tried"], every["matched"]);
    assert!(number(&every["tried"]) > 0.0 && number(&every["try_ns"]) > 0.0);
    assert_eq!(by_id("no_start")["matched"], 0);
    let shares = rules.iter().map(|rule| number(&rule["share_percent"])).sum::<f64>();
    let shares = shares + number(&told["finding"]["share_percent"]);
    assert!((shares - 100.0).abs() < 0.01, "{shares}");
    let missing = run(&["rules", "bench", "/nowhere.rec"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("cannot open the recording"), "{}", missing.stderr);
}
