//! What the line gives the store, which it never waits for: what finds no room is counted.

use std::sync::atomic::Ordering::Relaxed;

use super::task::{Call, SinkSet, Store};
use crate::{
    document::Document,
    limits::{HISTORY_QUEUE, STORE_QUEUE_BYTES},
    recorder::Recalled,
};

impl Store {
    /// Has a document kept for these sinks, or says that there is no room for it on its way there.
    pub fn offer(&self, document: &Document, sinks: SinkSet, bytes: u64) -> bool {
        let waiting = self.waiting_bytes.fetch_add(bytes, Relaxed);
        let fits = waiting.saturating_add(bytes) <= STORE_QUEUE_BYTES;
        let keep = || self.calls.try_send(Call::Keep(document.clone(), sinks, bytes));
        if fits && keep().is_ok() {
            return true;
        }
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
        for sink in (0..self.refused.len()).filter(|sink| sinks & (1 << sink) != 0) {
            self.skip(sink, 1);
        }
        false
    }

    /// Has a document kept as history, which is for no sink, if there is room for it beside what
    /// is for sinks.
    pub fn remember(&self, document: &Document, bytes: u64) {
        self.offer_history(bytes, || Call::Keep(document.clone(), 0, bytes));
    }

    /// Has what was done around an alert kept, as [`Self::remember`] does.
    pub fn recall(&self, recalled: Recalled, bytes: u64) {
        let count = recalled.events.len() as u64;
        if !self.offer_history(bytes, || Call::Recall(recalled, bytes)) {
            // One is counted already.
            self.state.history_refused.fetch_add(count.saturating_sub(1), Relaxed);
        }
    }

    fn offer_history(&self, bytes: u64, call: impl FnOnce() -> Call) -> bool {
        let waiting = self.waiting_bytes.fetch_add(bytes, Relaxed);
        let number = self.waiting_history.fetch_add(1, Relaxed);
        let fits = waiting.saturating_add(bytes) <= STORE_QUEUE_BYTES / 2 && number < HISTORY_QUEUE;
        if fits && self.calls.try_send(call()).is_ok() {
            return true;
        }
        self.waiting_bytes.fetch_sub(bytes, Relaxed);
        self.waiting_history.fetch_sub(1, Relaxed);
        self.state.history_refused.fetch_add(1, Relaxed);
        false
    }

    /// Leaves out numbers for a sink, of documents that never came here.
    pub fn skip(&self, sink: usize, count: u64) {
        if let Some(refused) = self.refused.get(sink) {
            refused.fetch_add(count, Relaxed);
        }
    }
}
