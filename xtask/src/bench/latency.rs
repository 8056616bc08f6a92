//! The time from an act to its alert on the daemon's standard output.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Place, load};

const ACTS: usize = 300;
const BETWEEN: Duration = Duration::from_millis(10);

/// Milliseconds, by share of the acts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Times with nothing else going on, and under full load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) idle: Times,
    pub(crate) loaded: Times,
}

/// Measures both.
pub(crate) fn measure(place: &Place) -> Result<Latency> {
    Ok(Latency { idle: once(place, false)?, loaded: once(place, true)? })
}

fn once(place: &Place, loaded: bool) -> Result<Times> {
    let watched = place.directory.join("acts");
    fs::create_dir_all(&watched)?;
    let rules = place.rules(
        "latency.yaml",
        &format!(
            "- rule: act\n  desc: an act\n  priority: NOTICE\n  output: \"act=%fd.name\"\n  \
             condition: evt.type = open and evt.is_open_write = true \
             and fd.name startswith \"{}/\"\n",
            watched.display()
        ),
    )?;
    let mut child = Command::new(&place.runmon)
        .args(["run", "--format", "text", "--instance", "bench", "--rules"])
        .arg(rules)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start runmon")?;
    let mut ready = String::new();
    let mut errors = BufReader::new(child.stderr.take().context("no standard error")?);
    errors.read_line(&mut ready)?;
    ensure!(ready.contains("watching"), "runmon did not start: {ready}");
    let output = BufReader::new(child.stdout.take().context("no standard output")?);
    let (seen, arrivals) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(std::result::Result::ok) {
            let now = Instant::now();
            if let Some((_, path)) = line.rsplit_once('/')
                && seen.send((path.to_owned(), now)).is_err()
            {
                return;
            }
        }
    });
    let noise = loaded.then(|| busy(place));
    let begun = acts(&watched)?;
    std::thread::sleep(Duration::from_millis(500));
    if let Some(noise) = noise {
        match noise.join() {
            Ok(result) => result?,
            Err(_) => bail!("the load panicked"),
        }
    }
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
    child.wait()?;
    ensure!(reader.join().is_ok(), "the reading thread panicked");
    summary(&begun, arrivals.into_iter())
}

/// A load that keeps both CPUs busy while the acts are timed.
fn busy(place: &Place) -> std::thread::JoinHandle<Result<()>> {
    let directory = place.directory.clone();
    std::thread::spawn(move || {
        let until = Instant::now() + BETWEEN * u32::try_from(ACTS)?;
        while Instant::now() < until {
            for load in load::LOADS.iter().filter(|load| load.name == "open-write, 2 workers") {
                load::run(&directory, load)?;
            }
        }
        Ok(())
    })
}

fn acts(watched: &std::path::Path) -> Result<HashMap<String, Instant>> {
    let mut begun = HashMap::new();
    for number in 0..ACTS {
        let name = format!("act-{number}");
        begun.insert(name.clone(), Instant::now());
        drop(OpenOptions::new().write(true).create(true).truncate(false).open(watched.join(name))?);
        std::thread::sleep(BETWEEN);
    }
    Ok(begun)
}

fn summary(
    begun: &HashMap<String, Instant>,
    arrivals: impl Iterator<Item = (String, Instant)>,
) -> Result<Times> {
    let mut times: Vec<f64> = arrivals
        .filter_map(|(name, at)| Some((at - *begun.get(name.trim())?).as_secs_f64() * 1e3))
        .collect();
    ensure!(times.len() == ACTS, "{} of {ACTS} acts were alerted", times.len());
    times.sort_by(f64::total_cmp);
    let share = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or(0.0);
    Ok(Times { p50_ms: share(50), p99_ms: share(99) })
}
