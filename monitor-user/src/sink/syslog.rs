//! Syslog messages over TCP, TLS or a Unix socket. Nobody acknowledges them: a document counts as
//! delivered when the connection that it was written to stayed open for a while after that, or when
//! the receiver hung up because it was told that nothing more comes. What was written to one that
//! broke sooner is written again, so that a receiver may get it twice; where that happens again and
//! again it goes in parts, since one of them may be what the receiver breaks the connection for.

mod held;
mod link;

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    Intake,
    parts::{self, Asked, Entry, Parts, Patience},
    receiver::Receiver,
    tries::{End, Failure, Round, Tries},
};
use crate::limits::{SPLITS_AFTER, STORE_BATCH};
use held::{Held, of_facility};
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
    /// Connections that broke since something counted as delivered.
    broken: u32,
}

impl SyslogSink {
    /// One that makes its connection when there is something to send.
    #[must_use]
    pub fn new(options: SyslogOptions, receiver: Receiver) -> Self {
        Self { options, receiver, link: None, held: Held::default(), broken: 0 }
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(mut self, mut intake: Intake) {
        let mut tries = Tries::new(format!("syslog://{}", self.receiver.place), None);
        loop {
            let next = match self.held.is_empty() {
                true => intake.receive_whole(STORE_BATCH),
                false => intake.receive_whole_within(STORE_BATCH, LOOK_EVERY),
            };
            let is_over = next.is_none();
            self.held.take(next.unwrap_or_default());
            let looked = Instant::now();
            let end = match self.held.is_empty() {
                true => End::Delivered,
                false => self.deliver(&mut intake, &mut tries),
            };
            match end {
                End::Delivered => {
                    if self.held.settle(&mut intake, looked.checked_sub(SETTLED_AFTER)) {
                        self.broken = 0;
                    }
                }
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

    /// Tries until all that is held was written to a connection that is open, or until something
    /// came of each part of it.
    fn deliver(&mut self, intake: &mut Intake, tries: &mut Tries) -> End {
        let mut round = Round::new();
        while !tries.is_over() {
            let is_last = intake.is_ending();
            if self.broken >= SPLITS_AFTER && !is_last {
                self.broken = 0;
                return self.deliver_in_parts(intake, tries);
            }
            let Err(error) = self.send() else {
                tries.taken(intake);
                return End::Delivered;
            };
            let failure = Failure { why: error.into(), wait: None, is_last };
            if let Some(end) = tries.failed(&mut round, intake, &failure) {
                return end;
            }
        }
        End::Lost
    }

    /// Sends what was not sent yet, and looks whether what was is there. What fails on a connection
    /// from before, with all that may be lost with it, is tried at once on a new one.
    fn send(&mut self) -> io::Result<()> {
        if let Some(mut link) = self.link.take() {
            if self.held.write(&mut link, self.options.facility).is_ok() {
                self.link = Some(link);
                return Ok(());
            }
            self.broken += 1;
        }
        self.held.again();
        let mut link = Link::open(&self.receiver)?;
        let written = self.held.write(&mut link, self.options.facility).and_then(|()| {
            std::thread::sleep(WATCHED);
            link.look()
        });
        if let Err(error) = written {
            self.held.again();
            self.broken += 1;
            return Err(error);
        }
        self.link = Some(link);
        Ok(())
    }

    /// Finds out which of what is held the receiver breaks connections for: each part has one of
    /// its own, for as long as it takes to be sure.
    fn deliver_in_parts(&mut self, intake: &mut Intake, tries: &mut Tries) -> End {
        let parts = Parts::new(self.held.take_all(), Patience::default());
        let Self { receiver, options, .. } = self;
        parts::deliver(parts, intake, tries, |intake, part| {
            let mut link = match Link::open(receiver) {
                Ok(link) => link,
                Err(error) => return Asked::later(error.into()),
            };
            match write_alone(&mut link, part, options.facility, intake) {
                Ok(true) => Asked::taken(),
                Ok(false) => Asked::later(ENDS.to_owned().into()),
                Err(error) => Asked::failed(error.into()),
            }
        })
    }

    /// Has the receiver hang up, after which it has all: that much is on its way that the next
    /// documents would wait for long.
    fn hang_up(&mut self, intake: &mut Intake) {
        let Some(link) = self.link.take() else { return };
        // Who does not hang up in that time had all of it for as long as it takes.
        if link.end(SETTLED_AFTER).is_ok() && self.held.settle(intake, Some(Instant::now())) {
            self.broken = 0;
        }
    }

    /// The same at the end, when time is short. What is not sure is there for the next run, if it
    /// is kept for that.
    fn finish(mut self, intake: &mut Intake) {
        let Some(link) = self.link.take() else { return };
        match link.end(HANGS_UP_WITHIN) {
            Ok(has_all) if has_all || !intake.is_kept() => {
                self.held.settle(intake, Some(Instant::now()));
            }
            Err(_) if !intake.is_kept() => self.held.give_up(intake),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Why it is not waited until what was written is there.
const ENDS: &str = "the monitor ends before it is there for sure";

/// Writes to a connection, and watches it until what was written counts as delivered; whether there
/// was time for that.
fn write_alone(
    link: &mut Link,
    part: &[&Entry],
    facility: u8,
    intake: &Intake,
) -> io::Result<bool> {
    for entry in part {
        link.write(&of_facility(&entry.line, facility))?;
    }
    link.flush()?;
    let written = Instant::now();
    while written.elapsed() < SETTLED_AFTER {
        if intake.is_ending() {
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
        link.look()?;
    }
    Ok(true)
}
