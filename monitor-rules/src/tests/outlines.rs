//! What people are shown of a rule: its structure, how it is found, why it can never fire.

use super::toy::{self, EXEC, Fact};
use crate::{Doubt, Outcome, Outline, Scratch, Subject};

fn show(outline: &Outline) -> String {
    let all = |parts: &[Outline]| parts.iter().map(show).collect::<Vec<_>>().join(", ");
    match outline {
        Outline::All(parts) => format!("all({})", all(parts)),
        Outline::One(parts) => format!("one({})", all(parts)),
        Outline::Not(inner) => format!("not({})", show(inner)),
        Outline::Macro(name, inner) => format!("{name}={}", show(inner)),
        Outline::Check { text, values, .. } if values.is_empty() => text.clone(),
        Outline::Check { text, values, .. } => format!("{text} {values:?}"),
    }
}

#[test]
fn macros_and_lists_are_resolved() {
    let more = "- list: inner\n  items: [zsh, dash]\n- list: shells\n  items: [sh, inner]\n\
                - macro: m\n  condition: proc.name in (shells, ksh)\n\
                - list: ports\n  items: [80, 8080]\n- list: nets\n  items: [10.0.0.0/8, \
                1.2.3.4]\n";
    for (condition, expected) in [
        (
            "evt.type = execve and (m or not proc.pname = x)",
            r#"all(evt.type = execve, one(m=proc.name in (shells, ksh) ["dash", "ksh", "sh", "zsh"], not(proc.pname = x)))"#,
        ),
        (
            "evt.type = connect and fd.port in (ports) and fd.ip in (nets)",
            r#"all(evt.type = connect, fd.port in (ports) ["80", "8080"], fd.ip in (nets) ["1.2.3.4", "10.0.0.0/8"])"#,
        ),
        (
            "evt.type = open and fd.name pmatch (/etc, /usr)",
            "all(evt.type = open, fd.name pmatch (/etc, /usr))",
        ),
    ] {
        let loaded = toy::load_condition(condition, more);
        assert!(!loaded.has_errors(), "{:?}", toy::lines(&loaded.diagnostics));
        let outline = loaded.rules.rules()[0].condition.outline();
        assert_eq!(show(&outline), expected);
    }
}

#[test]
fn an_outline_tells_fields_costs_and_macros() {
    let outline = toy::load_condition(
        "evt.type = execve and m and n and m and proc.aname = toupper(proc.name)",
        "- macro: m\n  condition: n\n- macro: n\n  condition: proc.pid > 1\n",
    );
    let outline = outline.rules.rules()[0].condition.outline();
    assert_eq!(outline.macros(), ["m", "n"]);
    let mut checks = Vec::new();
    outline.visit(&mut |part| {
        if let Outline::Check { fields, cost, .. } = part {
            checks.push((fields.clone(), *cost));
        }
    });
    assert_eq!(checks[1], (vec!["proc.pid"], 1));
    let (fields, cost) = checks.pop().unwrap();
    assert_eq!(fields, ["proc.aname", "proc.name"]);
    assert!(cost >= 16, "{cost}");
}

fn rules(conditions: &[&str]) -> String {
    let one = |(at, condition): (usize, &&str)| {
        format!(
            "- rule: r{at}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n"
        )
    };
    conditions.iter().enumerate().map(one).collect()
}

#[test]
fn findings_tell_what_is_looked_up_and_what_is_shared() {
    let text = rules(&[
        "evt.type = execve and proc.name = a and proc.pid > 1",
        "evt.type = execve and proc.name startswith bcde and proc.pid > 1",
        "evt.type = execve and proc.pid > 1 and proc.args exists",
        "evt.type = open and fd.name = x",
    ]);
    let loaded = toy::load(&[("f", &text)]);
    let finding = |number| {
        let mut all = loaded.rules.findings(number);
        assert_eq!(all.len(), 1);
        all.remove(0)
    };
    let first = finding(0);
    assert_eq!((first.kind, first.rules), (EXEC, 3));
    assert_eq!(first.lookups, [("proc.name".to_owned(), vec!["a".to_owned()])]);
    assert_eq!(first.shared, ["proc.pid > 1"]);
    assert_eq!(finding(1).lookups, [("proc.name".to_owned(), vec!["bcde…".to_owned()])]);
    assert_eq!(finding(2).lookups, []);
    assert_eq!(finding(3).rules, 1);
    assert_eq!(loaded.rules.findings(4), []);
}

#[test]
fn rules_that_can_never_fire_are_told_of() {
    let contradiction =
        |one: &str, other: &str| vec![Doubt::Contradiction(one.to_owned(), other.to_owned())];
    for (condition, doubts) in [
        ("evt.type = execve and proc.name = a", vec![]),
        (
            "evt.type = execve and proc.name = a and proc.name = b",
            contradiction("proc.name = a", "proc.name = b"),
        ),
        ("evt.type = execve and proc.name in (a, b) and proc.name in (b, c)", vec![]),
        ("evt.type = execve and proc.name = a and proc.name startswith b", vec![]),
        ("evt.type = execve and tolower(proc.name) = a and proc.name = A", vec![]),
        (
            "evt.type = execve and tolower(proc.name) = a and tolower(proc.name) = b",
            contradiction("tolower(proc.name) = a", "tolower(proc.name) = b"),
        ),
        // Each of several values may be another.
        ("evt.type = execve and proc.aname = a and proc.aname = b", vec![]),
        (
            "evt.type = execve and proc.pid = 1 and not proc.pid = 1",
            contradiction("proc.pid = 1", "not proc.pid = 1"),
        ),
        // On connections it may well fire.
        ("fd.name = a and (fd.path = b or evt.type = connect) and not fd.path = b", vec![]),
    ] {
        let loaded = toy::load_condition(condition, "");
        assert_eq!(loaded.rules.rules()[0].doubts(0), doubts, "{condition}");
    }
}

#[test]
fn exceptions_that_swallow_all_are_told_of() {
    for (fields, swallows) in [
        ("fields: [proc.name]\n    values: [[sh]]", true),
        ("fields: [proc.name]\n    comps: [startswith]\n    values: [[s]]", true),
        ("fields: [proc.name, evt.type]\n    values: [[x, execve], [sh, execve]]", true),
        ("fields: [proc.name, proc.pid]\n    values: [[sh, 1]]", false),
        ("fields: [proc.name]\n    values: [[bash]]", false),
        ("fields: [tolower(proc.name)]\n    values: [[sh]]", false),
        ("fields: [proc.name]", false),
        ("fields: [proc.name]\n    values: [[sh]]\n    expires: 1969-01-01", false),
    ] {
        let other = "  - name: other\n    fields: [proc.pid]\n    values: [[7]]\n";
        let more = format!("  exceptions:\n{other}  - name: e\n    {fields}\n");
        let loaded = toy::load_condition("evt.type = execve and proc.name = sh", &more);
        assert!(!loaded.has_errors(), "{:?}", toy::lines(&loaded.diagnostics));
        let expected = if swallows { vec![Doubt::Swallowed(1)] } else { vec![] };
        assert_eq!(loaded.rules.rules()[0].doubts(0), expected, "{fields}");
    }
}

#[test]
fn diagnostics_tell_what_they_were_found_in() {
    let loaded = toy::load_condition(
        "m and proc.aname != x",
        "- macro: m\n  condition: evt.type = brk\n- nonsense: x\n",
    );
    let subjects: Vec<_> = loaded.diagnostics.iter().map(|it| it.subject.clone()).collect();
    let rule = || Some(Subject::Rule("r".into()));
    assert_eq!(subjects, [rule(), rule(), Some(Subject::Macro("m".into())), None]);
}

/// What is told to measure with is what matching does.
#[test]
fn rules_that_are_tried_are_the_ones_that_may_match() {
    let text = rules(&[
        "evt.type = execve and proc.name = a and proc.pid > 1",
        "evt.type = execve and proc.name in (a, b)",
        "evt.type = execve and proc.args exists",
        "evt.type = open",
    ]);
    let loaded = toy::load(&[("f", &text)]);
    let (rules, mut scratch) = (&loaded.rules, Scratch::default());
    let event = toy::event(EXEC, &[("proc.name", Fact::Str("b")), ("proc.pid", Fact::Int(7))]);
    let mut tried = Vec::new();
    rules.each_tried(&event, &mut scratch, |number| tried.push(number));
    assert_eq!(tried, [1, 2]);
    let matched = |number| rules.try_one(number, &event, &mut Scratch::default());
    assert_eq!((1..4).map(matched).collect::<Vec<_>>(), [Some(Outcome::Matches), None, None]);
}
