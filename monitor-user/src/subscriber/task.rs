//! A subscriber's task: documents become lines, and go where it reads them.

use std::{
    io,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::{Feed, Next, Summary, form::Writer};
use crate::document::{Document, Sender};

/// How often who reads is told that there is nothing new, and looked after.
const QUIET: Duration = Duration::from_millis(500);

/// Where lines go.
pub trait Output {
    /// Writes the lines of a document; they may stay in a buffer.
    ///
    /// # Errors
    ///
    /// Nobody reads any more.
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()>;

    /// Nothing waits: what is in a buffer is to leave. So many documents were lost so far.
    ///
    /// # Errors
    ///
    /// Nobody reads any more.
    fn rest(&mut self, lost: u64) -> io::Result<()>;
}

/// What a task did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Documents that were written.
    pub shown: u64,
    /// Those that found no room before that.
    pub lost: u64,
    /// Why no more could be written, if that was so.
    pub failed: Option<io::ErrorKind>,
}

/// Writes until there are no more documents, or nobody reads them.
pub fn write(
    feed: &Feed,
    writer: &Writer,
    sender: &Sender,
    output: &mut impl Output,
    mut summary: Option<&mut Summary>,
) -> Told {
    let mut shown = 0;
    let lost = || feed.stats.lost.load(Relaxed);
    let mut all = || -> io::Result<()> {
        let mut rested = Instant::now();
        loop {
            let next = match feed.next(Duration::ZERO) {
                Next::NotYet => {
                    rested = Instant::now();
                    output.rest(lost())?;
                    feed.next(QUIET)
                }
                next => next,
            };
            let document = match next {
                Next::Here(document) => document,
                Next::NotYet => continue,
                Next::Over => return output.rest(lost()),
            };
            if let (Some(summary), Document::Event(event)) = (&mut summary, &*document) {
                summary.note(event);
            }
            output.lines(&writer.lines(&document, sender))?;
            shown += 1;
            // Also where there is always more.
            if rested.elapsed() > QUIET {
                rested = Instant::now();
                output.rest(lost())?;
            }
        }
    };
    let failed = all().err().map(|error| error.kind());
    Told { shown, lost: lost(), failed }
}
