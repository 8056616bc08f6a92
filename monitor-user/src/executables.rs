//! Copies of programs behind alerts, on the disk: each under the SHA-256 of its content, readable
//! by its owner only and executable by nobody. Of what is there the oldest goes first.
//!
//! What comes in are pieces of a program, which anybody may have written: they are counted and
//! written down, and nothing else. Whatever the disk does, the alert has left already.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use rustix::fs::OFlags;

use crate::{
    enrich::hashes::{HashAnswer, HashQuestion},
    event::{Fact, FactSource, KeptExecutable, Reason},
    hasher::Copy,
    limits::{KEPT_EXECUTABLES, KEPT_FREE_BYTES, KEPT_REST},
    private_dir::PrivateDir,
};

/// Name of what is being written.
const DRAFT: &str = "draft";

/// Digits of a SHA-256.
const DIGITS: usize = 64;

/// Where copies are, and how much they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutablesOptions {
    /// The directory.
    pub path: PathBuf,
    /// Whose it is to be.
    pub owner: Option<u32>,
    /// Bytes of all copies; while one is written it is besides.
    pub bytes_max: u64,
    /// Bytes of the largest.
    pub file_bytes_max: u64,
}

/// What is kept, and what was not.
#[derive(Debug, Default)]
pub struct ExecutablesState {
    files: AtomicU64,
    bytes: AtomicU64,
    copied: AtomicU64,
    evicted: AtomicU64,
    unread: AtomicU64,
    unwritten: AtomicU64,
}

impl ExecutablesState {
    /// By their names in heartbeats, with how often there was no room to ask.
    #[must_use]
    pub fn named(&self, refused: u64) -> [(&'static str, u64); 7] {
        [
            ("kept_executables", self.files.load(Relaxed)),
            ("kept_executables_bytes", self.bytes.load(Relaxed)),
            ("kept_executables_copied", self.copied.load(Relaxed)),
            ("kept_executables_evicted", self.evicted.load(Relaxed)),
            ("kept_executables_unread", self.unread.load(Relaxed)),
            ("kept_executables_unwritten", self.unwritten.load(Relaxed)),
            ("kept_executables_refused", refused),
        ]
    }
}

/// The copies.
#[derive(Debug)]
pub struct Executables {
    options: ExecutablesOptions,
    /// None where it could not be opened.
    dir: Option<PrivateDir>,
    /// The oldest first.
    files: VecDeque<Kept>,
    bytes: u64,
    /// Since when nothing is written, after the disk refused.
    rests_since: Option<Instant>,
    state: Arc<ExecutablesState>,
}

/// A copy that is there.
#[derive(Debug)]
struct Kept {
    sha256: String,
    bytes: u64,
}

/// A copy that is being written.
struct Draft {
    file: Option<File>,
    /// Bytes that may still come.
    left: u64,
    failed: Option<io::Error>,
}

impl Draft {
    /// Takes a piece; false: no more is wanted.
    fn take(&mut self, piece: &[u8]) -> bool {
        let Some(file) = &mut self.file else { return false };
        let written = match self.left.checked_sub(piece.len() as u64) {
            Some(left) => {
                self.left = left;
                file.write_all(piece)
            }
            None => Err(io::ErrorKind::FileTooLarge.into()),
        };
        self.failed = written.err();
        self.failed.is_none()
    }

    /// Has the disk hold it, if it is whole.
    fn end(self) -> io::Result<()> {
        match (self.failed, self.file) {
            (Some(error), _) => Err(error),
            (None, Some(file)) if self.left == 0 => file.sync_data(),
            (None, _) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Executables {
    /// Opens the directory, and makes it if it is not there. Where that fails nothing can be kept,
    /// which is logged, and told with each alert.
    #[must_use]
    pub fn open(options: ExecutablesOptions) -> Self {
        let mut this = Self {
            options,
            dir: None,
            files: VecDeque::new(),
            bytes: 0,
            rests_since: None,
            state: Arc::default(),
        };
        if let Err(error) = this.try_open() {
            let path = this.options.path.display();
            tracing::error!(%path, %error, "cannot keep executables: make state_dir writable");
        }
        this
    }

    fn try_open(&mut self) -> io::Result<()> {
        let is_own = |name: &str| name == DRAFT || is_sha256(name);
        let dir = PrivateDir::open(&self.options.path, self.options.owner, is_own)?;
        // It was not written to its end.
        match dir.remove(DRAFT) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut found = Vec::new();
        for name in dir.names()?.into_iter().filter(|name| is_sha256(name)) {
            // What is no file is none of ours.
            let opened = dir.open_file(&name, OFlags::RDONLY).and_then(|file| file.metadata());
            if let Ok(about) = opened {
                found.push((about.mtime(), about.mtime_nsec(), name, about.len()));
            }
        }
        found.sort();
        self.bytes = found.iter().map(|(.., bytes)| bytes).sum();
        self.files = found.into_iter().map(|(.., sha256, bytes)| Kept { sha256, bytes }).collect();
        // What may be kept can be less than it was.
        self.make_room(&dir, 0)?;
        self.dir = Some(dir);
        self.tell();
        Ok(())
    }

    /// The numbers, for who tells them.
    #[must_use]
    pub fn state(&self) -> Arc<ExecutablesState> {
        Arc::clone(&self.state)
    }

    /// Has a program read by `read`, which is told where to write it, and keeps the copy.
    pub fn keep(
        &mut self,
        question: &HashQuestion,
        read: impl FnOnce(Option<Copy<'_>>) -> Fact<Arc<str>>,
    ) -> HashAnswer {
        let key = question.key;
        let known = question.known.clone().map(|hash| Fact::Known(hash, FactSource::File));
        if let Some(kept) = question.known.as_ref().and_then(|sha256| self.again(sha256)) {
            let hash = known.unwrap_or(Fact::Unknown(Reason::Gone));
            return HashAnswer { key, hash, copy: Some(Fact::Known(kept, FactSource::File)) };
        }
        let (file, failed) = match self.begin(key.size) {
            Ok(file) => (Some(file), None),
            Err(error) => (None, Some(error)),
        };
        let mut draft = Draft { file, left: key.size, failed };
        let hash = match &known {
            // Nothing would come of reading it.
            Some(known) if draft.failed.is_some() => known.clone(),
            _ => read(Some(&mut |piece| draft.take(piece))),
        };
        let copy = match &hash {
            Fact::Known(sha256, _) => self.end(draft, sha256, key.size),
            Fact::Unknown(reason) => {
                self.state.unread.fetch_add(1, Relaxed);
                self.remove_draft();
                Fact::Unknown(*reason)
            }
        };
        self.tell();
        HashAnswer { key, hash: known.unwrap_or(hash), copy: Some(copy) }
    }

    /// The copy of a content that is there already, which is the newest from now on.
    fn again(&mut self, sha256: &Arc<str>) -> Option<Arc<KeptExecutable>> {
        let at = self.files.iter().position(|file| file.sha256 == **sha256)?;
        let file = self.files.remove(at)?;
        // Somebody may have taken it away.
        if !self.dir.as_ref().is_some_and(|dir| dir.has(sha256)) {
            self.bytes = self.bytes.saturating_sub(file.bytes);
            return None;
        }
        let kept = self.told(sha256, file.bytes);
        self.files.push_back(file);
        Some(kept)
    }

    fn told(&self, sha256: &Arc<str>, bytes: u64) -> Arc<KeptExecutable> {
        let path = self.options.path.join(&**sha256).display().to_string().into();
        Arc::new(KeptExecutable { path, sha256: Arc::clone(sha256), bytes })
    }

    /// A new file to write to, if the disk has room for it: what is kept here is to take none from
    /// alerts, which are on the same disk.
    fn begin(&mut self, bytes: u64) -> io::Result<File> {
        if self.rests_since.is_some_and(|since| since.elapsed() < KEPT_REST) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let dir = self.dir.as_ref().ok_or(io::ErrorKind::NotFound)?;
        if dir.free_bytes()?.saturating_sub(bytes) < KEPT_FREE_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        dir.open_file(DRAFT, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)
    }

    /// Gives a copy that was written its name.
    fn end(&mut self, draft: Draft, sha256: &Arc<str>, bytes: u64) -> Fact<Arc<KeptExecutable>> {
        match draft.end().and_then(|()| self.put(sha256, bytes)) {
            Ok(kept) => Fact::Known(kept, FactSource::File),
            Err(error) => {
                self.state.unwritten.fetch_add(1, Relaxed);
                self.remove_draft();
                self.rest(&error);
                Fact::Unknown(Reason::NotWritten)
            }
        }
    }

    fn put(&mut self, sha256: &Arc<str>, bytes: u64) -> io::Result<Arc<KeptExecutable>> {
        if let Some(kept) = self.again(sha256) {
            self.remove_draft();
            return Ok(kept);
        }
        let Some(dir) = self.dir.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let put = self.make_room(&dir, bytes).and_then(|()| dir.rename(DRAFT, sha256));
        let put = put.and_then(|()| dir.sync());
        self.dir = Some(dir);
        put?;
        self.bytes += bytes;
        self.files.push_back(Kept { sha256: sha256.to_string(), bytes });
        self.state.copied.fetch_add(1, Relaxed);
        Ok(self.told(sha256, bytes))
    }

    /// Removes the oldest until so many bytes more have room.
    fn make_room(&mut self, dir: &PrivateDir, bytes: u64) -> io::Result<()> {
        let most = if bytes > 0 { KEPT_EXECUTABLES - 1 } else { KEPT_EXECUTABLES };
        while self.files.len() > most || self.bytes.saturating_add(bytes) > self.options.bytes_max {
            let Some(oldest) = self.files.front() else { break };
            match dir.remove(&oldest.sha256) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            self.files.pop_front();
            self.state.evicted.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// What the disk refused now it will refuse again: files are not read in vain meanwhile.
    fn rest(&mut self, error: &io::Error) {
        if self.rests_since.is_none_or(|since| since.elapsed() >= KEPT_REST) {
            let path = self.options.path.display();
            tracing::warn!(%path, %error, "a program behind an alert was not kept");
            self.rests_since = Some(Instant::now());
        }
    }

    fn remove_draft(&self) {
        // Where there is none, or the disk refuses, the next one is written over it.
        self.dir.iter().for_each(|dir| dir.remove(DRAFT).unwrap_or_default());
    }

    fn tell(&self) {
        self.state.files.store(self.files.len() as u64, Relaxed);
        self.state.bytes.store(self.bytes, Relaxed);
    }
}

/// Whether a file has the name of a copy.
fn is_sha256(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
