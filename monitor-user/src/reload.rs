//! Reads the rules again, on a thread of its own: meanwhile the line goes on with the old ones.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
};

use crate::{live::Bell, rules::Rules};

/// Reads and compiles rules; the error is for people.
pub type Read = dyn Fn() -> Result<Arc<Rules>, String> + Send + Sync;

/// Reads rules whenever it is asked to, one time after the other.
pub struct Reloader {
    read: Arc<Read>,
    bell: Bell,
    reading: Option<Receiver<Result<Arc<Rules>, String>>>,
    /// It was asked again meanwhile: what is being read may be old already.
    again: bool,
}

impl Reloader {
    /// Reads with `read`, and rings the bell when that is done.
    pub fn new(bell: Bell, read: Arc<Read>) -> Self {
        Self { read, bell, reading: None, again: false }
    }

    /// Begins to read.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn ask(&mut self) -> io::Result<()> {
        if self.reading.is_some() {
            self.again = true;
            return Ok(());
        }
        let (answer, reading) = sync_channel(1);
        let (read, bell) = (Arc::clone(&self.read), self.bell.clone());
        std::thread::Builder::new().name("rules".into()).spawn(move || {
            // Nobody waits for it when the monitor ends.
            drop(answer.send(read()));
            bell.ring();
        })?;
        self.reading = Some(reading);
        Ok(())
    }

    /// What was read since the last look, if that is done.
    pub fn take(&mut self) -> Option<Result<Arc<Rules>, String>> {
        let read = match self.reading.as_ref()?.try_recv() {
            Ok(read) => read,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the reader of rules failed".to_owned()),
        };
        self.reading = None;
        if std::mem::take(&mut self.again) && self.ask().is_ok() {
            return None;
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering::SeqCst},
        time::{Duration, Instant},
    };

    use super::*;

    fn wait(reloader: &mut Reloader) -> Result<Arc<Rules>, String> {
        let begun = Instant::now();
        loop {
            if let Some(read) = reloader.take() {
                return read;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no answer");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn who_asks_while_it_reads_gets_what_was_there_later() {
        let times = Arc::new(AtomicU32::new(0));
        let (counter, gate) = (Arc::clone(&times), Arc::new(std::sync::Barrier::new(2)));
        let first = Arc::clone(&gate);
        let read = move || {
            let time = counter.fetch_add(1, SeqCst);
            if time == 0 {
                first.wait();
            }
            Err(format!("reading {time}"))
        };
        let mut reloader = Reloader::new(Bell::new().unwrap(), Arc::new(read));
        assert!(reloader.take().is_none(), "nothing was asked for");
        reloader.ask().unwrap();
        reloader.ask().unwrap();
        reloader.ask().unwrap();
        gate.wait();
        assert_eq!(wait(&mut reloader).err().unwrap(), "reading 1");
        assert!(reloader.take().is_none());
        assert_eq!(times.load(SeqCst), 2);
    }

    #[test]
    fn a_reader_that_panics_is_told_of() {
        let read = || panic!("as a test");
        let mut reloader = Reloader::new(Bell::new().unwrap(), Arc::new(read));
        reloader.ask().unwrap();
        assert!(wait(&mut reloader).is_err());
    }
}
