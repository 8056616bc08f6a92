//! What may run, and where that is read again.

use super::{Bell, Config, Daemon, Reloader, limits};
use crate::{
    commands::policy::{configured, watched::PolicyFile},
    daemon::CountedOutlet,
};

/// Has containers judged by the policy that is configured, and by what becomes of its file.
pub(super) fn judge<O: CountedOutlet>(
    config: &Config,
    daemon: &mut Daemon<O>,
    bell: Bell,
) -> anyhow::Result<()> {
    let Some(path) = &config.image_policy else { return Ok(()) };
    // What changes from here on is seen.
    let file = PolicyFile::new(path.clone());
    daemon.line().judge_images_by(configured(Some(path))?);
    let look = config.watch_rules.then_some(limits::RULES_LOOK);
    daemon.judge_images_with(Reloader::start("policy", Box::new(file), look, bell)?);
    Ok(())
}
