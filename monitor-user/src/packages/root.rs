//! Finds the databases of package managers in a root file system, and reads their files; it parses
//! none of them. Everything there may be hostile: nothing is opened but regular files, links lead
//! nowhere outside of the layer, and bytes, files and time have bounds.

use std::{
    collections::HashSet,
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use monitor_inventory::{
    dpkg,
    root::{Folder, Root as _, RootError},
};
use rustix::io::Errno;

use super::{
    Databases, Find, PackageQuestion,
    index::{NAME_OF_DIVERSIONS, root_name_of_apk},
};
use crate::{
    event::Reason,
    limits::{MOUNTS_BYTES, PACKAGE_BYTES, PACKAGE_FILES, PACKAGE_LAYERS},
};

/// How long the databases of one root may take to read.
const PATIENCE: Duration = Duration::from_secs(3);

/// Directories with a file for each package.
const DIRECTORIES: [(&str, &[&str]); 2] =
    [("var/lib/dpkg/info", &[".list"]), ("var/lib/dpkg/status.d", &[".md5sums"])];

/// Databases that are one file, and what they are called here.
const FILES: [(&str, &str); 3] = [
    ("lib/apk/db/installed", root_name_of_apk()),
    ("usr/lib/apk/db/installed", root_name_of_apk()),
    (dpkg::DIVERSIONS, NAME_OF_DIVERSIONS),
];

/// Databases that are not read.
const UNREAD: [&str; 7] = [
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
    "var/lib/pacman/local",
];

/// What else shows that a database was written to.
const STATUS: &str = "var/lib/dpkg/status";

/// What types of file systems begin with that a program of anybody's serves.
const FUSE: &str = "fuse";

/// A file of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFile {
    /// Its name, without its directory.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Looks in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct;

impl Find for Direct {
    fn find(&mut self, question: &PackageQuestion, known: &[u64]) -> Result<Databases, Reason> {
        let (pid, root) = viewer(question)?;
        match layers(pid)? {
            Some(layers) => layers.databases(known),
            // A host can have its databases on a file system of their own; who mounts something
            // there in a container hides them.
            None if question.since_ns.is_none() => merged(&root, None, known),
            None => merged(&root.without_mounts(), question.since_ns, known),
        }
    }
}

/// Who sees the file at its path, and its root.
fn viewer(question: &PackageQuestion) -> Result<(u32, Folder), Reason> {
    let mut why = Reason::Gone;
    for pid in &question.viewers {
        let root = match Folder::open(Path::new(&format!("/proc/{pid}/root"))) {
            Ok(root) => root,
            Err(Errno::ACCESS | Errno::PERM) => {
                why = Reason::NotPermitted;
                continue;
            }
            Err(_) => continue,
        };
        let path = Path::new(std::ffi::OsStr::from_bytes(&question.path));
        let file = root.remembered(path);
        let is_it = file.is_ok_and(|stat| stat.st_ino == question.key.inode);
        if is_it {
            return Ok((*pid, root));
        }
    }
    Err(why)
}

/// The layers of an overlay, as the host has them.
pub(super) struct Layers {
    /// Those that nobody writes to, the upper ones first.
    pub(super) lower: Vec<PathBuf>,
    /// The one that the container writes to.
    pub(super) upper: Option<PathBuf>,
}

/// The layers of a process's root; None where it is no overlay whose layers can be found.
pub(super) fn layers(pid: u32) -> Result<Option<Layers>, Reason> {
    let mut text = Vec::new();
    let mounts = File::open(format!("/proc/{pid}/mountinfo")).map_err(|_gone| Reason::Gone)?;
    mounts.take(MOUNTS_BYTES).read_to_end(&mut text).map_err(|_gone| Reason::Gone)?;
    let text = String::from_utf8_lossy(&text);
    let Some((kind, options)) = root_mount(&text) else { return Ok(None) };
    if kind.starts_with(FUSE) {
        return Err(Reason::Remote);
    }
    Ok((kind == "overlay").then(|| layers_of(options)).flatten())
}

/// What the container of a process itself wrote, where that is in a layer of its own.
pub(crate) fn upper(pid: u32) -> Result<Option<Folder>, Reason> {
    let upper = layers(pid)?.and_then(|it| it.upper);
    upper.map(|path| of_host(&path)).transpose()
}

/// The type and options of what is mounted at the root: of several the last.
pub(super) fn root_mount(text: &str) -> Option<(&str, &str)> {
    text.lines().rev().find_map(|line| {
        let (mount, of_fs) = line.split_once(" - ")?;
        let is_root = mount.split(' ').nth(4) == Some("/");
        let mut words = of_fs.split(' ');
        let (kind, _source, options) = (words.next()?, words.next()?, words.next()?);
        is_root.then_some((kind, options))
    })
}

/// Layers by the options of an overlay; None where not all of them have whole paths.
fn layers_of(options: &str) -> Option<Layers> {
    let mut layers = Layers { lower: Vec::new(), upper: None };
    for option in options.split(',') {
        match option.split_once('=') {
            // What is data only has no names.
            Some(("lowerdir", paths)) => {
                let paths = paths.split("::").next().unwrap_or_default();
                layers.lower.extend(paths.split(':').map(PathBuf::from));
            }
            Some(("lowerdir+", path)) => layers.lower.push(path.into()),
            Some(("upperdir", path)) => layers.upper = Some(path.into()),
            _ => {}
        }
    }
    let mut all = layers.lower.iter().chain(&layers.upper);
    let is_whole = |path: &PathBuf| path.is_absolute() && !path.to_string_lossy().contains('\\');
    let is_known = !layers.lower.is_empty() && layers.lower.len() <= PACKAGE_LAYERS;
    (is_known && all.all(is_whole)).then_some(layers)
}

impl Layers {
    fn databases(&self, known: &[u64]) -> Result<Databases, Reason> {
        let mut state = DefaultHasher::new();
        self.lower.hash(&mut state);
        let fingerprint = state.finish();
        let upper = self.upper.as_ref().map(|path| of_host(path)).transpose()?;
        let is_changed = upper.is_some_and(|upper| has_database(&upper));
        let mut found = Databases { fingerprint, is_changed, ..Databases::default() };
        let lower = self.lower.iter().map(|path| of_host(path)).collect::<Result<Vec<_>, _>>()?;
        found.has_unread = lower.iter().any(has_unread);
        if !known.contains(&fingerprint) {
            found.files = Some(read(&lower)?);
        }
        Ok(found)
    }
}

/// A directory as the host has it, wherever this process is.
pub(super) fn of_host(path: &Path) -> Result<Folder, Reason> {
    let within = |root: &str| Folder::open(Path::new(root))?.within(path);
    // Whose own view is the host's may not be shown that of the first process.
    let found = within("/proc/1/root").or_else(|_| within("/")).map_err(reason_of)?;
    Ok(found.without_mounts())
}

/// The databases of a root without layers, as who writes there has them.
fn merged(root: &Folder, since_ns: Option<i64>, known: &[u64]) -> Result<Databases, Reason> {
    let mut state = DefaultHasher::new();
    let mut newest_ns = i64::MIN;
    let files = FILES.iter().map(|(path, _)| *path);
    let places = DIRECTORIES.iter().map(|(path, _)| *path).chain(files).chain([STATUS]);
    for path in places {
        let Ok(stat) = root.look(Path::new(path)) else { continue };
        let nanoseconds = i64::try_from(stat.st_ctime_nsec).unwrap_or_default();
        let changed_ns = stat.st_ctime.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        (path, stat.st_dev, stat.st_ino, changed_ns).hash(&mut state);
        newest_ns = newest_ns.max(changed_ns);
    }
    let fingerprint = state.finish();
    let is_changed = since_ns.is_some_and(|since_ns| newest_ns > since_ns);
    let has_unread = has_unread(root);
    let files = match known.contains(&fingerprint) {
        true => None,
        false => Some(read(std::slice::from_ref(root))?),
    };
    Ok(Databases { fingerprint, is_changed, has_unread, files })
}

/// Reads the databases of layers, the upper ones first: what is there hides what is below.
fn read(layers: &[Folder]) -> Result<Vec<DatabaseFile>, Reason> {
    let until = Instant::now() + PATIENCE;
    let (mut files, mut bytes) = (Vec::new(), 0);
    let mut put = |name: &str, content: Vec<u8>| {
        bytes += content.len() as u64;
        files.push(DatabaseFile { name: name.to_owned(), bytes: content });
        match bytes > PACKAGE_BYTES || files.len() > PACKAGE_FILES {
            true => Err(Reason::TooLarge),
            false if Instant::now() > until => Err(Reason::NoAnswer),
            false => Ok(()),
        }
    };
    for (directory, ends) in DIRECTORIES {
        let mut seen = HashSet::new();
        for layer in layers {
            for name in names(layer, directory)? {
                // What was taken away has an entry, too, which is no file.
                let is_list = ends.iter().any(|end| name.ends_with(end));
                if is_list && seen.insert(name.clone()) {
                    let path = Path::new(directory).join(&name);
                    if let Some(content) = content(layer, &path)? {
                        put(&name, content)?;
                    }
                }
            }
        }
    }
    for (path, name) in FILES {
        let found = layers.iter().find_map(|layer| content(layer, Path::new(path)).transpose());
        if let Some(content) = found.transpose()? {
            put(name, content)?;
        }
    }
    Ok(files)
}

/// Reads folders as if they were layers.
#[cfg(test)]
pub(super) fn read_for_tests(layers: &[&Path]) -> Result<Vec<DatabaseFile>, Reason> {
    let layers: Vec<Folder> = layers.iter().map(|path| Folder::open(path).unwrap()).collect();
    read(&layers)
}

/// What is in a regular file of a database; None where there is none.
fn content(folder: &Folder, path: &Path) -> Result<Option<Vec<u8>>, Reason> {
    match folder.read(path, PACKAGE_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(RootError::NotFound | RootError::OtherKind) => Ok(None),
        Err(RootError::TooLarge) => Err(Reason::TooLarge),
        Err(RootError::NotPermitted) => Err(Reason::NotPermitted),
        Err(_broken) => Err(Reason::Gone),
    }
}

/// The names in a directory; none where there is none.
fn names(folder: &Folder, path: &str) -> Result<Vec<String>, Reason> {
    match folder.list(Path::new(path)) {
        Ok(listing) => {
            let names = listing.entries.into_iter();
            Ok(names.filter_map(|entry| entry.name.into_string().ok()).collect())
        }
        Err(RootError::Broken) => Err(Reason::Gone),
        Err(_none) => Ok(Vec::new()),
    }
}

fn has_unread(folder: &Folder) -> bool {
    UNREAD.iter().any(|path| folder.has(Path::new(path)))
}

/// Whether a part of a database that is read is in this layer.
pub(super) fn has_database(folder: &Folder) -> bool {
    let has = |path: &&str| folder.has(Path::new(path));
    let files = FILES.iter().map(|(path, _)| path);
    DIRECTORIES.iter().map(|(path, _)| path).chain(files).chain([&STATUS]).any(has)
}

pub(super) fn reason_of(error: Errno) -> Reason {
    match error {
        Errno::ACCESS | Errno::PERM => Reason::NotPermitted,
        _ => Reason::Gone,
    }
}
