//! The sustained flood: whether what rules name comes through it, and where the rest went.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Place;
use super::daemon::{Daemon, End, Mode};
use super::load::{self, LOADS};

/// The load that is the flood.
const LOAD: &str = "write flood, 2 workers";
/// Acts that rules name, and programs, in the midst of it.
const NAMED: u64 = 100;
const BETWEEN: Duration = Duration::from_millis(3);

const PROGRAM: &str = "flood-program";

/// How much one container may make the kernel tell of.
const LIMITS: [(&str, &str); 2] =
    [("flood_rate = 5000, the default", ""), ("flood_rate = 0, no limit", "flood_rate: 0\n")];

/// What came of a flood.
#[derive(Clone, Debug)]
pub(crate) struct Flood {
    limit: &'static str,
    written: u64,
    /// Alerts about acts that a rule names.
    named: u64,
    /// Alerts about programs.
    programs: u64,
    told: u64,
    limited: u64,
    ring_full: u64,
    /// Left out for any other reason.
    other: u64,
    /// Opens for writing that the kernel side counted, whatever came of them.
    attempted: u64,
}

/// Floods a daemon under each limit.
pub(crate) fn measure(place: &Place) -> Result<Vec<Flood>> {
    LIMITS.into_iter().map(|(limit, config)| once(place, limit, config)).collect()
}

fn once(place: &Place, limit: &'static str, config: &str) -> Result<Flood> {
    let directory = place.directory.join("named");
    fs::create_dir_all(&directory)?;
    // Of a name that no other program has.
    let program = place.directory.join(PROGRAM);
    fs::copy("/bin/true", &program).context("cannot copy a program")?;
    let rules = place.rules("flood.yaml", &rules(&directory))?;
    let options = place.rules("flood-config.yaml", config)?;
    let mode = Mode::new("flood", &rules).config(&options);
    let daemon = mode.start(place)?.context("a daemon was asked for")?;
    let flood = LOADS.iter().find(|load| load.name == LOAD).context("no flood among the loads")?;
    let written = flood.acts() as u64;
    let noise = {
        let directory = place.directory.clone();
        std::thread::spawn(move || load::run(&directory, flood))
    };
    name(&directory, &program)?;
    match noise.join() {
        Ok(cost) => cost?,
        Err(_) => bail!("the flood panicked"),
    };
    // What is still in the ring belongs to it.
    std::thread::sleep(Duration::from_millis(500));
    Flood::of(limit, written, &Daemon::stop(daemon)?)
}

/// Two rules that name something, and one that asks for every write.
fn rules(directory: &Path) -> String {
    format!(
        "- rule: named\n  desc: d\n  priority: NOTICE\n  output: o\n  condition: >\n    \
         evt.type = open and evt.is_open_write = true and fd.name startswith \"{}/\"\n\
         - rule: program\n  desc: d\n  priority: NOTICE\n  output: o\n  condition: >\n    \
         evt.type = execve and proc.name = {PROGRAM}\n\
         - rule: every change\n  desc: d\n  priority: DEBUG\n  output: o\n  condition: >\n    \
         evt.type = open and evt.is_open_write = true and proc.name = \"no program\"\n",
        directory.display()
    )
}

fn name(directory: &Path, program: &Path) -> Result<()> {
    for number in 0..NAMED {
        let path = directory.join(number.to_string());
        drop(OpenOptions::new().write(true).create(true).truncate(false).open(path)?);
        Command::new(program).status()?;
        std::thread::sleep(BETWEEN);
    }
    Ok(())
}

impl Flood {
    fn of(limit: &'static str, written: u64, end: &End) -> Result<Self> {
        let count = |counter: &str| {
            let number = end.kind("file_open", counter);
            number.with_context(|| format!("the last heartbeat has no {counter}"))
        };
        Ok(Self {
            limit,
            written,
            named: end.alerts("named"),
            programs: end.alerts("program"),
            told: count("submitted")?,
            limited: count("dropped/bucket_empty")?,
            ring_full: count("dropped/ring_full")?,
            other: count("dropped/scratch_exhausted")? + count("dropped/read_fault")?,
            attempted: count("attempted")?,
        })
    }

    /// Acts that nothing speaks of, at least so many: what else opens files is counted as well.
    fn unaccounted(&self) -> u64 {
        let counted = self.told + self.limited + self.ring_full + self.other;
        (self.written + NAMED).saturating_sub(self.attempted.min(counted))
    }

    pub(crate) fn print(floods: &[Self]) {
        println!(
            "\n{:<34}{:>9}{:>10}{:>10}{:>9}{:>10}{:>11}{:>13}",
            LOAD, "named", "programs", "written", "told", "limited", "ring full", "unaccounted"
        );
        for flood in floods {
            println!(
                "{:<34}{:>9}{:>10}{:>10}{:>9}{:>10}{:>11}{:>13}",
                flood.limit,
                format!("{}/{NAMED}", flood.named),
                format!("{}/{NAMED}", flood.programs),
                flood.written,
                flood.told,
                flood.limited,
                flood.ring_full,
                flood.unaccounted(),
            );
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "limit": self.limit, "written": self.written, "told": self.told,
            "limited": self.limited, "ring_full": self.ring_full, "other": self.other,
            "unaccounted": self.unaccounted(), "named": self.named, "programs": self.programs,
            "named_acts": NAMED,
        })
    }
}
