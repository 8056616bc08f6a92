//! Asks the line from another thread of the daemon, as a client does over the socket.

use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use super::{Answer, Asked, Peer, Refusal, Reply, Request, Watching};
use crate::{
    document::Sender,
    live::Bell,
    subscriber::{Feed, Subscriber, Wish, Writer},
};

/// How long the line may take to answer: it looks ten times a second.
const ANSWER: Duration = Duration::from_secs(5);

/// The way to the line.
#[derive(Clone)]
pub struct Inside {
    pub(super) sender: SyncSender<Asked>,
    pub(super) bell: Bell,
    /// Who documents say that they are from.
    pub(super) documents_of: Arc<Sender>,
}

impl Inside {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// The line refuses, or does not answer in time.
    pub fn ask(&self, request: Request) -> Answer {
        self.pass_on(request, own(), None)
    }

    /// Has what is wished for shown; the documents come out of the feed.
    ///
    /// # Errors
    ///
    /// The wish cannot be filled, or the line does not answer in time.
    pub fn watch(&self, wish: &Wish) -> Result<(Watching, Feed, Writer), Refusal> {
        let writer = wish.form.writer(wish.root).map_err(Refusal::usage)?;
        let view = wish.view().map_err(Refusal::usage)?;
        let (subscriber, feed) = Subscriber::new(view);
        let request = Request::Watch { wish: wish.clone() };
        match self.pass_on(request, own(), Some(subscriber))? {
            Reply::Watching(watching) => Ok((watching, feed, writer)),
            _ => Err(Refusal::failure("the daemon answered something else")),
        }
    }

    /// Who documents say that they are from.
    #[must_use]
    pub fn documents_of(&self) -> &Sender {
        &self.documents_of
    }

    pub(super) fn pass_on(
        &self,
        request: Request,
        peer: Peer,
        subscriber: Option<Subscriber>,
    ) -> Answer {
        let (answer, answered) = sync_channel(1);
        let asked = Asked { request, peer, subscriber, answer };
        self.sender.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::failure("the daemon is busy: try again"),
            TrySendError::Disconnected(_) => Refusal::failure("the daemon ends"),
        })?;
        self.bell.ring();
        answered.recv_timeout(ANSWER).unwrap_or_else(|error| {
            Err(Refusal::failure(match error {
                RecvTimeoutError::Timeout => "the daemon does not answer in time",
                RecvTimeoutError::Disconnected => "the daemon ends",
            }))
        })
    }
}

fn own() -> Peer {
    let (uid, pid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getpid().as_raw());
    Peer { uid, pid }
}
