//! What is told of software that is vulnerable, not supported any more, or stale.

use std::time::Duration;

use monitor_rules::Priority;

use super::{
    RawConfig, RawUpkeepException, Wrong,
    posture::{least, parsed},
    within, wrong,
};
use crate::{
    limits,
    upkeep::{accepted::Accepted, checks},
};

/// What is done about software that is not kept up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpkeepOptions {
    /// What matters less is not told of.
    pub least: Priority,
    /// Time between two looks.
    pub every: Duration,
    /// Days after which an image that nobody used is stale.
    pub stale_days: u32,
}

/// What the file says of it; None: nothing is done.
pub(super) fn upkeep(raw: &RawConfig) -> Result<Option<UpkeepOptions>, Wrong> {
    let seconds = raw.upkeep_seconds.unwrap_or(limits::UPKEEP_SECONDS);
    let every = within("upkeep_seconds", seconds, limits::UPKEEP_SECONDS_RANGE)?;
    let every = Duration::from_secs(every);
    let least = least("upkeep", raw.upkeep.as_deref().unwrap_or("off"))?;
    let stale_days = raw.stale_image_days.unwrap_or(limits::STALE_IMAGE_DAYS);
    let stale_days = within("stale_image_days", stale_days, limits::STALE_IMAGE_DAYS_RANGE)?;
    Ok(least.map(|least| UpkeepOptions { least, every, stale_days }))
}

/// What of it is accepted.
pub(super) fn accepted(raw: &RawConfig) -> Result<Vec<Accepted>, Wrong> {
    if raw.upkeep_exceptions.len() > limits::UPKEEP_EXCEPTIONS {
        let what = format!("there are more than {}", limits::UPKEEP_EXCEPTIONS);
        return wrong("upkeep_exceptions", what);
    }
    let all = raw.upkeep_exceptions.iter().enumerate();
    all.map(|(index, raw)| exception(index, raw)).collect()
}

/// One: of some checks, images, packages or vulnerabilities, and with a reason.
fn exception(index: usize, raw: &RawUpkeepException) -> Result<Accepted, Wrong> {
    let key = |name: &str| format!("upkeep_exceptions[{index}]{name}");
    let RawUpkeepException { check, image, package, vulnerability, reason, until } = raw;
    if [check, image, package, vulnerability].iter().all(|it| it.is_none()) {
        let what = "it accepts everything: say which `check`, `image`, `package` or \
                    `vulnerability`";
        return wrong(key(""), what.to_owned());
    }
    let of = parsed(&key, check.as_deref(), image.as_deref(), reason, until.as_deref())?;
    if !checks::ALL.iter().any(|check| of.is_about(check)) {
        let ids = checks::ALL.map(|check| check.id).join(", ");
        return wrong(key(".check"), format!("it is none of {ids}"));
    }
    let named = [(".package", package), (".vulnerability", vulnerability)];
    if let Some((name, _)) = named.into_iter().find(|(_, it)| it.as_deref().is_some_and(is_blank)) {
        return wrong(key(name), "it names nothing: leave it out, or say which".to_owned());
    }
    let [package, vulnerability] =
        [package, vulnerability].map(|it| it.as_deref().map(|it| it.trim().into()));
    let accepted = Accepted { of, package, vulnerability };
    let is_named = accepted.package.is_some() || accepted.vulnerability.is_some();
    if is_named && !accepted.is_about_packages() {
        let what = format!(
            "only {} is about packages and vulnerabilities: leave `check` out, or those",
            checks::PACKAGE.id
        );
        return wrong(key(".check"), what);
    }
    Ok(accepted)
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}
