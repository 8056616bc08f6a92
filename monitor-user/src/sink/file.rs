//! A file, one line a document, rotated by size and age: `path`, `path.1` (newest) … `path.N`.
//! Where that cannot be done, the file grows on, to [`GROWTH_MAX`] times its size.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Intake, SinkError,
    lines::{Unwritten, join, write_all},
    tries::{Answer, End, Tries},
    trouble::{Trouble, Why},
};
use crate::reach::Reach;

/// Times the size for rotation that a file may have while it cannot be rotated. What comes then is
/// dropped: a full disk harms more than this sink.
pub const GROWTH_MAX: u64 = 8;

/// Where and how much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// The file.
    pub path: PathBuf,
    /// Size in bytes at which it is rotated.
    pub rotate_bytes: u64,
    /// Age at which it is rotated, once something more is to be written; None: whatever its age.
    pub rotate_after: Option<Duration>,
    /// When the disk is made to hold what was written.
    pub sync: Sync,
    /// Older files that are kept.
    pub keep: u32,
}

/// When the disk is made to hold what was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// When the system likes.
    #[default]
    Never,
    /// Within [`SYNC_EVERY`].
    Interval,
    /// Before a document counts as delivered.
    Always,
}

/// How long what was written may be in memory only, where that is bounded.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);

/// An open file sink.
pub struct FileSink {
    options: FileOptions,
    /// How the file is reached once this process may not open it.
    reach: Box<dyn Reach>,
    file: File,
    /// The last line in it was cut, and could not be taken out.
    torn: bool,
    /// The last rotation failed, and that was logged.
    unrotated: bool,
    /// Something was written that the disk may not hold yet, since then.
    unsynced: Option<Instant>,
}

impl FileSink {
    /// Opens the file for appending, readable by its owner only.
    pub fn open(
        name: &str,
        options: FileOptions,
        reach: Box<dyn Reach>,
    ) -> Result<Self, SinkError> {
        let (name, path) = (name.to_owned(), options.path.clone());
        match reach.append(&options.path) {
            Ok(file) => {
                let torn = is_torn(&file);
                Ok(Self { options, reach, file, torn, unrotated: false, unsynced: None })
            }
            Err(source) if source.kind() == io::ErrorKind::InvalidInput => {
                Err(SinkError::NotRegular { name, path, source })
            }
            Err(source) => Err(SinkError::Open { name, path, source }),
        }
    }

    /// Writes until there are no more documents. One that cannot be written is tried again for as
    /// long as it is in the store; from memory it is dropped, and counted, and the next is tried.
    pub fn run(mut self, mut intake: Intake) {
        if intake.is_kept() {
            return self.run_stored(intake);
        }
        let mut failing = false;
        while let Some(lines) = self.next(&mut intake) {
            let written = self.write(&lines);
            let path = self.options.path.display();
            match &written {
                Err(error) if !failing => tracing::error!(%path, %error, "cannot write alerts"),
                Ok(()) if failing => tracing::warn!(%path, "alerts can be written again"),
                _ => {}
            }
            failing = written.is_err();
            intake.done(written.is_ok());
        }
    }

    fn run_stored(mut self, mut intake: Intake) {
        let mut tries = Tries::new(self.options.path.display().to_string(), None);
        while let Some(lines) = self.next(&mut intake) {
            let end = tries.deliver(&intake, || match self.write(&lines) {
                Ok(()) => Answer::Taken,
                Err(error) => Answer::Later(Why::new(Trouble::Other, error.to_string())),
            });
            if end == End::Kept {
                return;
            }
            intake.done(end == End::Delivered);
        }
    }

    /// The lines of the next document; meanwhile the disk is made to hold those before it.
    fn next(&mut self, intake: &mut Intake) -> Option<Vec<Vec<u8>>> {
        while let Some(since) = self.unsynced {
            let left = SYNC_EVERY.saturating_sub(since.elapsed());
            if let Some(lines) = intake.receive_within(1, left)?.pop() {
                return Some(lines);
            }
            if since.elapsed() >= SYNC_EVERY {
                self.sync();
            }
        }
        intake.receive_one()
    }

    fn sync(&mut self) {
        if let Err(error) = self.file.sync_data() {
            let path = self.options.path.display();
            tracing::error!(%path, %error, "the disk may not hold the last alerts");
        }
        self.unsynced = None;
    }

    fn write(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut bytes = join(lines);
        let mut length = match self.length_in_place() {
            Some(length) => length,
            // Someone else moved or removed it: what comes now belongs into a new one.
            None => self.renew()?,
        };
        let next = length.saturating_add(bytes.len() as u64);
        if length > 0 && (next > self.options.rotate_bytes || self.is_old()) {
            match self.rotate() {
                Ok(()) => {
                    length = self.renew()?;
                    self.unrotated = false;
                }
                Err(error) if next > self.options.rotate_bytes.saturating_mul(GROWTH_MAX) => {
                    return Err(error);
                }
                Err(error) => self.grow_on(&error),
            }
        }
        if self.torn {
            bytes.insert(0, b'\n');
        }
        match write_all(&mut self.file, &bytes) {
            Ok(()) => self.torn = false,
            Err(Unwritten { written, error }) => {
                // The part that was written goes again; where it cannot, its line is ended later.
                self.torn |= written > 0 && self.file.set_len(length).is_err();
                return Err(error);
            }
        }
        match self.options.sync {
            Sync::Never => {}
            Sync::Interval => {
                let since = *self.unsynced.get_or_insert_with(Instant::now);
                if since.elapsed() >= SYNC_EVERY {
                    self.sync();
                }
            }
            Sync::Always => self.file.sync_data()?,
        }
        Ok(())
    }

    /// Whether the file is older than it may be, where its file system tells when it was made.
    fn is_old(&self) -> bool {
        let Some(most) = self.options.rotate_after else { return false };
        let made = self.file.metadata().and_then(|file| file.created());
        // A clock that was set back makes nothing older.
        made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age >= most))
    }

    /// Says once that the file cannot be rotated.
    fn grow_on(&mut self, error: &io::Error) {
        if !self.unrotated {
            let path = self.options.path.display();
            tracing::error!(%path, %error, "cannot rotate the file of alerts: it grows on");
        }
        self.unrotated = true;
    }

    /// Opens the path anew. Returns how long that file is.
    fn renew(&mut self) -> io::Result<u64> {
        self.file = self.reach.append(&self.options.path)?;
        self.torn = is_torn(&self.file);
        Ok(self.file.metadata()?.len())
    }

    /// How long the open file is, where the path still leads to it, or nobody says where it leads.
    fn length_in_place(&self) -> Option<u64> {
        let at_path = self.reach.stat(&self.options.path);
        let open = self.file.metadata().ok()?;
        let is_in_place = match at_path {
            Ok(at_path) => at_path.identity == (open.dev(), open.ino()),
            Err(error) => error.kind() == io::ErrorKind::TimedOut,
        };
        is_in_place.then_some(open.len())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.unsynced.is_some() {
            self.sync();
        }
        self.reach.rotate(&self.options.path, self.options.keep)
    }
}

/// Whether the last line in a file has no end, as a power cut may leave it.
fn is_torn(file: &File) -> bool {
    let length = file.metadata().map_or(0, |file| file.len());
    let mut last = [0];
    let read = length.checked_sub(1).map(|place| file.read_exact_at(&mut last, place));
    matches!(read, Some(Ok(()))) && last != *b"\n"
}

#[cfg(test)]
mod tests;
