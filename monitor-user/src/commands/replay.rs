//! `runmon replay`: a recording through the same line. Needs no root.

mod choice;
mod cut;

use std::{
    collections::HashSet,
    io::{self, BufWriter, Write as _},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use self::choice::Choice;
pub use self::choice::Moment;
use super::{
    Usage, explain_recording, load_rules, new_file, policy, profile::read_all, rules::with_words,
    say, schema,
};
use crate::{
    cli::ReplayArgs,
    config::Format,
    decode::decode,
    document::{Document, Schema, Sender},
    enrich::{Enricher, hashes::HashMode},
    env::EnvKeys,
    event::EventId,
    limits,
    line::{Input, Line, LineStats, Outlet},
    profile::drift::Profiles,
    rules::{
        Rules, Word,
        names::{self, Names},
    },
    source::recording::{Preamble, Reader, RecordingError},
};

/// Puts a recording through the line and writes what comes of it, or a part of it as another one.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let choice = Choice::of(args.condition.as_deref(), args.from, args.to)?;
    let format = if args.json { Some(Format::Ecs) } else { args.format };
    match (&args.output, format) {
        (Some(output), None) => cut(args, choice.as_ref(), output),
        (_, format) => replay(args, choice.as_ref(), format.unwrap_or(Format::Text)),
    }
}

/// Writes the part that was chosen to another recording.
fn cut(args: &ReplayArgs, choice: Option<&Choice>, output: &Path) -> anyhow::Result<ExitCode> {
    let ending = output.extension().and_then(|ending| ending.to_str());
    if ending.is_some_and(|ending| ["json", "jsonl", "ndjson", "txt"].contains(&ending)) {
        return Err(Usage(format!(
            "{} would be a recording\nhint: for documents say in which form, such as \
             --format ecs; recordings are named .rec",
            output.display()
        ))
        .into());
    }
    if output.exists() {
        // Said before the work, and refused once more when the file is made.
        let (path, source) = (output.to_owned(), io::ErrorKind::AlreadyExists.into());
        return Err(explain_recording(RecordingError::Open { path, source }));
    }
    let (writer, damage) = match choice {
        None => cut::copy(&args.file, output)?,
        Some(choice) => {
            let mut needs = cut::Needs::default();
            let chosen = choice.find(&args.file, |event| needs.add(event))?;
            say(&format!("{} events are chosen", chosen.len()));
            cut::write(&args.file, output, &chosen, needs)?
        }
    };
    say(&super::record::written(&writer));
    damage.told()
}

fn replay(args: &ReplayArgs, choice: Option<&Choice>, format: Format) -> anyhow::Result<ExitCode> {
    let profiles = Profiles::new(read_all(&args.profiles)?);
    let image_policy = policy::configured(args.image_policy.as_deref())?;
    let drift = (!profiles.is_empty()).then_some(Word::Drift);
    let words: Vec<Word> =
        drift.into_iter().chain(policy::word(args.image_policy.as_ref())).collect();
    let rules = load_rules(&with_words(&args.rules, &words))?;
    let mut reader = Reader::open(&args.file).map_err(explain_recording)?;
    let chosen = choice.map(|choice| choice.find(&args.file, |_| {})).transpose()?;
    let output: Box<dyn io::Write> = match &args.output {
        None => Box::new(io::stdout()),
        Some(path) => Box::new(BufWriter::new(new_file(path)?)),
    };
    let preamble = &reader.preamble;
    let (schema, sender) = (schema(format), preamble.sender());
    let printer = Printer { schema, sender, events: args.events, failed: None, output };
    let mut line = line_of(preamble, rules, printer);
    line.expect(profiles);
    line.judge_images_by(image_policy);
    line.roll_up(args.rollup_seconds.saturating_mul(1_000_000_000));
    let begun = Instant::now();
    let mut damage = Damage::default();
    loop {
        match reader.next() {
            Ok(Some(Input::Record(record))) if !is_chosen(record, chosen.as_ref()) => {
                line.take(Input::Context(record));
            }
            Ok(Some(input)) => line.take(input),
            Ok(None) => break,
            // What can be read is good.
            Err(error) => damage.add(error),
        }
        // What is asked here was asked when this was recorded; the answers are in it.
        drop((line.take_lookups(), line.take_hash_questions()));
        if let Some(error) = line.outlet().failed.take() {
            return closed(error);
        }
    }
    line.finish();
    if let Err(error) = line.outlet().output.flush() {
        return closed(error);
    }
    damage.see(&reader);
    if args.stats {
        report(&line.stats(), begun);
    }
    if line.stats().decode_errors > 0 {
        say(&format!("{} records could not be decoded", line.stats().decode_errors));
    }
    if reader.lost() > 0 {
        say(&format!("{} records were lost while this was recorded", reader.lost()));
    }
    damage.told()
}

/// Whether a record is told of. What is none is told of as such.
fn is_chosen(record: &[u8], chosen: Option<&HashSet<EventId>>) -> bool {
    chosen.is_none_or(|chosen| decode(record).map_or(true, |raw| chosen.contains(&raw.id)))
}

/// What of a recording could not be read.
#[derive(Default)]
struct Damage {
    first: Option<RecordingError>,
    places: u64,
    missing: u64,
}

impl Damage {
    fn add(&mut self, error: RecordingError) {
        self.places += 1;
        self.first.get_or_insert(error);
    }

    /// Looks how much a recording that was read lacks.
    fn see<R: io::Read>(&mut self, reader: &Reader<R>) {
        self.missing = reader.missing();
        if reader.was_cut() {
            say("the recording was cut: only what came before that is taken");
        }
    }

    /// An error, if something is missing.
    fn told(self) -> anyhow::Result<ExitCode> {
        let Some(error) = self.first else { return Ok(ExitCode::SUCCESS) };
        let places = if self.places == 1 { "place" } else { "places" };
        let missing = match self.missing {
            0 => String::new(),
            missing => format!("; {missing} entries are missing"),
        };
        Err(anyhow::Error::from(error).context(format!(
            "the recording is damaged in {} {places}{missing}: what could be read was taken",
            self.places
        )))
    }
}

/// The line that a recording goes through, as it was when the recording was made.
pub(super) fn line_of<O: Outlet>(preamble: &Preamble, rules: Arc<Rules>, outlet: O) -> Line<O> {
    if !preamble.users.is_empty() {
        names::set_of_host(Names::of_pairs(&preamble.users, &preamble.groups));
    }
    let env_keys = EnvKeys::new(&preamble.env_keys);
    let mut enricher = Enricher::new(table_bytes(preamble), preamble.clock_offset_ns, env_keys);
    enricher.hashes().set_mode(HashMode::from_name(&preamble.hash).unwrap_or_default());
    enricher.set_node(preamble.sender().node);
    let mut line = Line::new(enricher, rules, preamble.canary_pids.clone(), outlet);
    line.own_until(preamble.own_until_ns);
    line
}

/// The budget of the process table when the recording was made.
fn table_bytes(preamble: &Preamble) -> usize {
    match usize::try_from(preamble.process_table_bytes) {
        Ok(0) | Err(_) => limits::PROCESS_TABLE_BYTES,
        Ok(bytes) => bytes,
    }
}

/// A reader that has seen enough (`| head`) is no failure.
fn closed(error: io::Error) -> anyhow::Result<ExitCode> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(ExitCode::SUCCESS);
    }
    Err(anyhow::Error::from(error).context("cannot write what comes of it"))
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

/// Writes documents, in order.
struct Printer {
    schema: Schema,
    sender: Sender,
    events: bool,
    failed: Option<io::Error>,
    output: Box<dyn io::Write>,
}

impl Outlet for Printer {
    fn offer(&mut self, document: Document) {
        if matches!(document, Document::Event(_)) && !self.events {
            return;
        }
        for line in self.schema.write(&document, &self.sender) {
            let written = self.output.write_all(&line);
            let written = written.and_then(|()| self.output.write_all(b"\n"));
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
