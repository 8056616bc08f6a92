//! How often it is looked at how containers are set up, and what of that is told of.

use std::time::Duration;

use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use monitor_rules::Priority;

use super::{RawConfig, RawPostureException, Wrong, within, wrong};
use crate::{
    images::Except,
    limits,
    posture::{accepted::Exception, checks, host},
    upkeep,
};

/// What is done about how containers are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostureOptions {
    /// What matters less is not told of.
    pub least: Priority,
    /// Whether it is looked at how listeners are spoken to.
    pub listens: bool,
}

/// How often it is looked at how containers are set up, and what of that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostureLooks {
    /// Time between two looks at a container of which nothing else says that it changed.
    pub every: Duration,
    /// What is accepted.
    pub exceptions: Vec<Exception>,
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

/// What is told of, if anything is, how often it is looked, and what is accepted.
pub(super) fn posture(raw: &RawConfig) -> Result<(Option<PostureOptions>, PostureLooks), Wrong> {
    let seconds = raw.posture_seconds.unwrap_or(limits::POSTURE_SECONDS);
    let every = within("posture_seconds", seconds, limits::POSTURE_SECONDS_RANGE)?;
    if raw.posture_exceptions.len() > limits::POSTURE_EXCEPTIONS {
        let what = format!("there are more than {}", limits::POSTURE_EXCEPTIONS);
        return wrong("posture_exceptions", what);
    }
    let all = raw.posture_exceptions.iter().enumerate();
    let exceptions = all.map(|(index, raw)| exception(index, raw)).collect::<Result<_, _>>()?;
    let looks = PostureLooks { every: Duration::from_secs(every), exceptions };
    let least = least("posture", raw.posture.as_deref().unwrap_or("warning"))?;
    let listens = raw.listener_traffic.unwrap_or(false);
    Ok((least.map(|least| PostureOptions { least, listens }), looks))
}

/// What is accepted: of some checks or some images, and with a reason.
fn exception(index: usize, raw: &RawPostureException) -> Result<Exception, Wrong> {
    let key = |name: &str| format!("posture_exceptions[{index}]{name}");
    if raw.check.is_none() && raw.image.is_none() {
        return wrong(key(""), "it accepts everything: say which `check` or `image`".to_owned());
    }
    let RawPostureException { check, image, reason, until } = raw;
    let exception = parsed(&key, check.as_deref(), image.as_deref(), reason, until.as_deref())?;
    let mut known = checks::ALL.iter().chain(host::checks::ALL);
    if known.any(|check| exception.is_about(check)) {
        return Ok(exception);
    }
    let is_of_upkeep = upkeep::checks::ALL.iter().any(|check| exception.is_about(check));
    let what = if is_of_upkeep {
        "it is one of upkeep: accept it in `upkeep_exceptions`"
    } else {
        "`runmon posture --list` has no such check"
    };
    wrong(key(".check"), what.to_owned())
}

/// What all that is accepted says: of what, why, and until when.
pub(super) fn parsed(
    key: &dyn Fn(&str) -> String,
    check: Option<&str>,
    image: Option<&str>,
    reason: &str,
    until: Option<&str>,
) -> Result<Exception, Wrong> {
    if reason.trim().is_empty() {
        return wrong(key(".reason"), "say why it is accepted".to_owned());
    }
    let image = match image.map(Except::parse).transpose() {
        Ok(image) => image,
        Err(what) => return wrong(key(".image"), what),
    };
    let until = match until.map(end).transpose() {
        Ok(until) => until,
        Err(_none) => {
            let what = "it is the last day that it holds, as `2027-01-31`".to_owned();
            return wrong(key(".until"), what);
        }
    };
    let reason = reason.trim().into();
    Ok(Exception { check: check.map(Box::from), image, reason, until })
}

/// The last second of a day, since 1970.
fn end(day: &str) -> Result<i64, jiff::Error> {
    let next = day.parse::<Date>()?.checked_add(1.day())?.to_zoned(TimeZone::UTC)?;
    Ok(next.timestamp().as_second() - 1)
}
