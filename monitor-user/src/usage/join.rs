//! Files that are used, joined with the packages that they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use monitor_inventory::{
    Package,
    files::{Place, unmerged},
    root::{Root, RootError},
};

use super::{
    Exposed, Used,
    sight::{self, Sight, Sort},
};
use crate::limits::JOINED_PATHS;

/// Whose the files of one root are. Of each path only a number is kept, made with a key that nobody
/// who writes databases knows.
#[derive(Debug, Default)]
pub struct FileIndex {
    keys: ahash::RandomState,
    files: HashMap<u64, u32, ahash::RandomState>,
    below: HashMap<u64, u32, ahash::RandomState>,
    /// Packages that are in a program or an archive, with as many others as were put into it.
    within: HashMap<u64, Vec<u32>, ahash::RandomState>,
    /// How many these are.
    parts: usize,
    /// By package, whether a use of it would be seen.
    sights: Vec<Sight>,
    /// Not all paths found room.
    pub is_cut: bool,
}

impl FileIndex {
    /// Reads whose files are whose.
    ///
    /// # Errors
    ///
    /// A database cannot be read any more.
    pub fn of(root: &dyn Root, packages: &[Package]) -> Result<Self, RootError> {
        let mut index = Self::default();
        monitor_inventory::of_files(root, packages, &mut |at, place| {
            index.insert(at, place);
        })?;
        Ok(index)
    }

    /// Paths whose package is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len() + self.below.len() + self.parts
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(&mut self, at: usize, place: Place<'_>) {
        if self.len() >= JOINED_PATHS {
            self.is_cut = true;
            return;
        }
        self.note_sight(at, place);
        let Ok(at) = u32::try_from(at) else { return };
        match place {
            Place::File(path) => {
                let key = self.key(path);
                // Directories are in several packages' lists, programs in one.
                self.files.entry(key).or_insert(at);
            }
            Place::Within(path) => {
                let key = self.key(path);
                self.within.entry(key).or_default().push(at);
                self.parts += 1;
            }
            Place::Below(path) if !path.is_empty() => {
                let key = self.key(path);
                self.below.entry(key).or_insert(at);
            }
            Place::Below(_) => {}
        }
    }

    /// Notes of which sort a file of a package is.
    fn note_sight(&mut self, at: usize, place: Place<'_>) {
        let sort = match place {
            Place::File(path) => sight::of(path),
            // What is a program, or a library, is all that there is of these.
            Place::Within(_) => Some(Sort::Code),
            Place::Below(_) => None,
        };
        let Some(sort) = sort else { return };
        if self.sights.len() <= at {
            self.sights.resize(at + 1, Sight::default());
        }
        if let Some(sight) = self.sights.get_mut(at) {
            sight.note(sort);
        }
    }

    /// Whether a use of a package would be seen.
    #[must_use]
    pub fn sight(&self, package: usize) -> Sight {
        self.sights.get(package).copied().unwrap_or_default()
    }

    fn key(&self, path: &[u8]) -> u64 {
        self.keys.hash_one(unmerged(path))
    }

    /// The packages that a file belongs to: that of the operating system, and those of languages.
    fn owners(&self, path: &[u8]) -> impl Iterator<Item = usize> {
        let key = self.key(path);
        let own = self.files.get(&key).copied();
        let within = self.within.get(&key).into_iter().flatten().copied();
        let ends = path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0);
        let above = ends.filter_map(|(at, _)| self.below.get(&self.key(path.get(..at)?)).copied());
        let all = own.into_iter().chain(within).chain(above.collect::<Vec<_>>());
        all.filter_map(|at| usize::try_from(at).ok())
    }

    /// What is made of each of so many packages, by the files that are used.
    #[must_use]
    pub fn uses(&self, files: &BTreeMap<Vec<u8>, Used>, packages: usize) -> Vec<Option<Used>> {
        let mut uses: Vec<Option<Used>> = vec![None; packages];
        for (path, used) in files {
            for at in self.owners(path) {
                if let Some(known) = uses.get_mut(at) {
                    *known = Some(known.map_or(*used, |known| known.and(*used)));
                }
            }
        }
        uses
    }

    /// Where the processes listen that use each of so many packages, by the files that they have.
    #[must_use]
    pub fn exposed(&self, files: &Exposed, packages: usize) -> Vec<BTreeSet<String>> {
        let mut all = vec![BTreeSet::new(); packages];
        for (path, ports) in files {
            for at in self.owners(path) {
                if let Some(known) = all.get_mut(at) {
                    known.extend(ports.iter().cloned());
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::How;

    #[test]
    fn a_file_is_of_its_package_wherever_usr_is_merged() {
        let mut index = FileIndex::default();
        index.insert(0, Place::File(b"/lib/x86_64-linux-gnu/libssl.so.3"));
        index.insert(1, Place::File(b"/usr/bin/python3.11"));
        index.insert(2, Place::Below(b"/usr/lib/python3/dist-packages/yaml"));
        let used = |how| Used { how, first_ns: 1, last_ns: 1, by_root: false };
        let files = [
            ("/usr/lib/x86_64-linux-gnu/libssl.so.3", How::Mapped),
            ("/usr/lib/python3/dist-packages/yaml/__init__.py", How::Opened),
            ("/usr/lib/python3/dist-packages/yamllint/__init__.py", How::Opened),
            ("/usr/lib/x86_64-linux-gnu/libssl.so.3.1", How::Mapped),
        ];
        let files = files.map(|(path, how)| (path.as_bytes().to_vec(), used(how))).into();
        let uses: Vec<_> = index.uses(&files, 4).iter().map(|it| it.map(|it| it.how)).collect();
        assert_eq!(uses, [Some(How::Mapped), None, Some(How::Opened), None]);
    }

    #[test]
    fn packages_are_told_apart_by_whether_their_use_is_seen() {
        let mut index = FileIndex::default();
        index.insert(1, Place::File(b"/usr/bin/curl"));
        index.insert(2, Place::File(b"/usr/share/perl5/IO/Zlib.pm"));
        index.insert(2, Place::File(b"/usr/bin/pl2pm"));
        index.insert(3, Place::File(b"/usr/share/zoneinfo/UTC"));
        index.insert(4, Place::Within(b"/opt/agent"));
        let lacks: Vec<bool> = (0..6).map(|at| index.sight(at).lacks().is_some()).collect();
        assert_eq!(lacks, [true, false, true, true, false, true]);
    }

    #[test]
    fn what_listens_exposes_the_packages_whose_files_it_has() {
        let mut index = FileIndex::default();
        index.insert(0, Place::File(b"/usr/sbin/sshd"));
        index.insert(1, Place::File(b"/usr/lib/libcrypto.so.3"));
        index.insert(2, Place::File(b"/usr/bin/bash"));
        let at = |path: &str, ports: &[&str]| {
            (path.as_bytes().to_vec(), ports.iter().map(|it| (*it).to_owned()).collect())
        };
        let files = [
            at("/usr/sbin/sshd", &["22/tcp"]),
            at("/lib/libcrypto.so.3", &["22/tcp", "443/tcp"]),
            at("/opt/own", &["80/tcp"]),
        ];
        let exposed = index.exposed(&files.into(), 3);
        let exposed: Vec<String> =
            exposed.into_iter().map(|it| it.into_iter().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(exposed, ["22/tcp", "22/tcp 443/tcp", ""]);
    }

    #[test]
    fn who_runs_a_program_runs_all_that_it_was_built_of() {
        let mut index = FileIndex::default();
        index.insert(0, Place::File(b"/usr/bin/containerd"));
        for module in 1..4 {
            index.insert(module, Place::Within(b"/usr/bin/containerd"));
        }
        index.insert(4, Place::Within(b"/usr/bin/runc"));
        let used = Used { how: How::Executed, first_ns: 1, last_ns: 1, by_root: false };
        let uses = index.uses(&[(b"/usr/bin/containerd".to_vec(), used)].into(), 5);
        assert_eq!(uses, [Some(used), Some(used), Some(used), Some(used), None]);
    }
}
