//! `runmon rules bench`: what matching costs on the events of a recording, rule by rule.
//!
//! Only the work of the rule engine is measured: no event is decoded, enriched or alerted while the
//! clock runs.

mod report;

use std::{
    hint::black_box,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use monitor_rules::{Outcome, Rule, Scratch};

use super::{load, recorded, show};
use crate::{
    cli::RulesBenchArgs,
    commands::say,
    event::Event,
    limits::{BENCH_BYTES, BENCH_EVENTS},
    line,
    rules::Rules,
};

/// Rounds of which the median counts.
const ROUNDS: usize = 7;

/// How long a round of all rules lasts at least: the clock must not matter.
const ROUND: Duration = Duration::from_millis(50);

/// How long a round of one rule lasts at least.
const ROUND_OF_RULE: Duration = Duration::from_millis(2);

/// Events between two looks at the clock, at least.
const WORK_PER_LOOK: usize = 1000;

/// Measures; without paths the embedded rules.
pub(super) fn run(args: &RulesBenchArgs) -> anyhow::Result<ExitCode> {
    let rules = load(&args.rules)?;
    let (events, left_out) = events(args)?;
    ensure!(!events.is_empty(), "{} has no events", args.recording.display());
    if left_out {
        let kept = events.len();
        say(&format!("only the first {kept} events are measured with: the rest finds no room"));
    }
    let bench = Bench::measure(&rules, &events);
    show(&if args.json { report::as_json(&bench) } else { report::as_text(&bench) })?;
    Ok(ExitCode::SUCCESS)
}

/// The events of the recording, and whether some found no room.
fn events(args: &RulesBenchArgs) -> anyhow::Result<(Vec<Arc<Event>>, bool)> {
    let (mut events, mut bytes, mut left_out) = (Vec::new(), 0, false);
    recorded::each_event(&args.recording, |event| {
        bytes += line::size(&event);
        left_out = events.len() >= BENCH_EVENTS || bytes > BENCH_BYTES;
        if !left_out {
            events.push(event);
        }
        !left_out
    })?;
    Ok((events, left_out))
}

/// What was measured.
struct Bench<'r> {
    events: usize,
    /// Nanoseconds an event, all rules together.
    together_ns: f64,
    /// Nanoseconds an event, to find the rules that are tried.
    finding_ns: f64,
    /// Enabled rules, the costliest first.
    rules: Vec<Cost<'r>>,
}

/// What one rule costs.
struct Cost<'r> {
    rule: &'r Rule<Event>,
    /// Events on which it was tried.
    tried: usize,
    /// Events that it matched.
    matched: usize,
    /// Nanoseconds a try; nothing for a rule that was never tried.
    try_ns: f64,
}

impl<'r> Bench<'r> {
    fn measure(rules: &'r Rules, events: &[Arc<Event>]) -> Self {
        let mut scratch = Scratch::default();
        let together_ns = median_ns(ROUND, events, |event| {
            rules.each_match(event, &mut scratch, |found| {
                black_box(found.number);
            });
        });
        let finding_ns = median_ns(ROUND, events, |event| {
            rules.each_tried(event, &mut scratch, |number| {
                black_box(number);
            });
        });
        let mut tried: Vec<Vec<Arc<Event>>> = vec![Vec::new(); rules.rules().len()];
        for event in events {
            rules.each_tried(event, &mut scratch, |number| {
                if let Some(tried) = tried.get_mut(number) {
                    tried.push(Arc::clone(event));
                }
            });
        }
        let enabled = rules.rules().iter().zip(tried).enumerate();
        let enabled = enabled.filter(|(_, (rule, _))| rule.enabled);
        let mut costs: Vec<Cost<'r>> = enabled
            .map(|(number, (rule, tried))| Cost::measure(rules, number, rule, &tried))
            .collect();
        costs.sort_by(|one, other| other.total_ns().total_cmp(&one.total_ns()));
        Self { events: events.len(), together_ns, finding_ns, rules: costs }
    }

    /// Nanoseconds an event of one rule.
    fn event_ns(&self, cost: &Cost<'_>) -> f64 {
        cost.total_ns() / self.events as f64
    }

    /// Nanoseconds an event, all parts one by one.
    fn sum_ns(&self) -> f64 {
        self.finding_ns + self.rules.iter().map(|cost| self.event_ns(cost)).sum::<f64>()
    }
}

impl<'r> Cost<'r> {
    fn measure(rules: &Rules, number: usize, rule: &'r Rule<Event>, tried: &[Arc<Event>]) -> Self {
        let mut scratch = Scratch::default();
        let mut outcome = |event: &Event| rules.try_one(number, event, &mut scratch);
        let matches = |event: &&Arc<Event>| outcome(event) == Some(Outcome::Matches);
        let matched = tried.iter().filter(matches).count();
        let try_ns = median_ns(ROUND_OF_RULE, tried, |event| {
            black_box(outcome(event));
        });
        Self { rule, tried: tried.len(), matched, try_ns }
    }

    /// Nanoseconds on all events.
    fn total_ns(&self) -> f64 {
        self.try_ns * self.tried as f64
    }
}

/// Nanoseconds that `work` takes for one event, the median of several rounds over all of them. A
/// round is as many passes as fill its time.
fn median_ns(round: Duration, events: &[Arc<Event>], mut work: impl FnMut(&Event)) -> f64 {
    if events.is_empty() {
        return 0.0;
    }
    let at_once = u32::try_from(WORK_PER_LOOK / events.len()).unwrap_or(1).max(1);
    let mut rounds: Vec<f64> = Vec::new();
    // The first one only warms up.
    for _ in 0..=ROUNDS {
        let (begun, mut passes) = (Instant::now(), 0_u32);
        while begun.elapsed() < round {
            for _ in 0..at_once {
                events.iter().for_each(|event| work(black_box(event)));
            }
            passes += at_once;
        }
        let took_ns = begun.elapsed().as_secs_f64() * 1e9;
        rounds.push(took_ns / (f64::from(passes) * events.len() as f64));
    }
    let mut rounds = rounds.split_off(1);
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}
