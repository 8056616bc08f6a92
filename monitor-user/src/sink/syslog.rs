//! Syslog messages over TCP, TLS or a Unix socket. Nobody acknowledges them: a document counts as
//! delivered when the connection that it was written to stayed open for a while after that, or when
//! the receiver hung up because it was told that nothing more comes. What was written to one that
//! broke sooner is written again, so that a receiver may get it twice.

mod held;
mod link;

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    Intake,
    receiver::Receiver,
    tries::{Answer, End, Tries},
};
use crate::limits::STORE_BATCH;
use held::Held;
use link::Link;

/// How long a connection must have stayed open until what was written to it counts as delivered: by
/// then a receiver that is stopped or killed has closed it, and one that does not answer is found
/// out by [`link::TAKEN_WITHIN`]. It is what a receiver gets twice at most, and must be less than
/// [`SINK_STUCK_NS`](crate::limits::SINK_STUCK_NS).
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// How often it is looked whether a connection is still open, while that matters.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a new connection is watched before more is written to it: who refuses a certificate
/// does so after the connection is made.
const WATCHED: Duration = Duration::from_millis(200);

/// How long the receiver may take to hang up when the monitor ends. It is less than sinks have.
const HANGS_UP_WITHIN: Duration = Duration::from_secs(2);

/// What the receiver is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyslogOptions {
    /// The facility of all messages.
    pub facility: u8,
}

/// A ready syslog sink.
pub struct SyslogSink {
    options: SyslogOptions,
    receiver: Receiver,
    link: Option<Link>,
    held: Held,
}

impl SyslogSink {
    /// One that makes its connection when there is something to send.
    #[must_use]
    pub fn new(options: SyslogOptions, receiver: Receiver) -> Self {
        Self { options, receiver, link: None, held: Held::default() }
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(mut self, mut intake: Intake) {
        let mut tries = Tries::new(format!("syslog://{}", self.receiver.place), None);
        loop {
            let next = match self.held.is_empty() {
                true => intake.receive(STORE_BATCH),
                false => intake.receive_within(STORE_BATCH, LOOK_EVERY),
            };
            let is_over = next.is_none();
            self.held.take(next.unwrap_or_default(), self.options.facility);
            let looked = Instant::now();
            let end = match self.held.is_empty() {
                true => End::Delivered,
                false => tries.deliver(&intake, || self.send()),
            };
            match end {
                End::Delivered => self.held.settle(&mut intake, looked.checked_sub(SETTLED_AFTER)),
                End::Lost => self.held.give_up(&mut intake),
                End::Kept => return,
            }
            if is_over {
                return self.finish(&mut intake);
            }
            if self.held.is_full() {
                self.hang_up(&mut intake);
            }
        }
    }

    /// Sends what was not sent yet, and looks whether what was is there. What fails on a connection
    /// from before, with all that may be lost with it, is tried at once on a new one.
    fn send(&mut self) -> Answer {
        if let Some(mut link) = self.link.take()
            && self.held.write(&mut link).is_ok()
        {
            self.link = Some(link);
            return Answer::Taken;
        }
        self.held.again();
        match self.send_anew() {
            Ok(link) => {
                self.link = Some(link);
                Answer::Taken
            }
            Err(error) => {
                self.held.again();
                Answer::Later(error.into())
            }
        }
    }

    fn send_anew(&mut self) -> io::Result<Link> {
        let mut link = Link::open(&self.receiver)?;
        self.held.write(&mut link)?;
        std::thread::sleep(WATCHED);
        link.look()?;
        Ok(link)
    }

    /// Has the receiver hang up, after which it has all: that much is on its way that the next
    /// documents would wait for long.
    fn hang_up(&mut self, intake: &mut Intake) {
        let Some(link) = self.link.take() else { return };
        // Who does not hang up in that time had all of it for as long as it takes.
        if link.end(SETTLED_AFTER).is_ok() {
            self.held.settle(intake, Some(Instant::now()));
        }
    }

    /// The same at the end, when time is short. What is not sure is there for the next run, if it
    /// is kept for that.
    fn finish(mut self, intake: &mut Intake) {
        let Some(link) = self.link.take() else { return };
        match link.end(HANGS_UP_WITHIN) {
            Ok(true) => self.held.settle(intake, Some(Instant::now())),
            Ok(false) if !intake.is_kept() => self.held.settle(intake, Some(Instant::now())),
            Err(_) if !intake.is_kept() => self.held.give_up(intake),
            Ok(false) | Err(_) => {}
        }
    }
}
