//! Where the daemon keeps what it learns: a file for each image, written by a thread of its own.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    path::Path,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use rustix::fs::OFlags;

use super::{Profile, file};
use crate::{limits::PROFILE_BYTES, logging::say, private_dir::PrivateDir};

/// The ending of the files.
const ENDING: &str = ".yaml";
/// A file that is not whole yet.
const DRAFT: &str = "draft";

/// The thread that writes, as the daemon sees it.
#[derive(Debug)]
pub struct Shelf {
    profiles: SyncSender<Vec<Profile>>,
    task: JoinHandle<()>,
    /// Times that it was still writing what was given before.
    late: u64,
}

impl Shelf {
    /// Opens the directory, which is given to that user, and starts the thread.
    ///
    /// # Errors
    ///
    /// Another one has it, or it cannot be made or read.
    pub fn open(path: &Path, owner: u32) -> io::Result<Self> {
        let dir = PrivateDir::open(path, Some(owner), is_own)?;
        let before = read(&dir)?;
        let (profiles, given) = sync_channel::<Vec<Profile>>(1);
        let task = std::thread::Builder::new().name("profiles".into()).spawn(move || {
            let mut told = false;
            while let Ok(learned) = given.recv() {
                for profile in learned {
                    let written = write(&dir, &before, profile);
                    if let (Err(error), false) = (&written, told) {
                        say(&format!("what is learned cannot be written: {error}"));
                    }
                    told = written.is_err();
                }
            }
        })?;
        Ok(Self { profiles, task, late: 0 })
    }

    /// Has profiles written, each in the place of what it was before; never waits.
    pub fn put(&mut self, profiles: Vec<Profile>) {
        if let Err(TrySendError::Full(_)) = self.profiles.try_send(profiles) {
            self.late += 1;
        }
    }

    /// Has the last ones written, and waits for that.
    pub fn finish(self, profiles: Vec<Profile>) {
        let Self { profiles: send, task, .. } = self;
        drop(send.send(profiles));
        drop(send);
        drop(task.join());
    }

    /// Times that it was still writing what was given before.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }
}

fn is_own(name: &str) -> bool {
    name == DRAFT || name.ends_with(ENDING)
}

/// What was learned before this daemon began, by the name of the file. What cannot be read is
/// told, and written anew.
fn read(dir: &PrivateDir) -> io::Result<BTreeMap<Box<str>, Profile>> {
    let mut profiles = BTreeMap::new();
    for name in dir.names()? {
        let Some(stem) = name.strip_suffix(ENDING) else { continue };
        let mut text = String::new();
        let file = dir.open_file(&name, OFlags::RDONLY)?;
        file.take(PROFILE_BYTES).read_to_string(&mut text)?;
        match file::read(stem, &text) {
            Ok(profile) => drop(profiles.insert(profile.name.clone(), profile)),
            Err(why) => say(&format!("{name} is no profile, and is written anew: {why}")),
        }
    }
    Ok(profiles)
}

/// Writes a profile with what was learned of the image before this daemon began.
fn write(
    dir: &PrivateDir,
    before: &BTreeMap<Box<str>, Profile>,
    learned: Profile,
) -> io::Result<()> {
    let known = before.get(&learned.name).filter(|known| known.subject == learned.subject);
    let profile = known.map_or_else(|| learned.clone(), |known| known.merged(&learned));
    let mut out = dir.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    out.write_all(file::write(&profile).as_bytes())?;
    out.sync_all()?;
    dir.rename(DRAFT, &format!("{}{ENDING}", profile.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Subject, Thing, paths::Route};

    fn profile(path: &str) -> Profile {
        let mut profile = Profile {
            name: "web-1".into(),
            subject: Subject {
                image: "web:1".into(),
                digest: Some("sha256:ab".into()),
                workload: None,
            },
            ..Profile::default()
        };
        profile.behaviour.put(&Thing::File(Route::of_path(path.as_bytes(), &[])));
        profile
    }

    #[test]
    fn what_was_learned_before_a_restart_stays() {
        let path = std::env::temp_dir().join(format!("runmon-shelf-{}", std::process::id()));
        let owner = nix::unistd::geteuid().as_raw();
        let mut shelf = Shelf::open(&path, owner).unwrap();
        assert!(Shelf::open(&path, owner).is_err(), "it has one writer");
        shelf.put(vec![profile("/a")]);
        shelf.finish(vec![profile("/b")]);
        let shelf = Shelf::open(&path, owner).unwrap();
        shelf.finish(vec![profile("/c")]);
        let text = std::fs::read_to_string(path.join("web-1.yaml")).unwrap();
        let read = file::read("web-1", &text).unwrap();
        let things: Vec<String> = read.behaviour.things().iter().map(Thing::to_string).collect();
        assert_eq!(things, ["/b", "/c"]);
        std::fs::remove_dir_all(&path).unwrap();
    }
}
