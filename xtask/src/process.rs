//! Child processes: run one, say which failed and how.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};

/// How much of a log is shown when its command fails.
const TAIL_LINES: usize = 25;

/// Runs a command on the caller's terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    check(command, status)
}

/// Runs a command on the caller's terminal, and returns what it writes to stdout and how it ended.
pub(crate) fn copied(command: &mut Command) -> Result<(String, Result<()>)> {
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| cannot_start(command))?;
    let mut text = String::new();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.with_context(|| format!("output of `{}`", self::line(command)))?;
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    let status = child.wait().context("wait for the command")?;
    Ok((text, check(command, status)))
}

/// Runs a command and returns what it writes to stdout.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", line(command), output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of `{}`", line(command)))
}

/// A file that takes the output of one step's commands.
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        }
        File::create(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self { path })
    }

    /// Runs a command with its output in the log; an error carries the end of the log and says
    /// what the reader may look at.
    pub(crate) fn run(&self, command: &mut Command, hint: &str) -> Result<()> {
        let open = || {
            let file = OpenOptions::new().append(true).open(&self.path);
            file.with_context(|| format!("open {}", self.path.display()))
        };
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        let status = command.status().with_context(|| cannot_start(command))?;
        check(command, status).map_err(|err| {
            let log = self.path.display();
            anyhow!("{err:#}\n{}\nlog: {log}\nhint: {hint}", tail(&self.path))
        })
    }
}

/// The last lines of a text file.
pub(crate) fn tail(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let skip = lines.len().saturating_sub(TAIL_LINES);
    lines.iter().skip(skip).map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", line(command))
}

/// The command line as a person would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
