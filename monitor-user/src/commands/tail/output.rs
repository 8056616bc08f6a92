//! Where `runmon tail` writes its lines.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    path::Path,
};

use crate::{commands::Usage, subscriber};

/// Standard output, or a file.
pub(super) struct Output {
    to: BufWriter<File>,
    is_file: bool,
}

impl Output {
    /// The file is made; one that is there is not replaced.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            // Not through the library's buffer: what failed would stay in it and come out later.
            let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(Self { to: BufWriter::new(output), is_file: false });
        };
        Ok(Self { to: BufWriter::new(create(path)?), is_file: true })
    }

    pub(super) fn is_terminal(&self) -> bool {
        !self.is_file && self.to.get_ref().is_terminal()
    }

    /// The descriptor, to see whether anybody reads.
    pub(super) fn reader(&self) -> Option<&File> {
        (!self.is_file).then(|| self.to.get_ref())
    }

    /// Writes a line that has its end.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.to.write_all(line)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A new file; one that is there is not replaced.
pub(super) fn create(path: &Path) -> Result<File, Usage> {
    OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let cure = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is not replaced: name another one, or remove it",
            _ => crate::input::cure(&error),
        };
        Usage(format!("cannot write to {}: {error}\nhint: {cure}", path.display()))
    })
}

impl subscriber::Output for Output {
    fn lines(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        for line in lines {
            self.to.write_all(line)?;
            self.to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn rest(&mut self, _lost: u64) -> io::Result<()> {
        self.to.flush()
    }
}
