//! The configuration as it is written: from which file it is read, what overrides it, and what can
//! be wrong with it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    DEFAULT_PATH, RawConfig,
    text::{self, WrongVariable},
};
use crate::{
    input, limits,
    reach::{Direct, Reach},
};

/// Why a configuration cannot be used. The daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not YAML, or has a key that does not exist or a value of the wrong type.
    #[error("{path}:{message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A variable of the environment overrides no key, or with no value of it.
    #[error("the environment variable {name}: {what}")]
    Variable {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A value makes no sense.
    #[error("{path}: {key}: {what}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong, and what would be right.
        what: String,
    },
}

impl ConfigError {
    /// What to do about it; None where the error itself says.
    #[must_use]
    pub fn cure(&self) -> Option<&'static str> {
        match self {
            Self::Read { source, .. } => Some(input::cure(source)),
            Self::Parse { .. } => Some(
                "mend that line; `runmon config show` shows every key, and each may be left out",
            ),
            Self::Variable { .. } => {
                Some("RUNMON__KEY=VALUE overrides a key of the configuration; the value is YAML")
            }
            Self::Value { .. } => None,
        }
    }
}

impl RawConfig {
    /// Reads the named file, or the default one if it is there, or takes the defaults; variables of
    /// the environment override it. Which file that is.
    pub fn load(path: Option<&Path>) -> Result<(Self, PathBuf), ConfigError> {
        let default = Path::new(DEFAULT_PATH);
        let has_none = path.is_none() && !default.exists();
        let path = path.unwrap_or(default);
        let raw = if has_none { Self::default() } else { Self::read(path, &Direct)? };
        Ok((raw.overridden()?, path.to_owned()))
    }

    /// Reads a file by who may.
    pub fn load_by(path: &Path, reach: &dyn Reach) -> Result<Self, ConfigError> {
        let read = match Self::read(path, reach) {
            Err(ConfigError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound && path == Path::new(DEFAULT_PATH) =>
            {
                Self::default()
            }
            read => read?,
        };
        read.overridden()
    }

    fn overridden(mut self) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        text::override_by(&mut self, variables)
            .map_err(|WrongVariable { name, what }| ConfigError::Variable { name, what })?;
        Ok(self)
    }

    fn read(path: &Path, reach: &dyn Reach) -> Result<Self, ConfigError> {
        let text = input::read_text_by(reach, path, limits::CONFIG_BYTES)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        text::read(&text)
            .map_err(|wrong| ConfigError::Parse { path: path.to_owned(), message: wrong.in_file() })
    }
}
