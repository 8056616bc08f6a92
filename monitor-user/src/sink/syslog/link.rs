//! A connection to a receiver of syslog: how messages are told apart on it, and whether it is still
//! open.

use std::{
    io::{self, Write as _},
    os::unix::net::UnixDatagram,
    time::Duration,
};

use nix::libc;
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};

use crate::sink::receiver::{Connection, Place, Receiver};

/// Milliseconds in which the kernel of a receiver must have taken what was sent there, after which
/// the own kernel breaks the connection. Less than what it takes until that counts as delivered.
pub(super) const TAKEN_WITHIN: u32 = 4000;

/// Bytes that the own kernel holds for a receiver, about: all that was written before them the
/// receiver's has taken.
const SEND_BUFFER: usize = 128 << 10;

/// Bytes that are written at once.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// A connection.
pub(super) struct Link {
    way: Way,
    /// What is to be written.
    buffer: Vec<u8>,
}

enum Way {
    /// Each message begins with its length (RFC 6587, RFC 5425).
    Counted(Connection),
    /// Each ends with a line feed, as Unix sockets of receivers have it.
    Lines(Connection),
    /// Each is a datagram.
    Datagrams(UnixDatagram),
}

impl Link {
    /// Makes one. A Unix socket that takes no streams takes datagrams.
    pub(super) fn open(receiver: &Receiver) -> io::Result<Self> {
        let way = match (receiver.connect(), &receiver.place) {
            (Ok(connection), Place::Unix(_)) => Way::Lines(connection),
            (Ok(connection), Place::Tcp(..)) => {
                let socket = connection.socket();
                set_tcp_user_timeout(socket, TAKEN_WITHIN)?;
                set_socket_send_buffer_size(socket, SEND_BUFFER)?;
                Way::Counted(connection)
            }
            (Err(error), Place::Unix(path)) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(DATAGRAM_PATIENCE))?;
                Way::Datagrams(socket)
            }
            (Err(error), _) => return Err(error),
        };
        Ok(Self { way, buffer: Vec::new() })
    }

    /// Looks whether it is still open. Of datagrams that is only known when one is sent.
    pub(super) fn look(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Counted(connection) | Way::Lines(connection) => connection.pass_over(),
            Way::Datagrams(_) => Ok(()),
        }
    }

    /// Writes a message; false where it is too long for this socket.
    pub(super) fn write(&mut self, message: &[u8]) -> io::Result<bool> {
        match &self.way {
            Way::Counted(_) => {
                self.buffer.extend(format!("{} ", message.len()).into_bytes());
                self.buffer.extend_from_slice(message);
            }
            Way::Lines(_) => {
                self.buffer.extend_from_slice(message);
                self.buffer.push(b'\n');
            }
            Way::Datagrams(socket) => {
                return match socket.send(message) {
                    Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => Ok(false),
                    sent => sent.map(|_| true),
                };
            }
        }
        if self.buffer.len() >= WRITTEN_AT_ONCE {
            self.flush()?;
        }
        Ok(true)
    }

    /// Writes what is left. Where that fails the receiver may have said why.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let (Way::Counted(connection) | Way::Lines(connection)) = &mut self.way else {
            return Ok(());
        };
        let written = connection.write_all(&self.buffer).and_then(|()| connection.flush());
        self.buffer.clear();
        written.map_err(|error| match connection.pass_over() {
            Err(why) if why.kind() != io::ErrorKind::UnexpectedEof => why,
            _ => error,
        })
    }

    /// Says that nothing more comes, and waits until the receiver hangs up; whether it did so in
    /// time. Who gets datagrams has them.
    pub(super) fn end(self, patience: Duration) -> io::Result<bool> {
        match self.way {
            Way::Counted(mut connection) | Way::Lines(mut connection) => connection.end(patience),
            Way::Datagrams(_) => Ok(true),
        }
    }
}

/// How long a receiver of datagrams may have no room for one.
const DATAGRAM_PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
