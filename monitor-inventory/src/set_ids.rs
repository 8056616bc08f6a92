//! Programs that run as their owner or with their group, whoever starts them.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use crate::{
    limits::{DEPTH, SET_ID_FILES, WAITING_DIRECTORIES},
    root::{FileKind, Root, RootError, Stat},
};

/// The bits that say so, of owner and group.
const SET_IDS: u32 = 0o6000;

/// Permissions to execute.
const EXECUTABLE: u32 = 0o111;

/// Below these are other file systems.
const SKIPPED: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Directories that are asked about at once.
const AT_ONCE: usize = 64;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetIds {
    /// The programs, in their order, and the permissions of each.
    pub files: Vec<(PathBuf, u32)>,
    /// Not all could be looked at, or there are more than are kept.
    pub is_cut: bool,
}

/// Whether it is such a program.
#[must_use]
pub const fn is_one(stat: Stat) -> bool {
    matches!(stat.kind, FileKind::File) && stat.mode & SET_IDS != 0 && stat.mode & EXECUTABLE != 0
}

/// Looks for them in all of a root. No link is followed, and nothing is opened but directories.
#[must_use]
pub fn of(root: &dyn Root) -> SetIds {
    let mut found = SetIds::default();
    let mut waiting = VecDeque::from([(PathBuf::from("/"), 0)]);
    while !waiting.is_empty() {
        let batch: Vec<_> = waiting.drain(..waiting.len().min(AT_ONCE)).collect();
        let (paths, depths): (Vec<PathBuf>, Vec<usize>) = batch.into_iter().unzip();
        for ((path, depth), listed) in paths.iter().zip(depths).zip(root.list_each(&paths)) {
            let listing = match listed {
                Ok(listing) => listing,
                // Gone by now, or another file system.
                Err(RootError::NotFound | RootError::OtherKind | RootError::NotPermitted) => {
                    continue;
                }
                Err(RootError::UsedUp) => {
                    found.is_cut = true;
                    return found.sorted();
                }
                Err(_) => {
                    found.is_cut = true;
                    continue;
                }
            };
            found.is_cut |= listing.is_cut;
            for entry in listing.entries {
                let at = path.join(&entry.name);
                if entry.stat.kind == FileKind::Directory {
                    let is_far = depth >= DEPTH || waiting.len() >= WAITING_DIRECTORIES;
                    let is_other = SKIPPED.iter().any(|skipped| at == Path::new(skipped));
                    found.is_cut |= is_far;
                    if !is_far && !is_other {
                        waiting.push_back((at, depth + 1));
                    }
                } else if is_one(entry.stat) {
                    found.put(at, entry.stat.mode);
                }
            }
        }
    }
    found.sorted()
}

impl SetIds {
    fn put(&mut self, path: PathBuf, mode: u32) {
        match self.files.len() < SET_ID_FILES {
            true => self.files.push((path, mode)),
            false => self.is_cut = true,
        }
    }

    fn sorted(mut self) -> Self {
        self.files.sort_unstable();
        self
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::root::{Folder, tests::Scratch};

    #[test]
    fn programs_that_become_another_user_are_found_and_nothing_else() {
        let scratch = Scratch::new("set-ids");
        let root = scratch.path();
        for (path, mode) in [
            ("usr/bin/su", 0o4755),
            ("usr/bin/wall", 0o2755),
            ("usr/bin/ls", 0o755),
            ("usr/share/doc/hidden", 0o4711),
            ("etc/locked", 0o2644),
            ("proc/1/su", 0o4755),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(root.join("usr/share"), fs::Permissions::from_mode(0o2755)).unwrap();
        std::os::unix::fs::symlink("/usr/bin", root.join("bin")).unwrap();
        let found = of(&Folder::open(root).unwrap());
        let expected =
            [("/usr/bin/su", 0o4755), ("/usr/bin/wall", 0o2755), ("/usr/share/doc/hidden", 0o4711)];
        let expected = expected.map(|(path, mode)| (PathBuf::from(path), mode));
        assert_eq!(found, SetIds { files: expected.to_vec(), is_cut: false });
    }
}
