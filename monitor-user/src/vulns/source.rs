//! A pack on the disk.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use monitor_vulns::pack::{Pack, PackError, ReadAt};

/// The file, of which only what is asked for is read.
#[derive(Debug)]
pub struct PackFile(File);

impl ReadAt for PackFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// Opens a pack, and checks it against its checksum.
///
/// # Errors
///
/// If it is none that can be used; says what to do about it.
pub fn open(path: &Path) -> Result<Pack<PackFile>, PackError> {
    Pack::open(PackFile(crate::input::open(path)?))
}
