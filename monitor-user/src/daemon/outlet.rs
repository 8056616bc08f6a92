//! Where documents go, as the daemon sees it.

use std::io;

use crate::{
    document::heartbeat::{SinkCounters, StoreCounters},
    line::Outlet,
    sink::exchange::{Change, Exchange},
};

/// Where documents go, with counters to tell of.
pub trait CountedOutlet: Outlet {
    /// The counters of every sink.
    fn sinks(&self) -> Vec<SinkCounters>;

    /// The store, if sinks have one.
    fn store(&self) -> Option<StoreCounters>;

    /// Tasks of the sinks and the store that are gone, although nobody ended them.
    fn gone(&self) -> Vec<String> {
        Vec::new()
    }

    /// Puts others in the place of the sinks.
    ///
    /// # Errors
    ///
    /// That cannot be begun; all is as it was.
    fn change(&mut self, _change: Change) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What came of the last change, once it is over; it is told once.
    fn take_outcome(&mut self) -> Option<Result<(), String>> {
        None
    }
}

impl CountedOutlet for Exchange {
    fn sinks(&self) -> Vec<SinkCounters> {
        self.counters()
    }

    fn store(&self) -> Option<StoreCounters> {
        Self::store(self)
    }

    fn gone(&self) -> Vec<String> {
        Self::gone(self)
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        Self::change(self, change)
    }

    fn take_outcome(&mut self) -> Option<Result<(), String>> {
        Self::take_outcome(self)
    }
}
