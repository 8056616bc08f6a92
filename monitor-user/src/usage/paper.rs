//! Where the daemon writes down what is used: a file below `state_dir`, by a thread of its own.

use std::{
    io::{self, Read as _, Write as _},
    path::Path,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use rustix::fs::OFlags;

use super::{ImageUse, file};
use crate::{limits::USAGE_BYTES, logging::say, private_dir::PrivateDir};

/// The file.
pub const FILE: &str = "usage.json";
/// The same while it is not whole yet.
const DRAFT: &str = "draft";

/// What is written at once: what is used, and when that was known.
type Page = (Vec<ImageUse>, i64);

/// The thread that writes, as the daemon sees it.
#[derive(Debug)]
pub struct Paper {
    pages: SyncSender<Page>,
    task: JoinHandle<()>,
    late: u64,
}

impl Paper {
    /// Opens the directory, which is given to that user, and starts the thread; with what was
    /// written there before.
    ///
    /// # Errors
    ///
    /// Another one has it, or it cannot be made or read.
    pub fn open(path: &Path, owner: u32) -> io::Result<(Self, Vec<ImageUse>)> {
        let dir = PrivateDir::open(path, Some(owner), |name| [FILE, DRAFT].contains(&name))?;
        let before = read(&dir)?;
        let (pages, given) = sync_channel::<Page>(1);
        let task = std::thread::Builder::new().name("usage".into()).spawn(move || {
            let mut told = false;
            while let Ok((images, now_ns)) = given.recv() {
                let written = write(&dir, &images, now_ns);
                if let (Err(error), false) = (&written, told) {
                    say(&format!("what is used cannot be written: {error}"));
                }
                told = written.is_err();
            }
        })?;
        Ok((Self { pages, task, late: 0 }, before))
    }

    /// Has it written; never waits.
    pub fn put(&mut self, images: Vec<ImageUse>, now_ns: i64) {
        if let Err(TrySendError::Full(_)) = self.pages.try_send((images, now_ns)) {
            self.late += 1;
        }
    }

    /// Has the last one written, and waits for that.
    pub fn finish(self, images: Vec<ImageUse>, now_ns: i64) {
        let Self { pages, task, .. } = self;
        drop(pages.send((images, now_ns)));
        drop(pages);
        drop(task.join());
    }

    /// Times that it was still writing what was given before.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }
}

fn read(dir: &PrivateDir) -> io::Result<Vec<ImageUse>> {
    if !dir.names()?.iter().any(|name| name == FILE) {
        return Ok(Vec::new());
    }
    let mut text = String::new();
    dir.open_file(FILE, OFlags::RDONLY)?.take(USAGE_BYTES).read_to_string(&mut text)?;
    Ok(file::read(&text).map(|(images, _)| images).unwrap_or_else(|why| {
        say(&format!("{FILE} cannot be used, and is written anew: {why}"));
        Vec::new()
    }))
}

fn write(dir: &PrivateDir, images: &[ImageUse], now_ns: i64) -> io::Result<()> {
    let mut out = dir.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    out.write_all(file::write(images, now_ns).as_bytes())?;
    out.sync_all()?;
    dir.rename(DRAFT, FILE)
}
