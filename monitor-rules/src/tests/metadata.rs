//! What a rule says about itself, and its tests.

use super::toy;
use crate::{Expect, Priority, RuleTest, TestActs, TestField, TestValue};

const RULE: &str = "\
- rule: Read sensitive file (untrusted)
  id: read_sensitive
  version: 2
  desc: >
    Somebody reads
    a file
  condition: evt.type = open
  output: o
  priority: WARNING
  tags: [container, mitre_credential_access, T1555, maturity_stable]
  mitre: [TA0002, T1059.004, T1555]
  references: https://example.org
  false_positives: [backups]
  triage:
  - look at the parent
  tests:
  - name: fires
    fires: true
    event: {evt.type: open, proc: {name: cat, pid: 7}, proc.aname: [sh, init], fd.name: '7'}
  - name: quiet
    expect: quiet
    event:
      kind: open
      evt.is_open_write: true
      fd.ip: ~
";

#[test]
fn about() {
    let loaded = toy::load(&[("f", RULE)]);
    assert_eq!(toy::lines(&loaded.diagnostics), [""; 0]);
    let about = &loaded.rules.rules()[0].about;
    assert_eq!(about.name, "Read sensitive file (untrusted)");
    assert_eq!(about.id, "read_sensitive");
    assert_eq!(about.version.as_deref(), Some("2"));
    assert_eq!(about.desc, "Somebody reads a file");
    assert_eq!(about.priority, Priority::Warning);
    assert_eq!(about.tags.len(), 4);
    let tactics: Vec<&str> = about.tactics.iter().map(|tactic| tactic.id).collect();
    assert_eq!(tactics, ["TA0002", "TA0006"]);
    assert_eq!(about.techniques, ["T1059.004", "T1555"]);
    assert_eq!(about.references, ["https://example.org"]);
    assert_eq!(about.false_positives, ["backups"]);
    assert_eq!(about.triage, ["look at the parent"]);
    assert_eq!((about.file.as_str(), about.line), ("f", 1));
}

#[test]
fn an_id_is_made_from_the_name() {
    let loaded = toy::load(&[("f", &RULE.replace("  id: read_sensitive\n", ""))]);
    assert_eq!(loaded.rules.rules()[0].about.id, "read_sensitive_file_untrusted");
}

#[test]
fn tests_of_a_rule() {
    let loaded = toy::load(&[("f", RULE)]);
    let [fires, quiet] = loaded.rules.rules()[0].tests.as_slice() else { panic!("two tests") };
    assert_eq!((fires.name.as_str(), fires.expect, fires.line), ("fires", Expect::Fires, 17));
    assert_eq!((quiet.name.as_str(), quiet.expect, quiet.line), ("quiet", Expect::Quiet, 20));
    let text = |text: &str| TestValue::Str(text.to_owned());
    let field =
        |name: &str, value, column| TestField { name: name.to_owned(), value, line: 19, column };
    let expected = [
        field("evt.type", text("open"), 13),
        field("proc.name", text("cat"), 36),
        field("proc.pid", TestValue::Int(7), 47),
        field("proc.aname", TestValue::List(vec![text("sh"), text("init")]), 56),
        field("fd.name", text("7"), 80),
    ];
    let fields = |test: &RuleTest| match &test.acts {
        TestActs::Event(event) => event.fields.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fields(fires), expected);
    let quiet = fields(quiet);
    let values: Vec<&TestValue> = quiet.iter().map(|field| &field.value).collect();
    assert_eq!(values, [&text("open"), &TestValue::Bool(true), &TestValue::Null]);
}

#[test]
fn tests_of_several_events_and_of_recordings() {
    let rule = RULE.split("  tests:").next().unwrap();
    let tests = "  tests:\n  - fires: true\n    events:\n      - {evt.type: open}\n      \
                 - {after: 2m, evt.type: connect, fd: {port: 7}}\n  \
                 - fires: false\n    recording: quiet/boot.rec\n";
    let loaded = toy::load(&[("f", &format!("{rule}{tests}"))]);
    assert_eq!(toy::lines(&loaded.diagnostics), Vec::<String>::new());
    let [several, recorded] = loaded.rules.rules()[0].tests.as_slice() else { panic!("two tests") };
    let TestActs::Events(events) = &several.acts else { panic!("{several:?}") };
    let [first, second] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((first.after_ns, first.line, first.fields.len()), (0, 19, 1));
    assert_eq!((second.after_ns, second.line), (120_000_000_000, 20));
    assert_eq!(second.fields[1].name, "fd.port");
    assert_eq!(recorded.acts, TestActs::Recording("quiet/boot.rec".to_owned()));
}

#[test]
fn tests_that_say_too_little() {
    let with = |tests: &str| {
        let rule = format!("{}  tests:\n{tests}", RULE.split("  tests:").next().unwrap());
        toy::lines(&toy::load(&[("f", &rule)]).diagnostics)
    };
    assert_eq!(
        with("  - name: n\n    event: {}\n"),
        ["f:17:5: error[shape]: the test does not say what is expected; write `fires: true` or \
          `fires: false`"]
    );
    assert_eq!(
        with("  - name: n\n    fires: true\n"),
        ["f:17:5: error[shape]: the test has no `event`; describe one `event`, several `events`, \
          or name a `recording`"]
    );
    assert_eq!(
        with("  - fires: true\n    event: {}\n    recording: a.rec\n"),
        ["f:17:5: error[shape]: a test has one of `event`, `events` and `recording`"]
    );
    assert_eq!(
        with("  - fires: true\n    events: [{after: soon}]\n"),
        ["f:18:22: error[bad-value]: `after` must be a time such as `10s`"]
    );
    assert_eq!(
        with("  - expect: maybe\n    fires: true\n    event: {}\n"),
        ["f:17:13: error[bad-value]: `expect` must be `fire` or `quiet`"]
    );
    assert_eq!(
        with("  - fire: true\n    fires: true\n    event: {}\n"),
        ["f:17:5: error[unknown-key]: unknown key `fire`; did you mean `fires`?"]
    );
}

#[test]
fn priorities() {
    for (name, priority) in [
        ("emergency", Priority::Emergency),
        ("ALERT", Priority::Alert),
        ("Critical", Priority::Critical),
        ("info", Priority::Informational),
        ("INFORMATIONAL", Priority::Informational),
        ("debug", Priority::Debug),
    ] {
        assert_eq!(Priority::from_name(name), Some(priority));
    }
    assert_eq!(Priority::from_name("warn"), None);
    assert!(Priority::Emergency < Priority::Debug);
}
