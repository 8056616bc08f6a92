//! Asks the keeper, and waits for an answer no longer than it may take.

use std::{
    cell::Cell,
    io,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use super::wire::{Answer, Pipe, Request, read};

/// A connection on which one question is asked at a time. What comes too late is thrown away: it
/// would be taken for the answer to the next question.
#[derive(Debug)]
pub(super) struct Asking {
    pipe: Pipe,
    owed: Cell<Owed>,
}

/// What is still to come of an answer.
#[derive(Clone, Copy, Debug)]
enum Owed {
    /// All of it.
    Answer,
    /// So many bytes: where there are none, the next question can be asked.
    Bytes(u64),
    /// A question was cut: nothing can be asked any more.
    Never,
}

impl Asking {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { pipe: Pipe::new(stream), owed: Cell::new(Owed::Bytes(0)) }
    }

    /// Asks, and waits so long. While an earlier answer is late this one is late too, at once.
    ///
    /// # Errors
    ///
    /// `TimedOut` where the answer is late; any other where the keeper is gone.
    pub(super) fn ask(
        &self,
        request: &Request,
        along: &[BorrowedFd<'_>],
        within: Duration,
    ) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let until = self.begin(request, along, within)?;
        self.end(until)
    }

    /// Asks; until when the answer may take.
    ///
    /// # Errors
    ///
    /// As above.
    pub(super) fn begin(
        &self,
        request: &Request,
        along: &[BorrowedFd<'_>],
        within: Duration,
    ) -> io::Result<Instant> {
        self.throw_away()?;
        let until = Instant::now() + within;
        self.owed.set(Owed::Never);
        self.pipe.send(request, along, Some(until))?;
        self.owed.set(Owed::Answer);
        Ok(until)
    }

    /// Waits for the answer to what was asked.
    ///
    /// # Errors
    ///
    /// As above.
    pub(super) fn end(&self, until: Instant) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let (mut left, came) = self.head(until)?;
        let mut bytes = Vec::new();
        let taken = self.pipe.body(&mut left, Some(until), |piece| bytes.extend_from_slice(piece));
        self.owed.set(Owed::Bytes(left));
        taken?;
        Ok((read(&bytes)?, came))
    }

    /// Says something that has no answer.
    pub(super) fn tell(&self, request: &Request, within: Duration) -> io::Result<()> {
        self.pipe.send(request, &[], Some(Instant::now() + within))
    }

    /// Throws away what is there of an answer that was late.
    fn throw_away(&self) -> io::Result<()> {
        let now = Instant::now();
        let mut left = match self.owed.get() {
            Owed::Answer => self.head(now)?.0,
            Owed::Bytes(left) => left,
            Owed::Never => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let thrown = self.pipe.body(&mut left, Some(now), |_| {});
        self.owed.set(Owed::Bytes(left));
        thrown
    }

    fn head(&self, until: Instant) -> io::Result<(u64, Vec<OwnedFd>)> {
        self.pipe.head(Some(until))?.ok_or_else(|| io::Error::other("it ended"))
    }
}

#[cfg(test)]
mod tests {
    use std::{os::fd::AsFd as _, thread};

    use super::*;

    fn pair() -> (Asking, Pipe) {
        let (one, other) = UnixStream::pair().unwrap();
        (Asking::new(one), Pipe::new(other))
    }

    const SOON: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);

    fn ask(asking: &Asking, within: Duration) -> io::Result<(Answer, Vec<OwnedFd>)> {
        asking.ask(&Request::Numbers, &[], within)
    }

    #[track_caller]
    fn assert_late(asked: io::Result<(Answer, Vec<OwnedFd>)>) {
        assert_eq!(asked.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_late_answer_is_nobodys() {
        let (asking, keeper) = pair();
        let begun = Instant::now();
        assert_late(ask(&asking, SOON));
        // It is waited for in whole milliseconds.
        assert!(begun.elapsed() + Duration::from_millis(1) >= SOON);
        // The next is not even sent.
        assert_late(ask(&asking, LONG));
        keeper.receive::<Request>().unwrap().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        keeper.send(&Answer::Bytes(vec![1]), &[reader.as_fd()], None).unwrap();
        drop(reader);
        let answering = thread::spawn(move || {
            keeper.receive::<Request>().unwrap().unwrap();
            keeper.send(&Answer::Bytes(vec![2]), &[], None).unwrap();
        });
        let (answer, came) = ask(&asking, LONG).unwrap();
        assert!(matches!(answer, Answer::Bytes(bytes) if bytes == [2]) && came.is_empty());
        answering.join().unwrap();
        let write = io::Write::write(&mut { writer }, b"x");
        assert_eq!(write.unwrap_err().kind(), io::ErrorKind::BrokenPipe, "nobody holds it");
        assert_eq!(ask(&asking, LONG).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn half_an_answer_is_thrown_away_whole() {
        let (one, other) = UnixStream::pair().unwrap();
        let asking = Asking::new(one);
        let piece = |bytes: &[u8]| io::Write::write_all(&mut &other, bytes).unwrap();
        piece(&9_u32.to_ne_bytes());
        piece(&[1, 2]);
        assert_late(ask(&asking, SOON));
        piece(&[3; 6]);
        assert_late(ask(&asking, LONG));
        piece(&[3]);
        Pipe::new(other.try_clone().unwrap()).send(&Answer::Bytes(vec![2]), &[], None).unwrap();
        let (answer, _) = ask(&asking, LONG).unwrap();
        assert!(matches!(answer, Answer::Bytes(bytes) if bytes == [2]));
    }

    /// Who takes nothing in holds nobody up, and is asked nothing more.
    #[test]
    fn a_question_that_nobody_takes_is_the_last() {
        let (asking, keeper) = pair();
        let long = Request::Read("/x".repeat(4 << 20).into(), 9);
        assert_late(asking.ask(&long, &[], SOON));
        assert_eq!(ask(&asking, LONG).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        drop(keeper);
    }
}
