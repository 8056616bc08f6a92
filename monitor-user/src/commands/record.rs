//! `runmon record`: everything that the line would take in, written down.

use std::{io::IsTerminal as _, process::ExitCode};

use super::{Usage, bell_of_signals, check_host, live_options, say, say_unseen, sender};
use crate::{
    cli::RecordArgs,
    config::Config,
    daemon::hooks,
    document::heartbeat::Heartbeat,
    enrich::{Enricher, container::Lookup},
    env::EnvKeys,
    instance::Instance,
    line::Input,
    live::{Consumer, Live, STATE_KINDS, clock_offset_ns},
    source::recording::{Preamble, RecordingError, Writer},
};

/// Time between two lines of progress.
const PROGRESS_NS: u64 = 1_000_000_000;

/// Records until it is stopped.
pub fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args.config.as_deref())
        .map_err(|e| Usage(format!("{:#}", anyhow::Error::from(e))))?;
    check_host()?;
    let own = format!("record-{}", std::process::id());
    let name = args.live.instance.as_deref().unwrap_or(&own);
    let instance = Instance::register(&config.run_dir, name)?;
    let bell = bell_of_signals()?;
    let kinds = monitor_common::RecordKind::ALL.into_iter();
    let kinds = kinds.filter(|kind| crate::bpf::hooks::hook(*kind).is_some());
    let kinds = kinds.filter(|kind| !STATE_KINDS.contains(kind)).collect();
    let env_keys = EnvKeys::new(&config.env_keys);
    let mut live =
        Live::start(&live_options(&config, &args.live, kinds, env_keys.clone()), instance, bell)
            .map_err(super::run::explain)?;
    let preamble = preamble(&config, name, &live);
    let enricher = Enricher::new(config.process_table_bytes, preamble.clock_offset_ns, env_keys);
    let mut recorder = Recorder {
        writer: Writer::create(&args.output, &preamble, args.limit)?,
        enricher,
        inputs: 0,
        failure: None,
        end_ns: super::run::end(args.live.duration),
        next_ns: 0,
        progress: std::io::stderr().is_terminal(),
    };
    live.seed(&mut recorder)?;
    say_unseen(&live);
    say(&format!("recording to {}; Ctrl-C ends it", args.output.display()));
    live.run(&mut recorder)?;
    recorder.writer.flush()?;
    if let Some(error) = recorder.failure {
        return Err(error.into());
    }
    let lost = lost(&live);
    let (inputs, bytes) = (recorder.inputs, recorder.writer.bytes());
    say(&format!(
        "recorded {inputs} entries, {bytes} bytes; {lost} records were lost in the kernel"
    ));
    if recorder.writer.skipped() > 0 {
        say(&format!(
            "{} more found no room: the file is limited to {} bytes (--limit)",
            recorder.writer.skipped(),
            args.limit
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn preamble(config: &Config, name: &str, live: &Live) -> Preamble {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let hooks = hooks(live)
        .into_iter()
        .map(|hook| format!("{}={}", hook.kind, hook.backend.unwrap_or("none")))
        .collect();
    let env_keys = config.env_keys.clone();
    Preamble::new(&sender(name), kernel.trim().to_owned(), clock_offset_ns(), hooks, env_keys)
}

fn lost(live: &Live) -> u64 {
    let Ok(reading) = live.counters().read() else { return 0 };
    let mut heartbeat = Heartbeat::default();
    crate::daemon::kernel_counters(&mut heartbeat, &reading);
    heartbeat.lost()
}

/// Writes inputs down. It follows them as far as it must to know which containers to ask about.
struct Recorder {
    writer: Writer,
    enricher: Enricher,
    inputs: u64,
    failure: Option<RecordingError>,
    end_ns: Option<u64>,
    next_ns: u64,
    progress: bool,
}

impl Consumer for Recorder {
    fn take(&mut self, input: Input<'_>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = self.writer.append(&input) {
            self.failure = Some(error);
            return;
        }
        self.inputs = self.writer.entries();
        match input {
            Input::Record(bytes) => {
                if let Ok(raw) = crate::decode::decode(bytes) {
                    drop(self.enricher.enrich(raw));
                }
            }
            Input::Cgroup(key, path) => self.enricher.add_cgroup(key, path),
            Input::Facts(facts) => {
                self.enricher.learn(facts);
            }
        }
    }

    fn take_lookups(&mut self) -> Vec<Lookup> {
        self.enricher.take_lookups()
    }

    fn tick(&mut self, now_ns: u64, _live: &mut Live) -> bool {
        if now_ns >= self.next_ns {
            self.next_ns = now_ns + PROGRESS_NS;
            // So that a cut loses a second at most.
            if let Err(error) = self.writer.flush() {
                self.failure = Some(error);
            }
            if self.progress {
                eprint_progress(self.inputs, self.writer.bytes());
            }
        }
        self.failure.is_none() && self.end_ns.is_none_or(|end| now_ns < end)
    }

    fn is_waiting(&self) -> bool {
        self.end_ns.is_some()
    }
}

fn eprint_progress(inputs: u64, bytes: u64) {
    use std::io::Write as _;
    // Nobody may be there to read it.
    drop(write!(std::io::stderr().lock(), "\r{inputs} entries, {} KiB ", bytes / 1024));
}
