//! Acts on files of the canary's own, in a directory that goes with them.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use nix::sys::stat::Mode;

/// Directories that are there and may be written to, best first: what is done in the first two
/// reaches no disk.
const PLACES: [&str; 3] = ["/dev/shm", "/run", "/tmp"];

/// Does one act of every kind that changes names or attributes.
pub(super) fn all() -> io::Result<()> {
    let directory = make()?;
    let acted = act(&directory);
    let removed = fs::remove_dir_all(&directory);
    acted.and(removed)
}

fn make() -> io::Result<PathBuf> {
    let name = format!("runmon-canary-{}", std::process::id());
    let mut refused = io::Error::from(io::ErrorKind::NotFound);
    for place in PLACES {
        let directory = Path::new(place).join(&name);
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn act(directory: &Path) -> io::Result<()> {
    let (file, other) = (directory.join("file"), directory.join("other"));
    let made = File::create_new(&file)?;
    made.set_modified(std::time::SystemTime::UNIX_EPOCH)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    // To whom it belongs already.
    chown(&file, Some(nix::unistd::geteuid().as_raw()), None)?;
    nix::unistd::truncate(&file, 0)?;
    fs::hard_link(&file, &other)?;
    fs::rename(&other, directory.join("moved"))?;
    symlink("file", &other)?;
    nix::unistd::mkfifo(&directory.join("fifo"), Mode::S_IRUSR)?;
    fs::create_dir(directory.join("directory"))?;
    fs::remove_dir(directory.join("directory"))?;
    fs::remove_file(&other)
}
