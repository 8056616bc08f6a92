//! The data about vulnerabilities, opened anew when another file is in their place.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use monitor_vulns::pack::Pack;

use crate::{
    limits::DATA_OLD_DAYS,
    logging::count,
    vulns::{PackFile, open},
};

/// What tells a file from the one that was in its place before.
type Which = (u64, u64, i64, i64, u64);

/// The data, and which file they are of.
pub(super) struct Data {
    path: PathBuf,
    which: Option<Which>,
    /// The file that could not be used, so that it is not tried again and again.
    refused: Option<Which>,
    pack: Option<Pack<PackFile>>,
    trouble: Option<String>,
}

impl Data {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), which: None, refused: None, pack: None, trouble: None }
    }

    /// The pack as it is now. One that cannot be used leaves the one before in its place.
    pub(super) fn now(&mut self) -> Option<&Pack<PackFile>> {
        let which = which(&self.path);
        let is_known = which
            .as_ref()
            .is_ok_and(|it| self.which.as_ref() == Some(it) || self.refused.as_ref() == Some(it));
        if !is_known {
            self.refused = which.as_ref().ok().copied();
            match which.and_then(|it| Ok((it, open(&self.path).map_err(io::Error::other)?))) {
                Ok((which, pack)) => {
                    (self.which, self.refused) = (Some(which), None);
                    (self.pack, self.trouble) = (Some(pack), None);
                }
                Err(error) => {
                    let before = if self.pack.is_some() { "; the old ones stay" } else { "" };
                    let whose = match error.kind() {
                        io::ErrorKind::PermissionDenied => {
                            format!(" to user {}, as whom it is read", nix::unistd::geteuid())
                        }
                        _ => String::new(),
                    };
                    let path = self.path.display();
                    self.trouble = Some(format!("{path}: {error}{whose}{before}"));
                }
            }
        }
        self.pack.as_ref()
    }

    /// Notes that they could not be read.
    pub(super) fn fail(&mut self, error: &impl std::fmt::Display) {
        self.trouble = Some(format!("{}: {error}", self.path.display()));
    }

    /// What is wrong with the data, or that they are old.
    pub(super) fn trouble(&self, now_s: i64) -> Option<String> {
        if self.trouble.is_some() {
            return self.trouble.clone();
        }
        let days = now_s.saturating_sub(self.pack.as_ref()?.made_on()) / (24 * 60 * 60);
        (days > DATA_OLD_DAYS).then(|| {
            let age = count(usize::try_from(days).unwrap_or_default(), "day");
            let path = self.path.display();
            format!("{path}: the data are {age} old, and what was found since is not in them")
        })
    }
}

fn which(path: &Path) -> io::Result<Which> {
    let it = fs::metadata(path)?;
    Ok((it.dev(), it.ino(), it.mtime(), it.mtime_nsec(), it.len()))
}
