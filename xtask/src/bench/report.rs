//! What was measured, as a table and as JSON.

use serde_json::{Value, json};

use super::daemon::{Mode, ProgramTime};
use super::flood::Flood;
use super::flow::Flow;
use super::latency::Latency;
use super::load::{Cost, Load};
use super::rules::Matching;

/// One load under every mode.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The load.
    pub(crate) load: &'static Load,
    modes: Vec<Cell>,
    /// What each of our programs took in one run.
    pub(crate) programs: Vec<ProgramTime>,
    /// Records of one run.
    pub(crate) seen: u64,
    /// Repeats of one run that were only counted.
    pub(crate) collapsed: u64,
    /// Records of one run that were lost.
    pub(crate) lost_here: u64,
}

#[derive(Clone, Debug)]
struct Cell {
    name: &'static str,
    costs: Vec<Cost>,
    lost: u64,
}

impl Row {
    pub(crate) fn new(load: &'static Load, modes: &[Mode]) -> Self {
        let cell = |mode: &Mode| Cell { name: mode.name, costs: Vec::new(), lost: 0 };
        let modes = modes.iter().map(cell).collect();
        Self { load, modes, programs: Vec::new(), seen: 0, collapsed: 0, lost_here: 0 }
    }

    pub(crate) fn add(&mut self, mode: usize, cost: Cost) {
        if let Some(cell) = self.modes.get_mut(mode) {
            cell.costs.push(cost);
        }
    }

    /// Records that a mode's whole run lost.
    pub(crate) fn lost(&mut self, mode: usize, lost: u64) {
        if let Some(cell) = self.modes.get_mut(mode) {
            cell.lost += lost;
        }
    }

    /// Nanoseconds in our programs an act.
    fn bpf_ns(&self) -> f64 {
        self.programs.iter().map(|program| program.run_ns).sum::<f64>() / self.acts()
    }

    fn acts(&self) -> f64 {
        self.load.acts() as f64
    }

    fn cpu(&self, mode: &str) -> f64 {
        self.median(mode, |cost| cost.cpu_seconds)
    }

    fn median(&self, mode: &str, of: impl Fn(&Cost) -> f64) -> f64 {
        let cell = self.modes.iter().find(|cell| cell.name == mode);
        let mut values: Vec<f64> =
            cell.into_iter().flat_map(|cell| cell.costs.iter().map(&of)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn ratio(&self, of: &str, to: &str) -> f64 {
        self.cpu(of) / self.cpu(to)
    }
}

/// The daemon when nothing happens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idle {
    /// From its start to watching.
    pub(crate) start_seconds: f64,
    /// Share of one core.
    pub(crate) cpu_percent: f64,
    /// Resident memory without the ring.
    pub(crate) rss_mib: f64,
    /// The ring, which is mapped twice.
    pub(crate) ring_mib: f64,
}

/// The user side alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throughput {
    /// As `runmon replay --stats` says it.
    pub(crate) line: String,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) idle: Idle,
    pub(crate) latency: Latency,
    pub(crate) floods: Vec<Flood>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) throughput: Throughput,
    pub(crate) matching: Vec<Matching>,
}

impl Report {
    pub(crate) fn print(&self) {
        println!(
            "\nCPU time of the load, medians, as a ratio. floor: the same hooks, empty. \
             BPF: nanoseconds in our programs an act, by the kernel's clock.\n"
        );
        println!(
            "{:<24}{:>10}{:>8}{:>8}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}{:>7}{:>9}",
            "load",
            "none µs",
            "floor×",
            "runmon×",
            "/floor×",
            "nofile×",
            "shipped×",
            "BPF ns",
            "seen",
            "repeats",
            "lost",
            "own CPU s"
        );
        for row in &self.rows {
            println!(
                "{:<24}{:>10.2}{:>8.2}{:>8.2}{:>9.2}{:>9.2}{:>9.2}{:>10.0}{:>9}{:>9}{:>7}{:>9.2}",
                row.load.name,
                row.cpu("none") / row.acts() * 1e6,
                row.ratio("floor", "none"),
                row.ratio("runmon", "none"),
                row.ratio("runmon", "floor"),
                row.ratio("no file rule", "none"),
                row.ratio("shipped rules", "none"),
                row.bpf_ns(),
                row.seen,
                row.collapsed,
                row.lost_here,
                row.median("runmon", |cost| cost.daemon_seconds),
            );
        }
        self.print_programs();
        Flood::print(&self.floods);
        Flow::print(&self.flows);
        let (idle, latency) = (&self.idle, &self.latency);
        println!(
            "\nstart to watching {:.2} s; idle {:.2} % of a core; memory {:.1} MiB, ring {:.1} MiB",
            idle.start_seconds, idle.cpu_percent, idle.rss_mib, idle.ring_mib
        );
        println!(
            "act to alert: idle p50 {:.2} ms, p99 {:.2} ms; full load p50 {:.2} ms, p99 {:.2} ms",
            latency.idle.p50_ms, latency.idle.p99_ms, latency.loaded.p50_ms, latency.loaded.p99_ms
        );
        println!("user side alone: {}", self.throughput.line);
        for Matching { rules, enabled, event_ns } in &self.matching {
            let millions = 1000.0 / event_ns;
            println!("matching, {enabled} rules ({rules}): {millions:.2} million events/s");
        }
    }

    /// Where the BPF time goes: an act such as an exec runs the hooks of other acts too, as its
    /// loader opens files and every system call passes the hooks of all of them.
    fn print_programs(&self) {
        println!(
            "\n{:<24}{:<40}{:>10}{:>10}{:>11}",
            "load", "program", "ns/act", "ns/run", "runs/act"
        );
        for row in &self.rows {
            let mut programs: Vec<&ProgramTime> = row.programs.iter().collect();
            programs.sort_by(|one, other| other.run_ns.total_cmp(&one.run_ns));
            let all: f64 = programs.iter().map(|program| program.run_ns).sum();
            for program in programs.iter().filter(|program| program.run_ns > all / 50.0) {
                println!(
                    "{:<24}{:<40}{:>10.0}{:>10.0}{:>11.2}",
                    row.load.name,
                    program.attach,
                    program.run_ns / row.acts(),
                    program.run_ns / program.runs,
                    program.runs / row.acts(),
                );
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        let cell = |cell: &Cell| {
            let costs: Vec<Value> = cell
                .costs
                .iter()
                .map(|c| {
                    json!({
                        "wall_s": c.wall_seconds, "cpu_s": c.cpu_seconds,
                        "daemon_s": c.daemon_seconds,
                    })
                })
                .collect();
            json!({ "mode": cell.name, "runs": costs, "lost": cell.lost })
        };
        let matching = |it: &Matching| {
            let Matching { rules, enabled, event_ns } = it;
            json!({ "rules": rules, "enabled": enabled, "event_ns": event_ns })
        };
        let program = |program: &ProgramTime| {
            json!({
                "attach": program.attach, "run_ns": program.run_ns, "runs": program.runs,
            })
        };
        let row = |row: &Row| {
            json!({
                "load": row.load.name, "acts": row.load.acts(), "bpf_ns": row.bpf_ns(),
                "programs": row.programs.iter().map(program).collect::<Vec<_>>(),
                "seen": row.seen, "repeats": row.collapsed, "lost": row.lost_here,
                "modes": row.modes.iter().map(cell).collect::<Vec<_>>(),
            })
        };
        json!({
            "loads": self.rows.iter().map(row).collect::<Vec<_>>(),
            "idle": {
                "start_s": self.idle.start_seconds, "cpu_percent": self.idle.cpu_percent,
                "rss_mib": self.idle.rss_mib, "ring_mib": self.idle.ring_mib,
            },
            "act_to_alert_ms": {
                "idle": { "p50": self.latency.idle.p50_ms, "p99": self.latency.idle.p99_ms },
                "loaded": { "p50": self.latency.loaded.p50_ms, "p99": self.latency.loaded.p99_ms },
            },
            "floods": self.floods.iter().map(Flood::json).collect::<Vec<_>>(),
            "flows": self.flows.iter().map(Flow::json).collect::<Vec<_>>(),
            "replay": self.throughput.line,
            "matching": self.matching.iter().map(matching).collect::<Vec<_>>(),
        })
    }
}
