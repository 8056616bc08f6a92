//! How often it is looked at how containers are set up, and what of that is told of.

use std::time::Duration;

use monitor_rules::Priority;

use super::{RawConfig, Wrong, within, wrong};
use crate::limits;

/// What is done about how containers are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostureOptions {
    /// What matters less is not told of.
    pub least: Priority,
    /// Whether it is looked at how listeners are spoken to.
    pub listens: bool,
}

/// What nobody is told anything with.
const OFF: &str = "off";

/// What `posture` may be.
pub(super) fn words() -> Vec<String> {
    let named = Priority::ALL.iter().map(|priority| priority.name().to_ascii_lowercase());
    std::iter::once(OFF.to_owned()).chain(named).collect()
}

/// What is told of, if anything is, and the time between two looks.
pub(super) fn posture(raw: &RawConfig) -> Result<(Option<PostureOptions>, Duration), Wrong> {
    let seconds = raw.posture_seconds.unwrap_or(limits::POSTURE_SECONDS);
    let every = within("posture_seconds", seconds, limits::POSTURE_SECONDS_RANGE)?;
    let word = raw.posture.as_deref().unwrap_or("warning");
    if word == OFF {
        return Ok((None, Duration::from_secs(every)));
    }
    match Priority::from_name(word) {
        Some(least) => {
            let listens = raw.listener_traffic.unwrap_or(false);
            Ok((Some(PostureOptions { least, listens }), Duration::from_secs(every)))
        }
        None => wrong("posture", format!("`{word}` is none of {}", words().join(", "))),
    }
}
