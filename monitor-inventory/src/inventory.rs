//! Puts an inventory together: databases first, then what a walk finds.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    apk, dpkg,
    files::{self, Place},
    limits::{DATABASE_BYTES, DESCRIPTION_BYTES, PACKAGES, PROBLEMS},
    os_release::{self, OsRelease},
    package::{Kind, Package},
    root::{Bounded, Bounds, FileKind, Root, RootError},
    rpm, text, walk,
};

/// How a root is read.
pub struct Options<'o> {
    /// Says when there is no time left.
    pub is_late: &'o dyn Fn() -> bool,
    /// What may be read.
    pub bounds: Bounds,
    /// Directories that are not walked into: other file systems, and roots of containers.
    pub skip: Vec<PathBuf>,
    /// Whether packages of languages, and programs, are looked for: a walk through all of the root.
    pub walks: bool,
}

impl Options<'_> {
    /// All of a root, without haste.
    #[must_use]
    pub fn whole() -> Self {
        Self { is_late: &|| false, bounds: Bounds::default(), skip: Vec::new(), walks: true }
    }
}

/// What is installed in a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The operating system, where it says which one it is.
    pub os: Option<OsRelease>,
    /// The packages, by kind, name, version and path.
    pub packages: Vec<Package>,
    /// What was not read, or not all of it.
    pub problems: Vec<Problem>,
    /// Further problems, for which there was no room.
    pub more_problems: u64,
}

/// Something that was not read, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub path: Box<str>,
    /// What.
    pub kind: ProblemKind,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// A format that is not read.
    NotRead,
    /// It has parts that say nothing that can be read.
    Broken,
    /// There is more than is looked at.
    Cut,
    /// It is no regular file.
    OtherKind,
    /// It may not be opened.
    NotPermitted,
    /// It gives an error, or no answer.
    Unreadable,
    /// What was written last is in a log beside it, which is not read.
    Behind,
}

impl ProblemKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRead => "not_read",
            Self::Broken => "broken",
            Self::Cut => "cut",
            Self::OtherKind => "other_kind",
            Self::NotPermitted => "not_permitted",
            Self::Unreadable => "unreadable",
            Self::Behind => "behind",
        }
    }

    /// What it means.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::NotRead => "its format is not read",
            Self::Broken => "parts of it say nothing that can be read",
            Self::Cut => "there is more than is looked at",
            Self::OtherKind => "it is no regular file",
            Self::NotPermitted => "it may not be opened",
            Self::Unreadable => "it cannot be read",
            Self::Behind => "what was written last is in a log beside it, which is not read",
        }
    }
}

impl From<RootError> for ProblemKind {
    fn from(error: RootError) -> Self {
        match error {
            RootError::OtherKind => Self::OtherKind,
            RootError::TooLarge | RootError::UsedUp => Self::Cut,
            RootError::NotPermitted => Self::NotPermitted,
            RootError::NotFound | RootError::NoAnswer | RootError::Broken => Self::Unreadable,
        }
    }
}

/// An inventory that is being put together.
#[derive(Default)]
pub(crate) struct Collected {
    packages: Vec<Package>,
    problems: Vec<Problem>,
    more_problems: u64,
    is_full: bool,
}

impl Collected {
    pub(crate) fn package(&mut self, package: Package) {
        if self.packages.len() < PACKAGES {
            self.packages.push(package);
        } else if !std::mem::replace(&mut self.is_full, true) {
            let path = package.path;
            self.problem(Path::new(&*path), ProblemKind::Cut);
        }
    }

    pub(crate) fn problem(&mut self, path: &Path, kind: ProblemKind) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(Problem { path: text::path(path), kind });
        } else {
            self.more_problems += 1;
        }
    }
}

/// What is installed in a root.
#[must_use]
pub fn of(root: &dyn Root, options: &Options<'_>) -> Inventory {
    let root = Bounded::new(root, options.bounds, options.is_late);
    let mut collected = Collected::default();
    let os = os_release::read(&root).unwrap_or_else(|error| {
        collected.problem(Path::new("/etc/os-release"), error.into());
        None
    });
    databases(&root, &mut collected);
    if options.walks {
        walk::walk(&root, &options.skip, &mut collected);
    }
    let Collected { mut packages, mut problems, more_problems, .. } = collected;
    let key = |it: &Package| (it.kind, it.name.clone(), it.version.clone(), it.path.clone());
    packages.sort_by_cached_key(key);
    // A program can have a crate twice, with other features.
    packages.dedup();
    problems.sort();
    problems.dedup();
    let mut inventory = Inventory { os, packages, problems, more_problems };
    if options.walks {
        inventory.find_who_brought(&root);
    }
    inventory
}

/// Where the files of packages are: see [`files::each`].
///
/// # Errors
///
/// A database cannot be read any more.
pub fn of_files(
    root: &dyn Root,
    packages: &[Package],
    each: &mut dyn FnMut(usize, Place<'_>),
) -> Result<(), RootError> {
    files::each(root, packages, each)
}

impl Inventory {
    /// How many packages of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.packages.iter().filter(|package| package.kind == kind).count()
    }

    /// Looks which files of languages' packages are ones of the operating system.
    fn find_who_brought(&mut self, root: &dyn Root) {
        let mut wanted: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (at, package) in self.packages.iter().enumerate() {
            if !package.kind.is_of_os() {
                let path = package.path.split("!/").next().unwrap_or_default();
                wanted.entry(files::unmerged(path.as_bytes()).to_vec()).or_default().push(at);
            }
        }
        let of_os = self.packages.iter().filter(|package| package.kind.is_of_os());
        if wanted.is_empty() || of_os.count() == 0 {
            return;
        }
        let mut found: Vec<(usize, usize)> = Vec::new();
        let read = files::each(root, &self.packages, &mut |owner, place| {
            let is_of_os = self.packages.get(owner).is_some_and(|it| it.kind.is_of_os());
            if let Place::File(path) = place
                && is_of_os
                && let Some(all) = wanted.get(files::unmerged(path))
            {
                found.extend(all.iter().map(|at| (*at, owner)));
            }
        });
        for (at, owner) in found {
            let name = self.packages.get(owner).map(|owner| owner.name.clone());
            if let Some(package) = self.packages.get_mut(at) {
                package.brought_by = name;
            }
        }
        if let Err(error) = read {
            let path = "files of the packages".into();
            self.problems.push(Problem { path, kind: error.into() });
        }
    }
}

fn databases(root: &dyn Root, collected: &mut Collected) {
    if let Some(bytes) = database(root, dpkg::STATUS, collected) {
        parsed(dpkg::STATUS, collected, |path, each| dpkg::parse(&bytes, path, each));
    }
    status_directory(root, collected);
    for path in apk::PATHS {
        if let Some(bytes) = database(root, path, collected) {
            parsed(path, collected, |path, each| apk::parse(&bytes, path, each));
            // The other path can be a link to the same.
            break;
        }
    }
    for (path, log) in rpm::PATHS.into_iter().zip(rpm::PATHS_OF_LOG) {
        if is_there(root, path, collected) {
            of_rpm(root, path, log, collected);
            break;
        }
    }
    for path in rpm::UNREAD {
        if root.stat(Path::new(path)).is_ok_and(|stat| stat.size > 0) {
            collected.problem(&absolute(path), ProblemKind::NotRead);
        }
    }
}

fn absolute(path: &str) -> PathBuf {
    Path::new("/").join(path)
}

/// A database that is one file.
fn database(root: &dyn Root, path: &str, collected: &mut Collected) -> Option<Vec<u8>> {
    match root.read(Path::new(path), DATABASE_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(RootError::NotFound) => None,
        Err(error) => {
            collected.problem(&absolute(path), error.into());
            None
        }
    }
}

fn is_there(root: &dyn Root, path: &str, collected: &mut Collected) -> bool {
    match root.stat(Path::new(path)) {
        Ok(stat) if stat.kind == FileKind::File => true,
        Ok(_) => {
            collected.problem(&absolute(path), ProblemKind::OtherKind);
            false
        }
        Err(_) => false,
    }
}

fn parsed(
    path: &str,
    collected: &mut Collected,
    parse: impl FnOnce(&str, &mut dyn FnMut(Package)) -> usize,
) {
    let path = absolute(path);
    let shown = path.to_string_lossy();
    let broken = parse(&shown, &mut |package| collected.package(package));
    if broken > 0 {
        collected.problem(&path, ProblemKind::Broken);
    }
}

/// A file for each package, as images without a package manager have.
fn status_directory(root: &dyn Root, collected: &mut Collected) {
    let directory = absolute(dpkg::STATUS_DIRECTORY);
    let listing = match root.list(&directory) {
        Ok(listing) => listing,
        Err(RootError::NotFound) => return,
        Err(error) => return collected.problem(&directory, error.into()),
    };
    if listing.is_cut {
        collected.problem(&directory, ProblemKind::Cut);
    }
    let names = listing.entries.into_iter().map(|entry| entry.name);
    let is_package = |name: &std::ffi::OsString| !name.to_string_lossy().ends_with(".md5sums");
    let mut paths: Vec<PathBuf> = names.filter(is_package).map(|it| directory.join(it)).collect();
    paths.sort_unstable();
    for (path, bytes) in paths.iter().zip(root.read_each(&paths, DESCRIPTION_BYTES)) {
        match bytes {
            Ok(bytes) => {
                let shown = path.to_string_lossy();
                if dpkg::parse(&bytes, &shown, |package| collected.package(package)) > 0 {
                    collected.problem(path, ProblemKind::Broken);
                }
            }
            Err(error) => collected.problem(path, error.into()),
        }
    }
}

fn of_rpm(root: &dyn Root, path: &str, log: &str, collected: &mut Collected) {
    let shown = absolute(path);
    let pages = Pages::new(root, Path::new(path));
    let mut is_broken = false;
    let read = rpm::each_header(&pages, &mut |header| {
        let Some(header) = header.and_then(rpm::parse_header) else {
            is_broken = true;
            return;
        };
        if let Some(package) = rpm::package(&header, &shown.to_string_lossy()) {
            collected.package(package);
        }
    });
    let kind = match read {
        Ok(()) => ProblemKind::Broken,
        Err(rpm::SqliteError::Other | rpm::SqliteError::NoTable) => ProblemKind::NotRead,
        Err(rpm::SqliteError::Broken) => ProblemKind::Broken,
        Err(rpm::SqliteError::TooLarge) => ProblemKind::Cut,
        Err(rpm::SqliteError::Unread) => ProblemKind::Unreadable,
    };
    if is_broken || read.is_err() {
        collected.problem(&shown, kind);
    }
    if root.stat(Path::new(log)).is_ok_and(|stat| stat.size > 0) {
        collected.problem(&shown, ProblemKind::Behind);
    }
}

/// Bytes that are read of a database at once, and how often they are kept.
const PIECE_BYTES: u64 = 256 << 10;
const PIECES: usize = 64;

/// The pages of a database in a root.
pub(crate) struct Pages<'r> {
    root: &'r dyn Root,
    path: &'r Path,
    pieces: RefCell<HashMap<u64, Vec<u8>>>,
}

impl<'r> Pages<'r> {
    pub(crate) fn new(root: &'r dyn Root, path: &'r Path) -> Self {
        Self { root, path, pieces: RefCell::default() }
    }

    fn copy(&self, offset: u64, into: &mut Vec<u8>, length: usize) -> Option<usize> {
        let number = offset / PIECE_BYTES;
        let mut pieces = self.pieces.borrow_mut();
        if !pieces.contains_key(&number) {
            if pieces.len() >= PIECES {
                pieces.clear();
            }
            let length = usize::try_from(PIECE_BYTES).ok()?;
            let piece = self.root.read_at(self.path, number * PIECE_BYTES, length).ok()?;
            pieces.insert(number, piece);
        }
        let piece = pieces.get(&number)?;
        let rest = piece.get(usize::try_from(offset % PIECE_BYTES).ok()?..)?;
        let rest = rest.get(..rest.len().min(length))?;
        into.extend_from_slice(rest);
        (!rest.is_empty()).then_some(rest.len())
    }
}

impl rpm::ReadPages for Pages<'_> {
    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = offset.checked_add(bytes.len() as u64)?;
            let left = length - bytes.len();
            self.copy(at, &mut bytes, left)?;
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests;
