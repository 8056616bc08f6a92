//! The tests that stand in rules: what they may say, and how they are run.

use super::*;

#[test]
fn mistakes_in_the_event_of_a_test() {
    let said = |fields: &[(&str, TestValue)]| -> Vec<String> {
        try_event(fields).unwrap_err().iter().map(ToString::to_string).collect()
    };
    let open = ("evt.type", text("open"));
    let exec = ("evt.type", text("execve"));
    assert_eq!(said(&[]), ["1:1: the event has no `evt.type`: say what is done, such as `execve`"]);
    assert_eq!(said(&[("evt.type", text("opne"))]), ["1:3: `opne` is no event type"]);
    assert_eq!(
        said(&[("evt.type", text("rename"))]),
        ["1:3: events of type `rename` are not observed"]
    );
    assert_eq!(
        said(std::slice::from_ref(&open)),
        ["1:1: the event has no `fd.name`: say which file is opened"]
    );
    assert_eq!(
        said(&[
            exec.clone(),
            ("proc.nme", text("x")),
            ("fd.directory", text("x")),
            ("proc.pid", text("x")),
            ("proc.pid", TestValue::Int(-1)),
            ("fd.sip", text("1.2.3.4")),
            ("proc.stdin_type", text("x")),
            ("container.image", text("<soon>")),
            ("evt.res", text("EWHAT")),
            ("thread.cap_effective", text("CAP_ALL")),
            ("proc.aname[x]", text("sh")),
        ]),
        [
            "2:3: no event has a field `proc.nme`; `runmon rules fields` lists them",
            "3:3: `fd.directory` follows from other fields: set those instead",
            "4:3: `proc.pid`: expected a number, found `x`",
            "5:3: `proc.pid`: the number is out of range",
            "6:3: `fd.sip`: only a socket has it",
            "7:3: `proc.stdin_type`: one of none, file, pipe, tty, socket, character, other is \
             expected",
            "8:3: `container.image`: `soon` is no reason for a fact to be unknown",
            "9:3: `evt.res`: `EWHAT` is neither SUCCESS nor an error",
            "10:3: `thread.cap_effective`: `CAP_ALL` is no capability",
            "11:3: `proc.aname[x]`: an ancestor is a number up to 16",
        ]
    );
    assert_eq!(
        said(&[exec, ("proc.name", text("sh")), ("proc.exepath", text("/bin/bash"))]),
        ["1:1: `sh` is not the file name of `/bin/bash`"]
    );
}

const RULE: &str = "- rule: r\n  desc: d\n  condition: evt.type = execve and proc.name = x\n  \
                    output: o\n  priority: info\n  tests:\n";

fn reports(tests: &str) -> Vec<testing::TestReport> {
    let rule = format!("{RULE}{tests}");
    let loaded = load(&[RuleFile { name: "f", bytes: rule.as_bytes() }]);
    assert!(!loaded.has_errors());
    testing::run_tests(&loaded.rules)
}

#[test]
fn tests_of_rules_are_run() {
    let reports = reports(
        "  - name: a\n    fires: true\n    event: {evt.type: execve, proc.name: x}\n  \
         - name: b\n    fires: false\n    event: {evt.type: execve, proc.name: x}\n  \
         - name: c\n    fires: true\n    event: {evt.type: execve, proc.name: <gone>}\n  \
         - name: d\n    fires: false\n    event: {evt.type: execve, what: 1}\n",
    );
    let [a, b, c, d] = reports.as_slice() else { panic!("four tests") };
    assert!(a.passed() && !b.passed() && !c.passed() && !d.passed());
    assert_eq!((b.rule.as_str(), b.file.as_str(), b.line, b.test.as_str()), ("r", "f", 10, "b"));
    let TestOutcome::Failed { undecided, .. } = &c.outcome else { panic!("{:?}", c.outcome) };
    assert_eq!(
        undecided.iter().map(|u| (u.field, u.why)).collect::<Vec<_>>(),
        [("proc.name", Unknown::Never("gone"))]
    );
    assert!(matches!(&d.outcome, TestOutcome::Broken(mistakes) if mistakes.len() == 1));
}
