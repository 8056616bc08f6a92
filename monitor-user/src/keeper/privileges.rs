//! Where the privileges are.

use std::{io, sync::Arc};

use super::{Allowed, Keeper};
use crate::{
    config::Config,
    enrich::hashes::HashQuestion,
    event::Fact,
    hasher,
    metadata::{Sources, containerd},
    reach::{Direct, Reach},
};

/// Reads an executed file for its hash.
pub type Hash = Box<dyn FnMut(&HashQuestion) -> Fact<Arc<str>> + Send>;

/// Where the privileges are.
pub enum Privileges {
    /// In this process, for good.
    Here,
    /// In the keeper, while this process gives them up.
    Apart(Box<Keeper>),
}

impl Privileges {
    /// As the configuration has it. A keeper is started, and told what it may open.
    ///
    /// # Errors
    ///
    /// The keeper cannot be started.
    pub fn of(config: &Config) -> io::Result<Self> {
        if config.run_as.is_none() {
            return Ok(Self::Here);
        }
        let level = tracing::level_filters::LevelFilter::current().to_string();
        Ok(Self::Apart(Box::new(Keeper::spawn(
            &level,
            Allowed::of(config),
            config.hash_bytes_max,
        )?)))
    }

    /// Files that only the privileged may open, for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn files(&mut self) -> io::Result<Box<dyn Reach>> {
        Ok(match self {
            Self::Here => Box::new(Direct),
            Self::Apart(keeper) => Box::new(keeper.files()?),
        })
    }

    /// What finds out about containers, for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn sources(&mut self) -> io::Result<Sources> {
        let reach = self.files()?;
        let containerd = match self {
            Self::Here => containerd::direct(),
            Self::Apart(keeper) => Box::new(keeper.files()?),
        };
        Ok(Sources { reach, containerd })
    }

    /// What reads executed files, those over `bytes_max` not.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn hasher(&mut self, bytes_max: u64) -> io::Result<Hash> {
        Ok(match self {
            Self::Here => Box::new(hasher::reader(bytes_max)),
            Self::Apart(keeper) => {
                let files = keeper.files()?;
                Box::new(move |question| files.hash(question))
            }
        })
    }
}
