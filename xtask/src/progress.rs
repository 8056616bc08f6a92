//! One line per step: what is being done, that it still is, and how long it took.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

/// How often a terminal's line is redrawn.
const REDRAW: Duration = Duration::from_secs(1);
/// How often a log (no terminal) is told that a step still runs.
const REMIND: Duration = Duration::from_secs(30);

/// Runs one step between a line that says it starts and one that says how it ended.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let ticker = Ticker::start(title.to_owned(), started);
    let result = work();
    ticker.stop();
    let outcome = if result.is_ok() { "done in" } else { "FAILED after" };
    println!("{title} … {outcome} {}", human(started.elapsed()));
    result
}

/// `850 ms`, `46 s`, `3 min 20 s`.
pub(crate) fn human(time: Duration) -> String {
    match time.as_secs() {
        0..5 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 5..120 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

struct Ticker {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Ticker {
    fn start(title: String, started: Instant) -> Self {
        let (stop, stopped) = mpsc::channel();
        let terminal = io::stdout().is_terminal();
        let thread = thread::spawn(move || {
            show(terminal, &title, Duration::ZERO);
            let wait = if terminal { REDRAW } else { REMIND };
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                show(terminal, &title, started.elapsed());
            }
            if terminal {
                // Back to the start of the line and clear it: the outcome replaces it.
                print!("\r\x1b[K");
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        drop(self.stop);
        // The ticker only prints: should it have panicked, the step's own result still counts.
        self.thread.join().unwrap_or_default();
    }
}

fn show(terminal: bool, title: &str, elapsed: Duration) {
    match (terminal, elapsed.is_zero()) {
        (true, _) => print!("\r\x1b[K{title} … {}", human(elapsed)),
        (false, true) => println!("{title} …"),
        (false, false) => println!("{title} … still running after {}", human(elapsed)),
    }
    // A progress line that cannot be flushed is no reason to stop the work.
    io::stdout().flush().unwrap_or_default();
}
