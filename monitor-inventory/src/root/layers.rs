//! The layers of an overlay as one root, as the kernel merges them: an upper name hides a lower
//! one, a device of the number 0:0 takes one away, and an opaque directory all that is below it.
//!
//! Directories that were renamed (`redirect_dir`) are where their layer has them: no container
//! runtime makes such.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{FileType, OFlags, ResolveFlags, Stat as Raw, fstat, getxattr, readlinkat},
    io::Errno,
};

use super::{
    Files, Folder, Listing, RegularFile, Root, RootError, Stat,
    file::is_regular,
    folder::{capabilities_of, error_of, stat_of},
};
use crate::limits::{DIRECTORY_NAMES, KNOWN_DIRECTORIES};

/// Links that are followed on one way, as many as the kernel does.
const LINKS: usize = 40;

/// Who says that nothing below a directory is seen. The first one only root can read.
const OPAQUE: [&str; 2] = ["trusted.overlay.opaque", "user.overlay.opaque"];

/// The layers of a root.
pub struct Layers {
    /// The upper ones first.
    layers: Vec<Folder>,
    /// Of which layers a directory is made.
    known: RefCell<HashMap<PathBuf, Arc<[usize]>>>,
}

/// What a name in a directory is.
enum Found {
    /// A directory of these layers.
    Directory(Arc<[usize]>),
    /// A link, and where it leads.
    Link(OsString),
    /// Anything else, in one layer.
    Other(usize, Raw),
}

impl Layers {
    /// A root of layers, the upper ones first.
    #[must_use]
    pub fn new(layers: Vec<Folder>) -> Self {
        Self { layers, known: RefCell::default() }
    }

    /// Whether some layer has something at a path.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        self.resolve(path).is_ok()
    }

    fn open(&self, layer: usize, path: &Path) -> rustix::io::Result<OwnedFd> {
        let folder = self.layers.get(layer).ok_or(Errno::NOENT)?;
        folder.at(path, OFlags::PATH | OFlags::NOFOLLOW, ResolveFlags::empty())
    }

    /// What a name in a directory of some layers is. The path has no links.
    fn look(&self, parents: &[usize], path: &Path) -> Result<Found, RootError> {
        if let Some(of) = self.known.borrow().get(path) {
            return Ok(Found::Directory(Arc::clone(of)));
        }
        let mut of = Vec::new();
        for layer in parents {
            let opened = match self.open(*layer, path) {
                Ok(opened) => opened,
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                Err(error) => return Err(error_of(error)),
            };
            let raw = fstat(&opened).map_err(error_of)?;
            let kind = FileType::from_raw_mode(raw.st_mode);
            if is_whiteout(&raw) {
                break;
            }
            if kind != FileType::Directory {
                if !of.is_empty() {
                    break;
                }
                return Ok(match kind {
                    FileType::Symlink => Found::Link(target(&opened)?),
                    _ => Found::Other(*layer, raw),
                });
            }
            of.push(*layer);
            if is_opaque(&opened) {
                break;
            }
        }
        if of.is_empty() {
            return Err(RootError::NotFound);
        }
        let of: Arc<[usize]> = of.into();
        let mut known = self.known.borrow_mut();
        if known.len() >= KNOWN_DIRECTORIES {
            known.clear();
        }
        known.insert(path.to_owned(), Arc::clone(&of));
        Ok(Found::Directory(of))
    }

    /// What is at a path, and its way without links.
    fn resolve(&self, path: &Path) -> Result<(PathBuf, Found), RootError> {
        let top: Arc<[usize]> = (0..self.layers.len()).collect();
        let mut way: Vec<Arc<[usize]>> = vec![top];
        let mut done = PathBuf::new();
        let mut rest: Vec<OsString> = components(path);
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == OsStr::new("..") {
                if done.pop() {
                    way.pop();
                }
                continue;
            }
            let parents = way.last().cloned().ok_or(RootError::Broken)?;
            let next = done.join(&name);
            match self.look(&parents, &next)? {
                Found::Directory(of) => {
                    done = next;
                    way.push(of);
                }
                Found::Link(target) => {
                    links += 1;
                    if links > LINKS {
                        return Err(RootError::NotPermitted);
                    }
                    if Path::new(&target).is_absolute() {
                        done = PathBuf::new();
                        way.truncate(1);
                    }
                    rest.extend(components(Path::new(&target)));
                }
                other if rest.is_empty() => return Ok((next, other)),
                Found::Other(..) => return Err(RootError::NotFound),
            }
        }
        let of = way.pop().ok_or(RootError::Broken)?;
        Ok((done, Found::Directory(of)))
    }
}

/// The names of a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|it| match it {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}

fn is_whiteout(raw: &Raw) -> bool {
    FileType::from_raw_mode(raw.st_mode) == FileType::CharacterDevice && raw.st_rdev == 0
}

fn is_opaque(opened: &OwnedFd) -> bool {
    let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
    let mut value = [0; 1];
    OPAQUE.iter().any(|name| {
        getxattr(&path, *name, &mut value[..]).is_ok_and(|count| count == 1) && value == *b"y"
    })
}

fn target(opened: &OwnedFd) -> Result<OsString, RootError> {
    let target = readlinkat(opened, "", Vec::new()).map_err(error_of)?;
    Ok(OsStr::from_bytes(target.to_bytes()).to_owned())
}

impl Root for Layers {
    fn stat(&self, path: &Path) -> Result<Stat, RootError> {
        match self.resolve(path)? {
            (_, Found::Other(_, raw)) => Ok(stat_of(&raw)),
            (path, Found::Directory(of)) => {
                let layer = of.first().ok_or(RootError::NotFound)?;
                let opened = self.open(*layer, &path).map_err(error_of)?;
                Ok(stat_of(&fstat(opened).map_err(error_of)?))
            }
            (_, Found::Link(_)) => Err(RootError::NotFound),
        }
    }

    fn list(&self, directory: &Path) -> Result<Listing, RootError> {
        let (path, Found::Directory(of)) = self.resolve(directory)? else {
            return Err(RootError::OtherKind);
        };
        let mut seen = HashSet::new();
        let mut found = Listing::default();
        for layer in of.iter() {
            let Some(folder) = self.layers.get(*layer) else { continue };
            let listed = match folder.list(&path) {
                Ok(listed) => listed,
                Err(RootError::NotFound) => continue,
                Err(error) => return Err(error),
            };
            found.is_cut |= listed.is_cut;
            for entry in listed.entries {
                let is_new = of.len() == 1 || seen.insert(entry.name.clone());
                if !is_new {
                    continue;
                }
                // What is taken away is a device, and hides what is below all the same.
                if found.entries.len() >= DIRECTORY_NAMES {
                    found.is_cut = true;
                    return Ok(found);
                }
                found.entries.push(entry);
            }
        }
        Ok(found)
    }

    fn capabilities(&self, path: &Path) -> Result<Vec<u8>, RootError> {
        match self.resolve(path)? {
            (path, Found::Other(layer, _)) => {
                capabilities_of(&self.open(layer, &path).map_err(error_of)?)
            }
            _ => Err(RootError::OtherKind),
        }
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, RootError> {
        self.file(path)?.read_at(offset, length)
    }
}

impl Files for Layers {
    fn file(&self, path: &Path) -> Result<RegularFile, RootError> {
        let (path, Found::Other(layer, raw)) = self.resolve(path)? else {
            return Err(RootError::OtherKind);
        };
        if !is_regular(&raw) {
            return Err(RootError::OtherKind);
        }
        let folder = self.layers.get(layer).ok_or(RootError::NotFound)?;
        RegularFile::open(folder, &path, OFlags::NOFOLLOW)
    }
}
