//! `runmon tail --exec`: a command that is held until somebody watches it.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitCode, ExitStatus},
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

/// A command that was started, and does nothing yet.
pub(super) struct Held {
    child: Child,
}

impl Held {
    /// Starts a command up to the point at which it would become that program.
    pub(super) fn start(command: &[OsString]) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut held = Command::new(own);
        held.arg(HELD).arg("--").args(command);
        let child = held.spawn().context("cannot start a process")?;
        let held = Self { child };
        match waitpid(held.pid()?, Some(WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Stopped(..)) => Ok(held),
            other => anyhow::bail!("the command ended before it began: {other:?}"),
        }
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it go on, and rings the bell when it has ended. What came of it is what the task
    /// returns.
    pub(super) fn release(
        mut self,
        bell: Bell,
    ) -> anyhow::Result<std::thread::JoinHandle<io::Result<ExitStatus>>> {
        kill(self.pid()?, Signal::SIGCONT).context("cannot start the command")?;
        let wait = move || {
            let ended = self.child.wait();
            bell.stop();
            ended
        };
        std::thread::Builder::new()
            .name("command".into())
            .spawn(wait)
            .context("cannot start a thread")
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
