use std::sync::Arc;

use super::*;
use crate::{
    alert::{Alert, RulesThen, describe},
    document::{Document, Sender},
    rules::{load, testing},
};

/// The document that history keeps of an alert on an event, which a test describes.
fn kept(fields: &[(&str, TestValue)]) -> Value {
    let field = |(number, (name, value)): (usize, &(&str, TestValue))| TestField {
        name: (*name).to_owned(),
        value: value.clone(),
        line: number,
        column: 1,
    };
    let fields = fields.iter().enumerate().map(field).collect();
    let test = monitor_rules::TestEvent { fields, after_ns: 0, line: 1 };
    kept_of(testing::build(&test).unwrap())
}

fn kept_of(event: Event) -> Value {
    let text =
        "- rule: R\n  desc: d\n  condition: evt.type exists\n  output: o\n  priority: info\n";
    let rules = load(&[monitor_rules::RuleFile { name: "r.yaml", bytes: text.as_bytes() }]).rules;
    let matched = vec![describe(&rules.rules()[0], &event, None)];
    let (event, rules) = (Arc::new(event), RulesThen::new(Arc::new(rules)));
    let alert = Alert { event, matched, complete: true, changed: false, rules };
    let sender = Sender {
        node: Arc::default(),
        boot_id: "b".into(),
        run_id: "r".into(),
        instance: String::new(),
        history: true,
    };
    serde_json::from_slice(&history::write(&Document::Alert(alert), &sender)).unwrap()
}

fn text(text: &str) -> TestValue {
    TestValue::Str(text.to_owned())
}

fn decide(document: &Value, condition: &str) -> Held {
    let condition = Condition::compile(&SCHEMA, "filter", condition).ok().unwrap();
    Stored::of(document, 1_700_000_000_000_000_000).unwrap().decide(&condition)
}

#[test]
fn what_is_kept_answers_as_the_event_did() {
    let document = kept(&[
        ("evt.type", text("execve")),
        ("proc.exepath", text("/usr/bin/curl")),
        ("proc.cmdline", text("curl -s http://x/")),
        ("proc.aname", TestValue::List(vec![text("dash"), text("bash")])),
        ("container.id", text("3f1c2b")),
        ("container.image", text("docker.io/library/nginx:1.25")),
        ("user.uid", TestValue::Int(1000)),
    ]);
    let host = kept(&[("evt.type", text("execve")), ("container.id", text("host"))]);
    assert_eq!(decide(&host, "container.id = host and container.name = host"), Held::Yes);
    for (condition, held) in [
        ("proc.name = curl", Held::Yes),
        ("proc.name = wget", Held::No),
        ("proc.pname = dash and container.id != host", Held::Yes),
        ("proc.aname = bash", Held::Yes),
        ("proc.aname[2] = bash", Held::Yes),
        ("proc.aname[1] = bash", Held::No),
        ("evt.type = execve", Held::Yes),
        ("evt.type = connect", Held::No),
        ("container.image.repository endswith nginx", Held::Yes),
        ("proc.cmdline contains http://x/", Held::Yes),
        ("user.uid >= 1000", Held::Yes),
        ("fd.name = /etc/passwd", Held::No),
        // Nothing of labels is kept by their names.
        ("container.label[a] = b", Held::Undecided(vec!["container.label"])),
    ] {
        assert_eq!(decide(&document, condition), held, "{condition}");
    }
}

#[test]
fn of_opens_and_connections_it_is_known_what_they_were() {
    let open = kept(&[
        ("evt.type", text("openat")),
        ("fd.name", text("/etc/shadow")),
        ("evt.is_open_read", TestValue::Bool(true)),
    ]);
    assert_eq!(decide(&open, "fd.name = /etc/shadow and evt.is_open_write = false"), Held::Yes);
    assert_eq!(decide(&open, "evt.is_open_write = true"), Held::No);
    let connect = kept(&[
        ("evt.type", text("connect")),
        ("fd.sip", text("192.0.2.7")),
        ("fd.sport", TestValue::Int(4444)),
    ]);
    assert_eq!(decide(&connect, "fd.sip = 192.0.2.7 and fd.sport = 4444"), Held::Yes);
    assert_eq!(decide(&connect, "fd.sip = 192.0.2.8"), Held::No);
}

#[test]
fn what_was_too_long_to_keep_is_never_guessed() {
    let long = format!("curl {}", "x".repeat(5_000));
    let document = kept(&[("evt.type", text("execve")), ("proc.cmdline", text(&long))]);
    assert_eq!(
        decide(&document, "proc.cmdline contains xxx"),
        Held::Undecided(vec!["proc.cmdline"])
    );
    assert_eq!(decide(&document, "proc.name = curl"), Held::Yes);
    let kept = document.pointer("/runmon/history").unwrap().to_string();
    assert!(kept.len() < 100_000, "{}", kept.len());
}

#[test]
fn bytes_that_are_no_text_take_no_alert_out_of_what_is_asked() {
    let test =
        [("evt.type", text("openat")), ("fd.name", text("/tmp/a")), ("proc.name", text("x"))];
    let mut document = kept(&test);
    let fields = document.pointer_mut("/runmon/history/fields").unwrap().as_object_mut().unwrap();
    for value in fields.values_mut().filter(|value| value.as_str() == Some("/tmp/a")) {
        *value = serde_json::json!({ "bytes": "2f746d702fff" });
    }
    for value in fields.values_mut().filter(|value| value.as_str() == Some("a")) {
        *value = serde_json::json!({ "bytes": "ff" });
    }
    assert_eq!(decide(&document, "proc.name = x"), Held::Yes);
    assert_eq!(decide(&document, "proc.name = y"), Held::No);
    assert_eq!(decide(&document, "evt.type = openat and fd.name startswith /tmp/"), Held::Yes);
}
