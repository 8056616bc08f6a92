//! What of an event an approved profile does not expect.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use super::{Behaviour, Mode, Part, Profile, Thing, observe, remembered::Remembered, workload};
use crate::{
    container::Container,
    event::{Event, Fact, Reason},
    limits::PROFILE_RECENT,
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
#[derive(Debug)]
pub struct Used {
    /// Its name.
    pub name: Box<str>,
    /// What is done about what it does not expect.
    pub mode: Mode,
    /// Which of those that are used it is, from zero.
    pub number: usize,
    /// The only workload that it is about, if it is about one.
    workload: Option<Box<str>>,
    /// Shared with the shadow of other builds.
    behaviour: Arc<Behaviour>,
    /// Events of which all is expected.
    remembered: Remembered,
}

impl PartialEq for Used {
    fn eq(&self, other: &Self) -> bool {
        let is_same = self.name == other.name && self.mode == other.mode;
        let is_same = is_same && self.workload == other.workload;
        is_same && self.number == other.number && self.behaviour == other.behaviour
    }
}

impl Used {
    fn new(
        name: Box<str>,
        mode: Mode,
        workload: Option<Box<str>>,
        behaviour: Arc<Behaviour>,
    ) -> Self {
        Self { name, mode, number: 0, workload, behaviour, remembered: Remembered::default() }
    }
}

impl Verdict {
    /// As a test tells it: of a profile with nothing in it, and something of that part.
    #[must_use]
    pub fn told(name: Box<str>, mode: Mode, unexpected: Option<Part>) -> Self {
        let used = Arc::new(Used::new(name, mode, None, Arc::default()));
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

/// Profiles by the digest or the name of an image.
type ByImage = HashMap<Box<str>, Vec<Arc<Used>>, ahash::RandomState>;

/// A later profile of the same takes the place of an earlier.
fn put(map: &mut ByImage, image: Box<str>, one: Used) {
    let them = map.entry(image).or_default();
    them.retain(|it| it.workload != one.workload);
    them.push(Arc::new(one));
}

/// The one of a container's workload, or else that of all of them; an error while it hangs on a
/// workload that may still become known.
fn choose<'u>(
    them: &'u [Arc<Used>],
    container: &Container,
) -> Result<Option<&'u Arc<Used>>, Reason> {
    let of_all = || them.iter().find(|it| it.workload.is_none());
    if them.iter().all(|it| it.workload.is_none()) {
        return Ok(of_all());
    }
    match workload::of(container) {
        Err(Reason::Pending) => Err(Reason::Pending),
        Err(_) => Ok(of_all()),
        Ok(own) => {
            let found = them.iter().find(|it| it.workload.as_deref() == Some(&*own));
            Ok(found.or_else(of_all))
        }
    }
}

/// The approved profiles, by what they are about.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    by_digest: ByImage,
    by_image: ByImage,
    approved: usize,
    recent: Recent,
}

/// Containers that were compared lately, each in the place that its address names: most events are
/// of those of before. Once more is known of a container it is another one here.
#[derive(Clone, Debug)]
struct Recent(RefCell<Box<[Option<Compared>]>>);

/// A container, and what was found for it.
type Compared = (Arc<Container>, Found);

/// The profile of a container, or why it has none.
type Found = Result<Arc<Used>, Reason>;

impl Default for Recent {
    fn default() -> Self {
        Self(RefCell::new(vec![None; PROFILE_RECENT].into()))
    }
}

impl Recent {
    fn get(&self, container: &Arc<Container>, find: impl FnOnce() -> Found) -> Found {
        // Nobody else has it: there is one line.
        let Ok(mut places) = self.0.try_borrow_mut() else { return find() };
        let number = (Arc::as_ptr(container).addr() / size_of::<Container>()) % PROFILE_RECENT;
        let Some(place) = places.get_mut(number) else { return find() };
        match place {
            Some((known, found)) if Arc::ptr_eq(known, container) => found.clone(),
            place => {
                let found = find();
                *place = Some((Arc::clone(container), found.clone()));
                found
            }
        }
    }
}

impl Profiles {
    /// Those of these profiles that somebody approved.
    #[must_use]
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Self {
        let mut used = Self::default();
        for profile in profiles.into_iter().filter(|profile| profile.approved.is_some()) {
            let Profile { name, subject, mode, behaviour, .. } = profile;
            used.approved += 1;
            let workload = subject.workload;
            let one = Used::new(name, mode, workload.clone(), Arc::new(behaviour));
            match subject.digest {
                Some(digest) => {
                    // Another build of the image inherits what is expected of it, and nobody is
                    // woken.
                    let (name, behaviour) = (one.name.clone(), Arc::clone(&one.behaviour));
                    let shadow = Used::new(name, Mode::Shadow, workload, behaviour);
                    put(&mut used.by_digest, digest, one);
                    put(&mut used.by_image, subject.image, shadow);
                }
                None => put(&mut used.by_image, subject.image, one),
            }
        }
        let all = used.by_digest.values_mut().chain(used.by_image.values_mut()).flatten();
        for (number, one) in all.enumerate() {
            // Nobody else has it yet.
            Arc::get_mut(one).into_iter().for_each(|one| one.number = number);
        }
        used
    }

    /// All that are used.
    pub fn used(&self) -> impl Iterator<Item = &Used> {
        self.by_digest.values().chain(self.by_image.values()).flatten().map(|used| &**used)
    }

    /// How many somebody approved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.approved
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty() && self.by_image.is_empty()
    }

    /// The profile of a container, if it has one.
    fn of<'s>(&'s self, container: &Container) -> Result<&'s Arc<Used>, Reason> {
        let of = |map: &'s ByImage, image| map.get(image).map(|them| choose(them, container));
        let known = match (&container.image_digest, &container.image) {
            (Fact::Known(digest, _), image) => {
                let exact = of(&self.by_digest, digest).filter(|found| *found != Ok(None));
                exact.or_else(|| of(&self.by_image, image.known()?))
            }
            (Fact::Unknown(Reason::Pending), _) | (_, Fact::Unknown(Reason::Pending)) => {
                return Err(Reason::Pending);
            }
            (_, Fact::Known(image, _)) => of(&self.by_image, image),
            (_, Fact::Unknown(reason)) => return Err(*reason),
        };
        known.unwrap_or(Ok(None))?.ok_or(Reason::NotApplicable)
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
        let find = || self.of(&event.container).cloned();
        let used = self.recent.get(&event.container, find)?;
        let plain = used.remembered.plain_mark(event);
        // Whether there are digits is only looked for where it is not settled without.
        let mark = match used.remembered.has(plain) {
            true => plain,
            false => used.remembered.mark(plain, event),
        };
        if used.remembered.has(mark) {
            return Ok(Verdict::Expected(used));
        }
        let mut said = false;
        let mut unexpected = None;
        observe::each(event, &mut |thing| {
            said = true;
            if unexpected.is_none() && !used.behaviour.expects(&thing) {
                unexpected = Some(Box::new(thing));
            }
        });
        match unexpected {
            Some(thing) => Ok(Verdict::Unexpected(used, thing)),
            None if said => {
                used.remembered.put(mark);
                Ok(Verdict::Expected(used))
            }
            None => Err(Reason::NotApplicable),
        }
    }
}
