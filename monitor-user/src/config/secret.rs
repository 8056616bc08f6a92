//! Secrets: they are in files, or in the environment, and are never shown.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{Wrong, wrong};
use crate::{input, limits::SINK_FILE_BYTES, reach::Reach};

/// Where a secret is.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file, which is read whenever it is needed.
    File(PathBuf),
    /// It was in the environment at the start.
    Said(String),
}

/// It is not told.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "Secret({})", path.display()),
            Self::Said(_) => f.write_str("Secret(…)"),
        }
    }
}

impl Secret {
    /// The secret, without the end of its line.
    ///
    /// # Errors
    ///
    /// Its file cannot be read, or has none. Nothing of it is told.
    pub fn read(&self, reach: &dyn Reach) -> io::Result<String> {
        let path = match self {
            Self::Said(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let named =
            |what: &dyn fmt::Display| io::Error::other(format!("{}: {what}", path.display()));
        let bytes = reach.read(path, SINK_FILE_BYTES).map_err(|error| named(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| named(&"it is no text"))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.trim().is_empty() { Err(named(&"it is empty")) } else { Ok(secret.to_owned()) }
    }

    /// The file that it is in.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Said(_) => None,
        }
    }
}

/// The secret that `KEY_file` or `KEY_env` names, where one of them is there; it can be read now.
pub(super) fn secret(
    at: &dyn Fn(&str) -> String,
    key: &str,
    file: Option<&Path>,
    env: Option<&str>,
) -> Result<Option<Secret>, Wrong> {
    let (of_file, of_env) = (format!("{key}_file"), format!("{key}_env"));
    match (file, env) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            wrong(at(&of_env), format!("there is `{of_file}`, too: leave one of them out"))
        }
        (Some(file), None) if !file.is_absolute() => {
            wrong(at(&of_file), "a path from the root is needed")
        }
        (Some(file), None) => match input::read_text(file, SINK_FILE_BYTES) {
            // Once its privileges are given up this process reads it through the keeper only.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Some(Secret::File(file.to_owned())))
            }
            _ => in_file(file, &at(&of_file)).map(|_| Some(Secret::File(file.to_owned()))),
        },
        (None, Some(name)) => match std::env::var(name) {
            Ok(text) if !text.trim().is_empty() => Ok(Some(Secret::Said(text))),
            _ => wrong(at(&of_env), format!("the variable {name} of the environment is not set")),
        },
    }
}

/// What is in a file, without the end of its line.
fn in_file(file: &Path, key: &str) -> Result<String, Wrong> {
    match input::read_text(file, SINK_FILE_BYTES) {
        Ok(text) if text.trim().is_empty() => wrong(key, format!("{} is empty", file.display())),
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => wrong(key, format!("cannot read {}: {error}", file.display())),
    }
}
