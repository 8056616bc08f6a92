//! Rules with a term negated.

use crate::{RuleFile, mutants};

fn of(condition: &str) -> Vec<(String, String)> {
    let rule = format!("- macro: m\n  condition: a.b = c\n- rule: r\n  condition: {condition}\n");
    let found = mutants(RuleFile { name: "f", bytes: rule.as_bytes() });
    assert!(found.iter().all(|mutant| mutant.rule == "r"));
    found.into_iter().map(|mutant| (mutant.term, mutant.condition)).collect()
}

#[test]
fn each_main_term_is_negated_in_turn() {
    let pair = |term: &str, condition: &str| (term.to_owned(), condition.to_owned());
    assert_eq!(
        of("m and (x.a = 1 or x.b = 2) and not x.c in (3, 4)"),
        [
            pair("m", "not m and (x.a = 1 or x.b = 2) and not x.c in (3, 4)"),
            pair("x.a = 1 or x.b = 2", "m and not (x.a = 1 or x.b = 2) and not x.c in (3, 4)"),
            pair("not x.c in (3, 4)", "m and (x.a = 1 or x.b = 2) and x.c in (3, 4)"),
        ]
    );
    assert_eq!(of("x.a = 1"), [pair("x.a = 1", "not x.a = 1")]);
    assert_eq!(of("x.a = 1 or m"), [pair("x.a = 1 or m", "not (x.a = 1 or m)")]);
    assert_eq!(of("x.a ="), []);
}
