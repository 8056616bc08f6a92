//! Output texts and the way values are shown.

use super::toy::{self, Fact, OPEN};
use crate::Value;

fn render(output: &str) -> String {
    let rule = format!(
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  priority: info\n  output: '{output}'\n"
    );
    let loaded = toy::load(&[("f", &rule)]);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", toy::lines(&loaded.diagnostics));
    let event = toy::event(
        OPEN,
        &[
            ("proc.name", Fact::Str("cat")),
            ("proc.pid", Fact::Int(-7)),
            ("evt.is_open_write", Fact::Bool(true)),
            ("fd.ip", Fact::Ip("::1")),
            ("fd.path", Fact::Bytes(b"a\xffb")),
            ("proc.aname", Fact::Str("sh")),
            ("proc.aname", Fact::Str("init")),
            ("container.image", Fact::Pending),
            ("container.id", Fact::Never),
            ("HOME", Fact::Str("/root")),
        ],
    );
    let mut out = Vec::new();
    loaded.rules.rules()[0].output.render(&event, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn outputs() {
    let cases = [
        ("plain", "plain"),
        ("%proc.name", "cat"),
        ("name=%proc.name pid=%proc.pid.", "name=cat pid=-7."),
        ("%proc.name%proc.pid", "cat-7"),
        ("(%evt.is_open_write)", "(true)"),
        ("%fd.ip", "::1"),
        ("%fd.path", "a\u{fffd}b"),
        ("%proc.aname", "sh,init"),
        ("%proc.aname[2]", "init"),
        ("%proc.aname[3]", "<NA>"),
        ("%proc.env[HOME]", "/root"),
        ("%fd.port %container.image %container.id", "<NA> <NA> <NA>"),
        ("100% %% %x %", "100% % %x %"),
        ("*%proc.name", "cat"),
        ("é %proc.name é", "é cat é"),
        ("%proc.name  ", "cat"),
        ("", ""),
    ];
    for (output, expected) in cases {
        assert_eq!(render(output), expected, "{output}");
    }
}

#[test]
fn blocks_of_text_end_with_their_last_word() {
    for (block, expected) in [
        (">\n    is\n    %proc.name\n", "is cat"),
        ("|\n    is\n      %proc.name\n\n", "is\n  cat"),
        (">+\n    %proc.name\n\n", "cat"),
    ] {
        let rule = format!(
            "- rule: r\n  desc: d\n  condition: evt.type = open\n  priority: info\n  output: {block}"
        );
        let loaded = toy::load(&[("f", &rule)]);
        let mut out = Vec::new();
        let event = toy::event(OPEN, &[("proc.name", Fact::Str("cat"))]);
        loaded.rules.rules()[0].output.render(&event, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected, "{block}");
    }
}

#[test]
fn output_values_come_with_their_names() {
    let rule = "- rule: r\n  desc: d\n  condition: evt.type = open\n  priority: info\n  \
                output: '%proc.name is %proc.aname[1]'\n";
    let loaded = toy::load(&[("f", rule)]);
    let event = toy::event(OPEN, &[("proc.name", Fact::Str("cat"))]);
    let values: Vec<_> = loaded.rules.rules()[0].output.values(&event).collect();
    assert_eq!(values, [("proc.name", b"cat".to_vec()), ("proc.aname[1]", b"<NA>".to_vec())]);
    let fields: Vec<&str> = loaded.rules.rules()[0].fields().into_iter().collect();
    assert_eq!(fields, ["evt.type", "proc.aname", "proc.name"]);
}

#[test]
fn values_of_options() {
    assert_eq!(Value::or_absent(None), Value::Absent);
    assert_eq!(Value::or_absent(Some(Value::from(true))), Value::Bool(true));
}
