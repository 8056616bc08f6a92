//! The table of evasions in SECURITY.md: rows of the end-to-end tests' own table, cells of what the
//! cases of a row came to on each kernel with each family of hooks. A cell of which a case was not
//! run, or did nothing, says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::e2e;
use crate::kernels::Kernel;
use crate::process::read;
use crate::workspace::Workspace;

/// Where the table is, and what stands around it.
const FILE: &str = "SECURITY.md";
const START: &str = "<!-- evasions: made by `cargo xtask e2e evasions` -->\n";
const END: &str = "<!-- evasions end -->\n";

/// What stands before the commit in the text.
const STAMP: &str = "at commit `";

/// A row, as the test binary prints it.
struct Row {
    number: u64,
    title: String,
    cases: Vec<String>,
    /// Family, cell, and what has to be said.
    verdicts: Vec<(String, String, String)>,
}

/// What cases came to: by kernel, then by the case's name with its family.
#[derive(Default)]
pub(crate) struct Results(BTreeMap<String, BTreeMap<String, Outcome>>);

/// What a case came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Held,
    /// It held with nothing done: why.
    NotTried(String),
    Failed,
}

/// What a case says before why it did nothing.
const NOT_TRIED: &str = "not tried: ";

impl Results {
    /// Takes what the test binary wrote on a kernel. What a case says itself may stand between its
    /// name and its outcome.
    pub(crate) fn take(&mut self, kernel: &str, console: &str) {
        let cases = self.0.entry(kernel.to_owned()).or_default();
        let mut open = None;
        let mut held = Outcome::Held;
        for line in console.lines() {
            let mut rest = line.trim();
            if let Some(test) = line.strip_prefix("test ")
                && let Some((name, after)) = test.split_once(" ... ")
            {
                open = name.split_whitespace().last().map(str::to_owned);
                held = Outcome::Held;
                rest = after.trim();
            }
            if let Some(why) = rest.strip_prefix(NOT_TRIED) {
                held = Outcome::NotTried(why.to_owned());
            }
            let outcome = match rest {
                "ok" => held.clone(),
                "FAILED" => Outcome::Failed,
                _ => continue,
            };
            if let Some(name) = open.take() {
                cases.insert(name, outcome);
            }
        }
    }

    /// The same from the output of several machines at once, whose lines are labelled.
    pub(crate) fn take_labelled(&mut self, output: &str) -> Result<()> {
        let mut consoles: BTreeMap<String, String> = BTreeMap::new();
        let here = running_kernel()?;
        for line in output.lines() {
            let of = |version: &str| line.strip_prefix(version)?.strip_prefix(" | ");
            let found = Kernel::all().find_map(|it| Some((it.version, of(it.version)?)));
            // A machine that lacks what a host need not have is not in the table.
            if found.is_none() && line.contains(" bare | ") {
                continue;
            }
            let (kernel, line) = found.unwrap_or((&here, line));
            let console = consoles.entry(kernel.to_owned()).or_default();
            console.push_str(line);
            console.push('\n');
        }
        for (kernel, console) in &consoles {
            self.take(kernel, console);
        }
        Ok(())
    }

    /// Kernel and family of each column: the newest first.
    fn columns(&self) -> Vec<(&str, String)> {
        let mut columns = Vec::new();
        let mut kernels: Vec<&String> = self.0.keys().collect();
        kernels.sort_by_key(|kernel| std::cmp::Reverse(version(kernel)));
        for kernel in kernels {
            let cases = self.0.get(kernel);
            let families: BTreeSet<&str> = cases
                .into_iter()
                .flatten()
                .filter_map(|(name, _)| name.rsplit("::").next())
                .collect();
            let known =
                ["fentry", "kprobe", "fallback"].iter().filter(|it| families.contains(**it));
            columns.extend(known.map(|family| (kernel.as_str(), (*family).to_owned())));
        }
        columns
    }

    fn cell(&self, row: &Row, kernel: &str, family: &str) -> String {
        let verdict = row.verdicts.iter().find(|it| it.0 == family).map_or("", |it| it.1.as_str());
        if row.cases.is_empty() {
            return "not tested".to_owned();
        }
        let outcome = |case: &String| self.0.get(kernel)?.get(&format!("{case}::{family}"));
        let outcomes: Vec<Option<&Outcome>> = row.cases.iter().map(outcome).collect();
        let not_tried = outcomes.iter().find_map(|outcome| match outcome {
            Some(Outcome::NotTried(why)) => Some(why),
            _ => None,
        });
        if outcomes.contains(&Some(&Outcome::Failed)) {
            "**failed**".to_owned()
        } else if outcomes.contains(&None) {
            "not run".to_owned()
        } else if let Some(why) = not_tried {
            format!("{NOT_TRIED}{why}")
        } else {
            verdict.to_owned()
        }
    }
}

/// `6.12` as numbers, to sort by, and whether it is of this host's architecture.
fn version(kernel: &str) -> (bool, Vec<u32>) {
    let (version, arch) =
        kernel.split_once('-').map_or((kernel, None), |(v, arch)| (v, Some(arch)));
    (arch.is_none(), version.split('.').filter_map(|part| part.parse().ok()).collect())
}

/// The first two numbers of the running kernel's version.
pub(crate) fn running_kernel() -> Result<String> {
    let release =
        fs::read_to_string("/proc/sys/kernel/osrelease").context("the kernel's release")?;
    Ok(release.trim().splitn(3, '.').take(2).collect::<Vec<_>>().join("."))
}

/// Writes the table of these results into its file.
pub(crate) fn write(workspace: &Workspace, results: &Results) -> Result<()> {
    let rows = rows(workspace)?;
    let path = workspace.root.join(FILE);
    let text = fs::read_to_string(&path).context(FILE)?;
    let (before, _, after) = parts(&text)?;
    let commit = read(git(workspace).args(["rev-parse", "--short=12", "HEAD"]))?;
    let date = read(Command::new("date").args(["-u", "+%F"]))?;
    let mut table = format!("\nMade on {} {STAMP}{}`.\n\n", date.trim(), commit.trim());
    table.push_str(&grid(&rows, results));
    table.push('\n');
    table.push_str(&notes(&rows));
    fs::write(&path, format!("{before}{START}{table}{END}{after}")).context(FILE)?;
    println!("evasions: {FILE} has the new table");
    Ok(())
}

/// Checks that the table is of these rows, says what they say, and was made in this history.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let rows = rows(workspace)?;
    let text = fs::read_to_string(workspace.root.join(FILE)).context(FILE)?;
    let (_, table, _) = parts(&text)?;
    const CURE: &str = "run `cargo xtask e2e evasions`";
    let titles: Vec<String> = rows.iter().map(head).collect();
    let found = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let found: Vec<&str> = found.collect();
    ensure!(
        found.len() == titles.len()
            && found.iter().zip(&titles).all(|(line, head)| line.starts_with(head.as_str())),
        "the rows of the table of evasions in {FILE} are not those of the tests; {CURE}"
    );
    ensure!(
        table.ends_with(&notes(&rows)),
        "what {FILE} says of evasions that are not seen is not what the tests expect; {CURE}"
    );
    let commit = table.split_once(STAMP).and_then(|(_, rest)| rest.split_once('`'));
    let (commit, _) =
        commit.with_context(|| format!("no commit in the table of {FILE}; {CURE}"))?;
    let shallow = read(git(workspace).args(["rev-parse", "--is-shallow-repository"]));
    if shallow.as_deref().map(str::trim).ok() != Some("false") {
        println!("evasions: not compared with the history, which is not here as a whole");
        return Ok(());
    }
    read(git(workspace).args(["merge-base", "--is-ancestor", commit, "HEAD"]))
        .with_context(|| format!("{FILE} has a table of another history; {CURE}"))
        .map(drop)
}

fn git(workspace: &Workspace) -> Command {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root);
    git
}

/// The file before, in, and behind the table.
fn parts(text: &str) -> Result<(&str, &str, &str)> {
    let (before, rest) =
        text.split_once(START).with_context(|| format!("no `{START}` in {FILE}"))?;
    let (table, after) = rest.split_once(END).with_context(|| format!("no `{END}` in {FILE}"))?;
    Ok((before, table, after))
}

fn head(row: &Row) -> String {
    format!("| {} | {} |", row.number, row.title)
}

fn grid(rows: &[Row], results: &Results) -> String {
    let columns = results.columns();
    let names: Vec<String> =
        columns.iter().map(|(kernel, family)| format!(" {kernel} {family} |")).collect();
    let mut grid = format!("| # | evasion |{}\n", names.concat());
    grid.push_str(&format!("|---|---|{}\n", "---|".repeat(columns.len())));
    for row in rows {
        let cells = columns.iter().map(|(kernel, family)| results.cell(row, kernel, family));
        let cells: Vec<String> = cells.map(|cell| format!(" {cell} |")).collect();
        grid.push_str(&format!("{}{}\n", head(row), cells.concat()));
    }
    grid
}

/// What the cells alone do not say: once for all families of which it holds.
fn notes(rows: &[Row]) -> String {
    let mut notes = "What the cells leave open:\n\n".to_owned();
    for row in rows {
        let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
        for (family, _, why) in row.verdicts.iter().filter(|it| !it.2.is_empty()) {
            match said.iter_mut().find(|it| it.0 == why) {
                Some((_, families)) => families.push(family),
                None => said.push((why, vec![family])),
            }
        }
        for (why, families) in said {
            let all = families.len() == row.verdicts.len();
            let by = if all { String::new() } else { format!(" ({})", families.join(", ")) };
            // Writing to a text cannot fail.
            writeln!(notes, "- {}{by}: {why}.", row.number).unwrap_or_default();
        }
    }
    notes
}

/// The rows that the built test binary has.
fn rows(workspace: &Workspace) -> Result<Vec<Row>> {
    let text = read(Command::new(e2e::test_binary(workspace)).arg("--evasions"))?;
    let table: Value = serde_json::from_str(&text).context("the rows of evasions")?;
    let rows = table.as_array().context("the rows of evasions are a list")?;
    rows.iter().map(|it| row(it).context("a row of evasions")).collect()
}

fn row(value: &Value) -> Option<Row> {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let list = |name: &str| value.get(name)?.as_array();
    let verdict = |it: &Value| Some((text(it, "family")?, text(it, "cell")?, text(it, "why")?));
    Some(Row {
        number: value.get("number")?.as_u64()?,
        title: text(value, "title")?,
        cases: list("cases")?.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        verdicts: list("verdicts")?.iter().map(verdict).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests;
