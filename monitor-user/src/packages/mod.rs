//! To which package of its root file system an executed file belongs: `root` finds the databases of
//! package managers, in the layers that an image brought where there are such, `monitor-inventory`
//! reads them, and `index` knows the paths of one root. `opened` hands a whole root out, of
//! which `inventory` makes one.
//!
//! Root in a container can write what it likes into the database that it sees. So the layers below
//! the one that it writes to are read, and it is told whether it has changed the database since.

mod dpkg;
mod index;
pub mod inventory;
mod opened;
mod root;
mod task;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc};

use crate::{
    enrich::hashes::FileKey,
    event::{Fact, FactSource, Reason},
    limits::PACKAGE_INDEXES,
};
pub use index::Index;
pub use opened::{Here, Reading, RootTold, Roots};
pub(crate) use opened::{Opened, open};
pub(crate) use root::upper;
pub use root::{DatabaseFile, Direct};
pub use task::PackageTask;

/// A question: to which package does this file belong?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageQuestion {
    /// The file.
    pub key: FileKey,
    /// Magic number of its file system.
    pub magic: u32,
    /// Its path in its root.
    pub path: Box<[u8]>,
    /// The process that runs it, and then its ancestors: who may see it if the process is gone.
    pub viewers: Vec<u32>,
    /// When its container was started, nanoseconds since 1970; None on the host.
    pub since_ns: Option<i64>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageAnswer {
    /// The file.
    pub key: FileKey,
    /// What it belongs to.
    pub package: Fact<Arc<Belonging>>,
}

/// To what a file belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belonging {
    /// The package; None: to none.
    pub name: Option<Box<str>>,
    /// Whether the database was changed since the container's start.
    pub is_database_changed: bool,
}

/// What is found of the databases of a root file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Databases {
    /// What tells them from others, and from what they were before.
    pub fingerprint: u64,
    /// Whether they were changed since the container's start.
    pub is_changed: bool,
    /// Whether there is one that is not read, as that of rpm.
    pub has_unread: bool,
    /// Their files; None where who asks has them.
    pub files: Option<Vec<DatabaseFile>>,
}

/// Who finds them.
pub trait Find: Send {
    /// The databases of the root that a file is in. Files of those with one of these fingerprints
    /// are not wanted.
    ///
    /// # Errors
    ///
    /// There is no way to them.
    fn find(&mut self, question: &PackageQuestion, known: &[u64]) -> Result<Databases, Reason>;
}

/// Answers questions: many containers have one image, so that what was read stays for a while.
pub struct Librarian {
    find: Box<dyn Find>,
    /// By fingerprint, the one that was used last behind all others.
    indexes: VecDeque<(u64, Arc<Index>)>,
}

impl Librarian {
    /// One that has read nothing yet.
    #[must_use]
    pub fn new(find: Box<dyn Find>) -> Self {
        Self { find, indexes: VecDeque::new() }
    }

    /// To what a file belongs.
    pub fn answer(&mut self, question: &PackageQuestion) -> PackageAnswer {
        let package = match self.belonging(question) {
            Ok(belonging) => Fact::Known(Arc::new(belonging), FactSource::File),
            Err(reason) => Fact::Unknown(reason),
        };
        PackageAnswer { key: question.key, package }
    }

    fn belonging(&mut self, question: &PackageQuestion) -> Result<Belonging, Reason> {
        let known: Vec<u64> = self.indexes.iter().map(|(fingerprint, _)| *fingerprint).collect();
        let found = self.find.find(question, &known)?;
        let index = match found.files {
            Some(files) => Arc::new(Index::of(&files)?),
            None => {
                let place = known.iter().position(|it| *it == found.fingerprint);
                let place = place.and_then(|place| self.indexes.remove(place));
                place.ok_or(Reason::NoAnswer)?.1
            }
        };
        let name = index.package(&question.path).map(Into::into);
        let is_empty = index.is_empty();
        self.indexes.push_back((found.fingerprint, index));
        while self.indexes.len() > PACKAGE_INDEXES {
            self.indexes.pop_front();
        }
        match name {
            None if found.has_unread => Err(Reason::NotRead),
            None if is_empty => Err(Reason::NoDatabase),
            name => Ok(Belonging { name, is_database_changed: found.is_changed }),
        }
    }
}
