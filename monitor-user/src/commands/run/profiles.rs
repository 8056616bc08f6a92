//! What images are expected to do, and whether that is learned.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;

use super::owner;
use crate::{
    commands::{profile::read_all, profiles_path, rules::with_drift, say},
    config::Config,
    daemon::Learning,
    profile::{drift::Profiles, shelf::Shelf, wanted::Wanted},
};

/// The rule files, with those about profiles where there are some.
pub(super) fn rules_of(config: &Config, paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if config.profiles.is_empty() { paths } else { with_drift(&paths) }
}

/// The profiles that somebody approved.
pub(super) fn approved(config: &Config) -> anyhow::Result<Profiles> {
    let all = read_all(&config.profiles)?;
    for profile in all.iter().filter(|profile| profile.approved.is_none()) {
        let name = crate::document::printable::terminal(profile.name.as_bytes()).into_owned();
        say(&format!("profile {name} is not used: nobody has approved it"));
    }
    Ok(Profiles::new(all))
}

/// Where what is learned goes, if anything is.
pub(super) fn learning(config: &Config, instance: &str) -> anyhow::Result<Option<Learning>> {
    if !config.learn_profiles {
        return Ok(None);
    }
    let path = profiles_path(config, instance);
    let shelf = Shelf::open(&path, owner(config))
        .with_context(|| format!("cannot keep what is learned in {}", path.display()))?;
    let wanted = Arc::new(Wanted::new().context("what is to be learned cannot be asked for")?);
    say(&format!("what images do is learned into {}", path.display()));
    Ok(Some(Learning { shelf, wanted }))
}
