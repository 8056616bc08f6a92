//! Records that are there for what comes later.

use super::{Line, Outlet};
use crate::{decode::decode, enrich::Enriched};

impl<O: Outlet> Line<O> {
    /// Takes in what a record tells of processes, containers, names and addresses. What was done
    /// is nobody's to hear of, but it was done at its time.
    pub(super) fn context(&mut self, bytes: &[u8]) {
        self.stats.records += 1;
        let Ok(raw) = decode(bytes) else {
            self.stats.decode_errors += 1;
            return;
        };
        if let Enriched::Event(event) = self.enricher.enrich(raw) {
            self.expire(event.boottime_ns);
        }
    }
}
