//! The configuration that is read again while the daemon runs: its sinks are changed by it, and of
//! what else is different it is said that it waits for the next start.

use std::{io, path::PathBuf};

use monitor_rules::KindSet;
use serde_json::Value;

use super::{always, sinks::Opener};
use crate::{
    bpf::kernel_side::Kernel,
    config::{Asked, Config, RawConfig, SinkConfig},
    daemon::SinkSource,
    logging::say,
    reach::{Reach, Stat},
    reload::{Reloader, Source},
    sink::{
        Fanout,
        exchange::{Change, Open},
    },
};

/// What was read of a configuration.
pub(super) struct Reread {
    sinks: Vec<SinkConfig>,
    /// All the rest, as people are shown it.
    others: Value,
}

impl Reread {
    fn of(raw: RawConfig, path: &std::path::Path) -> Result<Self, String> {
        let mut others = raw.shown();
        if let Value::Object(members) = &mut others {
            members.remove("sinks");
        }
        let config = Config::of(raw, path, Asked::default());
        let config = config.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        Ok(Self { sinks: config.sinks, others })
    }
}

/// The file of the configuration.
pub(super) struct ConfigFile {
    path: PathBuf,
    reach: Box<dyn Reach>,
    /// What it was like just before it was read, and at the last look if that was something else.
    read: Option<Stat>,
    seen: Option<Stat>,
}

impl ConfigFile {
    /// One that was just read.
    pub(super) fn new(path: PathBuf, reach: Box<dyn Reach>) -> Self {
        let read = reach.stat(&path).ok();
        Self { path, reach, read, seen: None }
    }
}

impl Source for ConfigFile {
    type Read = Reread;

    fn read(&mut self) -> Result<Reread, String> {
        (self.read, self.seen) = (self.reach.stat(&self.path).ok(), None);
        let raw = RawConfig::load_by(&self.path, &*self.reach);
        let raw = raw.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        Reread::of(raw, &self.path)
    }

    fn has_changed(&mut self) -> bool {
        let now = self.reach.stat(&self.path).ok();
        if self.read == now {
            self.seen = None;
            return false;
        }
        // Looked at twice: it may be about to be written further. One that is gone is no change.
        let before = std::mem::replace(&mut self.seen, now);
        before == self.seen && self.seen.is_some()
    }
}

/// Changes the sinks when the configuration has others.
pub(super) struct ReadSinks {
    reloader: Reloader<Reread>,
    opener: Opener,
    sinks: Vec<SinkConfig>,
    /// The flight recorder is to have all acts; that stays as it was at the start.
    records_all: bool,
    others: Value,
    /// Those that are about to be used.
    next: Option<Vec<SinkConfig>>,
}

impl ReadSinks {
    /// For a daemon that was started with this.
    pub(super) fn new(
        reloader: Reloader<Reread>,
        opener: Opener,
        config: &Config,
    ) -> Result<Self, String> {
        let raw = RawConfig::load_by(&config.path, &crate::reach::Direct);
        let raw = raw.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        let Reread { others, .. } = Reread::of(raw, &config.path)?;
        let (sinks, records_all) = (config.sinks.clone(), super::records_all(config));
        Ok(Self { reloader, opener, sinks, records_all, others, next: None })
    }

    /// Says which keys wait for the next start.
    fn tell_others(&mut self, others: Value) {
        let keys = others.as_object().into_iter().flatten();
        let of_all = self.others.as_object().into_iter().flatten().map(|(key, _)| key);
        let mut keys: Vec<&String> = keys.map(|(key, _)| key).chain(of_all).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| others.get(key) != self.others.get(key));
        if !keys.is_empty() {
            let keys: Vec<_> = keys.into_iter().map(|key| format!("`{key}`")).collect();
            say(&format!(
                "the configuration changed: {} are taken at the next start only",
                keys.join(", ")
            ));
        }
        self.others = others;
    }

    /// What adds sinks, with a way to files for each.
    fn adding(&self, sinks: &[SinkConfig], ways: &mut Vec<Box<dyn Reach>>) -> Open {
        let (opener, sinks) = (self.opener.clone(), sinks.to_vec());
        let mut ways = ways.split_off(ways.len().saturating_sub(sinks.len()));
        Box::new(move |fanout: &mut Fanout| {
            let mut way = || ways.pop().ok_or_else(|| io::Error::other("there is no way to files"));
            opener.open(fanout, &sinks, &mut way).map_err(|error| format!("{error:#}"))
        })
    }
}

impl SinkSource for ReadSinks {
    fn ask(&self) {
        self.reloader.ask();
    }

    fn take(&mut self, kernel: &mut dyn Kernel) -> Option<Result<Option<Change>, String>> {
        if self.next.is_some() {
            return None;
        }
        let read = match self.reloader.take()? {
            Ok(read) => read,
            Err(why) => return Some(Err(why)),
        };
        self.tell_others(read.others);
        if read.sinks == self.sinks {
            return Some(Ok(None));
        }
        let ways = kernel.reach_anew(read.sinks.len() + self.sinks.len());
        let mut ways = match ways {
            Ok(ways) => ways,
            Err(error) => return Some(Err(error.to_string())),
        };
        let open = self.adding(&read.sinks, &mut ways);
        let back = self.adding(&self.sinks, &mut ways);
        let kept = read.sinks.iter().filter(|sink| self.sinks.contains(sink));
        let kept = kept.map(|sink| sink.name.clone()).collect();
        self.next = Some(read.sinks);
        Some(Ok(Some(Change { kept, open, back })))
    }

    fn settle(&mut self, is_taken: bool) -> (usize, KindSet) {
        if let Some(next) = self.next.take().filter(|_| is_taken) {
            self.sinks = next;
        }
        (self.sinks.len().max(1), always(&self.sinks, self.records_all))
    }
}
