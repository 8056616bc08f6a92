//! `runmon tail` with the hooks of the running daemon.

use std::{io, net::Shutdown, path::Path, process::ExitCode, time::Duration};

use anyhow::Context as _;

use super::{
    ended,
    output::{self, Output},
    target,
};
use crate::{
    cli::TailArgs,
    commands::{Hangup, Usage, bell_of_signals, say, stop_when_unread},
    control::{
        Reply, Request, Watching,
        client::{self, Shown, ShownLine},
    },
};

/// How often a daemon is asked again that is busy, and how long after.
const TRIES: u32 = 10;
/// See [`TRIES`].
const REST: Duration = Duration::from_millis(100);

/// What the daemon shows; None where none runs.
pub(in crate::commands) fn attach(
    socket: &Path,
    wish: &crate::subscriber::Wish,
) -> anyhow::Result<Option<(Watching, Shown)>> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    let mut answer = client::watch(socket, wish);
    for _ in 0..TRIES {
        // Others ask at the same time.
        if !matches!(&answer, Ok(Err(refusal)) if !refusal.usage) {
            break;
        }
        std::thread::sleep(REST);
        answer = client::watch(socket, wish);
    }
    match answer {
        Ok(Ok(shown)) => Ok(Some(shown)),
        Ok(Err(refusal)) if refusal.usage => Err(Usage(refusal.error).into()),
        Ok(Err(refusal)) => Err(anyhow::anyhow!(
            "the running daemon shows nothing: {}\nhint: --own watches without it",
            refusal.error
        )),
        Err(error) if matches!(error.kind(), NotFound | ConnectionRefused) => Ok(None),
        Err(error) => Err(anyhow::anyhow!(
            "the running daemon gives no answer ({}): {error}\nhint: --own watches without it",
            socket.display()
        )),
    }
}

/// Shows it until there is no more, or it is stopped.
pub(super) fn run(
    (watching, mut shown): (Watching, Shown),
    socket: &Path,
    mut output: Output,
    args: &TailArgs,
) -> anyhow::Result<ExitCode> {
    let bell = bell_of_signals(Hangup::Stops)?;
    if let Some(reader) = output.reader() {
        stop_when_unread(reader, &bell)?;
    }
    for kind in &watching.unseen {
        say(&format!("{kind} is not seen: the daemon has no hook for it"));
    }
    let lost_before = lost_in_kernel(socket);
    say("watching with the running daemon; Ctrl-C ends it");
    let connection = shown.connection().context("cannot use the connection")?;
    let ringer = bell.clone();
    let reader = std::thread::Builder::new().name("shown".into()).spawn(move || {
        let read = read(&mut shown, &mut output);
        ringer.stop();
        read
    });
    let reader = reader.context("cannot start a thread")?;
    if let Some(pid) = super::target(args) {
        target::stop_with(pid, &bell)?;
    }
    bell.wait(args.live.duration);
    let lost_after = lost_in_kernel(socket);
    let is_stopped = !reader.is_finished();
    // Where it is over there is nothing left to shut down.
    drop(connection.shutdown(Shutdown::Both));
    let Read { lines, lost, unwritten } = output::joined(reader)??;
    let in_kernel = lost_after.saturating_sub(lost_before);
    say(&ended(lines, lost, in_kernel));
    output::written(unwritten)?;
    if !is_stopped && unwritten.is_none() {
        anyhow::bail!("the daemon ended");
    }
    Ok(ExitCode::SUCCESS)
}

/// What was read of the daemon.
struct Read {
    /// Lines that were written.
    lines: u64,
    /// Documents that were lost on their way.
    lost: u64,
    /// Why no more lines could be written, if that was so.
    unwritten: Option<io::ErrorKind>,
}

fn read(shown: &mut Shown, output: &mut Output) -> io::Result<Read> {
    let mut read = Read { lines: 0, lost: 0, unwritten: None };
    loop {
        let written = match shown.read()? {
            Some(ShownLine::Line(line)) => {
                read.lines += 1;
                output.line(line)
            }
            Some(ShownLine::Lost(count)) => {
                read.lost = count;
                Ok(())
            }
            None => return Ok(read),
        };
        // What is there already comes first.
        let written = written.and_then(|()| if shown.has_more() { Ok(()) } else { output.flush() });
        if let Err(error) = written {
            read.unwritten = Some(error.kind());
            return Ok(read);
        }
    }
}

/// Records that the kernel side lost since the daemon began.
fn lost_in_kernel(socket: &Path) -> u64 {
    let status = match client::ask(socket, &Request::Status) {
        Ok(Ok(Reply::Status(status))) => status,
        _ => return 0,
    };
    status.get("lost").and_then(serde_json::Value::as_u64).unwrap_or(0)
}
