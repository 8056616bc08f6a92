//! `runmon replay`: a recording through the same line. Needs no root.

use std::{io::Write as _, process::ExitCode, sync::Arc, time::Instant};

use super::{explain_recording, load_rules, say, schema};
use crate::{
    cli::ReplayArgs,
    config::Format,
    document::{Document, Schema, Sender},
    enrich::{Enricher, hashes::HashMode},
    env::EnvKeys,
    limits,
    line::{Line, LineStats, Outlet},
    rules::{
        Rules,
        names::{self, Names},
    },
    source::recording::{Preamble, Reader},
};

/// Puts a recording through the line and writes what comes of it.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let rules = load_rules(&args.rules)?;
    let mut reader = Reader::open(&args.file).map_err(explain_recording)?;
    let preamble = &reader.preamble;
    let format = if args.json { Format::Ecs } else { args.format.unwrap_or(Format::Text) };
    let sender = preamble.sender();
    let printer = Printer { schema: schema(format), sender, events: args.events, failed: None };
    let mut line = line_of(preamble, rules, printer);
    line.roll_up(args.rollup_seconds.saturating_mul(1_000_000_000));
    let begun = Instant::now();
    let damage = loop {
        match reader.next() {
            Ok(Some(input)) => line.take(input),
            Ok(None) => break None,
            // What was read before it is good.
            Err(error) => break Some(error),
        }
        // What is asked here was asked when this was recorded; the answers are in it.
        drop((line.take_lookups(), line.take_hash_questions()));
        if let Some(error) = line.outlet().failed.take() {
            return closed(error);
        }
    };
    line.finish();
    if reader.was_cut() {
        say("the recording was cut in the middle of an entry: what came before it was replayed");
    }
    if args.stats {
        report(&line.stats(), begun);
    }
    if line.stats().decode_errors > 0 {
        say(&format!("{} records could not be decoded", line.stats().decode_errors));
    }
    if reader.lost() > 0 {
        say(&format!("{} records were lost while this was recorded", reader.lost()));
    }
    match damage {
        Some(error) => Err(anyhow::Error::from(error)
            .context("what is before the damage was replayed, the rest cannot be trusted")),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The line that a recording goes through, as it was when the recording was made.
pub(super) fn line_of<O: Outlet>(preamble: &Preamble, rules: Arc<Rules>, outlet: O) -> Line<O> {
    let table = match usize::try_from(preamble.process_table_bytes) {
        Ok(0) | Err(_) => limits::PROCESS_TABLE_BYTES,
        Ok(bytes) => bytes,
    };
    if !preamble.users.is_empty() {
        names::set_of_host(Names::of_pairs(&preamble.users, &preamble.groups));
    }
    let env_keys = EnvKeys::new(&preamble.env_keys);
    let mut enricher = Enricher::new(table, preamble.clock_offset_ns, env_keys);
    enricher.hashes().set_mode(HashMode::from_name(&preamble.hash).unwrap_or_default());
    enricher.set_node(preamble.sender().node);
    let mut line = Line::new(enricher, rules, preamble.canary_pids.clone(), outlet);
    line.own_until(preamble.own_until_ns);
    line
}

/// A reader that has seen enough (`| head`) is no failure.
fn closed(error: std::io::Error) -> anyhow::Result<ExitCode> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Ok(ExitCode::SUCCESS);
    }
    Err(anyhow::Error::from(error).context("cannot write to standard output"))
}

fn report(stats: &LineStats, begun: Instant) {
    let (seconds, events) = (begun.elapsed().as_secs_f64(), stats.events.sum());
    say(&format!(
        "{} records, {events} events, {} alerts in {seconds:.3} s: {:.0} events/s",
        stats.records,
        stats.alerts,
        events as f64 / seconds
    ));
}

/// Writes documents to standard output, in order.
struct Printer {
    schema: Schema,
    sender: Sender,
    events: bool,
    failed: Option<std::io::Error>,
}

impl Outlet for Printer {
    fn offer(&mut self, document: Document) {
        if matches!(document, Document::Event(_)) && !self.events {
            return;
        }
        let mut output = std::io::stdout().lock();
        for line in self.schema.write(&document, &self.sender) {
            let written = output.write_all(&line).and_then(|()| output.write_all(b"\n"));
            if let Err(error) = written {
                self.failed = Some(error);
                return;
            }
        }
    }

    fn wants_events(&self) -> bool {
        self.events
    }
}
