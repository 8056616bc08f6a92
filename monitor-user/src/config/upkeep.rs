//! What is told of software that is vulnerable, not supported any more, or stale.

use std::{path::PathBuf, time::Duration};

use monitor_rules::Priority;

use super::{RawConfig, Wrong, posture::least, within};
use crate::limits;

/// What is done about software that is not kept up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpkeepOptions {
    /// What matters less is not told of.
    pub least: Priority,
    /// Time between two looks.
    pub every: Duration,
    /// A file of the last days of images.
    pub end_of_life: Option<PathBuf>,
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
    let end_of_life = raw.image_end_of_life.clone();
    Ok(least.map(|least| UpkeepOptions { least, every, end_of_life, stale_days }))
}
