//! What shells and `man` know of the command line.

use std::{collections::BTreeSet, fs, process::Command};

use runmon::cli;

use crate::{
    folder::Folder,
    program::{run, write},
};

/// Names of all commands that are shown, such as `rules-test`.
fn names(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let path = format!("{path}-{}", below.get_name());
        names(below, &path, found);
        found.insert(path);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new("man");
    let pages = folder.path().join("man1");
    let outcome = run(&["man", pages.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mut expected = BTreeSet::from(["runmon".to_owned()]);
    names(&cli::command(), "runmon", &mut expected);
    let found: BTreeSet<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".1").unwrap().to_owned())
        .collect();
    assert_eq!(found, expected);
    for name in &found {
        let page = fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        let escaped = name.replace('-', "\\-");
        assert!(
            page.contains(&format!(".TH {name} 1")) || page.contains(&escaped),
            "{name}: {page}"
        );
        assert!(name == "runmon" || page.contains("xample"), "{name} has no example: {page}");
        assert!(!page.contains("canary"), "{name}");
    }
    let replay = fs::read_to_string(pages.join("runmon-replay.1")).unwrap();
    assert!(replay.contains("where") && replay.contains("CONDITION"), "{replay}");
    assert_eq!(run(&["man", "/proc/nowhere"]).code, Some(1));
}

#[test]
fn shells_complete_every_command() {
    let folder = Folder::new("completions");
    let mut commands = BTreeSet::new();
    names(&cli::command(), "runmon", &mut commands);
    for shell in ["bash", "zsh", "fish"] {
        let outcome = run(&["completions", shell]);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{shell}");
        let text = String::from_utf8(outcome.stdout).unwrap();
        for command in &commands {
            let last = command.rsplit('-').next().unwrap();
            assert!(text.contains(last), "{shell}: {command}");
        }
        assert!(text.contains("rollup-seconds"), "{shell}");
        assert!(!text.contains("canary"), "{shell}");
        let file = write(&folder, shell, text.as_bytes());
        // Whichever shells are here read their own; bash is on every machine that builds this.
        let read = Command::new(shell).args(["-n", &file]).output();
        let is_absent = read.is_err() && shell != "bash";
        assert!(is_absent || read.unwrap().status.success(), "{shell}");
    }
    assert_eq!(run(&["completions", "cmd"]).code, Some(2));
}

/// bash itself asks for what comes after a word.
#[test]
fn bash_completes_options_and_commands() {
    let folder = Folder::new("bash");
    let script = write(&folder, "runmon", &run(&["completions", "bash"]).stdout);
    let completed = |words: &str| {
        let last = words.split(' ').count() - 1;
        let ask = format!(
            "source {script}; COMP_WORDS=({words}); COMP_CWORD={last}; \
             _runmon runmon \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last}-1]}}\"; \
             echo ${{COMPREPLY[@]}}"
        );
        let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(completed("runmon repl").trim(), "replay");
    assert_eq!(completed("runmon rules te").trim(), "test");
    assert_eq!(completed("runmon replay --whe").trim(), "--where");
}
