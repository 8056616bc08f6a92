//! Waiting: always for something, never for longer than a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that a case waits for. Emulated machines are slow.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long a daemon may take to load its programs. Emulated machines are very slow verifiers.
pub const START: Duration = Duration::from_secs(300);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Asks until there is an answer; panics with `what` when there is none in time.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_or(ask).unwrap_or_else(|| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Asks until there is an answer; none when there is none in time.
pub fn until_or<T>(ask: impl FnMut() -> Option<T>) -> Option<T> {
    for_or(DEADLINE, ask)
}

/// The same, with another deadline.
pub fn for_or<T>(deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        let answer = ask();
        if answer.is_some() || started.elapsed() > deadline {
            return answer;
        }
        thread::sleep(POLL);
    }
}
