//! Walks through a root for what no database lists: programs, and packages of languages. No link
//! is followed, and each directory is looked at once.

use std::{
    collections::{HashSet, VecDeque},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    binary::{self, Seen},
    cargo_auditable, go,
    inventory::{Collected, ProblemKind},
    java,
    limits::{DEPTH, DESCRIPTION_BYTES, WAITING_DIRECTORIES},
    node, python,
    root::{Entry, FileKind, Root, RootError},
    text, wanted,
};

/// Directories that hold no packages of languages, and many names. Below the first ones are other
/// file systems.
const SKIPPED: [&str; 18] = [
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/boot",
    "/lib/modules",
    "/lib/firmware",
    "/usr/include",
    "/usr/lib/firmware",
    "/usr/lib/modules",
    "/usr/share/doc",
    "/usr/share/i18n",
    "/usr/share/icons",
    "/usr/share/locale",
    "/usr/share/man",
    "/usr/share/zoneinfo",
    "/var/lib/apt/lists",
    "/var/lib/dpkg",
];

/// Directories, and files, that are asked about at once.
const AT_ONCE: usize = 64;

/// The least bytes of a program.
const PROGRAM_BYTES_MIN: u64 = 64;

/// Permissions to execute.
const EXECUTABLE: u32 = 0o111;

/// A directory that waits, and how deep it is.
type Waiting = VecDeque<(PathBuf, usize)>;

/// What was found and is still to be read.
#[derive(Default)]
struct Found {
    descriptions: Vec<PathBuf>,
    archives: Vec<(PathBuf, u64)>,
    programs: Vec<(PathBuf, u64)>,
}

/// Walks through a root.
pub(crate) fn walk(root: &dyn Root, skip: &[PathBuf], collected: &mut Collected) {
    let skipped = SKIPPED.iter().map(OsStr::new).chain(skip.iter().map(|it| it.as_os_str()));
    let skipped: HashSet<&OsStr> = skipped.collect();
    let mut waiting = Waiting::from([(PathBuf::from("/"), 0)]);
    while !waiting.is_empty() {
        let batch: Vec<_> = waiting.drain(..waiting.len().min(AT_ONCE)).collect();
        let (paths, depths): (Vec<PathBuf>, Vec<usize>) = batch.into_iter().unzip();
        let mut found = Found::default();
        for ((path, depth), listed) in paths.iter().zip(depths).zip(root.list_each(&paths)) {
            let listing = match listed {
                Ok(listing) => listing,
                Err(RootError::UsedUp) => {
                    // What is still to come would be refused the same.
                    collected.problem(path, ProblemKind::Cut);
                    return;
                }
                // Gone by now, or another file system.
                Err(RootError::NotFound | RootError::OtherKind) => continue,
                Err(error) => {
                    collected.problem(path, error.into());
                    continue;
                }
            };
            if listing.is_cut {
                collected.problem(path, ProblemKind::Cut);
            }
            let place = Place::of(path);
            let mut entries = listing.entries;
            entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            for entry in entries {
                if entry.stat.kind == FileKind::Directory {
                    let at = path.join(&entry.name);
                    enter(at, depth + 1, &skipped, &mut waiting, collected);
                } else {
                    found.take(place, path, &entry);
                }
            }
        }
        found.read(root, collected);
    }
}

fn enter(
    at: PathBuf,
    depth: usize,
    skipped: &HashSet<&OsStr>,
    waiting: &mut Waiting,
    collected: &mut Collected,
) {
    if skipped.contains(at.as_os_str()) {
        return;
    }
    if depth > DEPTH || waiting.len() >= WAITING_DIRECTORIES {
        collected.problem(&at, ProblemKind::Cut);
        return;
    }
    waiting.push_back((at, depth));
}

impl Found {
    fn take(&mut self, place: Place, directory: &Path, entry: &Entry) {
        let name = entry.name.to_str().unwrap_or_default();
        // Most files are nothing of this: their paths are not put together.
        let at = || directory.join(&entry.name);
        // A description that is no file is told: somebody put it there.
        if place.describes(name) {
            self.descriptions.push(at());
            return;
        }
        if entry.stat.kind != FileKind::File {
            return;
        }
        if java::is_archive(name) {
            self.archives.push((at(), entry.stat.size));
        } else if entry.stat.mode & EXECUTABLE != 0 && entry.stat.size >= PROGRAM_BYTES_MIN {
            self.programs.push((at(), entry.stat.size));
        }
    }

    fn read(self, root: &dyn Root, collected: &mut Collected) {
        for paths in self.descriptions.chunks(AT_ONCE) {
            let read = root.read_each(paths, DESCRIPTION_BYTES);
            for (path, bytes) in paths.iter().zip(read) {
                describe(path, bytes, collected);
            }
        }
        for (path, size) in &self.archives {
            archive(root, path, *size, collected);
        }
        for files in self.programs.chunks(AT_ONCE) {
            programs(root, files, collected);
        }
    }
}

/// Which descriptions of packages can be in a directory.
#[derive(Clone, Copy, Debug)]
struct Place {
    is_wheel: bool,
    is_egg: bool,
    has_eggs: bool,
    is_module: bool,
}

impl Place {
    fn of(directory: &Path) -> Self {
        let mut names = directory.iter().rev().map(|name| name.to_str().unwrap_or_default());
        let [own, above, scope] = [(); 3].map(|()| names.next().unwrap_or_default());
        let is_python = |name: &str| python::PLACES.contains(&name);
        Self {
            is_wheel: own.ends_with(".dist-info") && is_python(above),
            is_egg: own.ends_with(".egg-info") && is_python(above),
            has_eggs: is_python(own),
            is_module: above == node::PLACE || above.starts_with('@') && scope == node::PLACE,
        }
    }

    /// Whether a file of this name in it describes a package.
    fn describes(self, name: &str) -> bool {
        match name {
            "METADATA" => self.is_wheel,
            "PKG-INFO" => self.is_egg,
            "package.json" => self.is_module,
            name => self.has_eggs && name.ends_with(".egg-info"),
        }
    }
}

fn describe(path: &Path, bytes: Result<Vec<u8>, RootError>, collected: &mut Collected) {
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return collected.problem(path, error.into()),
    };
    let shown = text::path(path);
    let is_node = path.file_name().is_some_and(|name| name == "package.json");
    let package = if is_node { node::parse(&bytes, &shown) } else { python::parse(&bytes, &shown) };
    match package {
        Some(package) => collected.package(package),
        // What is only a part of a package has no name or version.
        None if is_node => {}
        None => collected.problem(path, ProblemKind::Broken),
    }
}

fn archive(root: &dyn Root, path: &Path, size: u64, collected: &mut Collected) {
    let bytes = |offset: u64, length: usize| {
        let bytes = root.read_at(path, offset, length).ok()?;
        (bytes.len() == length).then_some(bytes)
    };
    let told =
        java::parse_by(&bytes, size, &text::path(path), &mut |package| collected.package(package));
    if told.is_broken {
        collected.problem(path, ProblemKind::Broken);
    }
    if told.is_cut {
        collected.problem(path, ProblemKind::Cut);
    }
}

/// Reads those of these files that are programs; what tells where their sections are is read of all
/// at once.
fn programs(root: &dyn Root, files: &[(PathBuf, u64)], collected: &mut Collected) {
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
    let (mut asked, mut seen) = (Vec::new(), Vec::new());
    for ((path, size), head) in files.iter().zip(root.heads(&paths, wanted::HEAD_BYTES)) {
        match head {
            Ok(head) if wanted::is_program(&head) => {
                asked.push((path.clone(), binary::table(&head)));
                seen.push((*size, head));
            }
            Ok(_) | Err(RootError::NotFound | RootError::OtherKind) => {}
            Err(error) => collected.problem(path, error.into()),
        }
    }
    let tables = root.pieces(&asked, binary::TABLE_BYTES);
    for (((path, begin), (size, head)), table) in asked.iter().zip(seen).zip(tables) {
        match table {
            Ok(table) => {
                let seen = Seen { size, head, table: (*begin, table) };
                program(root, path, seen, collected);
            }
            Err(error) => collected.problem(path, error.into()),
        }
    }
}

fn program(root: &dyn Root, path: &Path, seen: Seen, collected: &mut Collected) {
    let names = [go::SECTION, cargo_auditable::SECTION];
    let mut sections = match binary::sections(root, path, seen, &names) {
        Ok(sections) => sections.into_iter(),
        Err(error) => return collected.problem(path, error.into()),
    };
    let (of_go, of_cargo) = (sections.next().flatten(), sections.next().flatten());
    let shown = text::path(path);
    let mut each = |package| collected.package(package);
    let is_read = of_go.is_none_or(|section| go::parse(&section, &shown, &mut each));
    let is_read =
        of_cargo.is_none_or(|it| cargo_auditable::parse(&it, &shown, &mut each)) && is_read;
    if !is_read {
        collected.problem(path, ProblemKind::NotRead);
    }
}
