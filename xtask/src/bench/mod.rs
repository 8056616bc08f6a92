//! `cargo xtask bench`: what watching costs, against nothing and against the bare floor.
//!
//! The floor is the same hooks with programs that return at once: what the kernel itself asks for
//! having them attached. Runs are interleaved, and everything is told as a ratio within one run:
//! the machine may be noisy, the ratio is less so.

mod acks;
mod daemon;
mod flood;
mod flow;
mod latency;
pub(crate) mod load;
mod report;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::build;
use crate::cli::{BenchArgs, SetupArgs};
use crate::setup;
use crate::workspace::{Workspace, is_root};
use daemon::{Daemon, Mode};
use flow::Flow;
use load::{Cost, LOADS};
use report::{Idle, Report, Row, Throughput};

/// Rules that ask for everything and match nothing: every act is recorded, decoded and judged.
const CATCH_ALL: &str = r#"
- rule: every program
  desc: asks for every program start
  condition: evt.type = execve and proc.name = "no program has this name"
  output: never
  priority: DEBUG
- rule: every connection
  desc: asks for every connection and datagram
  condition: evt.type in (connect, sendto) and proc.name = "no program has this name"
  output: never
  priority: DEBUG
- rule: every change
  desc: asks for every open for writing
  condition: evt.type = open and evt.is_open_write = true and proc.name = "no program has this name"
  output: never
  priority: DEBUG
"#;

/// Rules that ask for no file: no system-call hook is attached.
const NO_FILES: &str = r#"
- rule: every program
  desc: asks for every program start
  condition: evt.type = execve and proc.name = "no program has this name"
  output: never
  priority: DEBUG
- rule: every connection
  desc: asks for every connection and datagram
  condition: evt.type in (connect, sendto) and proc.name = "no program has this name"
  output: never
  priority: DEBUG
"#;

/// The places of one benchmark run.
pub(crate) struct Place {
    /// A directory of its own.
    pub(crate) directory: PathBuf,
    /// The daemon.
    pub(crate) runmon: PathBuf,
}

impl Place {
    fn new(workspace: &Workspace, args: &BenchArgs) -> Result<Self> {
        let directory = workspace.target().join("bench");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        let runmon = args.runmon.clone().unwrap_or_else(|| workspace.runmon());
        Ok(Self { directory, runmon })
    }

    fn rules(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// Runs every load and prints what it cost.
pub(crate) fn run(workspace: &Workspace, args: &BenchArgs) -> Result<()> {
    ensure!(is_root(), "watching the kernel needs root; run this with sudo");
    setup::run(workspace, &SetupArgs { build_only: true, ..SetupArgs::default() })?;
    if args.runmon.is_none() {
        build::run(workspace)?;
    }
    let place = Place::new(workspace, args)?;
    if !args.flow.is_empty() {
        return report_flow(workspace, &place, &args.flow);
    }
    let all = place.rules("catch-all.yaml", CATCH_ALL)?;
    let no_files = place.rules("no-files.yaml", NO_FILES)?;
    let watching = Mode::new("runmon", &all);
    let modes = [
        Mode::none(),
        Mode::new("floor", &all).floor(),
        watching.clone(),
        Mode::new("no file rule", &no_files),
        Mode::shipped(),
    ];
    let mut rows: Vec<Row> = LOADS.iter().map(|load| Row::new(load, &modes)).collect();
    for pair in 1..=args.pairs {
        for (index, mode) in modes.iter().enumerate() {
            println!("[{pair}/{}] {}", args.pairs, mode.name);
            measure(&place, mode, index, &mut rows)?;
        }
    }
    let mut report = Report { rows, ..Report::default() };
    println!("counting BPF time");
    bpf_time(&place, &watching, &mut report)?;
    println!("waiting idle");
    report.idle = idle(&place)?;
    println!("timing alerts");
    report.latency = latency::measure(&place)?;
    println!("flooding");
    report.floods = flood::measure(&place)?;
    println!("alerting");
    report.flows = flow::measure(&place, &flow::RATES)?;
    println!("replaying");
    let recording = record(&place)?;
    report.throughput = throughput(&place, &recording)?;
    println!("matching");
    report.matching = rules::measure(&place, &workspace.root.join("rules"), &recording)?;
    report.print();
    let path = workspace.target().join("bench.json");
    fs::write(&path, report.json().to_string())?;
    println!("\nas JSON: {}", path.display());
    Ok(())
}

/// The flow of alerts alone.
fn report_flow(workspace: &Workspace, place: &Place, rates: &[usize]) -> Result<()> {
    let flows = flow::measure(place, rates)?;
    Flow::print(&flows);
    let path = workspace.target().join("bench-flow.json");
    let json: Vec<_> = flows.iter().map(Flow::json).collect();
    fs::write(path, serde_json::Value::from(json).to_string())?;
    Ok(())
}

/// One round of every load, under one mode.
fn measure(place: &Place, mode: &Mode, index: usize, rows: &mut [Row]) -> Result<()> {
    let daemon = mode.start(place)?;
    let daemon_seconds = || daemon.as_ref().map_or(Ok(0.0), Daemon::cpu_seconds);
    for row in rows.iter_mut() {
        for _ in 0..row.load.runs {
            let before = daemon_seconds()?;
            let cost = load::run(&place.directory, row.load)?;
            // What is still in the ring belongs to this load.
            std::thread::sleep(Duration::from_millis(100));
            row.add(index, Cost { daemon_seconds: daemon_seconds()? - before, ..cost });
        }
    }
    if let Some(daemon) = daemon {
        let end = daemon.stop()?;
        for row in rows.iter_mut() {
            row.lost(index, end.lost());
        }
    }
    Ok(())
}

/// BPF nanoseconds of each load, by the kernel's own clock, which itself costs time.
fn bpf_time(place: &Place, mode: &Mode, report: &mut Report) -> Result<()> {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
    let before = fs::read_to_string(SWITCH).unwrap_or_else(|_| "0".to_owned());
    fs::write(SWITCH, "1").context("cannot switch the kernel's BPF statistics on")?;
    let measured = report.rows.iter_mut().try_for_each(|row| -> Result<()> {
        let Some(daemon) = mode.start(place)? else { return Ok(()) };
        load::run(&place.directory, row.load)?;
        let end = daemon.stop()?;
        row.programs = end.programs();
        row.seen = end.submitted();
        row.collapsed = end.collapsed();
        row.lost_here = end.lost();
        Ok(())
    });
    fs::write(SWITCH, before.trim()).context("cannot restore the kernel's BPF statistics")?;
    measured
}

/// What the daemon takes when nothing happens, with the shipped rules.
fn idle(place: &Place) -> Result<Idle> {
    const WATCHED: Duration = Duration::from_secs(5);
    let begun = Instant::now();
    let mode = Mode::shipped();
    let Some(daemon) = mode.start(place)? else { return Ok(Idle::default()) };
    let start_seconds = begun.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(1));
    let before = daemon.cpu_seconds()?;
    std::thread::sleep(WATCHED);
    let cpu_percent = (daemon.cpu_seconds()? - before) / WATCHED.as_secs_f64() * 100.0;
    let (rss, ring) = daemon.memory()?;
    daemon.stop()?;
    Ok(Idle { start_seconds, cpu_percent, rss_mib: rss - ring, ring_mib: ring })
}

/// A recording of all loads.
fn record(place: &Place) -> Result<PathBuf> {
    let recording = place.directory.join("mixed.rec");
    let recorder = Daemon::record(place, &recording)?;
    for load in LOADS {
        load::run(&place.directory, load)?;
    }
    recorder.stop_quietly()?;
    Ok(recording)
}

/// Events a second through decode, enrich and match.
fn throughput(place: &Place, recording: &Path) -> Result<Throughput> {
    let output = std::process::Command::new(&place.runmon)
        .args(["replay", "--stats"])
        .arg(recording)
        .output()
        .context("cannot start runmon replay")?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "runmon replay failed: {text}");
    let line = text.lines().find(|line| line.contains("events/s")).unwrap_or_default().to_owned();
    Ok(Throughput { line })
}
