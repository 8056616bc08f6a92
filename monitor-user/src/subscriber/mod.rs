//! Subscribers: who looks on while the line runs, and gets the events or alerts that its filter
//! holds for, beside all sinks.
//!
//! A subscriber has a bounded queue and a task of its own, which writes lines in the form that it
//! wants, to a terminal or to a socket. What finds no room in its queue is lost to it alone, and
//! counted: nothing here makes the line wait.

mod follow;
mod form;
mod outlet;
mod summary;
mod task;
#[cfg(test)]
mod tests;
mod wish;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

pub use follow::Root;
pub use form::{Form, Writer};
pub use outlet::Subscribed;
pub use summary::Summary;
pub use task::{Output, Told, write};
pub use wish::{View, Wish};

use crate::{
    document::Document,
    event::{Event, EventId},
    limits::{SUBSCRIBER_BYTES, SUBSCRIBER_QUEUE, SUBSCRIBER_UNDECIDED},
    sink::document_bytes,
};

/// Counters of a subscriber, shared between the line and its task.
#[derive(Debug, Default)]
pub struct Stats {
    /// Documents that it was to get.
    pub wanted: AtomicU64,
    /// Those that found no room.
    pub lost: AtomicU64,
    waiting_bytes: AtomicU64,
}

/// A subscriber, as the line sees it.
pub struct Subscriber {
    view: View,
    queue: SyncSender<Queued>,
    stats: Arc<Stats>,
    /// Alerts whose filter hung on a fact: an update may show that it holds.
    undecided: VecDeque<EventId>,
    is_gone: bool,
}

struct Queued {
    document: Document,
    bytes: u64,
}

/// Where its task gets documents from.
pub struct Feed {
    documents: Receiver<Queued>,
    /// Its counters.
    pub stats: Arc<Stats>,
}

impl Subscriber {
    /// Who looks on so, and where its task gets the documents.
    #[must_use]
    pub fn new(view: View) -> (Self, Feed) {
        let (queue, documents) = sync_channel(SUBSCRIBER_QUEUE);
        let stats = Arc::<Stats>::default();
        let feed = Feed { documents, stats: Arc::clone(&stats) };
        (Self { view, queue, stats, undecided: VecDeque::new(), is_gone: false }, feed)
    }

    /// What it wants.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Its task is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        // The feed has the other one.
        self.is_gone || Arc::strong_count(&self.stats) == 1
    }

    /// Whether it hangs on a fact which is still looked for that or how it is shown an event.
    fn awaits(&self, event: &Event) -> bool {
        self.view.awaits(event)
    }

    /// Gives it a document, if it wants that.
    fn offer(&mut self, document: &Document) {
        if self.is_gone || !self.is_shown(document) {
            return;
        }
        // Of an update it is the alert that it did not get before.
        let document = match document {
            Document::Update(alert) => Document::Alert(alert.clone()),
            other => other.clone(),
        };
        let bytes = document_bytes(&document);
        self.stats.wanted.fetch_add(1, Relaxed);
        let waiting = self.stats.waiting_bytes.fetch_add(bytes, Relaxed);
        let sent = match waiting.saturating_add(bytes) > SUBSCRIBER_BYTES {
            true => Err(false),
            false => self.queue.try_send(Queued { document, bytes }).map_err(|error| match error {
                TrySendError::Full(_) => false,
                TrySendError::Disconnected(_) => true,
            }),
        };
        if let Err(is_gone) = sent {
            self.stats.waiting_bytes.fetch_sub(bytes, Relaxed);
            self.stats.lost.fetch_add(1, Relaxed);
            self.is_gone = is_gone;
        }
    }

    fn is_shown(&mut self, document: &Document) -> bool {
        match document {
            Document::Event(event) => !self.view.alerts && self.view.shows(event),
            Document::Alert(alert) if self.view.alerts => {
                let event = &alert.event;
                let is_shown = self.view.shows(event);
                if !is_shown && !alert.complete {
                    if self.undecided.len() >= SUBSCRIBER_UNDECIDED {
                        self.undecided.pop_front();
                    }
                    self.undecided.push_back(alert.id());
                }
                is_shown
            }
            Document::Update(alert) if self.view.alerts => {
                let at = self.undecided.iter().position(|id| *id == alert.id());
                at.and_then(|at| self.undecided.remove(at)).is_some()
                    && self.view.shows(&alert.event)
            }
            Document::RollUp(rollup) => self.view.alerts && self.view.shows(&rollup.alert.event),
            // What the monitor says of itself is about no event.
            Document::Finding(_) | Document::State(_) => self.view.alerts && self.view.shows_all(),
            Document::Heartbeat(_) => self.view.heartbeats,
            Document::Alert(_) | Document::Update(_) => false,
        }
    }
}

/// What comes next for a subscriber's task.
enum Next {
    /// A document.
    Here(Box<Document>),
    /// None came in time.
    NotYet,
    /// There will be no more.
    Over,
}

impl Feed {
    fn next(&self, patience: std::time::Duration) -> Next {
        use std::sync::mpsc::RecvTimeoutError;
        match self.documents.recv_timeout(patience) {
            Ok(Queued { document, bytes }) => {
                self.stats.waiting_bytes.fetch_sub(bytes, Relaxed);
                Next::Here(Box::new(document))
            }
            Err(RecvTimeoutError::Timeout) => Next::NotYet,
            Err(RecvTimeoutError::Disconnected) => Next::Over,
        }
    }
}
