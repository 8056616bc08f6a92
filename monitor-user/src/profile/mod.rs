//! Profiles: what containers of an image are expected to do, learned from what they did.
//!
//! `observe` says what an event tells, `learner` puts that into a [`Behaviour`] for each image,
//! with a [`Coverage`] that says how much was seen. `file` writes a profile for people to review,
//! and reads it, `shelf` keeps what the daemon learns; `drift` says what of an event an approved
//! profile does not expect, and `export` writes one in forms of those who can forbid the rest.

pub mod behaviour;
pub mod coverage;
pub mod diff;
pub mod differences;
pub mod drift;
pub mod export;
pub mod file;
pub mod learner;
pub mod net;
pub mod observe;
pub mod paths;
pub mod remark;
mod remembered;
pub mod shape;
pub mod shelf;
pub mod thing;
pub mod wanted;
pub mod workload;

pub use behaviour::Behaviour;
pub use coverage::Coverage;
pub use learner::Learner;
pub use thing::{NARROW_CALLS, Part, Thing};

/// What is done about what a profile does not expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is learned.
    #[default]
    Learn,
    /// It is counted and told of in sums.
    Shadow,
    /// It is alerted on.
    Alert,
}

impl Mode {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 3] =
        [("learn", Self::Learn), ("shadow", Self::Shadow), ("alert", Self::Alert)];

    /// How profiles and rules name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, mode)| *mode == self).map_or("learn", |(name, _)| name)
    }

    /// The mode of a name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, mode)| mode)
    }
}

/// Which containers a profile is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The image, as it was asked for.
    pub image: Box<str>,
    /// Its digest; None where nobody told it: then the reference alone counts.
    pub digest: Option<Box<str>>,
    /// The workload, as [`workload::of`] names it; None: whichever runs the image.
    pub workload: Option<Box<str>>,
}

/// Who says that a profile is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: Box<str>,
    /// On which day, as `2026-11-29`.
    pub on: Box<str>,
}

/// What containers of an image are expected to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What people call it: the name of its file.
    pub name: Box<str>,
    /// Which containers it is about.
    pub subject: Subject,
    /// What is done about what it does not expect.
    pub mode: Mode,
    /// Who approved it; without that it is never used.
    pub approved: Option<Approval>,
    /// How much was seen.
    pub coverage: Coverage,
    /// What is expected.
    pub behaviour: Behaviour,
}

impl Profile {
    /// What both expect: what replicas did. The first one's name, mode and subject stay; nobody has
    /// approved what comes of it.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut behaviour = self.behaviour.clone();
        let has_room = behaviour.merge(&other.behaviour);
        let is_same = behaviour == self.behaviour && behaviour == other.behaviour;
        let mut coverage = self.coverage.with(&other.coverage, is_same);
        coverage.no_room += u64::from(!has_room);
        Self { approved: None, coverage, behaviour, ..self.clone() }
    }
}
