//! `runmon run`: the daemon. The start-up is a list; before changing the order, see that what each
//! step needs still comes before it.

mod policy;
mod posture;
mod profiles;
mod reread;
mod sinks;
mod states;
mod upkeep;
mod web;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use monitor_rules::KindSet;

use super::{
    Hangup, bell_of_signals, check_cluster, check_host, executables_path, live_options,
    load_config_for, rules::watched::RuleFiles, say, say_unseen, sender,
};
use crate::{
    cli::RunArgs,
    config::{Config, KeepOptions, SinkConfig},
    control::Control,
    daemon::{Daemon, Kept, LastFindings, Learning, SinkSource, kernel_filter, record_kinds},
    document::{Sender, heartbeat::SinkCounters},
    endpoint::{self, Endpoint},
    enrich::{Enricher, hashes::Keep},
    env::EnvKeys,
    event::Action,
    executables::ExecutablesOptions,
    instance::{DEFAULT_NAME, Instance, socket_path},
    keeper::{
        Privileges,
        confine::{ConfineError, confine},
    },
    limits,
    line::Line,
    live::{Bell, Live, LiveOptions, boottime_ns, clock_offset_ns},
    logging::count,
    profile::wanted::Wanted,
    reload::Reloader,
    rules::{Rules, needed_kinds_of},
    sink::{Ended, Fanout, exchange::Exchange},
    subscriber::Subscribed,
    usage,
};
use reread::{ConfigFile, ReadSinks};
use sinks::Opener;
use web::open_page;

/// How long sinks may take to empty their queues at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Watches until it is stopped.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let config = load_config_for(args.config.as_deref(), &args.live)?;
    let paths = if args.rules.is_empty() { config.rules.clone() } else { args.rules.clone() };
    let mut rule_files = RuleFiles::new(profiles::rules_of(&config, &paths));
    let rules = rule_files.load()?;
    check_host()?;
    check_cluster(&config)?;
    super::rules::name_users_of_this_host();
    let name = args.live.instance.as_deref().unwrap_or(DEFAULT_NAME);
    let instance = register(&config, name)?;
    let mut privileges = Privileges::of(&config).context("cannot start the keeper")?;
    let sender = Sender { history: config.history, ..sender(&config, name) };
    let (node, documents_of) = (Arc::clone(&sender.node), sender.clone());
    let opener = Opener::new(&config, args, &sender, name);
    let mut fanout = Fanout::new(sender);
    // Nobody talks to receivers with privileges.
    fanout.hold();
    opener.open(&mut fanout, &config.sinks, &mut || privileges.files())?;
    let config_file = ConfigFile::new(config.path.clone(), privileges.files()?);
    let bell = bell_of_signals(Hangup::Reloads)?;
    let control = open_control(&config, name, bell.clone(), documents_of);
    let endpoint = open_endpoint(&config, args, bell.clone());
    let page = open_page(&config, name);
    let (approved, learning) = (profiles::approved(&config)?, profiles::learning(&config, name)?);
    let (mut options, kept) = watched(&config, args, &rules, learning.as_ref(), name);
    upkeep::of(&config, &mut options)?;
    let env_keys = options.side.env_keys.clone();
    let mut live = Live::start(&options, instance, bell.clone(), privileges).map_err(explain)?;
    let mut enricher = Enricher::new(config.process_table_bytes, clock_offset_ns(), env_keys);
    read_programs(&mut enricher, &config);
    enricher.set_node(node);
    let canary = live.kernel().take_canary_pids();
    let enabled = rules.rules().iter().filter(|rule| rule.enabled).count();
    let outlet = Subscribed::new(Exchange::new(fanout, bell.clone()));
    let mut line = Line::new(enricher, Arc::clone(&rules), canary, outlet);
    line.own_until(boottime_ns());
    line.expect(approved);
    line.roll_up(u64::try_from(config.rollup.as_nanos())?);
    line.keep_flight(config.flight.filter(|_| config.history).map(|flight| flight.options));
    let interval_ns = u64::try_from(config.heartbeat.as_nanos())?;
    let mut daemon = Daemon::new(line, enabled, interval_ns, end(args.live.duration));
    learning.into_iter().for_each(|learning| daemon.learn_with(learning));
    let look = config.watch_rules.then_some(limits::RULES_LOOK);
    daemon.reload_with(kept, Reloader::start("rules", Box::new(rule_files), look, bell.clone())?);
    daemon.profiles_with(profiles::again(&config, look, bell.clone())?);
    policy::judge(&config, &mut daemon, bell.clone())?;
    states::look(&config, &mut daemon, name)?;
    daemon.change_sinks_with(sinks_again(&config, opener, config_file, bell)?);
    let inside = control.as_ref().map(Control::inside);
    if let Some(control) = control {
        daemon.control_with(control);
    }
    live.seed(&mut daemon)?;
    // Who is told below that it is ready finds an endpoint that says so.
    endpoint.into_iter().for_each(|endpoint| daemon.tell_to(endpoint));
    web::serve(page, inside, &mut daemon);
    // While the socket for it can still be written to. Nobody may have asked to be told.
    drop(sd_notify::notify(false, &[sd_notify::NotifyState::Ready]));
    if let Some(uid) = config.run_as {
        confine(uid).map_err(explain_confine)?;
    }
    daemon.line().outlet().inner().begin();
    daemon.check_rules();
    announce(&live, enabled, begun);
    live.run(&mut daemon)?;
    daemon.finish(&mut live);
    let findings = daemon.last_findings();
    let sinks = daemon.into_line().into_outlet().into_inner().finish(PATIENCE);
    drop(live);
    Ok(end_of_sinks(&sinks, findings))
}

/// What the kernel side is asked for, and what of that stays whatever the rules.
fn watched(
    config: &Config,
    args: &RunArgs,
    rules: &Rules,
    learning: Option<&Learning>,
    name: &str,
) -> (LiveOptions, Kept) {
    let learned = learning.map(|learning| Arc::clone(&learning.wanted));
    let used = config.in_use.then(usage::wanted::wanted).flatten().map(Arc::new);
    let wanted: Vec<Arc<Wanted>> = learned.into_iter().chain(used).collect();
    let kinds = record_kinds(wanted_kinds(config, rules, &wanted));
    let configured = EnvKeys::new(&config.env_keys);
    let env_keys = configured.and(crate::rules::env_keys(rules));
    let mut options = live_options(config, &args.live, kinds, env_keys);
    options.side.flood = config.flood;
    options.assesses = posture::is_looked(config);
    options.listens = config.posture.as_ref().is_some_and(|it| it.listens);
    options.keep = config.keep.map(|keep| keep_options(config, keep, name));
    let (always, filters) = (always_of(config), config.kernel_filter);
    let asks: Vec<_> = wanted.iter().map(|wanted| wanted.asks()).collect();
    options.side.filter = kernel_filter(rules, &asks, filters && always.is_empty());
    let changes = changes(config);
    (options, Kept { kinds: always, env_keys: configured, filters, wanted, changes })
}

/// What changes the sinks when the configuration has others.
fn sinks_again(
    config: &Config,
    opener: Opener,
    file: ConfigFile,
    bell: Bell,
) -> anyhow::Result<Box<dyn SinkSource>> {
    let reloader = Reloader::start("config", Box::new(file), Some(limits::RULES_LOOK), bell)?;
    let sinks = ReadSinks::new(reloader, opener, config).map_err(anyhow::Error::msg)?;
    Ok(Box::new(sinks))
}

/// Opens the control socket. A daemon that cannot be asked watches all the same.
fn open_control(config: &Config, name: &str, bell: Bell, documents_of: Sender) -> Option<Control> {
    let path = socket_path(&config.run_dir, name);
    let opened = Control::open(&path, bell, documents_of);
    if let Err(error) = &opened {
        say(&format!("nothing can be asked of this daemon: {}: {error}", path.display()));
    }
    opened.ok()
}

/// Opens the metrics endpoint, if there is to be one. A daemon that cannot tell its numbers watches
/// all the same: who asks finds nobody there, and what it sees does not hang on a port.
fn open_endpoint(config: &Config, args: &RunArgs, bell: Bell) -> Option<Endpoint> {
    let asked = &args.metrics_listen;
    let addresses = if asked.is_empty() { &config.metrics_listen } else { asked };
    let mut listeners = Vec::new();
    for address in addresses {
        match endpoint::listen(*address) {
            Ok((listener, at)) => {
                say(&format!("numbers and health are at http://{at}/metrics"));
                listeners.push(listener);
            }
            Err(error) => say(&format!("numbers are not told at {address}: {error}")),
        }
    }
    if listeners.is_empty() {
        return None;
    }
    let opened = Endpoint::open(listeners, bell);
    if let Err(error) = &opened {
        say(&format!("numbers are not told: {error}"));
    }
    opened.ok()
}

/// Says what sinks lost, and has it written which findings are open, now that they have arrived.
/// One whose task died is a failure of the monitor's own.
fn end_of_sinks(sinks: &[Ended], findings: Option<LastFindings>) -> ExitCode {
    let have_arrived = sinks.iter().all(|it| !it.died && (it.is_over || it.is_stored));
    findings.into_iter().for_each(|it| it.write(have_arrived));
    for Ended { counters, died, .. } in sinks {
        if *died {
            say(&format!("the task of sink {} failed: see the panic above", counters.name));
        }
        if counters.dropped > 0 {
            let SinkCounters { name, dropped, offered, .. } = counters;
            say(&format!("sink {name} lost {dropped} of {offered} documents"));
        }
    }
    if sinks.iter().any(|sink| sink.died) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The kinds of event to see: those that a rule can match or something is learned from, or all
/// where a sink wants them.
fn wanted_kinds(config: &Config, rules: &Rules, wanted: &[Arc<Wanted>]) -> KindSet {
    let learned = wanted.iter().fold(KindSet::EMPTY, |kinds, it| kinds.union(it.kinds));
    let needed = always_of(config).union(crate::rules::needed_kinds(rules));
    needed.union(learned).union(changes(config))
}

/// The kinds of event that tell when a container must be looked at again.
fn changes(config: &Config) -> KindSet {
    if config.posture.is_some() { crate::line::beside::kinds() } else { KindSet::EMPTY }
}

/// The kinds of event to see whatever the rules: all, where the flight recorder is to have them.
fn always_of(config: &Config) -> KindSet {
    always(&config.sinks, records_all(config))
}

/// Whether the flight recorder is to have all acts.
fn records_all(config: &Config) -> bool {
    config.history && config.flight.is_some_and(|flight| flight.all)
}

/// The same for these sinks: all, where one wants them.
fn always(sinks: &[SinkConfig], records_all: bool) -> KindSet {
    let all = || KindSet::first(Action::KINDS.len());
    if records_all {
        return all();
    }
    let of = |sink: &SinkConfig| {
        sink.condition().map_or_else(all, |condition| needed_kinds_of(&condition))
    };
    let wanting = sinks.iter().filter(|sink| sink.events);
    wanting.map(of).fold(KindSet::EMPTY, KindSet::union)
}

/// Says of which programs the hash is taken, and which are copied.
fn read_programs(enricher: &mut Enricher, config: &Config) {
    let since_ns = enricher.timestamp_ns(boottime_ns());
    let keep = |keep: KeepOptions| Keep { bytes_max: keep.file_bytes_max, since_ns };
    enricher.hashes().set_mode(config.hash);
    enricher.hashes().set_keep(config.keep.map(keep));
}

/// Where copies of programs behind alerts are kept.
fn keep_options(config: &Config, keep: KeepOptions, instance: &str) -> ExecutablesOptions {
    let KeepOptions { bytes_max, file_bytes_max } = keep;
    let path = executables_path(config, instance);
    ExecutablesOptions { path, owner: Some(owner(config)), bytes_max, file_bytes_max }
}

/// The user that what is kept below `state_dir` belongs to.
fn owner(config: &Config) -> u32 {
    config.run_as.unwrap_or_else(|| nix::unistd::geteuid().as_raw())
}

/// When a limited run ends, on the boot clock.
pub(super) fn end(duration: Option<Duration>) -> Option<u64> {
    let duration = u64::try_from(duration?.as_nanos()).ok()?;
    Some(boottime_ns().saturating_add(duration))
}

/// Takes the instance's place.
fn register(config: &Config, name: &str) -> anyhow::Result<Instance> {
    Instance::register(&config.run_dir, name).map_err(|error| {
        let taken = matches!(error, crate::instance::InstanceError::Taken { .. });
        let hint = if taken {
            "\nhint: stop it first, or give this one a name: --instance NAME"
        } else {
            ""
        };
        let error = anyhow::Error::from(error);
        anyhow::anyhow!("{error:#}{hint}")
    })
}

/// Says what an error of the kernel side means on this host, where that is known.
pub(super) fn explain(error: crate::bpf::BpfError) -> anyhow::Error {
    let text = format!("{:#}", anyhow::Error::from(error));
    let hint = if text.contains("Operation not permitted") {
        "\nhint: loading BPF programs needs CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN; \
         see `runmon doctor`"
    } else {
        ""
    };
    anyhow::anyhow!("{text}{hint}")
}

fn announce(live: &Live, rules: usize, begun: Instant) {
    let seen: Vec<String> = live
        .plan()
        .hooks
        .iter()
        .filter_map(|hook| {
            Some(format!("{} ({})", hook.kind.name(), hook.chosen.as_ref()?.backend.name()))
        })
        .collect();
    say(&format!(
        "watching with {}, after {:.2} s: {}",
        count(rules, "rule"),
        begun.elapsed().as_secs_f64(),
        seen.join(", ")
    ));
    say_unseen(live);
}

/// Says what to do where privileges cannot be given up.
pub(super) fn explain_confine(error: ConfineError) -> anyhow::Error {
    let hint = "give it CAP_SETUID and CAP_SETGID, also in a user namespace the user itself, or \
                keep all privileges in one process: run_as: root";
    anyhow::anyhow!("{:#}\nhint: {hint}", anyhow::Error::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_that_died_is_a_failure() {
        let code = |died| {
            let counters = SinkCounters { dropped: 1, offered: 2, ..SinkCounters::default() };
            let ended = Ended { counters, died, is_over: true, is_stored: false };
            format!("{:?}", end_of_sinks(&[ended], None))
        };
        assert_eq!(code(false), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(true), format!("{:?}", ExitCode::FAILURE));
    }
}
