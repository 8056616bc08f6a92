//! What of an event an approved profile does not expect.

use std::{collections::HashMap, sync::Arc};

use super::{Behaviour, Mode, Part, Profile, Thing, observe};
use crate::{
    container::Container,
    event::{Event, Fact, Reason},
};

/// How an event stands to the profile of its image.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// All that it says is expected.
    Expected(Arc<Used>),
    /// This is not.
    Unexpected(Arc<Used>, Box<Thing>),
}

/// A profile that is used.
#[derive(Debug, PartialEq)]
pub struct Used {
    /// Its name.
    pub name: Box<str>,
    /// What is done about what it does not expect.
    pub mode: Mode,
    behaviour: Behaviour,
}

impl Verdict {
    /// As a test tells it: of a profile with nothing in it, and something of that part.
    #[must_use]
    pub fn told(name: Box<str>, mode: Mode, unexpected: Option<Part>) -> Self {
        let used = Arc::new(Used { name, mode, behaviour: Behaviour::default() });
        match unexpected {
            None => Self::Expected(used),
            Some(part) => Self::Unexpected(used, Box::new(Thing::of_part(part))),
        }
    }

    /// The profile that says so.
    #[must_use]
    pub fn profile(&self) -> &Used {
        match self {
            Self::Expected(used) | Self::Unexpected(used, _) => used,
        }
    }

    /// What is not expected.
    #[must_use]
    pub fn unexpected(&self) -> Option<&Thing> {
        match self {
            Self::Expected(_) => None,
            Self::Unexpected(_, thing) => Some(thing),
        }
    }

    /// What is expected that is most like it.
    #[must_use]
    pub fn nearest(&self) -> Option<Thing> {
        self.profile().behaviour.nearest(self.unexpected()?)
    }
}

/// The approved profiles, by what they are about.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    by_digest: HashMap<Box<str>, Arc<Used>, ahash::RandomState>,
    by_image: HashMap<Box<str>, Arc<Used>, ahash::RandomState>,
}

impl Profiles {
    /// Those of these profiles that somebody approved.
    #[must_use]
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Self {
        let mut used = Self::default();
        for profile in profiles.into_iter().filter(|profile| profile.approved.is_some()) {
            let Profile { name, subject, mode, behaviour, .. } = profile;
            let one = Arc::new(Used { name, mode, behaviour });
            // Another build of the image inherits what is expected of it, and nobody is woken.
            let shadow = Used {
                name: one.name.clone(),
                mode: Mode::Shadow,
                behaviour: one.behaviour.clone(),
            };
            match subject.digest {
                Some(digest) => {
                    used.by_digest.insert(digest, one);
                    used.by_image.insert(subject.image, Arc::new(shadow));
                }
                None => {
                    used.by_image.insert(subject.image, one);
                }
            }
        }
        used
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty() && self.by_image.is_empty()
    }

    /// The profile of a container, if it has one.
    fn of(&self, container: &Container) -> Result<&Arc<Used>, Reason> {
        let known = match (&container.image_digest, &container.image) {
            (Fact::Known(digest, _), image) => {
                let exact = self.by_digest.get(digest);
                exact.or_else(|| self.by_image.get(image.known()?))
            }
            (Fact::Unknown(Reason::Pending), _) | (_, Fact::Unknown(Reason::Pending)) => {
                return Err(Reason::Pending);
            }
            (_, Fact::Known(image, _)) => self.by_image.get(image),
            (_, Fact::Unknown(reason)) => return Err(*reason),
        };
        known.ok_or(Reason::NotApplicable)
    }

    /// How an event stands to the profile of its image, or why that is not known.
    ///
    /// # Errors
    ///
    /// It has none; or which one it has is not known yet.
    pub fn verdict(&self, event: &Event) -> Result<Verdict, Reason> {
        if self.is_empty() || event.container.is_host() || !observe::is_of_interest(event) {
            return Err(Reason::NotApplicable);
        }
        let used = self.of(&event.container)?;
        let mut said = false;
        let mut unexpected = None;
        observe::each(event, &mut |thing| {
            said = true;
            if unexpected.is_none() && !used.behaviour.expects(&thing) {
                unexpected = Some(Box::new(thing));
            }
        });
        match unexpected {
            Some(thing) => Ok(Verdict::Unexpected(Arc::clone(used), thing)),
            None if said => Ok(Verdict::Expected(Arc::clone(used))),
            None => Err(Reason::NotApplicable),
        }
    }
}
