//! Lines and columns of what is reported.

use std::fmt::Write as _;
use std::time::Instant;

use super::toy;

#[test]
fn lines_and_columns_are_counted_from_one() {
    let places = |text: &str| -> Vec<(usize, usize)> {
        let found = toy::load(&[("f", text)]).diagnostics;
        found.iter().map(|it| (it.line, it.column)).collect()
    };
    assert_eq!(places("x: 1"), [(1, 1)]);
    assert_eq!(places("- macro: é\n  é: 1\n\n- x: é\n"), [(1, 10), (2, 3), (4, 3)]);
}

#[test]
fn many_rules_load_soon() {
    let begun = Instant::now();
    let mut text = String::new();
    for at in 0..20_000 {
        let condition = "evt.type = open and proc.name = x";
        writeln!(text, "- rule: r{at}\n  desc: d\n  condition: {condition}").unwrap();
        writeln!(text, "  output: o\n  priority: info").unwrap();
    }
    let loaded = toy::load(&[("f", &text)]);
    let last = loaded.rules.rules().last().unwrap();
    assert_eq!((last.about.name.as_str(), last.about.line), ("r19999", 5 * 19_999 + 1));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
