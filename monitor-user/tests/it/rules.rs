//! `runmon rules` from outside. What it writes of the rules in `testdata/rules/` is golden.

use serde_json::Value;

use crate::{
    golden,
    program::{Outcome, run},
};

/// The rules of the tests, as seen from the crate's directory, where tests run.
const RULES: &str = "testdata/rules/rules.yaml";

/// Runs a subcommand with these rules.
fn rules(args: &[&str]) -> Outcome {
    run(&[&["rules"], args, &[RULES]].concat())
}

#[track_caller]
fn text(outcome: &Outcome) -> String {
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
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
    assert_eq!(none.stderr, "runmon: no rule is all of that\n");
    let none = rules(&["list", "--kind", "fork", "--json"]);
    assert_eq!((none.code, &*none.stdout), (Some(0), &b"[]\n"[..]));
    let wrong = rules(&["list", "--tactic", "persistance"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.ends_with("hint: did you mean `persistence`?\n"), "{}", wrong.stderr);
}
