//! A file, one line a document, rotated by size: `path`, `path.1` (newest) … `path.N`.

use std::{
    fs::{File, OpenOptions, rename},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{Intake, SinkError};

/// Where and how much.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The file.
    pub path: PathBuf,
    /// Size in bytes at which it is rotated.
    pub rotate_bytes: u64,
    /// Older files that are kept.
    pub keep: u32,
}

/// An open file sink.
pub struct FileSink {
    options: FileOptions,
    file: File,
    bytes: u64,
}

impl FileSink {
    /// Opens the file for appending, readable by its owner only.
    pub fn open(name: &str, options: FileOptions) -> Result<Self, SinkError> {
        let refused =
            |source| SinkError::Open { name: name.to_owned(), path: options.path.clone(), source };
        let file = append(&options.path).map_err(refused)?;
        let bytes = file.metadata().map_err(refused)?.len();
        Ok(Self { options, file, bytes })
    }

    /// Writes until there are no more documents. One that cannot be written is dropped, and
    /// counted; the next is tried again.
    pub fn run(mut self, mut intake: Intake) {
        let mut failing = false;
        while let Some(document) = intake.receive() {
            let written = self.write(&intake.write(&document));
            if let Err(error) = &written
                && !failing
            {
                tracing::error!(path = %self.options.path.display(), %error, "cannot write alerts");
            }
            failing = written.is_err();
            intake.done(written.is_ok());
        }
    }

    fn write(&mut self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for line in lines {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        if !self.is_in_place() {
            // Someone else moved or removed it: what comes now belongs into a new one.
            self.file = append(&self.options.path)?;
            self.bytes = self.file.metadata()?.len();
        }
        if self.bytes > 0 && self.bytes + bytes.len() as u64 > self.options.rotate_bytes {
            self.rotate()?;
        }
        self.file.write_all(&bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Whether the path still leads to the open file.
    fn is_in_place(&self) -> bool {
        let at_path = std::fs::metadata(&self.options.path);
        match (at_path, self.file.metadata()) {
            (Ok(path), Ok(open)) => (path.dev(), path.ino()) == (open.dev(), open.ino()),
            _ => false,
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.options.path;
        for number in (1..self.options.keep).rev() {
            let (from, to) = (numbered(path, number), numbered(path, number + 1));
            if from.exists() {
                rename(from, to)?;
            }
        }
        if self.options.keep > 0 {
            rename(path, numbered(path, 1))?;
        } else {
            std::fs::remove_file(path)?;
        }
        self.file = append(path)?;
        self.bytes = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotates_and_keeps_what_fits() {
        let directory =
            std::env::temp_dir().join(format!("runmon-file-sink-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("alerts");
        let options = FileOptions { path: path.clone(), rotate_bytes: 10, keep: 2 };
        let mut sink = FileSink::open("test", options).unwrap();
        for text in ["first", "second", "third", "fourth"] {
            sink.write(&[text.as_bytes().to_vec()]).unwrap();
        }
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(read(path.clone()), "fourth\n");
        assert_eq!(read(numbered(&path, 1)), "third\n");
        assert_eq!(read(numbered(&path, 2)), "second\n");
        assert_eq!(read(numbered(&path, 3)), "");
        std::fs::remove_file(&path).unwrap();
        sink.write(&[b"fifth".to_vec()]).unwrap();
        assert_eq!(read(path.clone()), "fifth\n", "a removed file is made again");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
