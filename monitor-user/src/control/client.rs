//! The other end of the socket: asks a running daemon.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::{Answer, Request, request::parse_answer};
use crate::limits::STATUS_BYTES;

/// How long the daemon may take, its own patience with us included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks, and waits for the answer.
///
/// # Errors
///
/// Nobody listens there, or no answer comes.
pub fn ask(socket: &Path, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Where it is not taken, the answer says why.
    let written = stream.write_all(request.line().as_bytes());
    let mut line = Vec::new();
    let read = (&stream).take(STATUS_BYTES).read_to_end(&mut line);
    if let Some(answer) = parse_answer(&line) {
        return Ok(answer);
    }
    written?;
    read?;
    Err(io::Error::new(io::ErrorKind::InvalidData, "the daemon gave no answer"))
}
