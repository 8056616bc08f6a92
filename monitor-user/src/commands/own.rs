//! Hooks of a command's own, for who looks on where no daemon runs.

use std::{sync::Arc, time::Duration};

use super::{live_options, run, sender};
use crate::{
    cli::LiveArgs,
    config::Config,
    daemon::{CountedOutlet, Daemon, kernel_filter, record_kinds},
    document::{
        Document, Sender,
        heartbeat::{SinkCounters, StoreCounters},
    },
    enrich::Enricher,
    env::EnvKeys,
    instance::Instance,
    keeper::Privileges,
    line::{Line, Outlet},
    live::{Bell, Live, boottime_ns, clock_offset_ns},
    rules::{Rules, needed_kinds},
    subscriber::{Feed, Subscribed, Subscriber, Wish},
};

/// The kernel side and the line, with who looks on at its end.
pub(super) struct Own {
    /// The kernel side.
    pub(super) live: Live,
    /// The line.
    pub(super) daemon: Daemon<NoSinks>,
    /// Where each gets its documents, in the order of what is wished for.
    pub(super) feeds: Vec<Feed>,
    /// Who documents say that they are from.
    pub(super) sender: Sender,
}

/// What is to be watched.
pub(super) struct Watch<'a> {
    /// How.
    pub(super) args: &'a LiveArgs,
    /// The configuration.
    pub(super) config: &'a Config,
    /// Who looks on, and at what.
    pub(super) wishes: &'a [Wish],
    /// Rules that raise alerts for them.
    pub(super) rules: Arc<Rules>,
    /// How often the state of it all is told.
    pub(super) interval: Duration,
}

impl Watch<'_> {
    /// Takes a place among those that watch this host; `what` is for people.
    pub(super) fn register(&self, what: &str) -> anyhow::Result<Instance> {
        let own = format!("{what}-{}", std::process::id());
        let name = self.args.instance.as_deref().unwrap_or(&own);
        Ok(Instance::register(&self.config.run_dir, name)?)
    }

    /// Attaches the hooks, and makes the line.
    pub(super) fn begin(self, instance: Instance, bell: &Bell) -> anyhow::Result<Own> {
        let Self { args, config, wishes, rules, interval } = self;
        let sender = sender(config, instance.name());
        let mut outlet = Subscribed::new(NoSinks);
        let mut feeds = Vec::new();
        for wish in wishes {
            let (subscriber, feed) = Subscriber::new(wish.view().map_err(anyhow::Error::msg)?);
            outlet.add(subscriber);
            feeds.push(feed);
        }
        let kinds = record_kinds(needed_kinds(&rules).union(outlet.kinds()));
        let env_keys = EnvKeys::new(&config.env_keys).and(crate::rules::env_keys(&rules));
        let env_keys = env_keys.and(outlet.env_keys().names());
        let mut options = live_options(config, args, kinds, env_keys.clone());
        let asks: Vec<_> = outlet.asks().collect();
        options.side.filter = kernel_filter(&rules, &asks, config.kernel_filter);
        let mut live = Live::start(&options, instance, bell.clone(), Privileges::Here)
            .map_err(run::explain)?;
        let mut enricher = Enricher::new(config.process_table_bytes, clock_offset_ns(), env_keys);
        enricher.hashes().set_mode(config.hash);
        enricher.set_node(Arc::clone(&sender.node));
        let enabled = rules.rules().iter().filter(|rule| rule.enabled).count();
        let mut line = Line::new(enricher, rules, live.kernel().take_canary_pids(), outlet);
        line.own_until(boottime_ns());
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX / 2);
        let end_ns = run::end(args.duration);
        let daemon = Daemon::new(line, enabled, interval_ns, end_ns);
        Ok(Own { live, daemon, feeds, sender })
    }
}

/// The only ones who get anything are those who look on.
pub(super) struct NoSinks;

impl Outlet for NoSinks {
    fn offer(&mut self, _document: Document) {}

    fn wants_events(&self) -> bool {
        false
    }
}

impl CountedOutlet for NoSinks {
    fn sinks(&self) -> Vec<SinkCounters> {
        Vec::new()
    }

    fn store(&self) -> Option<StoreCounters> {
        None
    }
}
