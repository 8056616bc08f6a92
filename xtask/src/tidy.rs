//! `cargo xtask tidy`: the house rules that no lint knows, as tables.
//!
//! Every finding is `file:line: rule`. Rules are checked on lines of source text, which is crude
//! and enough: they keep an honest developer from crossing a border without noticing.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::process::read;
use crate::workspace::Workspace;

/// Words that may not stand in the files of one part of the tree.
struct Ban {
    rule: &'static str,
    /// Where it holds: paths that start with one of these.
    within: &'static [&'static str],
    /// Where it does not hold, although it is within.
    except: &'static [&'static str],
    words: &'static [&'static str],
}

/// The borders of the house, and what is never left behind. xtask's own table names the words.
const BANS: &[Ban] = &[
    Ban {
        rule: "a hook does not import another hook; what they share goes beside hooks/",
        within: &["monitor-ebpf/src/hooks/"],
        except: &["monitor-ebpf/src/hooks/mod.rs"],
        words: &["hooks::", "super::"],
    },
    Ban {
        rule: "only bpf/ imports aya",
        within: &["monitor-user/src/", "monitor-rules/src/", "monitor-vulns/src/"],
        except: &["monitor-user/src/bpf/"],
        words: &["use aya", "aya::", "aya_obj::"],
    },
    Ban {
        rule: "the wire ends at decode: behind it only what names kinds, counters, limits and the \
               wire's version imports monitor_common",
        within: &["monitor-user/src/", "monitor-rules/src/"],
        except: &[
            "monitor-user/src/bpf/",
            "monitor-user/src/commands/",
            "monitor-user/src/daemon.rs",
            "monitor-user/src/decode/",
            "monitor-user/src/keeper/",
            "monitor-user/src/live.rs",
            "monitor-user/src/source/",
        ],
        words: &["monitor_common"],
    },
    Ban {
        rule: "the stages, the rule engine and the vulnerability data do no input or output: no \
               tokio, files, sockets, aya",
        within: &[
            "monitor-user/src/alert.rs",
            "monitor-user/src/decode/",
            "monitor-user/src/document/",
            "monitor-user/src/enrich/",
            "monitor-user/src/event.rs",
            "monitor-user/src/judge.rs",
            "monitor-user/src/line.rs",
            "monitor-user/src/raw_event.rs",
            "monitor-user/src/rules/",
            "monitor-rules/src/",
            "monitor-vulns/src/",
        ],
        except: &[],
        words: &["tokio::", "std::fs", "std::net::Tcp", "std::net::Udp", "ToSocketAddrs", "aya::"],
    },
    Ban {
        rule: "internal types are not Serialize: documents are made in document/, and only \
               recordings, the store, the configuration that is shown, and what line and keeper \
               say to each other have forms",
        within: &["monitor-user/src/", "monitor-rules/src/"],
        except: &[
            "monitor-user/src/config/raw.rs",
            "monitor-user/src/keeper/allowed.rs",
            "monitor-user/src/keeper/wire.rs",
            "monitor-user/src/images/mod.rs",
            "monitor-user/src/posture/",
            "monitor-user/src/source/recording/facts.rs",
            "monitor-user/src/source/recording/preamble.rs",
            "monitor-user/src/store/frame.rs",
            "monitor-user/src/store/record.rs",
        ],
        words: &["Serialize,", "Serialize)", "Serialize}"],
    },
    Ban {
        rule: "state has one owner, queues have a bound: no locks, broadcast or unbounded queues",
        within: &["monitor-user/src/", "monitor-rules/src/", "monitor-vulns/src/"],
        except: &[],
        words: &["Mutex", "RwLock", "broadcast::", "unbounded_channel", "mpsc::channel("],
    },
    Ban {
        rule: "an inventory is of what it is handed: no clock, no network, no processes",
        within: &["monitor-inventory/src/"],
        except: &[],
        words: &[
            "Instant::now",
            "SystemTime",
            "Timestamp::now",
            "std::net",
            "Command::new",
            "Mutex",
        ],
    },
    Ban {
        rule: "standard output and error belong to the commands; everything else logs or returns",
        within: &[
            "monitor-inventory/src/",
            "monitor-user/src/",
            "monitor-rules/src/",
            "monitor-vulns/src/",
        ],
        except: &["monitor-user/src/commands/"],
        words: &["print!(", "println!("],
    },
    Ban {
        rule: "no left-overs: finish it, or open an issue and say nothing here",
        within: &[""],
        except: &["xtask/src/tidy.rs"],
        words: &["TODO", "FIXME", "XXX:", "dbg!(", "#[ignore"],
    },
];

/// The longest file of a kind, in lines without its tests.
const FILE_LIMITS: &[(&str, usize)] =
    &[("monitor-user/src/main.rs", 60), ("monitor-ebpf/src/hooks/", 200), ("", 500)];

/// The longest line; rustfmt leaves strings and comments alone.
const LINE_LIMIT: usize = 100;

/// The longest function; clippy checks the same without comments.
const FUNCTION_LIMIT: usize = 70;

/// What monitor-common may depend on: it is the wire contract, and nothing else.
const COMMON_DEPENDENCIES: &[&str] = &["zerocopy"];

/// Checks every source file that git knows or would add.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = common_dependencies(workspace)?;
    let mut git = std::process::Command::new("git");
    git.current_dir(&workspace.root).args(["ls-files", "--cached", "--others"]);
    let files = read(git.args(["--exclude-standard", "--", "*.rs"]))?;
    let mut count = 0;
    for file in files.lines() {
        let path = workspace.root.join(file);
        // Deleted, and not yet told to git.
        if !path.exists() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {file}"))?;
        check_file(file, &text, &mut findings);
        count += 1;
    }
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "tidy: {} findings in {count} files", findings.len());
    Ok(())
}

fn check_file(file: &str, text: &str, findings: &mut Vec<String>) {
    let bans: Vec<&Ban> = BANS.iter().filter(|ban| ban.holds_in(file)).collect();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        for ban in bans.iter().filter(|ban| ban.is_broken_by(line)) {
            findings.push(format!("{file}:{number}: {}", ban.rule));
        }
        // A test's inputs are written as they come.
        if line.chars().count() > LINE_LIMIT && !is_test(file) {
            findings.push(format!("{file}:{number}: a line has at most {LINE_LIMIT} columns"));
        }
    }
    if is_test(file) {
        return;
    }
    let code = without_tests(text);
    if let Some((_, limit)) = FILE_LIMITS.iter().find(|(start, _)| file.starts_with(start))
        && code.len() > *limit
    {
        findings.push(format!("{file}:1: {} lines; at most {limit} here", code.len()));
    }
    for (number, length) in long_functions(&code) {
        let limit = FUNCTION_LIMIT;
        findings.push(format!("{file}:{number}: a function of {length} lines; at most {limit}"));
    }
}

impl Ban {
    fn holds_in(&self, file: &str) -> bool {
        let is_in = |dirs: &[&str]| dirs.iter().any(|dir| file.starts_with(dir));
        is_in(self.within) && !is_in(self.except) && !(self.is_border() && is_test(file))
    }

    /// Left-overs are looked for everywhere; tests may cross borders.
    fn is_border(&self) -> bool {
        self.within != [""]
    }

    fn is_broken_by(&self, line: &str) -> bool {
        let is_comment = line.trim_start().starts_with("//");
        (!self.is_border() || !is_comment) && self.words.iter().any(|word| line.contains(word))
    }
}

/// Test code lives in files of its own: `tests.rs`, or a crate's tests/ directory.
fn is_test(file: &str) -> bool {
    let path = Path::new(file);
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    parts.last() == Some(&"tests.rs") || parts.iter().skip(1).any(|part| *part == "tests")
}

/// The lines before a test module that is written in the file itself.
fn without_tests(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let is_module = |line: &&str| line.starts_with("mod ") && line.ends_with('{');
    let tests = lines.windows(2).position(|pair| match pair {
        [attribute, module] => *attribute == "#[cfg(test)]" && is_module(module),
        _ => false,
    });
    lines.into_iter().take(tests.unwrap_or(usize::MAX)).collect()
}

/// Where a function starts and how many lines it has, for those that are too long. Formatted code
/// closes a function with a brace in the column where its first line starts.
fn long_functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut long = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (index, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match open {
            Some((start, column)) if indent == column && line.trim_start() == "}" => {
                push_long(&mut long, start, index);
                open = None;
            }
            None if is_function(line) && !line.trim_end().ends_with(['}', ';']) => {
                open = Some((index, indent));
            }
            _ => {}
        }
    }
    long
}

fn push_long(long: &mut Vec<(usize, usize)>, start: usize, end: usize) {
    // The first and the last line are the signature's and the brace's.
    let length = end.saturating_sub(start + 1);
    if length > FUNCTION_LIMIT {
        long.push((start + 1, length));
    }
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let qualifiers =
        ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern", "\"C\""];
    words.find(|word| !qualifiers.contains(word)) == Some("fn")
}

fn common_dependencies(workspace: &Workspace) -> Result<Vec<String>> {
    let file = "monitor-common/Cargo.toml";
    let text = fs::read_to_string(workspace.root.join(file)).with_context(|| file.to_owned())?;
    let section = text.lines().enumerate().skip_while(|(_, line)| line.trim() != "[dependencies]");
    let entries = section.skip(1).take_while(|(_, line)| !line.starts_with('['));
    let is_allowed = |line: &str| {
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        name.is_empty() || name.starts_with('#') || COMMON_DEPENDENCIES.contains(&name)
    };
    Ok(entries
        .filter(|(_, line)| !is_allowed(line))
        .map(|(index, _)| format!("{file}:{}: monitor-common depends on zerocopy only", index + 1))
        .collect())
}

#[cfg(test)]
mod tests;
