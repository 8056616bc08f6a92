//! Where the daemon writes down what is used: a file below `state_dir`, by a thread of its own.

use std::{
    io::{self, Read as _, Write as _},
    path::Path,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread::JoinHandle,
};

use rustix::fs::OFlags;

use super::{ImageUse, file};
use crate::{
    limits::{USAGE_BYTES, USAGE_GAP_NS},
    logging::say,
    private_dir::PrivateDir,
};

/// The file.
pub const FILE: &str = "usage.json";
/// The same while it is not whole yet.
const DRAFT: &str = "draft";

/// What is written at once: what is used, since when that is all, and when it was known.
type Page = (Vec<ImageUse>, i64, i64);

/// What was written before.
#[derive(Debug, Default)]
pub struct Before {
    /// What was used.
    pub images: Vec<ImageUse>,
    /// Since when that is all, and when it was written.
    whole: Option<(i64, i64)>,
}

impl Before {
    /// Since when all that was used is known, for who watches from now on: since then, unless
    /// nobody watched for longer than a restart takes.
    #[must_use]
    pub fn whole_since_ns(&self, now_ns: i64) -> i64 {
        match self.whole {
            Some((since, written)) if (0..=USAGE_GAP_NS).contains(&(now_ns - written)) => since,
            _ => now_ns,
        }
    }
}

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
    pub fn open(path: &Path, owner: u32) -> io::Result<(Self, Before)> {
        let dir = PrivateDir::open(path, Some(owner), |name| [FILE, DRAFT].contains(&name))?;
        let before = read(&dir)?;
        let (pages, given) = sync_channel::<Page>(1);
        let task = std::thread::Builder::new().name("usage".into()).spawn(move || {
            let mut told = false;
            while let Ok(page) = given.recv() {
                let written = write(&dir, &page);
                if let (Err(error), false) = (&written, told) {
                    say(&format!("what is used cannot be written: {error}"));
                }
                told = written.is_err();
            }
        })?;
        Ok((Self { pages, task, late: 0 }, before))
    }

    /// Has it written; never waits.
    pub fn put(&mut self, images: Vec<ImageUse>, whole_since_ns: i64, now_ns: i64) {
        let page = (images, whole_since_ns, now_ns);
        if let Err(TrySendError::Full(_)) = self.pages.try_send(page) {
            self.late += 1;
        }
    }

    /// Has the last one written, and waits for that.
    pub fn finish(self, images: Vec<ImageUse>, whole_since_ns: i64, now_ns: i64) {
        let Self { pages, task, .. } = self;
        drop(pages.send((images, whole_since_ns, now_ns)));
        drop(pages);
        drop(task.join());
    }

    /// Times that it was still writing what was given before.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }
}

fn read(dir: &PrivateDir) -> io::Result<Before> {
    if !dir.names()?.iter().any(|name| name == FILE) {
        return Ok(Before::default());
    }
    let mut text = String::new();
    dir.open_file(FILE, OFlags::RDONLY)?.take(USAGE_BYTES).read_to_string(&mut text)?;
    Ok(match file::read(&text) {
        Ok((images, _)) => Before { images, whole: file::whole_since(&text) },
        Err(why) => {
            say(&format!("{FILE} cannot be used, and is written anew: {why}"));
            Before::default()
        }
    })
}

fn write(dir: &PrivateDir, (images, whole_since_ns, now_ns): &Page) -> io::Result<()> {
    let mut out = dir.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    out.write_all(file::write(images, *whole_since_ns, *now_ns).as_bytes())?;
    out.sync_all()?;
    dir.rename(DRAFT, FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_restart_leaves_no_gap() {
        let before = Before { whole: Some((5, 1_000)), ..Before::default() };
        assert_eq!(before.whole_since_ns(1_000 + USAGE_GAP_NS), 5);
        assert_eq!(before.whole_since_ns(1_001 + USAGE_GAP_NS), 1_001 + USAGE_GAP_NS);
        // A clock that went back says nothing.
        assert_eq!(before.whole_since_ns(999), 999);
        assert_eq!(Before::default().whole_since_ns(7), 7);
    }
}
