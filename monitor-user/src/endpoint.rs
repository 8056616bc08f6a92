//! The metrics endpoint: numbers and health over HTTP, for who may not write to the control socket.
//!
//! A thread of its own takes connections. What it tells it asks of the line, by a bounded queue,
//! one question at a time and none twice within a second; the line answers between two events, so
//! that it never waits for a client, and many clients cost it no more than one.

#[cfg(feature = "metrics")]
mod server;
#[cfg(feature = "metrics")]
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{mpsc::Receiver, oneshot};

use crate::{document::Heartbeat, live::Bell};

/// The open endpoint. Connections end when this is dropped.
pub struct Endpoint {
    asked: Receiver<Asked>,
    is_answered: Arc<AtomicBool>,
}

/// What the thread asks of the line.
pub enum Asked {
    /// Whether it is ready.
    Signs(oneshot::Sender<Signs>),
    /// All numbers of the moment.
    Numbers(oneshot::Sender<(Signs, Box<Heartbeat>)>),
}

/// What does not work without which the monitor is not ready, for people; empty: it is ready.
pub type Signs = Vec<String>;

impl Asked {
    /// Whether who asked still waits for the answer.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        match self {
            Self::Signs(answer) => !answer.is_closed(),
            Self::Numbers(answer) => !answer.is_closed(),
        }
    }
}

/// Listens on an address, and says where that is: with the port that was found where none was asked
/// for.
///
/// # Errors
///
/// The address is taken or not of this host, or its port is for the privileged.
pub fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Endpoint {
    /// Takes connections there; the bell is rung for each question. Whatever is asked before the
    /// line [says](Self::answers) that it answers is answered with "starting".
    ///
    /// # Errors
    ///
    /// There is no room for a thread.
    #[cfg(feature = "metrics")]
    pub fn open(listeners: Vec<TcpListener>, bell: Bell) -> io::Result<Self> {
        let (asked, is_answered) = server::start(listeners, bell)?;
        Ok(Self { asked, is_answered })
    }

    /// Refuses: what serves it was left out.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(feature = "metrics"))]
    pub fn open(_listeners: Vec<TcpListener>, _bell: Bell) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this runmon was built without it"))
    }

    /// From now on the line is held to answer.
    pub fn answers(&self) {
        self.is_answered.store(true, Ordering::Release);
    }

    /// The next question, if one waits.
    pub fn take(&mut self) -> Option<Asked> {
        self.asked.try_recv().ok()
    }
}
