//! The rules that are shipped, and the examples of their documentation.

use super::*;

#[test]
fn shipped_rules_compile_without_remarks_and_pass_their_tests() {
    let loaded = load(&embedded());
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    for file in embedded() {
        assert_eq!(monitor_rules::parse_file(file).len(), 0, "{}", file.name);
    }
    let failed: Vec<_> =
        testing::run_tests(&loaded.rules).into_iter().filter(|report| !report.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn shipped_rules_say_all_that_they_should() {
    let loaded = load(&embedded());
    assert!(loaded.rules.rules().len() >= 60);
    for rule in loaded.rules.rules() {
        let about = &rule.about;
        let count = |expect| rule.tests.iter().filter(|test| test.expect == expect).count();
        assert!(count(monitor_rules::Expect::Fires) >= 2, "{}: too few firing tests", about.id);
        assert!(count(monitor_rules::Expect::Quiet) >= 2, "{}: too few quiet tests", about.id);
        assert!(rule.tests.iter().all(|test| !test.name.is_empty()), "{}: nameless", about.id);
        let mut output = Vec::new();
        rule.output.render(&of_type("execve"), &mut output);
        assert!(!output.contains(&b'\n'), "{}: the output has several lines", about.id);
        assert!(!about.tactics.is_empty() && !about.techniques.is_empty(), "{}", about.id);
        assert!(!about.false_positives.is_empty() && !about.triage.is_empty(), "{}", about.id);
        let maturity = about.tags.iter().filter(|tag| tag.starts_with("maturity_")).count();
        assert_eq!(maturity, 1, "{}", about.id);
        let stable = about.tags.iter().any(|tag| tag == "maturity_stable");
        assert_eq!(rule.enabled, stable, "{}: only stable rules are on", about.id);
        // The file is named after the rule, and its folder after a tactic that it is about.
        let path = Path::new(&about.file);
        assert_eq!(path.file_stem().unwrap(), about.id.as_str());
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert!(about.tactics.iter().any(|tactic| tactic.name == folder), "{}", about.file);
    }
}

fn files_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.insert(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_rule_file_is_embedded() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut on_disk = BTreeSet::new();
    files_below(&top.join("rules"), &mut on_disk);
    let embedded: BTreeSet<String> =
        embedded().iter().map(|file| top.join(file.name).to_str().unwrap().to_owned()).collect();
    assert_eq!(embedded, on_disk);
}

/// The second example of the README changes the shipped rules as it says.
#[test]
fn the_shipped_rules_can_be_changed_by_a_later_file() {
    let readme = include_str!("../../../../rules/README.md");
    let example = readme.split("```yaml").nth(5).unwrap().split("```").next().unwrap();
    let mut files = embedded();
    files.push(RuleFile { name: "later.yaml", bytes: example.as_bytes() });
    let loaded = load(&files);
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    let drift = |image: &str| {
        event(&[
            ("evt.type", text("execve")),
            ("proc.exepath", text("/srv/x")),
            ("proc.is_exe_upper_layer", TestValue::Bool(true)),
            ("container.image", text(image)),
        ])
    };
    let mut judge = Judge::new(loaded.rules.into());
    let mut fires = |event: &Event| matches!(judge.judge(event), Verdict::Matched(_));
    assert!(fires(&drift("registry.example/app:1")));
    assert!(!fires(&drift("registry.example/ci/builder:1")));
    let off = |rules: &Rules| rules.rules().iter().filter(|rule| !rule.enabled).count();
    assert_eq!(off(judge.rules()), off(&load(&embedded()).rules) + 1);
}

/// The third example tells a rule that is off what is usual, and switches it on.
#[test]
fn a_rule_that_is_off_can_be_switched_on() {
    let readme = include_str!("../../../../rules/README.md");
    let example = readme.split("```yaml").nth(6).unwrap().split("```").next().unwrap();
    let mut files = embedded();
    files.push(RuleFile { name: "later.yaml", bytes: example.as_bytes() });
    let loaded = load(&files);
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    let asked = |image: &str| {
        event(&[
            ("evt.type", text("connect")),
            ("fd.rip", text("10.32.0.1")),
            ("proc.name", text("app")),
            ("container.image", text(image)),
        ])
    };
    let mut judge = Judge::new(loaded.rules.into());
    let mut fires = |event: &Event| matches!(judge.judge(event), Verdict::Matched(_));
    assert!(fires(&asked("registry.example/app:1")));
    assert!(!fires(&asked("registry.example/operators/cache:1")));
}

/// The other examples that are whole: a sequence, and an exception that ends.
#[test]
fn the_other_examples_load() {
    let readme = include_str!("../../../../rules/README.md");
    for at in [2, 7] {
        let example = readme.split("```yaml").nth(at).unwrap().split("```").next().unwrap();
        let mut files = embedded();
        files.push(RuleFile { name: "later.yaml", bytes: example.as_bytes() });
        let found: Vec<String> = load(&files).diagnostics.iter().map(|d| d.one_line()).collect();
        assert_eq!(found, Vec::<String>::new(), "example {at}");
    }
}

/// The example of a list of hashes fires on what is in the list.
#[test]
fn the_example_of_hashes_passes_its_tests() {
    let readme = include_str!("../../../../rules/README.md");
    let example = readme.split("```yaml").nth(9).unwrap().split("```").next().unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let read = |_: &str, path: &str| match path {
        "indicators/sha256.txt" => Ok(format!("# of an empty file\n{empty}\n")),
        other => Err(other.to_owned()),
    };
    let file = RuleFile { name: "hashes.yaml", bytes: example.as_bytes() };
    let loaded = crate::rules::load_with(&[file], &read);
    let found: Vec<String> = loaded.diagnostics.iter().map(|d| d.one_line()).collect();
    assert_eq!(found, Vec::<String>::new());
    let reports = testing::run_tests(&loaded.rules);
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(testing::TestReport::passed), "{reports:#?}");
}
