use monitor_rules::RuleFile;

use super::*;
use crate::{
    records::folder::Folder,
    rules::{embedded, load as load_rules, testing::run_tests},
};

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn args(paths: &[&Path], output: &Path) -> RulesTestArgs {
    let paths = paths.iter().map(|path| path.to_path_buf()).collect();
    RulesTestArgs { paths, output: Some(output.to_owned()), ..RulesTestArgs::default() }
}

/// The tests that are made of the story are run with the embedded rules, and pass.
#[test]
fn what_is_made_passes() {
    let folder = Folder::new("from");
    let made = folder.path().join("made.yaml");
    run(&args(&[], &made), &testdata("story.rec")).unwrap();
    let text = std::fs::read_to_string(&made).unwrap();
    assert!(text.contains("fires: true") && text.contains("fires: false"), "{text}");
    let mut files = embedded();
    files.push(RuleFile { name: "made.yaml", bytes: text.as_bytes() });
    let loaded = load_rules(&files);
    assert!(loaded.diagnostics.is_empty(), "{:?}\n{text}", loaded.diagnostics);
    let made_tests = text.matches("    - name: ").count();
    let own = load_rules(&embedded()).rules.rules().iter().map(|it| it.tests.len()).sum::<usize>();
    let reports = run_tests(&loaded.rules);
    assert_eq!(reports.len(), own + made_tests);
    for report in reports {
        assert!(report.passed(), "{}: {} {:?}\n{text}", report.rule, report.test, report.outcome);
    }
}

/// Texts that an attacker chose are the same when they are read.
#[test]
fn texts_are_read_as_they_were() {
    let hostile = String::from_utf8_lossy(crate::records::story::HOSTILE).into_owned();
    for text in ["bash", "/usr/bin/x", "true", "No", "12", "-x", "a: b", "# x", "", " ", &hostile] {
        let yaml = format!(
            "- rule: r\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: debug\n  \
             tests:\n{}",
            test(
                text,
                true,
                &[TestField {
                    name: "proc.cwd".to_owned(),
                    value: TestValue::List(vec![TestValue::Str(text.to_owned())]),
                    line: 1,
                    column: 1,
                }]
            )
        );
        let loaded = load_rules(&[RuleFile { name: "r.yaml", bytes: yaml.as_bytes() }]);
        let rule = loaded.rules.rules().first().unwrap_or_else(|| panic!("{yaml}"));
        let monitor_rules::TestActs::Event(event) = &rule.tests[0].acts else { panic!("{yaml}") };
        assert_eq!(rule.tests[0].name, text);
        assert_eq!(event.fields[0].value, TestValue::List(vec![TestValue::Str(text.to_owned())]));
        assert!(yaml.is_ascii() && !yaml.contains('\x1b'), "{yaml}");
    }
}

#[test]
fn only_what_fired_is_told_of_and_no_file_is_replaced() {
    let folder = Folder::new("from-none");
    let rules = folder.path().join("r.yaml");
    let never = "- rule: never\n  desc: d\n  condition: evt.type = execve and proc.name = nobody\n  \
                 output: o\n  priority: debug\n";
    std::fs::write(&rules, never).unwrap();
    let made = folder.path().join("made.yaml");
    run(&args(&[&rules], &made), &testdata("story.rec")).unwrap();
    assert!(!made.exists());
    std::fs::write(&made, "precious").unwrap();
    let error = run(&args(&[], &made), &testdata("story.rec")).unwrap_err();
    assert!(error.to_string().contains("never replaces a file"), "{error}");
    assert_eq!(std::fs::read(&made).unwrap(), b"precious");
}
