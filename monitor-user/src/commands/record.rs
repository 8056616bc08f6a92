//! `runmon record`: everything that the line would take in, written down.

use std::{io::IsTerminal as _, process::ExitCode};

use super::{
    Hangup, bell_of_signals, check_cluster, check_host, explain_recording, live_options,
    load_config_for, say, say_unseen, sender, stop_when_unread,
};
use crate::{
    bpf::kernel_side::STATE_KINDS,
    cli::RecordArgs,
    config::Config,
    daemon::hooks,
    document::heartbeat::Heartbeat,
    enrich::{
        Enricher,
        container::Lookup,
        hashes::{HashMode, HashQuestion},
    },
    env::EnvKeys,
    instance::Instance,
    keeper::Privileges,
    limits::RECORDED_NAMES,
    line::Input,
    live::{Consumer, Live, boottime_ns, clock_offset_ns},
    source::recording::{Preamble, RecordingError, Writer},
};

/// Time between two lines of progress.
const PROGRESS_NS: u64 = 1_000_000_000;

/// Records until it is stopped.
pub fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    let config = load_config_for(args.config.as_deref(), &args.live)?;
    check_host()?;
    check_cluster(&config)?;
    let own = format!("record-{}", std::process::id());
    let name = args.live.instance.as_deref().unwrap_or(&own);
    let instance = Instance::register(&config.run_dir, name)?;
    let bell = bell_of_signals(Hangup::Stops)?;
    if std::io::stderr().is_terminal() {
        stop_when_unread(std::io::stderr(), &bell)?;
    }
    let kinds = monitor_common::RecordKind::ALL.into_iter();
    let kinds = kinds.filter(|kind| crate::bpf::hooks::hook(*kind).is_some());
    let kinds = kinds.filter(|kind| !STATE_KINDS.contains(kind)).collect();
    let env_keys = EnvKeys::new(&config.env_keys);
    let mut options = live_options(&config, &args.live, kinds, env_keys.clone());
    options.side.syscalls = args.syscalls;
    let mut live =
        Live::start(&options, instance, bell, Privileges::Here).map_err(super::run::explain)?;
    let preamble = preamble(&config, name, &mut live);
    let (table, offset) = (config.process_table_bytes, preamble.clock_offset_ns);
    let mut enricher = Enricher::new(table, offset, env_keys);
    if config.hash != HashMode::Off {
        // Which rules a replay will have is not known.
        enricher.hashes().set_mode(HashMode::Always);
    }
    let mut recorder = Recorder {
        writer: Writer::create(&args.output, &preamble, args.limit).map_err(explain_recording)?,
        enricher,
        inputs: 0,
        failure: None,
        end_ns: super::run::end(args.live.duration),
        next_ns: 0,
        lost: 0,
        progress: std::io::stderr().is_terminal(),
    };
    live.seed(&mut recorder)?;
    say_unseen(&live);
    say(&format!("recording to {}; Ctrl-C ends it", args.output.display()));
    live.run(&mut recorder)?;
    // Of some it was not known yet which container made them.
    recorder.note_syscalls(&mut live, true);
    recorder.note_lost(&mut live);
    recorder.writer.flush()?;
    if let Some(error) = recorder.failure {
        return Err(error.into());
    }
    let lost = lost(&mut live);
    say(&format!("{}; {lost} records were lost in the kernel", written(&recorder.writer)));
    if recorder.writer.skipped() > 0 {
        say(&format!(
            "{} more found no room: the file is limited to {} bytes (--limit)",
            recorder.writer.skipped(),
            args.limit
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What a recording holds, and how well it was compressed.
pub(super) fn written(writer: &Writer) -> String {
    let (entries, bytes) = (writer.entries(), writer.bytes());
    let ratio = writer.unpacked_bytes() as f64 / bytes as f64;
    format!("recorded {entries} entries in {bytes} bytes, compressed {ratio:.1} to 1")
}

fn preamble(config: &Config, name: &str, live: &mut Live) -> Preamble {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let hooks = hooks(live.plan(), None)
        .into_iter()
        .map(|hook| format!("{}={}", hook.kind, hook.backend.unwrap_or("none")))
        .collect();
    let env_keys = config.env_keys.clone();
    let (users, groups) = super::rules::names_of_this_host().pairs(RECORDED_NAMES);
    let sender = sender(config, name);
    let kernel = kernel.trim().to_owned();
    let mut preamble = Preamble::new(&sender, kernel, clock_offset_ns(), hooks, env_keys);
    config.hash.name().clone_into(&mut preamble.hash);
    preamble.process_table_bytes = config.process_table_bytes as u64;
    preamble.canary_pids = live.kernel().take_canary_pids();
    preamble.own_until_ns = boottime_ns();
    (preamble.users, preamble.groups) = (users, groups);
    preamble
}

fn lost(live: &mut Live) -> u64 {
    let Ok(numbers) = live.kernel().numbers() else { return 0 };
    let syscalls = numbers.reading.value(monitor_common::counter::SYSCALLS_FULL);
    let mut heartbeat = Heartbeat::default();
    crate::daemon::kernel_counters(&mut heartbeat, &numbers.reading);
    heartbeat.lost() + syscalls
}

/// Writes inputs down. It follows them as far as it must to know which containers to ask about.
struct Recorder {
    writer: Writer,
    enricher: Enricher,
    inputs: u64,
    failure: Option<RecordingError>,
    end_ns: Option<u64>,
    next_ns: u64,
    lost: u64,
    progress: bool,
}

impl Recorder {
    fn note_syscalls(&mut self, live: &mut Live, all: bool) {
        for (key, names) in live.kernel().take_syscalls(all) {
            self.take(Input::Syscalls(key, &names));
        }
    }

    fn note_lost(&mut self, live: &mut Live) {
        let lost = lost(live);
        if lost != self.lost && self.failure.is_none() {
            self.lost = lost;
            self.failure = self.writer.note_lost(lost).err();
        }
    }
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
            Input::Record(bytes) | Input::Context(bytes) => {
                if let Ok(raw) = crate::decode::decode(bytes) {
                    drop(self.enricher.enrich(raw));
                }
            }
            Input::Cgroup(key, path) => self.enricher.add_cgroup(key, path),
            Input::Facts(facts) => {
                self.enricher.learn(facts);
            }
            Input::Holder(holder) => self.enricher.hold(holder),
            Input::Hash(answer) => self.enricher.hashes().learn(&answer),
            Input::Package(answer) => self.enricher.packages().learn(&answer),
            // Nothing waits here.
            Input::Syscalls(..) | Input::Time(_) => {}
        }
    }

    fn take_lookups(&mut self) -> Vec<Lookup> {
        self.enricher.take_lookups()
    }

    fn take_hash_questions(&mut self) -> Vec<HashQuestion> {
        self.enricher.hashes().take_questions()
    }

    fn tick(&mut self, now_ns: u64, live: &mut Live) -> bool {
        self.take(Input::Time(now_ns));
        self.note_lost(live);
        self.note_syscalls(live, false);
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
