//! Where the privileges are.

use std::io;

use super::{Allowed, Keeper};
use crate::{
    config::Config,
    hasher::{self, Bounds, Read},
    limits::TAP_LOOK,
    metadata::{Sources, containerd},
    packages::{self, Find, Roots},
    posture::{
        Eyes,
        observed::{Look, Thorough},
        traffic::{self, Tap, Traffic},
    },
    reach::{Direct, Reach},
};

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
        Self::allowing(config, Allowed::of(config))
    }

    /// The same for a command, which says what may be asked.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn allowing(config: &Config, allowed: Allowed) -> io::Result<Self> {
        if config.run_as.is_none() {
            return Ok(Self::Here);
        }
        let level = tracing::level_filters::LevelFilter::current().to_string();
        Ok(Self::Apart(Box::new(Keeper::spawn(&level, allowed, config.bounds())?)))
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

    /// Who finds databases of packages, for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn databases(&mut self) -> io::Result<Box<dyn Find>> {
        Ok(match self {
            Self::Here => Box::new(packages::Direct),
            Self::Apart(keeper) => Box::new(keeper.files()?),
        })
    }

    /// Who looks at containers, for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn look(&mut self) -> io::Result<Box<dyn Look>> {
        Ok(match self {
            Self::Here => Box::<Thorough>::default(),
            Self::Apart(keeper) => Box::new(keeper.files()?),
        })
    }

    /// What looks at containers, and reads what they were declared to be, for one thread; if
    /// wanted it listens to how their listeners are spoken to, too.
    ///
    /// # Errors
    ///
    /// The keeper is gone, or the host has no room for another thread.
    pub fn eyes(&mut self, listens: bool) -> io::Result<Eyes> {
        let reach = self.files()?;
        let eyes = Eyes::new(self.look()?, reach);
        if !listens {
            return Ok(eyes);
        }
        Ok(eyes.listening(Traffic::start(self.taps(1)?, TAP_LOOK)?))
    }

    /// Those who see what passes, each for itself.
    ///
    /// # Errors
    ///
    /// The keeper is gone, or has no room.
    pub fn taps(&mut self, count: usize) -> io::Result<Vec<Box<dyn Tap>>> {
        let one = |_| -> io::Result<Box<dyn Tap>> {
            Ok(match self {
                Self::Here => Box::new(traffic::Direct::default()),
                Self::Apart(keeper) => Box::new(keeper.files()?),
            })
        };
        (0..count).map(one).collect()
    }

    /// Who opens roots for inventories, for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn roots(&mut self) -> io::Result<Box<dyn Roots>> {
        Ok(match self {
            Self::Here => Box::new(packages::Here::default()),
            Self::Apart(keeper) => Box::new(keeper.files()?),
        })
    }

    /// What reads executed files, those over their bound not, for one thread.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn reader(&mut self, bounds: Bounds) -> io::Result<Read> {
        Ok(match self {
            Self::Here => hasher::reader(bounds),
            Self::Apart(keeper) => {
                let files = keeper.files()?;
                Box::new(move |question, copy| match copy {
                    Some(copy) => files.copy(question, copy),
                    None => files.hash(question),
                })
            }
        })
    }
}
