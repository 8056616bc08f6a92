//! A policy that is read again when its file has changed.

use std::{path::PathBuf, sync::Arc};

use super::read;
use crate::{
    policy::Policy,
    reach::{Direct, Reach as _, Stat},
    reload::Source,
};

/// The file of a policy.
pub(in crate::commands) struct PolicyFile {
    path: PathBuf,
    /// What it was like just before it was read, and at the last look if that was something else.
    read: Option<Stat>,
    seen: Option<Stat>,
}

impl PolicyFile {
    /// One that was just read.
    pub(in crate::commands) fn new(path: PathBuf) -> Self {
        let read = Direct.stat(&path).ok();
        Self { path, read, seen: None }
    }
}

impl Source for PolicyFile {
    type Read = Arc<Policy>;

    fn read(&mut self) -> Result<Arc<Policy>, String> {
        (self.read, self.seen) = (Direct.stat(&self.path).ok(), None);
        read(&self.path).map(Arc::new).map_err(|error| error.to_string())
    }

    fn has_changed(&mut self) -> bool {
        let now = Direct.stat(&self.path).ok();
        if self.read == now {
            self.seen = None;
            return false;
        }
        // Looked at twice: it may be about to be written further. One that is gone is no change.
        let before = std::mem::replace(&mut self.seen, now);
        before == self.seen && self.seen.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::records::folder::Folder;

    #[test]
    fn a_policy_that_changes_is_read_again_and_a_bad_one_is_refused_once() {
        let folder = Folder::new("policy-watched");
        let path = folder.path().join("policy.yaml");
        fs::write(&path, "registries: [a.example]\n").unwrap();
        let mut file = PolicyFile::new(path.clone());
        assert!(!file.has_changed() && !file.has_changed());
        fs::write(&path, "registries: [a.example, b.example]\n").unwrap();
        assert!(!file.has_changed(), "it may be about to be written further");
        assert!(file.has_changed());
        let read = file.read().unwrap();
        assert!(!file.has_changed() && !file.has_changed());
        fs::write(&path, "registrys: []\n").unwrap();
        assert!(!file.has_changed() && file.has_changed());
        let why = file.read().unwrap_err();
        let shown = path.display();
        assert_eq!(
            why,
            format!("{shown}:1:1: there is no key `registrys`; did you mean `registries`?")
        );
        assert!(!file.has_changed() && !file.has_changed());
        fs::remove_file(&path).unwrap();
        assert!(!file.has_changed() && !file.has_changed(), "the old one stays");
        drop(read);
    }
}
