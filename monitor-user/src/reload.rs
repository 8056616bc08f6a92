//! Reads rules or the configuration again, each on a thread of its own: when that is asked for, and
//! when their files have changed. Meanwhile the line goes on with the old ones.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Duration,
};

use crate::live::Bell;

/// Where something is read from.
pub trait Source: Send {
    /// What is read.
    type Read: Send + 'static;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// It cannot be used: why, for people.
    fn read(&mut self) -> Result<Self::Read, String>;

    /// Whether it is something else than what was read last, and nobody is about to change it
    /// further. It is asked again and again.
    fn has_changed(&mut self) -> bool;
}

/// Reads whenever it is asked to or something has changed, one time after the other. Its thread
/// ends when this is dropped.
pub struct Reloader<T> {
    asks: SyncSender<()>,
    read: Receiver<Result<T, String>>,
}

impl<T: Send + 'static> Reloader<T> {
    /// Starts the thread, which rings the bell when it has read something, and looks for changes so
    /// often, or never.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(
        name: &str,
        mut source: Box<dyn Source<Read = T>>,
        look: Option<Duration>,
        bell: Bell,
    ) -> io::Result<Self> {
        // One that waits is enough: what is read for it is what is there then.
        let (asks, asked) = sync_channel(1);
        let (answer, read) = sync_channel(1);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while wait(&asked, look, &mut *source) {
                let read = catch_unwind(AssertUnwindSafe(|| source.read()))
                    .unwrap_or_else(|_panic| Err("reading failed: see the panic above".to_owned()));
                if answer.send(read).is_err() {
                    return; // the daemon is gone
                }
                bell.ring();
            }
        })?;
        Ok(Self { asks, read })
    }

    /// Asks for it to be read.
    pub fn ask(&self) {
        // One that is full is asked already; a thread that ended has told of that.
        let _asked = self.asks.try_send(());
    }

    /// What was read since the last look.
    pub fn take(&self) -> Option<Result<T, String>> {
        self.read.try_recv().ok()
    }
}

/// Waits until it is to be read; false where nobody will ask any more.
fn wait<T: Send + 'static>(
    asked: &Receiver<()>,
    look: Option<Duration>,
    source: &mut dyn Source<Read = T>,
) -> bool {
    loop {
        let Some(look) = look else { return asked.recv().is_ok() };
        match asked.recv_timeout(look) {
            Ok(()) => return true,
            Err(RecvTimeoutError::Timeout) if source.has_changed() => return true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    };

    use super::*;

    /// Numbers its readings; each first waits at the gate, if there is one.
    #[derive(Default)]
    struct Numbered {
        readings: Arc<AtomicU32>,
        changed: Arc<AtomicBool>,
        gate: Option<Arc<Barrier>>,
    }

    impl Source for Numbered {
        type Read = ();

        fn read(&mut self) -> Result<(), String> {
            if let Some(gate) = &self.gate {
                gate.wait();
            }
            let reading = self.readings.fetch_add(1, SeqCst);
            assert!(reading < 4, "as a test");
            Err(format!("reading {reading}"))
        }

        fn has_changed(&mut self) -> bool {
            self.changed.swap(false, SeqCst)
        }
    }

    fn started(source: Numbered, look: Option<Duration>) -> Reloader<()> {
        Reloader::start("test", Box::new(source), look, Bell::new().unwrap()).unwrap()
    }

    fn next(reloader: &Reloader<()>) -> String {
        reloader.read.recv_timeout(Duration::from_secs(10)).unwrap().err().unwrap()
    }

    #[test]
    fn who_asks_while_it_reads_gets_what_was_there_later() {
        let (gate, readings) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
        let source = Numbered {
            readings: Arc::clone(&readings),
            gate: Some(Arc::clone(&gate)),
            ..Numbered::default()
        };
        let reloader = started(source, None);
        reloader.ask();
        gate.wait();
        assert_eq!(next(&reloader), "reading 0");
        reloader.ask();
        // Taken out by the thread, which then waits at the gate.
        while reloader.asks.try_send(()).is_err() {
            std::thread::yield_now();
        }
        reloader.ask();
        reloader.ask();
        gate.wait();
        gate.wait();
        assert_eq!([next(&reloader), next(&reloader)], ["reading 1", "reading 2"]);
        assert!(reloader.take().is_none());
        assert_eq!(readings.load(SeqCst), 3, "those that asked at once are answered at once");
    }

    #[test]
    fn what_changes_is_read_without_being_asked_for() {
        let changed = Arc::new(AtomicBool::new(false));
        let source = Numbered { changed: Arc::clone(&changed), ..Numbered::default() };
        let reloader = started(source, Some(Duration::from_millis(1)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(reloader.take().is_none(), "nothing has changed");
        changed.store(true, SeqCst);
        assert_eq!(next(&reloader), "reading 0");
    }

    #[test]
    fn a_reader_that_panics_is_told_of_and_reads_again() {
        let readings = Arc::new(AtomicU32::new(4));
        let source = Numbered { readings: Arc::clone(&readings), ..Numbered::default() };
        let reloader = started(source, None);
        reloader.ask();
        assert_eq!(next(&reloader), "reading failed: see the panic above");
        readings.store(0, SeqCst);
        reloader.ask();
        assert_eq!(next(&reloader), "reading 0");
    }
}
