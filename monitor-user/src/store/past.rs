//! A store as who reads it sees it, whoever writes it meanwhile: nothing in it is changed, locked
//! or waited for. What goes while it is read, and what cannot be read, is told and passed over.

use std::{io, path::Path};

use super::{directory::Directory, frame::Entry, record::Record, segment::SegmentReader};

/// How reading a store went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Segments that were read.
    pub segments: usize,
    /// Segments that made room for others meanwhile.
    pub gone: usize,
    /// Segments that could not be read.
    pub unread: usize,
    /// Bytes within segments in which nothing could be read.
    pub broken_bytes: u64,
}

/// A store that is looked at, known by its descriptor: who gives up privileges afterwards, and may
/// enter nothing above it, goes on reading.
#[derive(Debug)]
pub struct Looked {
    directory: Directory,
}

impl Looked {
    /// Opens its directory.
    ///
    /// # Errors
    ///
    /// There is no such directory, or it may not be read.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { directory: Directory::at(path)? })
    }

    /// Shows every record that is there now, the oldest first.
    ///
    /// # Errors
    ///
    /// It may not be read.
    pub fn read(&self, each: &mut dyn FnMut(&Record)) -> io::Result<Reading> {
        let mut reading = Reading::default();
        let mut last = None;
        // What was begun while the others were read comes last.
        for _ in 0..2 {
            for first in self.directory.segments()? {
                if Some(first) <= last {
                    continue;
                }
                last = Some(first);
                match read_segment(&self.directory, first, each) {
                    Ok(broken) => {
                        reading.segments += 1;
                        reading.broken_bytes += broken;
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => reading.gone += 1,
                    Err(_) => reading.unread += 1,
                }
            }
        }
        Ok(reading)
    }
}

/// Shows every record of a store, the oldest first.
///
/// # Errors
///
/// As for [`Looked`].
pub fn read(path: &Path, each: &mut dyn FnMut(&Record)) -> io::Result<Reading> {
    Looked::at(path)?.read(each)
}

/// Shows the records of a segment; how many bytes before its last entry are none. What is behind
/// that may be on its way.
fn read_segment(
    directory: &Directory,
    first: u64,
    each: &mut dyn FnMut(&Record),
) -> io::Result<u64> {
    let mut reader = SegmentReader::new(directory.read(first)?);
    let mut broken = 0;
    loop {
        match reader.next()? {
            Some((entry, _)) => {
                broken = reader.broken;
                if let Entry::Record(record) = entry {
                    each(&record);
                }
            }
            None if reader.pass_torn() => {}
            None => return Ok(broken),
        }
    }
}
