//! `runmon tail --exec`: a command that is held until somebody watches it.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, ExitStatus},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{
    sys::{
        signal::{Signal, kill, raise},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{live::Bell, logging::say};

/// The command that waits before it becomes another one.
pub const HELD: &str = "held-command";

/// How long a command may take to end when the watching does.
const PATIENCE: Duration = Duration::from_secs(2);

/// A command that was started, and does nothing yet. It is ended if it is not released.
pub(super) struct Held {
    child: Option<Child>,
    pid: u32,
}

impl Held {
    /// Starts a command up to the point at which it would become that program.
    pub(super) fn start(command: &[OsString]) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut held = Command::new(own);
        held.arg(HELD).arg("--").args(command);
        let child = held.spawn().context("cannot start a process")?;
        let held = Self { pid: child.id(), child: Some(child) };
        match waitpid(held.target()?, Some(WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Stopped(..)) => Ok(held),
            other => anyhow::bail!("the command ended before it began: {other:?}"),
        }
    }

    fn target(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.pid)?))
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.pid
    }

    /// Has it go on, and rings the bell when it has ended.
    pub(super) fn release(mut self, bell: Bell) -> anyhow::Result<Released> {
        kill(self.target()?, Signal::SIGCONT).context("cannot start the command")?;
        let mut child = self.child.take().context("it was released before")?;
        let wait = move || {
            let ended = child.wait();
            bell.stop();
            ended
        };
        let task = std::thread::Builder::new().name("command".into()).spawn(wait);
        Ok(Released { pid: self.pid, task: task.context("cannot start a thread")? })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            drop((child.kill(), child.wait()));
        }
    }
}

/// A command that runs.
pub(super) struct Released {
    pid: u32,
    task: JoinHandle<io::Result<ExitStatus>>,
}

impl Released {
    /// How it ended; None if it goes on although nobody watches it any more. Ctrl-C ends it as
    /// well, which takes a moment.
    pub(super) fn ended(self) -> anyhow::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        while !self.task.is_finished() {
            if begun.elapsed() > PATIENCE {
                say(&format!("the command goes on, as process {}", self.pid));
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let ended = self.task.join().map_err(|_panic| anyhow::anyhow!("waiting failed"))?;
        Ok(Some(ended?))
    }
}

/// Waits to be told to go on, and becomes the command.
#[must_use]
pub fn held(command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else { return ExitCode::from(2) };
    if let Err(error) = raise(Signal::SIGSTOP) {
        say(&format!("cannot wait: {error}"));
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(arguments).exec();
    say(&format!("cannot run {}: {error}", shown(program)));
    // As shells tell of it.
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

fn shown(program: &OsStr) -> String {
    crate::document::printable::terminal(program.as_encoded_bytes()).into_owned()
}

/// How a command ended, as shells tell of it.
pub(super) fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
