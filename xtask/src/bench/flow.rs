//! The flow of alerts: how many a second go through the store to a receiver that acknowledges them,
//! and whether anything is lost on the way.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Place;
use super::acks::Receiver;
use super::daemon::{Daemon, End, Mode};
use super::load;

/// Acts a second, each of which is an alert, and seconds of them.
pub(crate) const RATES: [usize; 3] = [5_000, 10_000, 20_000];
const SECONDS: usize = 20;

/// What waits when the acts end may take so long.
const PATIENCE: Duration = Duration::from_secs(60);

const RULE: &str = "\
- rule: written
  desc: d
  priority: CRITICAL
  output: written %fd.name by %proc.name (%proc.cmdline)
  condition: evt.type = open and evt.is_open_write = true and fd.filename = flow
";

/// What came of acts at a rate.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    rate: usize,
    /// Acts, and the seconds that they took.
    acts: u64,
    seconds: f64,
    alerts: u64,
    /// Alerts that the receiver acknowledged while the acts went on, and in all.
    meanwhile: u64,
    received: u64,
    /// Seconds until it had them.
    received_seconds: f64,
    bytes: u64,
    lost: u64,
    dropped: u64,
    /// Alerts that waited in the store at most, as heartbeats tell.
    backlog: u64,
    /// The most memory that the daemon's processes had, MiB.
    memory_mib: f64,
    /// Cores that each thread of the daemon took while the acts went on.
    threads: Vec<(String, f64)>,
}

/// Has a daemon tell of acts at each rate.
pub(crate) fn measure(place: &Place, rates: &[usize]) -> Result<Vec<Flow>> {
    rates.iter().map(|rate| once(place, *rate)).collect()
}

fn once(place: &Place, rate: usize) -> Result<Flow> {
    let receiver = Receiver::start()?;
    let rules = place.rules("flow.yaml", RULE)?;
    let state = place.directory.join(format!("flow-{rate}"));
    let options = place.rules(
        "flow-config.yaml",
        &format!(
            "flood_rate: 0\nrollup_seconds: 0\nheartbeat_seconds: 1\nstate_dir: {}\n\
             sinks:\n- kind: stdout\n  minimum_priority: emergency\n\
             - kind: forward\n  address: {}\n  heartbeats: false\n  minimum_priority: critical\n",
            state.display(),
            receiver.address,
        ),
    )?;
    let mode = Mode::new("flow", &rules).config(&options);
    let daemon = mode.start(place)?.context("a daemon was asked for")?;
    let count = rate * SECONDS;
    let (before, begun) = (daemon.threads()?, Instant::now());
    load::paced(&place.directory, count, rate)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (after, meanwhile) = (daemon.threads()?, receiver.received());
    let received_seconds = until_all(&receiver, count as u64, begun);
    let memory_mib = daemon.memory_most()?;
    let end = Daemon::stop(daemon)?;
    std::fs::remove_dir_all(&state)?;
    let threads = after
        .into_iter()
        .map(|(name, cpu)| {
            let earlier = before.iter().find(|(known, _)| *known == name);
            (name, (cpu - earlier.map_or(0.0, |(_, cpu)| *cpu)) / seconds)
        })
        .filter(|(_, cores)| *cores >= 0.01)
        .collect();
    Ok(Flow {
        rate,
        acts: count as u64,
        seconds,
        alerts: end.number("/runmon/line/alerts").context("no count of alerts")?,
        meanwhile,
        received: receiver.received(),
        received_seconds,
        bytes: receiver.bytes(),
        lost: end.lost(),
        dropped: dropped(&end)?,
        backlog: end.most("/runmon/sinks/1/queued"),
        memory_mib,
        threads,
    })
}

/// Waits until the receiver has so many, or gets no more; seconds until the last one.
fn until_all(receiver: &Receiver, count: u64, begun: Instant) -> f64 {
    let end = Instant::now() + PATIENCE;
    let (mut last, mut since) = (receiver.received(), begun.elapsed());
    while last < count && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
        if receiver.received() != last {
            (last, since) = (receiver.received(), begun.elapsed());
        }
    }
    since.as_secs_f64()
}

/// Alerts that did not get through, as the daemon says.
fn dropped(end: &End) -> Result<u64> {
    match end.number("/runmon/sinks/1/dropped") {
        Some(dropped) => Ok(dropped),
        None => bail!("no count of what was dropped"),
    }
}

impl Flow {
    /// Alerts a second that the receiver acknowledged while the acts went on.
    fn delivered(&self) -> f64 {
        self.meanwhile as f64 / self.seconds
    }

    pub(crate) fn print(flows: &[Self]) {
        println!(
            "\n{:<20}{:>10}{:>10}{:>11}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}  cores",
            "flow of alerts",
            "acts/s",
            "alerts",
            "delivered",
            "meanw./s",
            "s",
            "MB",
            "lost",
            "dropped",
            "waiting",
            "MiB"
        );
        for flow in flows {
            let threads: Vec<String> =
                flow.threads.iter().map(|(name, cores)| format!("{name} {cores:.2}")).collect();
            println!(
                "{:<20}{:>10.0}{:>10}{:>11}{:>10.0}{:>9.1}{:>9.0}{:>9}{:>9}{:>9}{:>9.1}  {}",
                format!("{} a second", flow.rate),
                flow.acts as f64 / flow.seconds,
                flow.alerts,
                flow.received,
                flow.delivered(),
                flow.received_seconds,
                flow.bytes as f64 / 1e6,
                flow.lost,
                flow.dropped,
                flow.backlog,
                flow.memory_mib,
                threads.join(", "),
            );
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "rate": self.rate, "acts": self.acts, "seconds": self.seconds, "alerts": self.alerts,
            "delivered": self.received, "delivered_meanwhile": self.meanwhile,
            "delivered_seconds": self.received_seconds, "bytes": self.bytes, "lost": self.lost,
            "dropped": self.dropped, "backlog": self.backlog, "memory_mib": self.memory_mib,
            "cores": self.threads.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        })
    }
}
