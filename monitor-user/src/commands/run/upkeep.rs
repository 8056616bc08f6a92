//! Whether what runs is kept up: what tells until when something is supported, and who is told.

use super::{Config, Daemon};
use crate::{
    commands::supported::supported, config::UpkeepOptions, daemon::CountedOutlet,
    live::LiveOptions, state::Ledger, upkeep::UpkeepBy,
};

/// What the task that looks is started with.
pub(super) fn of(config: &Config, options: &mut LiveOptions) -> anyhow::Result<()> {
    let Some(UpkeepOptions { stale_days, .. }) = &config.upkeep else { return Ok(()) };
    let support = supported(&config.support)?;
    let data = config.vulnerability_pack.clone();
    let accepted = config.upkeep_exceptions.clone();
    options.upkeep = Some(UpkeepBy { data, support, stale_days: *stale_days, accepted });
    Ok(())
}

/// Has it told, as it is configured.
pub(super) fn look<O: CountedOutlet>(
    config: &Config,
    daemon: &mut Daemon<O>,
    ledger: Option<Ledger>,
    is_same_boot: bool,
) {
    if let (Some(UpkeepOptions { every, .. }), Some(ledger)) = (&config.upkeep, ledger) {
        daemon.inspect_with(ledger, *every, is_same_boot);
    }
}
