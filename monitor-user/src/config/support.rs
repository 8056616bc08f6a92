//! Until when what is installed counts as supported.

use std::path::PathBuf;

use monitor_inventory::lifecycle::Tier;

use super::{RawConfig, Wrong, wrong};

/// By what that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SupportOptions {
    /// Whose support counts.
    pub tier: Tier,
    /// A table of last days of support, in place of the one that is built in.
    pub table: Option<PathBuf>,
    /// A file of the last days of images.
    pub end_of_life: Option<PathBuf>,
}

/// What `support_tier` may be.
pub(super) fn tiers() -> [&'static str; 3] {
    Tier::ALL.map(Tier::name)
}

/// What the file says of it.
pub(super) fn support(raw: &RawConfig) -> Result<SupportOptions, Wrong> {
    let name = raw.support_tier.as_deref().unwrap_or(Tier::default().name());
    let Some(tier) = Tier::ALL.into_iter().find(|it| it.name() == name) else {
        return wrong("support_tier", format!("`{name}` is none of {}", tiers().join(", ")));
    };
    let table = raw.lifecycle_table.clone();
    Ok(SupportOptions { tier, table, end_of_life: raw.image_end_of_life.clone() })
}
