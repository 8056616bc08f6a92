use std::{fs, path::PathBuf};

use super::*;
use crate::{cli::RulesTestArgs, rules::testing::run_tests};

const GOOD: &str = "- rule: A rule\n  id: a\n  desc: d\n  condition: evt.type = execve and \
                    (proc.name = x or not proc.args = y)\n  output: o\n  priority: info\n";

/// A directory that goes away with the test.
/// A folder of its own, which goes with it.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn empty(name: &str) -> Self {
        let folder = Self::new(name, &[]);
        fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("runmon-rules-{}-{name}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn paths(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn of(text: &str) -> Loaded<Event> {
    rules::load(&[RuleFile { name: "f.yaml", bytes: text.as_bytes() }])
}

#[test]
fn the_embedded_rules_are_read_where_they_are_named() {
    let folder = Folder::new("builtin", &[("own.yaml", "own")]);
    let names = |paths: &[PathBuf]| -> Vec<String> {
        read(paths).unwrap().sources.into_iter().map(|source| source.name).collect()
    };
    let (own, embedded) = (folder.0.join("own.yaml"), PathBuf::from("builtin"));
    let all: Vec<String> = names(&[]);
    let path = own.display().to_string();
    let behind: Vec<String> = all.iter().cloned().chain([path.clone()]).collect();
    assert_eq!(names(&[embedded.clone(), folder.0.clone()]), behind);
    assert_eq!(names(&[own, embedded.clone()])[..2], [path, all[0].clone()]);
    assert!(files::named_by(&embedded).unwrap().is_empty());
    assert!(read(&[PathBuf::from("./builtin")]).is_err());
}

#[test]
fn a_directory_is_read_in_order_without_what_is_hidden() {
    let folder = Folder::new(
        "order",
        &[
            ("b.yaml", "b"),
            ("a/z.yml", "a"),
            ("a/notes.txt", "no"),
            (".hidden/x.yaml", "no"),
            ("c.yaml", "c"),
        ],
    );
    let read = read(&folder.paths()).unwrap().sources;
    let bytes: Vec<&[u8]> = read.iter().map(|file| &*file.bytes).collect();
    assert_eq!(bytes, [b"a", b"b", b"c"]);
    assert!(read[0].name.ends_with("/a/z.yml"));
}

#[test]
fn paths_that_cannot_be_read_say_so() {
    let message = |paths: &[PathBuf]| match read(paths) {
        Ok(_) => panic!("could be read"),
        Err(error) => {
            assert!(error.downcast_ref::<Usage>().is_some());
            format!("{error:#}")
        }
    };
    let missing = message(&["/nowhere/rules.yaml".into()]);
    assert!(missing.starts_with("cannot read rules from /nowhere/rules.yaml: No such file"));
    assert!(missing.contains("\nhint: "), "{missing}");
    let folder = Folder::new("empty", &[("notes.txt", "")]);
    assert!(message(&folder.paths()).starts_with("no rule files in "));
}

#[test]
fn what_a_directory_has_besides_files_is_left_out_and_told() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let folder = Folder::new("odd", &[("good.yaml", GOOD), ("sub/other.yaml", "[]")]);
    let path = |name: &str| folder.0.join(name);
    nix::unistd::mkfifo(&path("fifo.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(path("socket.yml")).unwrap();
    symlink("/dev/zero", path("device.yaml")).unwrap();
    symlink("loop.yaml", path("loop.yaml")).unwrap();
    symlink("nowhere", path("dangling.yaml")).unwrap();
    symlink("..", path("sub/up")).unwrap();
    // Reads of the first page fail, also for root.
    symlink("/proc/self/mem", path("sub/unreadable.yaml")).unwrap();
    let files = read(&folder.paths()).unwrap();
    let names = files.sources.iter().map(|source| source.name.rsplit('/').next().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["good.yaml", "other.yaml"]);
    let told: String = files.unread.iter().map(|left| left.line() + "\n").collect();
    for expected in [
        "/device.yaml: it is a character device, not a regular file",
        "/fifo.yaml: it is a FIFO, not a regular file",
        "/socket.yml: it is a socket, not a regular file",
        "/loop.yaml: Too many levels of symbolic links (os error 40)",
        "/dangling.yaml: No such file or directory (os error 2)",
        "/sub/up: it is a link to a directory; name that to have it read",
        "/sub/unreadable.yaml: Input/output error (os error 5)",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert_eq!(files.unread.len(), 7, "{told}");
    assert_eq!(load(&folder.paths()).unwrap().rules().len(), 1, "the rest is used");
    let code = check(&folder.paths()).unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)), "and check says so");
    let named = read(&[path("fifo.yaml")]).err().unwrap();
    assert!(format!("{named:#}").contains("it is a FIFO"), "what is named must be readable");
}

#[test]
fn exit_codes() {
    let good = Folder::new("good", &[("r.yaml", GOOD)]);
    let broken = Folder::new("broken", &[("r.yaml", &GOOD.replace("proc.name", "proc.nme"))]);
    let unused = format!("{GOOD}- macro: m\n  condition: evt.type = (\n");
    let unused = Folder::new("unused", &[("r.yaml", &unused)]);
    let tests = "  tests:\n  - {name: t, fires: true, event: {evt.type: procexit}}\n";
    let failing = Folder::new("failing", &[("r.yaml", &format!("{GOOD}{tests}"))]);
    let code = |result: anyhow::Result<ExitCode>| format!("{:?}", result.unwrap());
    let [clean, failure, bad] =
        [ExitCode::SUCCESS, ExitCode::FAILURE, ExitCode::from(2)].map(|code| format!("{code:?}"));
    assert_eq!(code(check(&good.paths())), clean);
    assert_eq!(code(check(&broken.paths())), bad);
    assert_eq!(code(check(&unused.paths())), bad);
    assert_eq!(code(check(&[])), clean);
    let test = |paths| test::run(&RulesTestArgs { paths, ..RulesTestArgs::default() });
    assert_eq!(code(test(good.paths())), clean);
    assert_eq!(code(test(failing.paths())), failure);
    assert_eq!(code(test(Vec::new())), clean);
    assert!(test(broken.paths()).unwrap_err().downcast_ref::<Usage>().is_some());
    assert!(load(&broken.paths()).is_err() && load(&good.paths()).is_ok());
}

#[test]
fn diagnostics_are_lines_or_drawn() {
    let loaded = of(&GOOD.replace("proc.name", "proc.nme"));
    let lines = report::diagnostics(&loaded.diagnostics, report::Look::Lines);
    assert!(lines.starts_with("f.yaml:4:"), "{lines}");
    assert_eq!(lines.lines().count(), 1);
    let drawn = report::diagnostics(&loaded.diagnostics, report::Look::Drawn { colour: false });
    assert_eq!(
        drawn,
        "error[unknown-field]: unknown field `proc.nme`\n \
         --> f.yaml:4:37\n\
         4 |   condition: evt.type = execve and (proc.nme = x or not proc.args = y)\n  \
         |                                     ^^^^^^^^\n  \
         = help: did you mean `proc.name`?\n\n"
    );
    let colour = report::diagnostics(&loaded.diagnostics, report::Look::Drawn { colour: true });
    assert!(colour.contains('\x1b'));
}

#[test]
fn a_failed_test_says_why() {
    let tests = "  tests:\n  - name: one\n    fires: true\n    event: {evt.type: execve, \
                 proc.name: sh, proc.args: y}\n  - name: two\n    fires: true\n    event: \
                 {evt.type: execve, nope: 1}\n";
    let loaded = of(&format!("{GOOD}{tests}"));
    let shown: Vec<String> = run_tests(&loaded.rules).iter().map(report::test).collect();
    assert_eq!(
        shown[0],
        "f.yaml:8: `A rule`, test `one`: expected to fire, was quiet\n  \
           no  all of:\n    \
             yes evt.type = execve   (is `exec`)\n    \
             no  one of:\n      \
               no  proc.name = x   (is `sh`)\n      \
               no  not:\n        \
                 yes proc.args = y   (is `y`)\n\n"
    );
    assert!(shown[1].contains("f.yaml:13:31: no event has a field `nope`"), "{}", shown[1]);
}

#[test]
fn rules_that_gather_are_tested_with_several_events() {
    let rule = "- rule: Two\n  desc: d\n  condition: evt.type = execve\n  output: o\n  \
                priority: info\n  aggregate: {count: 2, within: 10s, by: [container.id]}\n  tests:\n";
    let of_two = |fires: bool, after: &str, container: &str| {
        format!(
            "  - fires: {fires}\n    events:\n    - {{evt.type: execve, container.id: a1}}\n    \
             - {{after: {after}, evt.type: execve, container.id: {container}}}\n"
        )
    };
    let tests = [
        of_two(true, "9s", "a1"),
        of_two(false, "11s", "a1"),
        of_two(false, "9s", "b2"),
        of_two(true, "11s", "a1"),
        of_two(false, "9s", "a1"),
        "  - fires: true\n    event: {evt.type: execve}\n".to_owned(),
    ];
    let loaded = of(&format!("{rule}{}", tests.concat()));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let reports = run_tests(&loaded.rules);
    let passed: Vec<bool> = reports.iter().map(|report| report.passed()).collect();
    assert_eq!(passed, [true, true, true, false, false, true]);
    let shown = report::test(&reports[3]);
    assert!(shown.contains("expected to fire, was quiet on 2 events"), "{shown}");
    assert!(report::test(&reports[4]).contains("expected to be quiet, fired"));
}

#[test]
fn rules_are_tested_with_recordings() {
    let test =
        |file: &str, fires: bool| format!("  tests:\n  - fires: {fires}\n    recording: {file}\n");
    let with = |condition: &str, test: &str| {
        let rule = format!(
            "- rule: A\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n{test}"
        );
        let folder = Folder::new("recorded", &[("r.yaml", &rule)]);
        let story = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/story.rec");
        fs::copy(story, folder.0.join("story.rec")).unwrap();
        test::run(&RulesTestArgs { paths: folder.paths(), ..RulesTestArgs::default() }).unwrap()
    };
    let exec = "evt.type = execve";
    let code = |code| format!("{code:?}");
    assert_eq!(code(with(exec, &test("story.rec", true))), code(ExitCode::SUCCESS));
    assert_eq!(code(with(exec, &test("story.rec", false))), code(ExitCode::FAILURE));
    let never = "evt.type = execve and proc.name = nobody_has_it";
    assert_eq!(code(with(never, &test("story.rec", false))), code(ExitCode::SUCCESS));
    assert_eq!(code(with(never, &test("story.rec", true))), code(ExitCode::FAILURE));
    assert_eq!(code(with(never, &test("missing.rec", false))), code(ExitCode::FAILURE));
}

#[test]
fn what_is_appended_is_no_condition_by_itself() {
    let later = "- macro: m\n  condition: proc.name = a\n- macro: m\n  condition: or proc.name = b\n  \
                 override: {condition: append}\n- rule: A rule\n  condition: and m\n  append: true\n";
    let folder = Folder::new("appended", &[("a.yaml", GOOD), ("b.yaml", later)]);
    assert_eq!(
        format!("{:?}", check(&folder.paths()).unwrap()),
        format!("{:?}", ExitCode::SUCCESS)
    );
}

#[test]
fn lists_have_every_rule_and_field() {
    let loaded = of(GOOD);
    let all: Vec<_> = loaded.rules.rules().iter().collect();
    assert_eq!(
        list::as_table(&all),
        "ID  PRIORITY       EVENTS  TACTICS  NAME\na   informational  exec             A rule\n"
    );
    let shadow = GOOD.replace("  output", "  mode: shadow\n  output");
    let wide = shadow.replace("evt.type = execve and (", "evt.type != listen and (");
    let loaded = of(&wide);
    let table = list::as_table(&loaded.rules.rules().iter().collect::<Vec<_>>());
    assert!(table.contains("exec,fork,exit,connect,send and "), "{table}");
    assert!(table.ends_with("A rule (shadow)\n"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&list::as_json(&all)).unwrap();
    assert_eq!(json[0]["id"], "a");
    assert_eq!(json[0]["events"], serde_json::json!(["exec"]));
    assert_eq!(json[0]["fields"], serde_json::json!(["evt.type", "proc.args", "proc.name"]));
    let json: serde_json::Value = serde_json::from_str(&report::fields_as_json()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), crate::rules::SCHEMA.fields.len());
    assert!(report::fields_as_table().contains("\nproc.aname[n]  "));
}
