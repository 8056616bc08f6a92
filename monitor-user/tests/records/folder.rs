//! Directories for tests.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

/// A directory that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one; no two tests may use one name at once.
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("runmon-test-{}-{name}", process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
