//! What the line is asked for: its questions to others, its numbers and its end.

use super::{Line, LineStats, Outlet};
use crate::{
    enrich::{Enricher, container::Lookup, hashes::HashQuestion},
    packages::PackageQuestion,
    recorder::{Recorder, RecorderStats},
};

impl<O: Outlet> Line<O> {
    /// What the metadata task must be asked now.
    pub fn take_lookups(&mut self) -> Vec<Lookup> {
        self.enricher.take_lookups()
    }

    /// Has hashes taken if the rules or the end of the line ask for them.
    pub fn look_who_asks(&mut self) {
        let asks = crate::rules::asks_hash(self.judge.rules()) || self.outlet.asks_hash();
        self.enricher.hashes().set_rules_ask(asks);
        let asks = crate::rules::asks_package(self.judge.rules());
        self.enricher.packages().set_rules_ask(asks);
    }

    /// Whether a rule hangs on hashes of files, of which none is taken.
    pub fn asks_hash_in_vain(&mut self) -> bool {
        self.enricher.hashes().is_asked_in_vain()
    }

    /// Which files must be read for their hash now.
    pub fn take_hash_questions(&mut self) -> Vec<HashQuestion> {
        self.enricher.hashes().take_questions()
    }

    /// Of which files the package must be looked up now.
    pub fn take_package_questions(&mut self) -> Vec<PackageQuestion> {
        self.enricher.packages().take_questions()
    }

    /// Alerts that repeats are counted of, and those that had to make room.
    pub fn rollups(&self) -> (usize, u64) {
        self.rollups.as_ref().map_or((0, 0), |rollups| (rollups.len(), rollups.evicted()))
    }

    /// What the flight recorder holds, and what it could not.
    pub fn recorder(&self) -> RecorderStats {
        self.recorder.as_ref().map(Recorder::stats).unwrap_or_default()
    }

    /// The state behind the line, for the counters.
    pub fn enricher(&self) -> &Enricher {
        &self.enricher
    }

    /// What happened so far.
    pub fn stats(&self) -> LineStats {
        self.stats
    }

    /// Takes the end of the line off.
    pub fn into_outlet(self) -> O {
        self.outlet
    }

    /// The end of the line.
    pub fn outlet(&mut self) -> &mut O {
        &mut self.outlet
    }
}
