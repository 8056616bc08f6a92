//! A child that only waits, for acts that need another process.

use std::io;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pause};

/// Killed when it is dropped.
#[derive(Debug)]
pub(super) struct Child(Pid);

impl Child {
    /// A copy of this process, which waits.
    pub(super) fn start() -> io::Result<Self> {
        // SAFETY: triggers have one thread when they come here, and the child only sleeps.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(Self(child)),
            ForkResult::Child => loop {
                pause();
            },
        }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> i32 {
        self.0.as_raw()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails only when it has ended.
        kill(self.0, Signal::SIGKILL).unwrap_or_default();
        waitpid(self.0, None).map(drop).unwrap_or_default();
    }
}
