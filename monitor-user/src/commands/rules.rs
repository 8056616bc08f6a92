//! `runmon rules`: reads rule files, says what is wrong with them, runs their tests, lists them,
//! and makes them of those of other systems.
//!
//! The only place that reads rule files; everything it knows of rules it asks of [`rules`].

mod bench;
mod ended;
mod explain;
mod files;
mod filter;
mod from;
pub mod import;
mod list;
mod mutants;
mod navigator;
pub(super) mod progress;
mod recorded;
mod report;
mod switch;
mod test;
#[cfg(test)]
mod tests;
mod texts;
pub mod watched;

pub(super) use files::{is_builtin, with_words};
pub(super) use texts::{RuleText, load_texts, rule_by_id, rule_texts, tests_fail};

use std::{
    cell::RefCell,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use monitor_rules::{
    Code, Diagnostic, Loaded, ReadValues, Rule, RuleFile, Severity, limits::INDICATOR_BYTES_MAX,
};

use sha2::{Digest as _, Sha256};

use self::files::{Source, read};
use super::{Usage, say, show};
use crate::{
    cli::{ImportCommand, RulesCommand},
    event::Event,
    live::{boottime_ns, clock_offset_ns},
    rules::{self, Rules, names::Names},
};

/// Exit code for rules that cannot be used.
const BAD_RULES: u8 = 2;

/// Does what a subcommand of `rules` says.
///
/// # Errors
///
/// A path or a rule that cannot be used, or an output that cannot be written.
pub fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RulesCommand::Check { paths } => check(paths),
        RulesCommand::Test(args) => test::run(args),
        RulesCommand::List(args) => list::run(args),
        RulesCommand::Bench(args) => bench::run(args),
        RulesCommand::Explain(args) => explain::run(args),
        RulesCommand::Disable(args) => switch::disable(args),
        RulesCommand::Enable(args) => switch::enable(args),
        RulesCommand::Fields { json } => fields(*json),
        RulesCommand::Import(ImportCommand::Sigma(args)) => import::sigma(args),
    }
}

/// Says what is wrong with rule files; without paths with the embedded ones.
///
/// # Errors
///
/// A path that cannot be read, or an output that cannot be written.
pub fn check(paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let files = read(paths)?;
    let (files, unread) = (files.sources, files.unread);
    let loaded = compile(&files);
    let mut found = loaded.diagnostics.clone();
    // A macro that no rule uses is never compiled: its grammar is checked here.
    let alone = files.iter().flat_map(|file| monitor_rules::parse_file(file.as_rule_file()));
    for diagnostic in alone {
        if !found.iter().any(|known| is_same(known, &diagnostic)) {
            found.push(diagnostic);
        }
    }
    let mut text = report::diagnostics(&found, look_of(&io::stdout()));
    text.extend(unread.iter().map(|left| format!("error: left out: {}\n", left.line())));
    let ended = ended::lines(loaded.rules.rules(), now_ns());
    text.extend(ended.iter().map(|line| format!("{line}\n")));
    let wrong = found.iter().filter(|d| d.severity() == Severity::Error).count();
    let (errors, warnings) = (wrong + unread.len(), found.len() - wrong + ended.len());
    text.push_str(&format!(
        "{}, {}: {}, {}\n",
        report::count(files.len(), "file"),
        report::count(loaded.rules.rules().len(), "rule"),
        report::count(errors, "error"),
        report::count(warnings, "warning"),
    ));
    let silent = found.iter().filter(|d| d.code == Code::NeverMatches).count();
    if silent > 0 {
        text.push_str(&format!("{} can never fire here\n", report::count(silent, "rule")));
    }
    show(&text)?;
    Ok(if errors > 0 { ExitCode::from(BAD_RULES) } else { ExitCode::SUCCESS })
}

/// Lists the fields that conditions and outputs can use.
///
/// # Errors
///
/// An output that cannot be written.
pub fn fields(json: bool) -> anyhow::Result<ExitCode> {
    show(&if json { report::fields_as_json() } else { report::fields_as_table() })?;
    Ok(ExitCode::SUCCESS)
}

/// Reads and compiles rules; without paths the embedded ones. Warnings and errors are shown on
/// standard error.
///
/// # Errors
///
/// A path or a rule that cannot be used: the caller's to mend.
pub fn load(paths: &[PathBuf]) -> anyhow::Result<Rules> {
    load_with(paths, &read_values)
}

/// The same where a use of them is only to say more: nothing is said, and none are no matter.
pub(super) fn load_quietly(paths: &[PathBuf]) -> Option<Rules> {
    let loaded = compile(&read(paths).ok()?.sources);
    Some(loaded.rules)
}

/// Columns, each as wide as its widest entry.
pub(super) fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    report::table(rows)
}

fn load_with(paths: &[PathBuf], read_values: ReadValues<'_>) -> anyhow::Result<Rules> {
    let files = read(paths)?;
    files.tell_unread();
    let digest = RefCell::new(Sha256::new());
    for file in &files.sources {
        digest.borrow_mut().update(file.as_rule_file().bytes);
    }
    let mut loaded = compile_with(&files.sources, &|rule_file, path| {
        let values = read_values(rule_file, path);
        digest.borrow_mut().update(values.as_deref().unwrap_or_default());
        values
    });
    show_diagnostics(&loaded);
    refuse_errors(&loaded)?;
    loaded.rules.set_version(version(digest.into_inner()));
    ended::lines(loaded.rules.rules(), now_ns()).iter().for_each(|line| say(line));
    Ok(loaded.rules)
}

/// The first digits of a digest tell rules from any others that a site has.
fn version(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Shows what was found in rule files on standard error.
fn show_diagnostics(loaded: &Loaded<Event>) {
    let text = report::diagnostics(&loaded.diagnostics, look_of(&io::stderr()));
    // Nobody may be there to read it; errors are told in any case.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

fn refuse_errors(loaded: &Loaded<Event>) -> Result<(), Usage> {
    let errors = loaded.diagnostics.iter().filter(|d| d.severity() == Severity::Error).count();
    if errors == 0 {
        return Ok(());
    }
    let errors = report::count(errors, "error");
    let cure = "`runmon rules check` shows them with their places";
    Err(Usage(format!("{errors} in the rules\nhint: {cure}")))
}

/// The rule of that name or id; the nearest one is suggested.
fn rule_named<'r>(rules: &'r Rules, name: &str) -> Result<(usize, &'r Rule<Event>), Usage> {
    rules::named(rules, name).map_err(Usage)
}

/// Lets rules speak of this host's users and groups by name. Only for live events: a recording may
/// come from elsewhere.
pub fn name_users_of_this_host() {
    rules::names::set_of_host(names_of_this_host());
}

/// This host's users and groups by name.
pub fn names_of_this_host() -> Names {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    Names::parse(&read("/etc/passwd"), &read("/etc/group"))
}

fn compile<'f>(files: impl IntoIterator<Item = &'f Source>) -> Loaded<Event> {
    compile_with(files, &read_values)
}

fn compile_with<'f>(
    files: impl IntoIterator<Item = &'f Source>,
    read_values: ReadValues<'_>,
) -> Loaded<Event> {
    let files: Vec<RuleFile<'_>> = files.into_iter().map(Source::as_rule_file).collect();
    rules::load_with(&files, read_values)
}

/// The file that a list's values stand in. Its path is relative to the rule file's folder.
fn values_path(rule_file: &str, path: &str) -> PathBuf {
    Path::new(rule_file).parent().unwrap_or(Path::new("")).join(path)
}

fn read_values(rule_file: &str, path: &str) -> Result<String, String> {
    crate::input::read_text(&values_path(rule_file, path), INDICATOR_BYTES_MAX as u64)
        .map_err(|error| error.to_string())
}

/// Now, nanoseconds since 1970.
fn now_ns() -> i64 {
    clock_offset_ns().saturating_add_unsigned(boottime_ns())
}

fn is_same(one: &Diagnostic, other: &Diagnostic) -> bool {
    one.one_line() == other.one_line()
}

/// How diagnostics look there.
fn look_of(stream: &impl io::IsTerminal) -> report::Look {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if stream.is_terminal() { report::Look::Drawn { colour } } else { report::Look::Lines }
}
