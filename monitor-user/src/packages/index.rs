//! The paths of one root file system, with their packages.

use std::{borrow::Cow, collections::HashMap};

use monitor_inventory::{apk, diversions::Diversions, dpkg as lists};

use super::{DatabaseFile, dpkg};
use crate::{event::Reason, limits::PACKAGE_PATHS};

/// Directories that are links below `/usr` where that is merged; databases name them either way.
const MERGED: [&[u8]; 6] = [b"/bin/", b"/sbin/", b"/lib/", b"/lib32/", b"/lib64/", b"/libx32/"];

/// Of each path only a number is kept: it is made with a key that nobody who writes databases
/// knows, so that none can be made to look like another.
#[derive(Debug, Default)]
pub struct Index {
    keys: ahash::RandomState,
    packages: Vec<Box<str>>,
    paths: HashMap<u64, u32, ahash::RandomState>,
}

impl Index {
    /// Reads the files of databases.
    ///
    /// # Errors
    ///
    /// They name too many paths.
    pub fn of(files: &[DatabaseFile]) -> Result<Self, Reason> {
        let mut index = Self::default();
        let diverted = files.iter().find(|it| it.name == NAME_OF_DIVERSIONS);
        let diversions = diverted.map_or_else(
            || Ok(Diversions::default()),
            |it| Diversions::parse(&it.bytes).ok_or(Reason::TooLarge),
        )?;
        for DatabaseFile { name, bytes } in files {
            if name == root_name_of_apk() {
                let mut last = None;
                apk::each_file(bytes, |path, package| {
                    let number = match last {
                        Some(number)
                            if index.packages.last().is_some_and(|it| **it == *package) =>
                        {
                            number
                        }
                        _ => index.number(package),
                    };
                    last = Some(number);
                    index.insert(path, number);
                });
            } else if let Some(package) = dpkg::package_of(name) {
                let number = index.number(package);
                let each = |path: &[u8]| index.insert(diversions.place(path, package), number);
                match name.ends_with(".list") {
                    true => lists::each_of_list(bytes, each),
                    false => lists::each_of_digests(bytes, each),
                }
            }
            if index.paths.len() > PACKAGE_PATHS {
                return Err(Reason::TooLarge);
            }
        }
        Ok(index)
    }

    /// The package of a path.
    #[must_use]
    pub fn package(&self, path: &[u8]) -> Option<&str> {
        let number = self.paths.get(&self.key(path))?;
        self.packages.get(*number as usize).map(|name| &**name)
    }

    /// Whether there is no path at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn number(&mut self, package: &str) -> u32 {
        let number = u32::try_from(self.packages.len()).unwrap_or(u32::MAX);
        self.packages.push(package.into());
        number
    }

    fn insert(&mut self, path: &[u8], package: u32) {
        let key = self.key(path);
        // Over the bound one is enough to see so.
        if self.paths.len() <= PACKAGE_PATHS {
            self.paths.insert(key, package);
        }
    }

    fn key(&self, path: &[u8]) -> u64 {
        self.keys.hash_one(&*merged(path))
    }
}

/// What the file of apk's database is called here.
pub(super) const fn root_name_of_apk() -> &'static str {
    "installed"
}

/// What the file of dpkg's diversions is called here: no list of files is.
pub(super) const NAME_OF_DIVERSIONS: &str = "diversions";

/// A path as it is where `/usr` is merged.
fn merged(path: &[u8]) -> Cow<'_, [u8]> {
    match MERGED.iter().any(|directory| path.starts_with(directory)) {
        true => Cow::Owned([b"/usr", path].concat()),
        false => Cow::Borrowed(path),
    }
}
