//! `runmon tail` with the hooks of the running daemon.

use std::{io, net::Shutdown, path::Path, process::ExitCode, time::Duration};

use anyhow::Context as _;

use super::{ended, output::Output};
use crate::{
    commands::{Hangup, Usage, bell_of_signals, say, stop_when_unread},
    control::{
        Reply, Request, Watching,
        client::{self, Shown, ShownLine},
    },
};

/// What the daemon shows; None where none runs.
pub(in crate::commands) fn attach(
    socket: &Path,
    wish: &crate::subscriber::Wish,
) -> anyhow::Result<Option<(Watching, Shown)>> {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    match client::watch(socket, wish) {
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
    limit: Option<Duration>,
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
    bell.wait(limit);
    let is_over = reader.is_finished();
    let lost_after = lost_in_kernel(socket);
    // Where it is over there is nothing left to shut down.
    drop(connection.shutdown(Shutdown::Both));
    let (lines, lost) = reader.join().map_err(|_panic| anyhow::anyhow!("reading failed"))??;
    let in_kernel = lost_after.saturating_sub(lost_before);
    say(&ended(lines, lost, in_kernel));
    if is_over {
        say("the daemon ended");
    }
    Ok(ExitCode::SUCCESS)
}

/// Lines that were written, and documents that were lost on their way.
fn read(shown: &mut Shown, output: &mut Output) -> io::Result<(u64, u64)> {
    let (mut lines, mut lost) = (0, 0);
    loop {
        let is_read = match shown.read() {
            Ok(Some(ShownLine::Line(line))) => {
                lines += 1;
                output.line(line).is_ok()
            }
            Ok(Some(ShownLine::Lost(count))) => {
                lost = count;
                true
            }
            Ok(None) => return Ok((lines, lost)),
            Err(error) => return Err(error),
        };
        // What is there already comes first.
        if !is_read || !shown.has_more() && output.flush().is_err() {
            return Ok((lines, lost));
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
