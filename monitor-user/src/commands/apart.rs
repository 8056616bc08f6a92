//! What commands that look at this host once ask the keeper for. Who parses what runtimes,
//! containers and the host's own files say has given its privileges up before it reads the first of
//! them.

use anyhow::Context as _;
use nix::unistd::geteuid;

use crate::{
    config::Config,
    keeper::{Allowed, Privileges, confine::confine},
    limits::TAPS,
    metadata::Sources,
    packages::Roots,
    posture::{observed::Look, traffic::Tap},
    reach::Reach,
};

/// Who is asked, each for itself.
pub(super) struct Apart {
    /// What finds out about containers.
    pub(super) sources: Sources,
    /// Files of runtimes.
    pub(super) reach: Box<dyn Reach>,
    /// Roots of containers and the host, for inventories.
    pub(super) roots: Box<dyn Roots>,
    /// Who looks at processes, and at the host.
    pub(super) look: Box<dyn Look>,
    /// What sees what passes, where that is allowed.
    pub(super) taps: Vec<Box<dyn Tap>>,
    /// The keeper ends with it.
    pub(super) privileges: Privileges,
}

impl Apart {
    /// Starts a keeper that allows this and loads nothing, and becomes the user of `run_as`. Who
    /// has no privileges has none to give up: what it may open it opens itself.
    ///
    /// # Errors
    ///
    /// The keeper cannot be started, or this process keeps its privileges.
    pub(super) fn begin(config: &Config, allowed: Allowed) -> anyhow::Result<Self> {
        let user = config.run_as.filter(|_| geteuid().is_root());
        let taps = if allowed.traffic { TAPS } else { 0 };
        let privileges = match user {
            Some(_) => Privileges::allowing(config, allowed).context("cannot start the keeper")?,
            None => Privileges::Here,
        };
        let apart = Self::asking(privileges, taps).context("cannot ask the keeper")?;
        if let Some(uid) = user {
            confine(uid).map_err(super::run::explain_confine)?;
        }
        Ok(apart)
    }

    fn asking(mut privileges: Privileges, taps: usize) -> std::io::Result<Self> {
        Ok(Self {
            sources: privileges.sources()?,
            reach: privileges.files()?,
            roots: privileges.roots()?,
            look: privileges.look()?,
            taps: privileges.taps(taps)?,
            privileges,
        })
    }
}
