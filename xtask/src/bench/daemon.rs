//! The daemon under measurement: started with a mode, read from `/proc`, stopped by pid.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};
use serde_json::Value;

use super::Place;

/// How the daemon runs while loads do.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    /// Its name in the table.
    pub(crate) name: &'static str,
    rules: Option<PathBuf>,
    config: Option<PathBuf>,
    floor: bool,
    runs: bool,
}

impl Mode {
    /// No daemon.
    pub(crate) fn none() -> Self {
        Self { name: "none", rules: None, config: None, floor: false, runs: false }
    }

    /// The daemon with its own rules.
    pub(crate) fn shipped() -> Self {
        Self { name: "shipped rules", runs: true, ..Self::none() }
    }

    /// The daemon with other rules.
    pub(crate) fn new(name: &'static str, rules: &Path) -> Self {
        Self { name, rules: Some(rules.to_owned()), runs: true, ..Self::none() }
    }

    /// With the options of a file.
    pub(crate) fn config(self, config: &Path) -> Self {
        Self { config: Some(config.to_owned()), ..self }
    }

    /// The same hooks, empty.
    pub(crate) fn floor(self) -> Self {
        Self { floor: true, ..self }
    }

    /// Starts the daemon and waits until it watches. None for no daemon.
    pub(crate) fn start(&self, place: &Place) -> Result<Option<Daemon>> {
        if !self.runs {
            return Ok(None);
        }
        let mut command = Command::new(&place.runmon);
        command.args(["run", "--json", "--instance", "bench"]);
        if let Some(rules) = &self.rules {
            command.arg("--rules").arg(rules);
        }
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if self.floor {
            command.arg("--bare-floor");
        }
        Daemon::start(command).map(Some)
    }
}

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    /// Its lines on standard output, read so that it never has to wait.
    lines: JoinHandle<std::io::Result<Vec<u8>>>,
    _errors: BufReader<ChildStderr>,
}

impl Daemon {
    /// Starts `runmon record`.
    pub(crate) fn record(place: &Place, to: &Path) -> Result<Self> {
        let mut command = Command::new(&place.runmon);
        command.args(["record", "--instance", "bench", "-o"]).arg(to);
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start runmon")?;
        let mut output = child.stdout.take().context("no standard output")?;
        let lines = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).map(|_| bytes)
        });
        let mut errors = BufReader::new(child.stderr.take().context("no standard error")?);
        loop {
            let mut line = String::new();
            ensure!(errors.read_line(&mut line)? > 0, "runmon ended before it watched");
            if line.contains("watching") || line.contains("recording") {
                break;
            }
        }
        Ok(Self { child, lines, _errors: errors })
    }

    /// It and the keeper, its only child, if it has one.
    fn processes(&self) -> Result<Vec<u32>> {
        let daemon = self.child.id();
        let children = fs::read_to_string(format!("/proc/{daemon}/task/{daemon}/children"))?;
        let keeper = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        Ok([daemon].into_iter().chain(keeper).collect())
    }

    /// CPU seconds that both took so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        self.processes()?.into_iter().map(cpu_seconds).sum()
    }

    /// CPU seconds that each thread took so far, by name.
    pub(crate) fn threads(&self) -> Result<Vec<(String, f64)>> {
        let mut threads = Vec::new();
        for process in self.processes()? {
            for entry in fs::read_dir(format!("/proc/{process}/task"))? {
                let path = entry?.path();
                let name = fs::read_to_string(path.join("comm"))?;
                let own = if process == self.child.id() { "" } else { "keeper: " };
                threads.push((format!("{own}{}", name.trim()), cpu_of(&path)?));
            }
        }
        Ok(threads)
    }

    /// The most memory that both had, MiB, with the ring.
    pub(crate) fn memory_most(&self) -> Result<f64> {
        let of = |process: u32| -> Result<f64> {
            let status = fs::read_to_string(format!("/proc/{process}/status"))?;
            let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = most.context("no VmHWM")?.trim().trim_end_matches(" kB");
            Ok(kib.parse::<f64>()? / 1024.0)
        };
        self.processes()?.into_iter().map(of).sum()
    }

    /// Resident memory of both, and the part of it that is the ring (mapped twice), MiB. What both
    /// have in common, such as the program's text, counts twice.
    pub(crate) fn memory(&self) -> Result<(f64, f64)> {
        let each = self.processes()?.into_iter().map(memory).collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().fold((0.0, 0.0), |(all, ring), it| (all + it.0, ring + it.1)))
    }

    /// Stops it; returns its last heartbeat.
    pub(crate) fn stop(self) -> Result<End> {
        let bytes = self.end()?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut documents: Vec<Value> =
            lines.map(serde_json::from_slice).collect::<std::result::Result<_, _>>()?;
        let heartbeat = documents.pop().context("runmon wrote nothing")?;
        Ok(End { documents, heartbeat })
    }

    /// Stops it; what it wrote does not matter.
    pub(crate) fn stop_quietly(self) -> Result<()> {
        self.end().map(drop)
    }

    fn end(mut self) -> Result<Vec<u8>> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, Signal::SIGTERM).context("cannot stop runmon")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "runmon ended with {status}");
        match self.lines.join() {
            Ok(bytes) => Ok(bytes?),
            Err(_) => anyhow::bail!("the reading thread panicked"),
        }
    }
}

/// CPU seconds that a process took so far.
fn cpu_seconds(process: u32) -> Result<f64> {
    cpu_of(Path::new(&format!("/proc/{process}")))
}

/// The same of a process or a thread, by its directory.
fn cpu_of(task: &Path) -> Result<f64> {
    let stat = fs::read_to_string(task.join("stat"))?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> {
        Ok(fields.get(index).context("a short stat line")?.parse()?)
    };
    let per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100) as f64;
    Ok((ticks(11)? + ticks(12)?) / per_second)
}

/// Resident memory of a process, and the part of it that is the ring, MiB.
fn memory(process: u32) -> Result<(f64, f64)> {
    let maps = fs::read_to_string(format!("/proc/{process}/smaps"))?;
    let (mut all, mut ring, mut in_ring) = (0.0, 0.0, false);
    for line in maps.lines() {
        if let Some(kib) = line.strip_prefix("Rss:") {
            let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
            all += kib;
            ring += if in_ring { kib } else { 0.0 };
        } else if line.split(' ').next().is_some_and(|word| word.contains('-')) {
            in_ring = line.contains("bpf-map") || line.contains("bpf_ringbuf");
        }
    }
    Ok((all / 1024.0, ring / 1024.0))
}

/// The time that one program took.
#[derive(Clone, Debug)]
pub(crate) struct ProgramTime {
    /// What it is attached to.
    pub(crate) attach: String,
    /// Nanoseconds.
    pub(crate) run_ns: f64,
    /// Runs.
    pub(crate) runs: f64,
}

impl ProgramTime {
    fn of(program: &Value) -> Option<Self> {
        let number = |name: &str| program.get(name).and_then(Value::as_f64);
        let attach = program.get("attach")?.as_str()?.to_owned();
        Some(Self { attach, run_ns: number("run_ns")?, runs: number("runs")? })
    }
}

/// What a daemon wrote, and the numbers that it ended with.
pub(crate) struct End {
    documents: Vec<Value>,
    heartbeat: Value,
}

impl End {
    /// Records that were lost in the kernel.
    pub(crate) fn lost(&self) -> u64 {
        self.at("/runmon/lost").and_then(Value::as_u64).unwrap_or(0)
    }

    /// Records that were submitted.
    pub(crate) fn submitted(&self) -> u64 {
        self.sum("submitted")
    }

    /// Acts that were only counted, as repeats.
    pub(crate) fn collapsed(&self) -> u64 {
        self.sum("collapsed")
    }

    /// What each program took, by what it is attached to.
    pub(crate) fn programs(&self) -> Vec<ProgramTime> {
        let hooks = self.at("/runmon/hooks").and_then(Value::as_array).into_iter().flatten();
        let programs = hooks.filter_map(|hook| hook.get("programs")?.as_array()).flatten();
        let mut times: Vec<ProgramTime> = programs.filter_map(ProgramTime::of).collect();
        // Kinds share programs.
        times.sort_by(|one, other| one.attach.cmp(&other.attach));
        times.dedup_by(|one, other| one.attach == other.attach);
        times
    }

    /// Alerts by the rule of that name, without what was added to them later.
    pub(crate) fn alerts(&self, rule: &str) -> u64 {
        let is = |it: &Value, at: &str, what: &str| it.pointer(at).is_some_and(|it| it == what);
        let of_rule =
            |it: &&Value| is(it, "/rule/name", rule) && is(it, "/runmon/document", "alert");
        self.documents.iter().filter(of_rule).count() as u64
    }

    /// A counter of a kind, by its path below it.
    pub(crate) fn kind(&self, kind: &str, counter: &str) -> Option<u64> {
        self.at(&format!("/runmon/kernel/kinds/{kind}/{counter}"))?.as_u64()
    }

    /// A number of the last heartbeat.
    pub(crate) fn number(&self, pointer: &str) -> Option<u64> {
        self.at(pointer)?.as_u64()
    }

    /// The greatest that a number was in any document.
    pub(crate) fn most(&self, pointer: &str) -> u64 {
        let all = self.documents.iter().filter_map(|it| it.pointer(pointer)?.as_u64());
        all.max().unwrap_or(0)
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.heartbeat.pointer(pointer)
    }

    fn sum(&self, counter: &str) -> u64 {
        let kinds = self.at("/runmon/kernel/kinds").and_then(Value::as_object);
        kinds.into_iter().flatten().filter_map(|(_, kind)| kind.get(counter)?.as_u64()).sum()
    }
}
