//! What a trigger says that it did.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::unistd::{getpid, gettid};
use serde::{Deserialize, Serialize};

/// One line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The kind of act.
    pub act: String,
    /// The process that acted: this one, or the child that it made for the act.
    pub pid: i32,
    /// The thread that acted.
    pub tid: i32,
    /// 0, or why the kernel refused.
    pub errno: i32,
    /// The path that was given to the kernel, with U+FFFD for what is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The same in hexadecimal, where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// The address that was given to the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Numbers that only some acts have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, u64>,
}

impl Report {
    /// A successful act of the calling thread.
    pub fn new(act: &str) -> Self {
        Self {
            act: act.to_owned(),
            pid: getpid().as_raw(),
            tid: gettid().as_raw(),
            errno: 0,
            path: None,
            path_hex: None,
            address: None,
            numbers: BTreeMap::new(),
        }
    }

    /// Adds the path.
    pub fn path(mut self, path: &Path) -> Self {
        let bytes = path.as_os_str().as_bytes();
        if path.to_str().is_none() {
            self.path_hex = Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        self.path = Some(path.to_string_lossy().into_owned());
        self
    }

    /// Adds the address.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Adds a number.
    pub fn number(mut self, name: &str, number: u64) -> Self {
        self.numbers.insert(name.to_owned(), number);
        self
    }

    /// Adds the outcome: a refusal is one as well, an error without a number is not.
    pub fn outcome<T>(mut self, result: io::Result<T>) -> io::Result<Self> {
        if let Err(err) = result {
            self.errno = err.raw_os_error().ok_or(err)?;
        }
        Ok(self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&line)
    }
}
