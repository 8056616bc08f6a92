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
}

/// What nobody is told anything with.
const OFF: &str = "off";

/// What `posture` may be.
pub(super) fn words() -> Vec<String> {
    let named = Priority::ALL.iter().map(|priority| priority.name().to_ascii_lowercase());
    std::iter::once(OFF.to_owned()).chain(named).collect()
}

/// What a key says is told of, if anything is.
pub(super) fn least(key: &'static str, word: &str) -> Result<Option<Priority>, Wrong> {
    if word == OFF {
        return Ok(None);
    }
    match Priority::from_name(word) {
        Some(least) => Ok(Some(least)),
        None => wrong(key, format!("`{word}` is none of {}", words().join(", "))),
    }
}

/// What is told of, if anything is, and the time between two looks.
pub(super) fn posture(raw: &RawConfig) -> Result<(Option<PostureOptions>, Duration), Wrong> {
    let seconds = raw.posture_seconds.unwrap_or(limits::POSTURE_SECONDS);
    let every = within("posture_seconds", seconds, limits::POSTURE_SECONDS_RANGE)?;
    let least = least("posture", raw.posture.as_deref().unwrap_or("warning"))?;
    Ok((least.map(|least| PostureOptions { least }), Duration::from_secs(every)))
}
