//! Which files of an image are really used: programs that were run, files that were mapped to be
//! executed, modules that an interpreter loaded. Joined with the packages that files belong to it
//! says whether what is vulnerable is in use.
//!
//! [`Book`] takes that from events and from looks at processes, by container; [`ImageUse`] is what
//! comes of all containers of an image, with a [`Coverage`] that says how much was seen at all:
//! what was not seen in use is only said to be unused where that allows it.

mod book;
mod coverage;
mod file;
mod join;
mod paper;
mod sight;
pub mod wanted;

use std::collections::BTreeMap;

pub use book::{Book, BookStats};
pub use coverage::{Coverage, OBSERVED_SECONDS};
pub use file::{read, whole_since, write};
pub use join::FileIndex;
pub use paper::{Before, FILE, Paper};
pub use sight::{OF_MODULES, Sight};

use crate::container::Container;

/// How a file was used, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// An interpreter opened it.
    Opened,
    /// It was mapped to be executed.
    Mapped,
    /// It was run as a program, or as a script.
    Executed,
}

impl How {
    /// All of them, by their names.
    pub const ALL: [Self; 3] = [Self::Opened, Self::Mapped, Self::Executed];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Mapped => "mapped",
            Self::Executed => "executed",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.name() == name)
    }
}

/// The use of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// The most that was made of it.
    pub how: How,
    /// When that was seen first, nanoseconds since 1970; of what was only found mapped when it was
    /// found.
    pub first_ns: i64,
    /// And last.
    pub last_ns: i64,
    /// Root of the host did it at least once.
    pub by_root: bool,
}

/// Files that processes have which listen for others, each with where, as `443/tcp`.
pub type Exposed = BTreeMap<Vec<u8>, Vec<String>>;

impl Used {
    /// The use of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            how: self.how.max(other.how),
            first_ns: self.first_ns.min(other.first_ns),
            last_ns: self.last_ns.max(other.last_ns),
            by_root: self.by_root || other.by_root,
        }
    }
}

/// What is used of an image, or of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageUse {
    /// Name of the image, as far as it is known; `host` for the host.
    pub image: String,
    /// Its digest; of one without, the id of a container of it.
    pub key: String,
    /// How much was seen.
    pub coverage: Coverage,
    /// Files by their paths in the container.
    pub files: BTreeMap<Vec<u8>, Used>,
}

impl ImageUse {
    /// Nothing is known of what is used under a key.
    #[must_use]
    pub fn nothing(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    /// Why what was not seen may be in use all the same; nothing: then it is not.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        let is_watched = self.coverage.containers > 0;
        match (self.key == Container::HOST, is_watched) {
            (true, true) => Some("the host ran before it was watched".to_owned()),
            (true, false) => Some("the host was not watched".to_owned()),
            (false, _) => self.coverage.lacks(),
        }
    }

    /// Takes in what is known of other containers of it. Over the bound files are counted.
    pub fn join(&mut self, other: Self, files_max: usize) {
        self.coverage = self.coverage.and(other.coverage);
        if self.image.is_empty() {
            self.image = other.image;
        }
        for (path, used) in other.files {
            if let Some(own) = self.files.get_mut(&path) {
                *own = own.and(used);
            } else if self.files.len() < files_max {
                self.files.insert(path, used);
            } else {
                self.coverage.no_room = self.coverage.no_room.saturating_add(1);
            }
        }
    }
}

/// What is written of an image, or a container, under any of these keys.
#[must_use]
pub fn of(images: &[ImageUse], keys: &[&str]) -> Option<ImageUse> {
    let mut all = images.iter().filter(|it| keys.contains(&&*it.key)).cloned();
    let mut first = all.next()?;
    all.for_each(|it| first.join(it, usize::MAX));
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_host_it_is_said_in_plain_words() {
        let coverage = Coverage { containers: 1, since_ns: Some(1), ..Coverage::default() };
        let host = ImageUse { coverage, ..ImageUse::nothing(Container::HOST) };
        assert_eq!(host.lacks().as_deref(), Some("the host ran before it was watched"));
        let unwatched = ImageUse::nothing(Container::HOST).lacks();
        assert_eq!(unwatched.as_deref(), Some("the host was not watched"));
        assert!(ImageUse::nothing("sha256:1").lacks().is_some());
    }

    #[test]
    fn the_most_that_was_made_of_a_file_counts() {
        let one = Used { how: How::Mapped, first_ns: 5, last_ns: 9, by_root: false };
        let other = Used { how: How::Executed, first_ns: 3, last_ns: 7, by_root: true };
        let both = Used { how: How::Executed, first_ns: 3, last_ns: 9, by_root: true };
        assert_eq!((one.and(other), other.and(one)), (both, both));
    }
}
