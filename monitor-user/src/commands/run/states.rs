//! Findings about how something is that were open when the daemon ended: they outlive it.

use super::{Config, Daemon, owner, posture, say, upkeep};
use crate::{
    commands::kept_in,
    daemon::CountedOutlet,
    node,
    posture::{checks, host},
    state::{Before, Check, Kept, Ledger, Paper},
    upkeep::checks as of_upkeep,
};

/// Why findings are closed that nobody looks for any more.
const OFF: &str = "it is not looked for any more: that was switched off";

/// The ledgers, with what was open before.
struct Ledgers {
    posture: Option<Ledger>,
    upkeep: Option<Ledger>,
    /// The host was not started anew since.
    is_same_boot: bool,
}

/// Has it looked at how something is, as it is configured.
pub(super) fn look<O: CountedOutlet>(
    config: &Config,
    daemon: &mut Daemon<O>,
    instance: &str,
) -> anyhow::Result<()> {
    let Ledgers { posture, upkeep, is_same_boot } = open(config, daemon, instance);
    posture::look(config, daemon, instance, posture)?;
    upkeep::look(config, daemon, upkeep, is_same_boot);
    Ok(())
}

/// Opens where what is open is written. A daemon that cannot keep it watches all the same.
fn open<O: CountedOutlet>(config: &Config, daemon: &mut Daemon<O>, instance: &str) -> Ledgers {
    let node = node::said_name(config.node.as_deref()).unwrap_or_else(node::hostname);
    let ledger = |least| Ledger::new(least).on(&node);
    let posture = config.posture.as_ref().map(|it| ledger(it.least));
    let upkeep = config.upkeep.as_ref().map(|it| ledger(it.least));
    let path = kept_in(config, "findings", instance);
    let is_off = posture.is_none() && upkeep.is_none();
    // Who looks for nothing still closes what was found before.
    if is_off && !path.exists() {
        return Ledgers { posture, upkeep, is_same_boot: true };
    }
    let boot_id = node::kernels("random/boot_id");
    let opened = Paper::open(&path, owner(config), (&node, &boot_id), &checks());
    let (paper, Before { findings, is_same_boot, said }) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let path = path.display();
            say(&format!(
                "findings that are open cannot be kept in {path}: {error}; they are told once \
                 more after a restart, and those that are over by then stay open"
            ));
            return Ledgers { posture, upkeep, is_same_boot: true };
        }
    };
    said.into_iter().for_each(|it| say(&it));
    let (mut over, mut kept): (Vec<Kept>, Vec<Kept>) = (Vec::new(), Vec::new());
    for it in findings {
        let is_of_upkeep = of_upkeep::ALL.contains(&it.check());
        let is_unheard = checks::is_of_traffic(it.check())
            && config.posture.as_ref().is_some_and(|it| !it.listens);
        let is_off = if is_of_upkeep { upkeep.is_none() } else { posture.is_none() };
        let is_off = is_off || is_unheard;
        let it = if is_off { it.over(OFF) } else { it };
        if it.is_over() { over.push(it) } else { kept.push(it) }
    }
    daemon.keep_states_with(paper, over);
    let is_of_upkeep = |it: &Kept| of_upkeep::ALL.contains(&it.check());
    let (software, containers) = kept.into_iter().partition(is_of_upkeep);
    let posture = posture.map(|it| it.with(containers));
    Ledgers { posture, upkeep: upkeep.map(|it| it.with(software)), is_same_boot }
}

/// All checks of which findings are told.
fn checks() -> Vec<&'static Check> {
    let posture = checks::ALL.iter().chain(host::checks::ALL).chain(host::manual::ALL);
    posture.chain(&of_upkeep::ALL).copied().collect()
}
