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
        said(&[("evt.type", text("semop"))]),
        ["1:3: events of type `semop` are not observed"]
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
        ["3:3: `sh` is not the file name of `/bin/bash` (see `proc.name` at 2:3)"]
    );
}

#[test]
fn what_contradicts_is_named_with_both_places() {
    let said = |kind: &str, fields: &[(&str, TestValue)]| -> Vec<String> {
        let mut fields = [&[("evt.type", text(kind))], fields].concat();
        if kind == "open" && !fields.iter().any(|(name, _)| name.ends_with(".name")) {
            fields.push(("fd.name", text("/f")));
        }
        match try_event(&fields) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        }
    };
    let pair = |kind: &str, one: (&str, TestValue), other: (&str, TestValue)| {
        let (first, second) = (one.0, other.0);
        let expected =
            format!("3:3: `{second}` contradicts `{first}` at 2:3: leave one of them out");
        assert_eq!(said(kind, &[one.clone(), other.clone()]), [expected]);
        let expected =
            format!("3:3: `{first}` contradicts `{second}` at 2:3: leave one of them out");
        assert_eq!(said(kind, &[other, one]), [expected]);
    };
    let (yes, no) = (TestValue::Bool(true), TestValue::Bool(false));
    pair("execve", ("proc.cmdline", text("sh -c id")), ("proc.args", text("-c ls")));
    pair("execve", ("proc.cmdline", text("sh -c id")), ("proc.name", text("dash")));
    pair("execve", ("proc.pname", text("sh")), ("proc.aname[1]", text("bash")));
    pair("execve", ("proc.pcmdline", text("sh -c id")), ("proc.pname", text("dash")));
    pair("execve", ("proc.aname", text("sh")), ("proc.pname", text("bash")));
    pair("execve", ("proc.is_exe_from_memfd", yes.clone()), ("proc.name", text("x")));
    pair("execve", ("proc.name", text("<gone>")), ("proc.cwd", text("/tmp")));
    pair("execve", ("evt.res", text("EACCES")), ("evt.rawres", TestValue::Int(0)));
    pair("execve", ("container.id", TestValue::Null), ("container.name", text("x")));
    pair("execve", ("container.image", text("a:1")), ("container.image.repository", text("b")));
    pair("open", ("fd.name", text("/a")), ("fs.path.name", text("/b")));
    pair("open", ("evt.is_open_write", no.clone()), ("evt.is_open_create", yes.clone()));
    pair("open", ("evt.is_open_exec", yes.clone()), ("evt.is_open_create", no));
    pair("open", ("evt.res", text("EACCES")), ("fd.is_block_device", yes.clone()));
    pair("open", ("fd.typechar", text("d")), ("fd.is_block_device", yes));
    pair("connect", ("fd.sip", text("192.0.2.9")), ("fd.rip", text("192.0.2.8")));
    pair("connect", ("fd.ip", text("192.0.2.9")), ("fd.sip", text("192.0.2.8")));
    pair("connect", ("fd.sport", TestValue::Int(1)), ("fd.port", TestValue::Int(2)));
    pair("connect", ("fd.name", text("/run/x")), ("fd.sip", text("192.0.2.8")));
    let agree: [(&str, &[(&str, TestValue)]); 4] = [
        ("execve", &[("proc.cmdline", text("sh -c id")), ("proc.args", text("-c id"))]),
        ("execve", &[("proc.name", text("dash")), ("proc.exe", text("sh"))]),
        ("connect", &[("fd.ip", text("192.0.2.9")), ("fd.cip", text("10.0.0.7"))]),
        (
            "execve",
            &[("container.image.repository", text("a")), ("container.image.tag", text("1"))],
        ),
    ];
    for (kind, fields) in agree {
        assert_eq!(said(kind, fields), Vec::<String>::new(), "{fields:?}");
    }
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

#[test]
fn ages_flags_and_layers_of_mapped_files_can_be_told() {
    let file = "
- rule: R
  desc: d
  condition: >
    proc.duration > 60000000000 or evt.arg.flags contains anyof (UFFD_USER_MODE_ONLY, MFD_EXEC)
    or fd.is_upper_layer = true
  output: o
  priority: info
  tests:
    - {name: old, fires: true, event: {evt.type: execve, proc.duration: 70000000000}}
    - {name: new, fires: false, event: {evt.type: execve}}
    - name: faults
      fires: true
      event: {evt.type: userfaultfd, evt.arg.flags: O_CLOEXEC|UFFD_USER_MODE_ONLY}
    - {name: all faults, fires: false, event: {evt.type: userfaultfd, evt.arg.flags: O_CLOEXEC}}
    - {name: memory, fires: true, event: {evt.type: memfd_create, evt.arg.flags: MFD_EXEC}}
    - {name: layer, fires: true, event: {evt.type: mmap, fd.name: /l, fd.is_upper_layer: true}}
    - {name: image, fires: false, event: {evt.type: mmap, fd.name: /l, fd.is_upper_layer: false}}
    - {name: too old, fires: true, event: {evt.type: execve, proc.duration: 100000000001}}
";
    let loaded = super::load(&[RuleFile { name: "f", bytes: file.as_bytes() }]);
    let reports = testing::run_tests(&loaded.rules);
    let failed: Vec<_> = reports.iter().filter(|report| !report.passed()).collect();
    let names: Vec<&str> = failed.iter().map(|report| &*report.test).collect();
    assert_eq!(names, ["too old"], "{failed:#?}");
}
