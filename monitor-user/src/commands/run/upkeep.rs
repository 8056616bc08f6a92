//! Whether what runs is kept up: what tells until when something is supported, and who is told.

use monitor_inventory::lifecycle::{Table, Tier};

use super::{Config, Daemon};
use crate::{
    commands::inventory::last_days,
    config::UpkeepOptions,
    daemon::CountedOutlet,
    live::LiveOptions,
    state::Ledger,
    support::{Support, with_that_of_host},
    upkeep::UpkeepBy,
};

/// What the task that looks is started with.
pub(super) fn of(config: &Config, options: &mut LiveOptions) -> anyhow::Result<()> {
    let Some(UpkeepOptions { end_of_life, stale_days, .. }) = &config.upkeep else { return Ok(()) };
    let dates = last_days(end_of_life.as_deref())?;
    let support = Support::new(with_that_of_host(Table::embedded()), dates, Tier::Lts);
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
