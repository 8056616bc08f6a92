//! What images are expected to do, and whether that is learned.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;

use rustix::fs::Access;

use super::owner;
use crate::{
    commands::{
        policy,
        profile::{files_of, read_all},
        profiles_path,
        rules::{watched::digest, with_words},
        say,
    },
    config::Config,
    daemon::Learning,
    live::Bell,
    profile::{Profile, drift::Profiles, shelf::Shelf, wanted::Wanted},
    reload::{Reloader, Source},
    rules::Word,
};

/// The rule files, with those about profiles and about the policy of images where there are such.
pub(super) fn rules_of(config: &Config, paths: &[PathBuf]) -> Vec<PathBuf> {
    let drift = (!config.profiles.is_empty()).then_some(Word::Drift);
    let words: Vec<Word> =
        drift.into_iter().chain(policy::word(config.image_policy.as_ref())).collect();
    with_words(paths, &words)
}

/// The profiles that somebody approved.
pub(super) fn approved(config: &Config) -> anyhow::Result<Profiles> {
    Ok(used(read_all(&config.profiles)?))
}

/// What reads them again: when that is asked for and, if they are looked at, when they change.
pub(super) fn again(
    config: &Config,
    look: Option<Duration>,
    bell: Bell,
) -> io::Result<Reloader<Profiles>> {
    let files = ProfileFiles::new(config.profiles.clone());
    Reloader::start("profiles again", Box::new(files), look, bell)
}

/// The files of approved profiles, or directories of such.
struct ProfileFiles {
    paths: Vec<PathBuf>,
    /// What they were like just before they were read, and at the last look if that was something
    /// else; None where they cannot be read.
    read: Option<u64>,
    seen: Option<u64>,
}

impl ProfileFiles {
    fn new(paths: Vec<PathBuf>) -> Self {
        let mut files = Self { paths, read: None, seen: None };
        files.read = files.now();
        files
    }

    /// What they are like now. Those that only root reads are not there for a daemon that became
    /// another user: that is no change, and they stay as they were.
    fn now(&self) -> Option<u64> {
        let files = files_of(&self.paths).ok()?;
        let is_readable = |path: &PathBuf| rustix::fs::access(path, Access::READ_OK).is_ok();
        files.iter().all(is_readable).then(|| digest(&files))
    }
}

impl Source for ProfileFiles {
    type Read = Profiles;

    fn read(&mut self) -> Result<Profiles, String> {
        (self.read, self.seen) = (self.now(), None);
        read_all(&self.paths).map(used).map_err(|error| format!("{error:#}"))
    }

    fn has_changed(&mut self) -> bool {
        let now = self.now();
        if now.is_none() || self.read == now {
            self.seen = None;
            return false;
        }
        // Looked at twice: it may be about to be written further.
        let before = std::mem::replace(&mut self.seen, now);
        before == self.seen
    }
}

/// Those that somebody approved; the others are told of.
fn used(all: Vec<Profile>) -> Profiles {
    for profile in all.iter().filter(|profile| profile.approved.is_none()) {
        let name = crate::document::printable::terminal(profile.name.as_bytes()).into_owned();
        say(&format!("profile {name} is not used: nobody has approved it"));
    }
    Profiles::new(all)
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
    Ok(Some(Learning { shelf, wanted, by_workload: config.learn_by_workload }))
}
