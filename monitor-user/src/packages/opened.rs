//! A root file system that is opened for an inventory: the host's, or that of a process. Of an
//! overlay its lower layers are read, which root in the container cannot write to.

use std::{
    fs,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use monitor_inventory::{
    root::{Files, Folder, Layers, Listing, Root, RootError, Stat},
    wanted,
};

use super::root::{has_database, layers, of_host, reason_of};
use crate::{event::Reason, posture::is_program_of_runtime};

/// What the directory of a layer ends with that Docker makes for each container: it has no
/// packages.
const OF_DOCKER: &str = "-init/diff";

/// How a root is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The host's own.
    Host,
    /// By the layers that the image brought.
    Layers,
    /// As who is in it sees it, and may have changed it.
    AsSeen,
}

/// What is told of a root that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootTold {
    /// How it is read.
    pub reading: Reading,
    /// What tells its layers from others; None where it has none.
    pub fingerprint: Option<u64>,
    /// Whether the container has changed a database of packages, which is read as it was before.
    pub is_changed: bool,
}

/// Who opens roots, one at a time.
pub trait Roots: Send {
    /// Opens the root of a process, or the host's own.
    ///
    /// # Errors
    ///
    /// There is no way to it.
    fn open(&mut self, pid: Option<u32>) -> Result<RootTold, Reason>;

    /// The root that was opened last.
    fn root(&self) -> &dyn Root;
}

/// A root that was opened. It hands out what an inventory reads, and nothing else: databases and
/// descriptions of packages by their names, and programs. Secrets are neither.
pub(crate) struct Opened {
    pub(crate) told: RootTold,
    root: Box<dyn Files + Send>,
    /// The same without links, where somebody can have made one to another's file.
    plain: Option<Folder>,
}

/// Opens a root.
pub(crate) fn open(pid: Option<u32>) -> Result<Opened, Reason> {
    let told = |reading| RootTold { reading, fingerprint: None, is_changed: false };
    let Some(pid) = pid else {
        let plain = Some(host()?.without_links());
        return Ok(Opened { told: told(Reading::Host), root: Box::new(host()?), plain });
    };
    if is_being_made(pid)? {
        return Err(Reason::Pending);
    }
    if let Some(layers) = layers(pid)? {
        return of_layers(&layers.lower, layers.upper.as_deref());
    }
    let path = PathBuf::from(format!("/proc/{pid}/root"));
    let seen = || Folder::open(&path).map(Folder::without_mounts).map_err(reason_of);
    let plain = Some(seen()?.without_links());
    Ok(Opened { told: told(Reading::AsSeen), root: Box::new(seen()?), plain })
}

fn host() -> Result<Folder, Reason> {
    let opened = Folder::open(Path::new("/proc/1/root")).or_else(|_| Folder::open(Path::new("/")));
    opened.map_err(reason_of)
}

/// Whether a process is that of a runtime which is about to take the container's root: it still has
/// the host's, and what is installed there is not in the container.
fn is_being_made(pid: u32) -> Result<bool, Reason> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    if !is_program_of_runtime(program.as_os_str().as_encoded_bytes()) {
        return Ok(false);
    }
    let root = Folder::open(Path::new(&format!("/proc/{pid}/root"))).map_err(reason_of)?;
    let place = |root: &Folder| root.look(Path::new(".")).map_err(reason_of);
    let [own, of_host] = [place(&root)?, place(&host()?)?];
    Ok((own.st_dev, own.st_ino) == (of_host.st_dev, of_host.st_ino))
}

fn of_layers(lower: &[PathBuf], upper: Option<&Path>) -> Result<Opened, Reason> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let upper = upper.map(of_host).transpose()?;
    let is_changed = upper.is_some_and(|upper| has_database(&upper));
    let mut folders = Vec::new();
    let mut state = DefaultHasher::new();
    for path in lower {
        let folder = of_host(path)?;
        let fd = folder.descriptor();
        let real = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        if real.is_ok_and(|real| real.to_string_lossy().ends_with(OF_DOCKER)) {
            continue;
        }
        let stat = folder.look(Path::new(".")).map_err(reason_of)?;
        (stat.st_dev, stat.st_ino, stat.st_ctime, stat.st_ctime_nsec).hash(&mut state);
        folders.push(folder);
    }
    let fingerprint = Some(state.finish());
    let told = RootTold { reading: Reading::Layers, fingerprint, is_changed };
    Ok(Opened { told, root: Box::new(Layers::new(folders)), plain: None })
}

impl Root for Opened {
    fn stat(&self, path: &Path) -> Result<Stat, RootError> {
        self.root.stat(path)
    }

    fn list(&self, directory: &Path) -> Result<Listing, RootError> {
        self.root.list(directory)
    }

    fn capabilities(&self, path: &Path) -> Result<Vec<u8>, RootError> {
        self.root.capabilities(path)
    }

    fn read_at(&self, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, RootError> {
        let root: &dyn Files = match &self.plain {
            Some(plain) if !wanted::is_fixed(path) => plain,
            _ => &*self.root,
        };
        let file = root.file(path)?;
        if wanted::is_named(path) {
            return file.read_at(offset, length);
        }
        let mut head = file.read_at(0, wanted::HEAD_BYTES)?;
        let is_head = offset == 0 && length <= wanted::HEAD_BYTES;
        match wanted::is_program(&head) {
            true if is_head => {
                head.truncate(length);
                Ok(head)
            }
            true => file.read_at(offset, length),
            // What it begins with is no secret where it is asked for no more.
            false if is_head => Ok(Vec::new()),
            false => Err(RootError::NotPermitted),
        }
    }
}

/// Opens roots in this process.
#[derive(Default)]
pub struct Here {
    opened: Option<Opened>,
}

impl Roots for Here {
    fn open(&mut self, pid: Option<u32>) -> Result<RootTold, Reason> {
        Ok(self.opened.insert(open(pid)?).told)
    }

    fn root(&self) -> &dyn Root {
        match &self.opened {
            Some(opened) => opened,
            None => &Nothing,
        }
    }
}

/// No root.
pub(crate) struct Nothing;

impl Root for Nothing {
    fn stat(&self, _: &Path) -> Result<Stat, RootError> {
        Err(RootError::NotFound)
    }

    fn list(&self, _: &Path) -> Result<Listing, RootError> {
        Err(RootError::NotFound)
    }

    fn read_at(&self, _: &Path, _: u64, _: usize) -> Result<Vec<u8>, RootError> {
        Err(RootError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::records;

    /// A runtime has the host's root before it takes that of the container, and any other program
    /// that has it was given it.
    #[test]
    fn what_a_runtime_has_before_is_no_root_of_a_container() {
        let directory = records::folder::Folder::new("opened");
        let opened = |name: &str| {
            let program = directory.path().join(name);
            fs::copy("/bin/sleep", &program).unwrap();
            let mut child = Command::new(&program).arg("60").spawn().unwrap();
            let told = open(Some(child.id())).map(|it| it.told.is_changed);
            child.kill().unwrap();
            child.wait().unwrap();
            told
        };
        assert_eq!(opened("runc"), Err(Reason::Pending));
        assert_eq!(opened("app"), Ok(false));
    }
}
