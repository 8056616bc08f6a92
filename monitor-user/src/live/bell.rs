//! Who ends the loop, or makes it look, from outside of it.

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::{SLEEP, wait};

/// Ends the loop, or makes it look, from any thread.
#[derive(Clone)]
pub struct Bell {
    event: Arc<EventFd>,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Bell {
    /// A bell that nobody has rung.
    pub fn new() -> nix::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self {
            event: Arc::new(EventFd::from_value_and_flags(0, flags)?),
            stop: Arc::default(),
            reload: Arc::default(),
        })
    }

    /// Makes the loop look.
    pub fn ring(&self) {
        // The only failure is a counter that is already at its highest: it is rung enough.
        let _rung = self.event.write(1);
    }

    /// Ends the loop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.ring();
    }

    /// Waits until it is rung to stop, or for so long.
    pub fn wait(&self, limit: Option<Duration>) {
        let begun = Instant::now();
        while !self.is_stopped() {
            let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                return;
            }
            wait(&[self.event.as_fd()], left.map_or(SLEEP, |left| left.min(SLEEP)));
            self.take();
        }
    }

    /// What is ready to be read while it rings.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Has it not ring any more; whether it did.
    pub(super) fn take(&self) -> bool {
        // An empty one has nothing to read.
        self.event.read().is_ok()
    }

    /// Asks for the rules to be read again.
    pub fn reload(&self) {
        self.reload.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether the rules are to be read again; asks once.
    #[must_use]
    pub fn wants_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}
