//! The task that answers questions about packages, off the line. Questions come in, answers go out;
//! both queues are bounded, and what found no room is answered `too_many`.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::{Librarian, PackageAnswer, PackageQuestion};
use crate::{
    event::{Fact, Reason},
    limits::PACKAGE_QUESTIONS,
};

/// The task, as the line sees it. It ends when this is dropped.
#[derive(Debug)]
pub struct PackageTask {
    questions: SyncSender<PackageQuestion>,
    answers: Receiver<PackageAnswer>,
    refused: u64,
}

impl PackageTask {
    /// Starts it. `wake` is called after each answer.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(
        mut librarian: Librarian,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<PackageQuestion>(PACKAGE_QUESTIONS);
        let (answer, answers) = sync_channel(PACKAGE_QUESTIONS);
        std::thread::Builder::new().name("packages".into()).spawn(move || {
            while let Ok(question) = asked.recv() {
                if answer.send(librarian.answer(&question)).is_err() {
                    return; // the line is gone
                }
                wake();
            }
        })?;
        Ok(Self { questions, answers, refused: 0 })
    }

    /// Asks; answers at once where there is no room.
    pub fn ask(&mut self, question: PackageQuestion) -> Option<PackageAnswer> {
        match self.questions.try_send(question) {
            Ok(()) => None,
            Err(TrySendError::Full(question) | TrySendError::Disconnected(question)) => {
                self.refused += 1;
                let package = Fact::Unknown(Reason::TooMany);
                Some(PackageAnswer { key: question.key, package })
            }
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<PackageAnswer> {
        self.answers.try_recv().ok()
    }

    /// Questions that found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
