//! `runmon tail`: live events, one line each. It loads hooks of its own for just the kinds that
//! the filter can match, so that no daemon is needed.

use std::{process::ExitCode, sync::Arc, time::Duration};

use monitor_rules::{Condition, KindSet, Priority, RuleFile, RuleSet};

use super::{
    Hangup, Usage, bell_of_signals, check_cluster, check_host, live_options, load_config_for,
    load_rules, say, say_unseen, schema, sender, stop_when_unread,
};
use crate::{
    cli::TailArgs,
    config::Format,
    daemon::{CountedOutlet, Daemon, record_kinds},
    document::{
        Document, Sender,
        heartbeat::{SinkCounters, StoreCounters},
    },
    enrich::Enricher,
    env::EnvKeys,
    event::Event,
    instance::Instance,
    keeper::Privileges,
    limits,
    line::{Line, Outlet},
    live::{Live, boottime_ns, clock_offset_ns},
    rules::{Rules, SCHEMA, needed_kinds, needed_kinds_of},
    sink::{Fanout, SinkOptions, redaction::Redaction, stdout},
};

/// Kinds that are shown without a filter: forks and exits would hide the rest.
const SHOWN: [u8; 4] = [0, 3, 4, 5];

const PATIENCE: Duration = Duration::from_secs(2);

/// Shows events until it is stopped.
pub fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let filter = compile(&args.filter.join(" "))?;
    let (rules, kinds, needed) = if args.alerts {
        let rules = load_rules(&args.rules)?;
        let (kinds, needed) = (rules.kinds(), needed_kinds(&rules));
        (rules, kinds, needed)
    } else {
        let shown = filter.as_ref().map_or(KindSet::of(&SHOWN), Condition::kinds);
        let needed = filter.as_ref().map_or(shown, needed_kinds_of);
        (Arc::new(as_rule(&args.filter.join(" "))), shown, needed)
    };
    check_host()?;
    super::rules::name_users_of_this_host();
    let config = load_config_for(None, &args.live)?;
    check_cluster(&config)?;
    let own = format!("tail-{}", std::process::id());
    let name = args.live.instance.as_deref().unwrap_or(&own);
    let instance = Instance::register(&config.run_dir, name)?;
    let bell = bell_of_signals(Hangup::Stops)?;
    stop_when_unread(std::io::stdout(), &bell)?;
    let asked = filter.iter().flat_map(|filter| filter.keys_of("proc.env"));
    let env_keys = EnvKeys::new(&config.env_keys).and(crate::rules::env_keys(&rules)).and(asked);
    let options = live_options(&config, &args.live, record_kinds(needed), env_keys.clone());
    let mut live =
        Live::start(&options, instance, bell, Privileges::Here).map_err(super::run::explain)?;
    let sender = sender(&config, name);
    let node = Arc::clone(&sender.node);
    let outlet =
        Filtered { filter, kinds, alerts: args.alerts, fanout: fanout(args, sender)?, shown: 0 };
    let mut enricher = Enricher::new(config.process_table_bytes, clock_offset_ns(), env_keys);
    enricher.hashes().set_mode(config.hash);
    enricher.set_node(node);
    let mut line = Line::new(enricher, rules, live.kernel().take_canary_pids(), outlet);
    line.own_until(boottime_ns());
    let mut daemon = Daemon::new(line, 0, u64::MAX / 2, super::run::end(args.live.duration));
    live.seed(&mut daemon)?;
    say_unseen(&live);
    say("watching; Ctrl-C ends it");
    live.run(&mut daemon)?;
    daemon.line().finish();
    let state = daemon.state(&mut live, true);
    let outlet = daemon.into_line().into_outlet();
    let (shown, sinks) = (outlet.shown, outlet.fanout.finish(PATIENCE));
    let unwritten: u64 = sinks.iter().map(|sink| sink.counters.dropped).sum();
    let seen = state.line.events.sum();
    say(&format!("{seen} events seen, {shown} shown, {} lost", state.lost() + unwritten));
    let died = sinks.iter().any(|sink| sink.died);
    Ok(if died { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn compile(text: &str) -> Result<Option<Condition<Event>>, Usage> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    Condition::compile(&SCHEMA, "filter", text).map(Some).map_err(|diagnostics| {
        let lines: Vec<String> =
            diagnostics.iter().map(monitor_rules::Diagnostic::one_line).collect();
        Usage(format!(
            "{}\nhint: `runmon rules fields` lists what a filter can ask",
            lines.join("\n")
        ))
    })
}

/// The filter as a rule that every event it holds for matches: so that one that hangs on a fact
/// which is still looked for, such as the name of a container that just started, waits for it.
fn as_rule(filter: &str) -> Rules {
    // A string of JSON is one of YAML.
    let condition = serde_json::Value::from(filter);
    let text = format!(
        "- rule: filter\n  desc: filter\n  condition: {condition}\n  output: filter\n  \
         priority: debug\n"
    );
    let file = RuleFile { name: "filter", bytes: text.as_bytes() };
    let files = if filter.trim().is_empty() { &[][..] } else { &[file][..] };
    RuleSet::load(&SCHEMA, files).rules
}

fn fanout(args: &TailArgs, sender: Sender) -> anyhow::Result<Fanout> {
    let mut fanout = Fanout::new(sender);
    let format = if args.json { Format::Ecs } else { Format::Text };
    let options = SinkOptions {
        name: "stdout".to_owned(),
        schema: schema(format),
        events: !args.alerts,
        condition: None,
        redaction: Redaction::default(),
        heartbeats: false,
        minimum: Priority::Debug,
        queue: limits::SINK_QUEUE,
        queue_bytes: limits::SINK_QUEUE_BYTES,
    };
    fanout.add(options, stdout::run_for_reader)?;
    Ok(fanout)
}

/// Lets through what the filter holds for.
struct Filtered {
    filter: Option<Condition<Event>>,
    kinds: KindSet,
    /// Alerts are shown, and not the events that match the filter as a rule.
    alerts: bool,
    fanout: Fanout,
    shown: u64,
}

impl Filtered {
    /// What is shown of a document.
    fn shown_of(&self, document: Document) -> Option<Document> {
        match document {
            // Repeats are shown one by one.
            Document::Heartbeat(_) | Document::Finding(_) | Document::RollUp(_) => None,
            // No filter: everything of these kinds.
            Document::Event(event) => {
                self.kinds.contains(event.action.kind()).then_some(Document::Event(event))
            }
            // It matched the filter, as a rule.
            Document::Alert(alert) if !self.alerts => Some(Document::Event(alert.event)),
            Document::Update(_) if !self.alerts => None,
            Document::Alert(alert) => self.holds(&alert.event).then_some(Document::Alert(alert)),
            Document::Update(alert) => self.holds(&alert.event).then_some(Document::Update(alert)),
        }
    }

    fn holds(&self, event: &Event) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.decide(event).fires)
    }
}

impl Outlet for Filtered {
    fn offer(&mut self, document: Document) {
        if let Some(document) = self.shown_of(document) {
            self.shown += 1;
            self.fanout.offer(document);
        }
    }

    fn wants_events(&self) -> bool {
        !self.alerts && self.filter.is_none()
    }
}

impl CountedOutlet for Filtered {
    fn sinks(&self) -> Vec<SinkCounters> {
        self.fanout.counters()
    }

    fn store(&self) -> Option<StoreCounters> {
        None
    }
}
