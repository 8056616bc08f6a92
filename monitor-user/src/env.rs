//! Choosing environment variables: only the named ones are ever kept or written down.

use std::sync::Arc;

/// The environment variables that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvKeys {
    /// Each a name, or a beginning of names that ends in `*`.
    keys: Arc<[Box<str>]>,
}

impl EnvKeys {
    /// The variables of these names.
    pub fn new<T: AsRef<str>>(keys: impl IntoIterator<Item = T>) -> Self {
        let mut all: Vec<Box<str>> = Vec::new();
        for key in keys {
            let key = key.as_ref();
            if !all.iter().any(|known| **known == *key) {
                all.push(key.into());
            }
        }
        Self { keys: all.into() }
    }

    /// These and more.
    #[must_use]
    pub fn and<T: AsRef<str>>(&self, more: impl IntoIterator<Item = T>) -> Self {
        let more: Vec<T> = more.into_iter().collect();
        Self::new(self.keys.iter().map(AsRef::as_ref).chain(more.iter().map(AsRef::as_ref)))
    }

    /// Whether the variable of this name is kept. Of a beginning (`LD_*`), whether all are.
    #[must_use]
    pub fn keeps(&self, name: &str) -> bool {
        self.keys.iter().any(|key| **key == *name || matches(key, name.as_bytes()))
    }

    /// The `KEY=value` strings of `env` (each ends in a zero byte) that are kept.
    #[must_use]
    pub fn select(&self, env: &[u8]) -> Vec<u8> {
        let mut kept = Vec::new();
        for variable in env.split_inclusive(|byte| *byte == 0) {
            let name = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
            if self.keys.iter().any(|key| matches(key, name)) {
                kept.extend_from_slice(variable);
            }
        }
        kept
    }

    /// The names, as they were written.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.to_string()).collect()
    }

    /// What the variables that are kept start with: `PATH=`, `LD_`.
    pub fn starts(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|key| match key.strip_suffix('*') {
            Some(start) => start.to_owned(),
            None => format!("{key}="),
        })
    }
}

fn matches(key: &str, name: &[u8]) -> bool {
    match key.strip_suffix('*') {
        Some(start) => name.starts_with(start.as_bytes()),
        None => key.as_bytes() == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_only_what_is_named() {
        let keys = EnvKeys::new(["PATH", "LD_*"]);
        let env = b"HOME=/root\0PATH=/bin\0LD_PRELOAD=/x.so\0PATHX=1\0SECRET=PATH=\0";
        assert_eq!(keys.select(env), b"PATH=/bin\0LD_PRELOAD=/x.so\0");
        assert_eq!(keys.select(b"PATH=cut"), b"PATH=cut");
        assert_eq!(keys.select(b""), b"");
        for (name, kept) in
            [("PATH", true), ("LD_AUDIT", true), ("LD_*", true), ("L*", false), ("PAT", false)]
        {
            assert_eq!(keys.keeps(name), kept, "{name}");
        }
        let more = keys.and(["GLIBC_TUNABLES", "PATH"]);
        assert_eq!(more.names(), ["PATH", "LD_*", "GLIBC_TUNABLES"]);
        assert!(more.starts().eq(["PATH=", "LD_", "GLIBC_TUNABLES="]));
    }
}
