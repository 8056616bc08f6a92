//! Opens what is below a directory, and nothing that a link there leads to outside of it: below the
//! directories of runtimes are the files of containers, who can make links to any file of the
//! host. openat2(2), Linux 5.6.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    path::Path,
};

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::stat::Mode,
};

use crate::{
    input,
    reach::{Direct, Reach as _, Stat},
};

/// A path, as a directory and what is below that.
#[derive(Clone, Copy)]
pub(super) struct Beneath<'p> {
    /// The directory, at which links are followed.
    pub(super) directory: &'p Path,
    /// The rest; empty for the directory itself.
    pub(super) rest: &'p Path,
}

impl Beneath<'_> {
    /// Reads a regular file, `limit` bytes of it at most.
    pub(super) fn read(self, limit: u64) -> io::Result<Vec<u8>> {
        // Looked at first: opening a device can be an act of its own.
        input::require_regular(File::from(self.open(OFlag::O_PATH)?).metadata()?.file_type())?;
        let file = File::from(self.open(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?);
        input::require_regular(file.metadata()?.file_type())?;
        input::read_opened(file, limit)
    }

    /// The names in a directory.
    pub(super) fn names(self) -> io::Result<Vec<std::ffi::OsString>> {
        let opened = self.open(OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let entries = fs::read_dir(format!("/proc/self/fd/{}", opened.as_raw_fd()))?;
        entries.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    /// What is there.
    pub(super) fn stat(self) -> io::Result<Stat> {
        let opened = self.open(OFlag::O_PATH)?;
        Direct.stat(Path::new(&format!("/proc/self/fd/{}", opened.as_raw_fd())))
    }

    fn open(self, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC;
        let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(self.directory, directory, Mode::empty())?;
        let inside = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags).resolve(inside);
        let rest = if self.rest.as_os_str().is_empty() { Path::new(".") } else { self.rest };
        Ok(openat2(directory.as_fd(), rest, how)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::records::folder::Folder;

    #[test]
    fn links_lead_nowhere_outside() {
        let folder = Folder::new("beneath");
        let directory = folder.path().join("runtime");
        fs::create_dir_all(directory.join("c")).unwrap();
        fs::write(directory.join("c/config.json"), "{}").unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        symlink("../../secret", directory.join("c/up")).unwrap();
        symlink(folder.path().join("secret"), directory.join("c/absolute")).unwrap();
        symlink("config.json", directory.join("c/beside")).unwrap();
        symlink(folder.path(), directory.join("c/folder")).unwrap();
        let at = |rest: &'static str| Beneath { directory: &directory, rest: Path::new(rest) };
        assert_eq!(at("c/config.json").read(9).unwrap(), b"{}");
        assert_eq!(at("c/beside").read(1).unwrap(), b"{");
        assert_eq!(at("c/config.json").stat().unwrap().bytes, 2);
        assert_eq!(at("").names().unwrap(), ["c"]);
        for rest in ["c/up", "c/absolute", "c/folder/secret", "../secret"] {
            assert!(at(rest).read(9).is_err() && at(rest).stat().is_err(), "{rest}");
        }
        assert!(at("c/folder").names().is_err());
        assert_eq!(at("c/none").read(9).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_directory_itself_may_be_a_link() {
        let folder = Folder::new("beneath-link");
        fs::create_dir_all(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/config.json"), "{}").unwrap();
        let link = folder.path().join("docker");
        symlink("data", &link).unwrap();
        let file = Beneath { directory: &link, rest: Path::new("config.json") };
        assert_eq!(file.read(9).unwrap(), b"{}");
    }
}
