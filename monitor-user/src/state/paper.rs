//! Where the daemon writes down which findings are open: a file below `state_dir`, by a thread of
//! its own.
//!
//! Documents of a finding go another way to the disk than this file does. What was told just before
//! it was written is marked in it as doubtful: if the daemon ends then, the next one tells it once
//! more under the same id, instead of believing that somebody was told.

use std::{
    io::{self, Read as _, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rustix::fs::OFlags;

use super::{
    Check,
    form::{self, Before, Writer},
    kept::Kept,
};
use crate::{limits::STATE_BYTES, logging::say, private_dir::PrivateDir};

/// The file.
const FILE: &str = "open.json";
/// The same while it is not whole yet.
const DRAFT: &str = "draft";

/// What is written at once.
#[derive(Debug)]
pub struct Page {
    /// What is open, and what was closed just now.
    pub findings: Vec<Kept>,
    /// Now, nanoseconds since 1970.
    pub now_ns: i64,
    /// All that was told has come to where it stays.
    pub is_last: bool,
}

/// How often it was written, and how often it could not be.
#[derive(Debug, Default)]
struct Done {
    written: AtomicU64,
    failed: AtomicU64,
}

/// The thread that writes, as the daemon sees it.
#[derive(Debug)]
pub struct Paper {
    pages: SyncSender<Page>,
    task: JoinHandle<()>,
    done: Arc<Done>,
}

impl Paper {
    /// Opens the directory, which is given to that user, and starts the thread; with what was
    /// written there before, by the one of that name.
    ///
    /// # Errors
    ///
    /// Another one has it, or it cannot be made or read.
    pub fn open(
        path: &Path,
        owner: u32,
        (node, boot_id): (&str, &str),
        checks: &[&'static Check],
    ) -> io::Result<(Self, Before)> {
        let dir = PrivateDir::open(path, Some(owner), |name| [FILE, DRAFT].contains(&name))?;
        let writer = Writer { node: node.to_owned(), boot_id: boot_id.to_owned() };
        let before = read(&dir, &writer, checks);
        let (pages, given) = sync_channel::<Page>(1);
        let done = Arc::<Done>::default();
        let counted = Arc::clone(&done);
        let task = std::thread::Builder::new().name("findings".into()).spawn(move || {
            let mut is_said = false;
            while let Ok(page) = given.recv() {
                let written = write(&dir, &writer, &page);
                if let (Err(error), false) = (&written, is_said) {
                    say(&format!("which findings are open cannot be written: {error}"));
                }
                is_said = written.is_err();
                let counter = if is_said { &counted.failed } else { &counted.written };
                counter.fetch_add(1, Relaxed);
            }
        })?;
        Ok((Self { pages, task, done }, before))
    }

    /// Has it written; false where it is still writing what was given before. Never waits.
    pub fn put(&self, page: Page) -> bool {
        self.pages.try_send(page).is_ok()
    }

    /// Has the last one written, and waits for that.
    pub fn finish(self, page: Page) {
        let Self { pages, task, .. } = self;
        drop(pages.send(page));
        drop(pages);
        drop(task.join());
    }

    /// Times that it was written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.done.written.load(Relaxed)
    }

    /// Times that it could not be written.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.done.failed.load(Relaxed)
    }
}

fn read(dir: &PrivateDir, reader: &Writer, checks: &[&'static Check]) -> Before {
    if !dir.has(FILE) {
        return Before::default();
    }
    let read = text(dir).map_err(|error| error.to_string());
    let read = read.and_then(|text| match text.len() as u64 {
        ..=STATE_BYTES => form::read(&text, reader, checks),
        _ => Err(format!("it has more than {STATE_BYTES} bytes")),
    });
    read.unwrap_or_else(|why| {
        let said = format!(
            "{FILE} cannot be used, and is written anew: {why}; findings that were open are told \
             once more, and those that are over stay open where they were told"
        );
        Before { said: Some(said), ..Before::default() }
    })
}

fn text(dir: &PrivateDir) -> io::Result<String> {
    let mut text = String::new();
    dir.open_file(FILE, OFlags::RDONLY)?.take(STATE_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn write(dir: &PrivateDir, writer: &Writer, page: &Page) -> io::Result<()> {
    let text = form::write(writer, page);
    if text.len() as u64 > STATE_BYTES {
        let what = format!("they take {} bytes, and may take {STATE_BYTES}", text.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    let mut out = dir.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    dir.rename(DRAFT, FILE)?;
    dir.sync()
}

#[cfg(test)]
mod tests;
