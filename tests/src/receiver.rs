//! Receivers that do as they are told.

pub mod forward;
pub mod http;
pub mod kafka;
pub mod nats;
pub mod prometheus;
pub mod rotel;
pub mod syslog;
pub mod tls;

use std::time::Duration;

use serde_json::Value;

/// Where servers of queues are unpacked.
const QUEUES: &str = "QUEUES";

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It takes what comes.
    Takes,
    /// It takes what comes after so many requests, which it asks to come later.
    TakesAfter(usize),
    /// It asks all to come later.
    Refuses,
    /// It takes what comes, and thinks about each for so long.
    Slow(Duration),
    /// It hangs up on whoever asks.
    HangsUp,
}

/// What documents are sent to.
pub trait Receives {
    /// A sink that sends there.
    fn sink(&self, more: &str) -> String;

    /// Answers otherwise from now on.
    fn becomes(&self, mood: Mood);

    /// What it took, in order.
    fn taken(&self) -> Vec<Value>;

    /// What it does in a test of losses: in each round the next of them, and the one behind that.
    fn moods(&self) -> &'static [Mood] {
        const MOODS: &[Mood] = &[
            Mood::Refuses,
            Mood::Slow(Duration::from_millis(5)),
            Mood::HangsUp,
            Mood::Takes,
            Mood::TakesAfter(7),
        ];
        MOODS
    }

    /// Whether it knows what it was sent before by itself, and does not take it twice.
    fn knows_repeats(&self) -> bool {
        false
    }

    /// The form in which it wants documents.
    fn format(&self) -> &'static str {
        "ecs"
    }
}

/// How this request is answered.
fn next(mood: &mut Mood) -> Mood {
    if let Mood::TakesAfter(refusals) = *mood {
        *mood = refusals.checked_sub(1).map_or(Mood::Takes, Mood::TakesAfter);
    }
    *mood
}
