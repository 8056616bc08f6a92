//! What holds threads until the privileges are given up that they were started with.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What threads wait at.
#[derive(Debug)]
pub struct Gate(Receiver<()>);

impl Gate {
    /// Waits until it is open.
    pub fn wait(self) {
        // Nothing is ever sent: it opens by the other end being gone.
        self.0.recv().unwrap_or_default();
    }
}

/// The gates of all threads.
#[derive(Debug, Default)]
pub struct Gates {
    closed: Vec<SyncSender<()>>,
    are_held: bool,
}

impl Gates {
    /// Keeps gates closed that are made from now on.
    pub fn hold(&mut self) {
        self.are_held = true;
    }

    /// A gate for another thread.
    pub fn make(&mut self) -> Gate {
        let (closed, gate) = sync_channel(0);
        if self.are_held {
            self.closed.push(closed);
        }
        Gate(gate)
    }

    /// Opens all.
    pub fn open(&mut self) {
        self.are_held = false;
        self.closed.clear();
    }
}
