//! Finds the databases of package managers in a root file system, and reads their files; it parses
//! none of them. Everything there may be hostile: nothing is opened but regular files, links lead
//! nowhere outside of the layer, and bytes, files and time have bounds.

use std::{
    collections::HashSet,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::stat::{Mode, fstat},
};

use super::{Databases, Find, PackageQuestion, index::root_name_of_apk};
use crate::{
    event::Reason,
    input,
    limits::{MOUNTS_BYTES, PACKAGE_BYTES, PACKAGE_FILES, PACKAGE_LAYERS},
};

/// How long the databases of one root may take to read.
const PATIENCE: Duration = Duration::from_secs(3);

/// Directories with a file for each package.
const DIRECTORIES: [(&str, &[&str]); 2] =
    [("var/lib/dpkg/info", &[".list"]), ("var/lib/dpkg/status.d", &[".md5sums"])];

/// Databases that are one file.
const FILES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

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

/// `RESOLVE_CACHED` of `openat2`.
const RESOLVE_CACHED: u64 = 0x20;

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
            Err(Errno::EACCES | Errno::EPERM) => {
                why = Reason::NotPermitted;
                continue;
            }
            Err(_) => continue,
        };
        let path = Path::new(std::ffi::OsStr::from_bytes(&question.path));
        let file = root.remembered(path);
        let is_it = file.and_then(fstat).is_ok_and(|stat| stat.st_ino == question.key.inode);
        if is_it {
            return Ok((*pid, root));
        }
    }
    Err(why)
}

/// The layers of an overlay, as the host has them.
struct Layers {
    /// Those that nobody writes to, the upper ones first.
    lower: Vec<PathBuf>,
    /// The one that the container writes to.
    upper: Option<PathBuf>,
}

/// The layers of a process's root; None where it is no overlay whose layers can be found.
fn layers(pid: u32) -> Result<Option<Layers>, Reason> {
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
        let is_changed = upper.is_some_and(|upper| upper.has_database());
        let mut found = Databases { fingerprint, is_changed, ..Databases::default() };
        let lower = self.lower.iter().map(|path| of_host(path)).collect::<Result<Vec<_>, _>>()?;
        found.has_unread = lower.iter().any(Folder::has_unread);
        if !known.contains(&fingerprint) {
            found.files = Some(read(&lower)?);
        }
        Ok(found)
    }
}

/// A directory as the host has it, wherever this process is.
fn of_host(path: &Path) -> Result<Folder, Reason> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let within = |root: &str| Folder::open(Path::new(root))?.at(path, flags, ResolveFlag::empty());
    // Whose own view is the host's may not be shown that of the first process.
    let found = within("/proc/1/root").or_else(|_| within("/")).map_err(reason_of)?;
    Ok(Folder { directory: found, crosses: ResolveFlag::RESOLVE_NO_XDEV })
}

/// The databases of a root without layers, as who writes there has them.
fn merged(root: &Folder, since_ns: Option<i64>, known: &[u64]) -> Result<Databases, Reason> {
    let mut state = DefaultHasher::new();
    let mut newest_ns = i64::MIN;
    let places = DIRECTORIES.iter().map(|(path, _)| *path).chain(FILES).chain([STATUS]);
    for path in places {
        let stat = root.at(Path::new(path), OFlag::O_PATH, ResolveFlag::empty()).and_then(fstat);
        let Ok(stat) = stat else { continue };
        let changed_ns = stat.st_ctime.saturating_mul(1_000_000_000) + stat.st_ctime_nsec;
        (path, stat.st_dev, stat.st_ino, changed_ns).hash(&mut state);
        newest_ns = newest_ns.max(changed_ns);
    }
    let fingerprint = state.finish();
    let is_changed = since_ns.is_some_and(|since_ns| newest_ns > since_ns);
    let has_unread = root.has_unread();
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
            for name in layer.names(directory)? {
                // What was taken away has an entry, too, which is no file.
                let is_list = ends.iter().any(|end| name.ends_with(end));
                if is_list && seen.insert(name.clone()) {
                    let path = Path::new(directory).join(&name);
                    if let Some(content) = layer.read(&path)? {
                        put(&name, content)?;
                    }
                }
            }
        }
    }
    for path in FILES {
        let found = layers.iter().find_map(|layer| layer.read(Path::new(path)).transpose());
        if let Some(content) = found.transpose()? {
            put(root_name_of_apk(), content)?;
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

/// A directory that nothing leads out of.
struct Folder {
    directory: OwnedFd,
    /// Whether what is mounted below it is left out: it can be a file system that a program of
    /// anybody's serves.
    crosses: ResolveFlag,
}

impl Folder {
    fn open(path: &Path) -> nix::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(path, flags, Mode::empty())?;
        Ok(Self { directory, crosses: ResolveFlag::empty() })
    }

    /// The same, without what is mounted below it.
    fn without_mounts(self) -> Self {
        Self { crosses: ResolveFlag::RESOLVE_NO_XDEV, ..self }
    }

    /// What is at a path without links, as far as the kernel has the way in memory, so that no
    /// server is asked: that to what was just executed is. Linux before 5.12 cannot be told so.
    fn remembered(&self, path: &Path) -> nix::Result<OwnedFd> {
        let plain = ResolveFlag::RESOLVE_NO_SYMLINKS;
        let cached = plain | ResolveFlag::from_bits_retain(RESOLVE_CACHED);
        match self.at(path, OFlag::O_PATH, cached) {
            Err(Errno::EINVAL) => self.at(path, OFlag::O_PATH, plain),
            // It may also be that the way changed just now: look again.
            Err(Errno::EAGAIN) => self.at(path, OFlag::O_PATH, cached),
            done => done,
        }
    }

    fn at(&self, path: &Path, flags: OFlag, more: ResolveFlag) -> nix::Result<OwnedFd> {
        let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let inside = inside | self.crosses | more;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(inside);
        openat2(&self.directory, path, how)
    }

    /// What is in a regular file; None where there is none.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, Reason> {
        let is_regular = |fd: OwnedFd| File::from(fd).metadata().is_ok_and(|it| it.is_file());
        // Looked at first: opening a device can be an act of its own.
        let looked = self.at(path, OFlag::O_PATH, ResolveFlag::empty());
        if !looked.is_ok_and(is_regular) {
            return Ok(None);
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let opened = self.at(path, flags, ResolveFlag::empty()).map_err(reason_of)?;
        let file = File::from(opened);
        let metadata = file.metadata().map_err(|_gone| Reason::Gone)?;
        if !metadata.is_file() || metadata.size() > PACKAGE_BYTES {
            return Err(Reason::TooLarge);
        }
        let content = input::read_opened(file, PACKAGE_BYTES + 1);
        content.map(Some).map_err(|_broken| Reason::Gone)
    }

    /// The names in a directory; none where there is none.
    fn names(&self, path: &str) -> Result<Vec<String>, Reason> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let Ok(folder) = self.at(Path::new(path), flags, ResolveFlag::empty()) else {
            return Ok(Vec::new());
        };
        let entries = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let entries = entries.map_err(|_gone| Reason::Gone)?;
        let names = entries.flatten().take(PACKAGE_FILES * 16);
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.collect())
    }

    fn has(&self, path: &str) -> bool {
        self.at(Path::new(path), OFlag::O_PATH, ResolveFlag::empty()).is_ok()
    }

    fn has_unread(&self) -> bool {
        UNREAD.iter().any(|path| self.has(path))
    }

    /// Whether a part of a database that is read is in this layer.
    fn has_database(&self) -> bool {
        let in_directories = || DIRECTORIES.iter().any(|(path, _)| self.has(path));
        self.has(STATUS) || FILES.iter().any(|path| self.has(path)) || in_directories()
    }
}

fn reason_of(error: Errno) -> Reason {
    match error {
        Errno::EACCES | Errno::EPERM => Reason::NotPermitted,
        _ => Reason::Gone,
    }
}
