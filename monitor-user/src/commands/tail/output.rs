//! Where `runmon tail` writes its lines.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::fd::AsFd as _,
    path::Path,
    thread::JoinHandle,
    time::{Duration, Instant},
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

/// How long a reader that reads nothing is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a task that writes lines returned; an error where it hangs on a reader that reads nothing.
pub(super) fn joined<T>(task: JoinHandle<T>) -> anyhow::Result<T> {
    let begun = Instant::now();
    while !task.is_finished() {
        if begun.elapsed() > PATIENCE {
            anyhow::bail!("whoever reads the lines reads none: the last were not written");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    task.join().map_err(|_panic| anyhow::anyhow!("writing the lines failed"))
}

/// Says why lines could not be written. That a reader has seen enough is no failure.
pub(super) fn written(failed: Option<io::ErrorKind>) -> anyhow::Result<()> {
    match failed {
        None | Some(io::ErrorKind::BrokenPipe) => Ok(()),
        Some(kind) => anyhow::bail!("the lines could not all be written: {kind}"),
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
