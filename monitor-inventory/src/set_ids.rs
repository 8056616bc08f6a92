//! Programs that run as their owner or with their group, or get capabilities by their file, whoever
//! starts them.

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
    /// The programs, in their order.
    pub files: Vec<SetId>,
    /// Not all could be looked at, or there are more than are kept.
    pub is_cut: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetId {
    /// Where it is.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// What is written of its capabilities, as it is there; nothing where it gets none.
    pub capabilities: Vec<u8>,
}

impl SetId {
    /// The program at a path; None where it is none of them.
    ///
    /// # Errors
    ///
    /// It cannot be seen whether it gets capabilities.
    pub fn of(root: &dyn Root, path: &Path, stat: Stat) -> Result<Option<Self>, RootError> {
        if !matches!(stat.kind, FileKind::File) || stat.mode & EXECUTABLE == 0 {
            return Ok(None);
        }
        let capabilities = match root.capabilities(path) {
            // It is one all the same.
            Err(_) if stat.mode & SET_IDS != 0 => Vec::new(),
            read => read?,
        };
        let is_one = stat.mode & SET_IDS != 0 || !capabilities.is_empty();
        Ok(is_one.then(|| Self { path: path.to_owned(), mode: stat.mode, capabilities }))
    }

    /// Whether it runs as its owner, or with its group.
    #[must_use]
    pub const fn changes_id(&self) -> bool {
        self.mode & SET_IDS != 0
    }
}

/// Looks for them in all of a root. No link is followed, and no file is opened to be read.
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
                    continue;
                }
                match SetId::of(root, &at, entry.stat) {
                    Ok(program) => program.into_iter().for_each(|it| found.put(it)),
                    // Gone by now.
                    Err(RootError::NotFound) => {}
                    Err(_) => found.is_cut = true,
                }
            }
        }
    }
    found.sorted()
}

impl SetIds {
    fn put(&mut self, program: SetId) {
        match self.files.len() < SET_ID_FILES {
            true => self.files.push(program),
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
    use crate::root::{Folder, Layers, Listing, tests::Scratch};

    /// A root of which no capabilities are told.
    struct Mute(Folder);

    impl Root for Mute {
        fn stat(&self, path: &Path) -> Result<Stat, RootError> {
            self.0.stat(path)
        }

        fn list(&self, directory: &Path) -> Result<Listing, RootError> {
            self.0.list(directory)
        }

        fn read_at(&self, path: &Path, from: u64, length: usize) -> Result<Vec<u8>, RootError> {
            self.0.read_at(path, from, length)
        }
    }

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
        let expected = expected.map(|(path, mode)| SetId {
            path: PathBuf::from(path),
            mode,
            capabilities: Vec::new(),
        });
        assert_eq!(found, SetIds { files: expected.to_vec(), is_cut: false });
        // Whose mode tells is one, whatever else is not told; of others it is not known.
        let found = of(&Mute(Folder::open(root).unwrap()));
        assert_eq!(found, SetIds { files: expected.to_vec(), is_cut: true });
    }

    /// Only root may write them.
    #[test]
    fn programs_that_get_capabilities_are_found_in_roots_of_each_sort() {
        let scratch = Scratch::new("capabilities");
        let root = scratch.path();
        let value: Vec<u8> =
            [0x0200_0001_u32, 1 << 13, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect();
        for (path, mode) in [("bin/ping", 0o755), ("bin/ls", 0o755), ("bin/data", 0o644)] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let flags = rustix::fs::XattrFlags::empty();
        for path in ["bin/ping", "bin/data"] {
            let name = "security.capability";
            if rustix::fs::setxattr(root.join(path), name, &value, flags).is_err() {
                return;
            }
        }
        std::os::unix::fs::symlink("/bin/ping", root.join("link")).unwrap();
        let layers = Layers::new(vec![Folder::open(root).unwrap()]);
        let folder = Folder::open(root).unwrap();
        for root in [&folder as &dyn Root, &layers] {
            let found = of(root);
            let [ping] = &found.files[..] else { panic!("{found:?}") };
            assert_eq!((&*ping.path, ping.changes_id()), (Path::new("/bin/ping"), false));
            assert_eq!((&ping.capabilities, found.is_cut), (&value, false));
            assert_eq!(root.capabilities(Path::new("/link")), Ok(value.clone()));
            assert_eq!(root.capabilities(Path::new("/bin/ls")), Ok(Vec::new()));
            assert_eq!(root.capabilities(Path::new("/gone")), Err(RootError::NotFound));
        }
    }
}
