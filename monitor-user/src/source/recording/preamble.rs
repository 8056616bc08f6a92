//! What a recording starts with: where, when and how it was made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::{container::Label, document::Sender, node::Node};

/// What a preamble says of itself.
pub(super) const FORMAT: &str = "runmon recording";

/// What a recording says about where it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preamble {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) wire_version: u32,
    /// `little` or `big`.
    pub(super) endianness: String,
    /// The kernel's release.
    pub kernel: String,
    /// The host.
    pub hostname: String,
    /// Id of the boot.
    pub boot_id: String,
    /// Id of the run; event ids start with it.
    #[serde(default)]
    pub run_id: String,
    /// Wall clock minus boot clock, nanoseconds.
    pub clock_offset_ns: i64,
    /// The hooks that were attached, as `kind=backend`.
    pub hooks: Vec<String>,
    /// Environment variables that were kept.
    pub env_keys: Vec<String>,
    /// Budget of the process table, bytes; 0 is the default one.
    #[serde(default)]
    pub process_table_bytes: u64,
    /// When hashes of executed files are asked for; a recording without it holds none.
    #[serde(default)]
    pub hash: String,
    /// Pids of the monitor's canary, whose acts are left out.
    #[serde(default)]
    pub canary_pids: Vec<u32>,
    /// Until when they were the canary's, nanoseconds since boot.
    #[serde(default)]
    pub own_until_ns: u64,
    /// Users of the host by id, as far as rules may ask for their names.
    #[serde(default)]
    pub users: Vec<(u32, String)>,
    /// Groups of the host.
    #[serde(default)]
    pub groups: Vec<(u32, String)>,
    /// The machine's name as a node, where that was said.
    #[serde(default)]
    pub node: Option<String>,
    /// The cluster that it is in.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Labels that every document gets.
    #[serde(default)]
    pub labels: Vec<(String, String)>,
}

impl Preamble {
    /// A preamble of this version and machine.
    #[must_use]
    pub fn new(
        host: &Sender,
        kernel: String,
        clock_offset_ns: i64,
        hooks: Vec<String>,
        env_keys: Vec<String>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            wire_version: monitor_common::WIRE_VERSION,
            endianness: endianness().to_owned(),
            kernel,
            hostname: host.node.hostname.clone(),
            boot_id: host.boot_id.clone(),
            run_id: host.run_id.clone(),
            clock_offset_ns,
            hooks,
            env_keys,
            process_table_bytes: 0,
            hash: String::new(),
            canary_pids: Vec::new(),
            own_until_ns: 0,
            users: Vec::new(),
            groups: Vec::new(),
            node: host.node.said_name.clone(),
            cluster: host.node.cluster.clone(),
            labels: host
                .node
                .labels
                .iter()
                .map(|it| (it.key.to_string(), it.value.to_string()))
                .collect(),
        }
    }

    /// Who sent the documents that were made where this was recorded.
    #[must_use]
    pub fn sender(&self) -> Sender {
        let label = |(key, value): &(String, String)| Label {
            key: key.as_str().into(),
            value: value.as_str().into(),
        };
        let node = Node {
            hostname: self.hostname.clone(),
            said_name: self.node.clone(),
            cluster: self.cluster.clone(),
            labels: self.labels.iter().map(label).collect(),
        };
        Sender {
            node: Arc::new(node),
            boot_id: self.boot_id.clone(),
            run_id: self.run_id.clone(),
            instance: String::new(),
            history: false,
        }
    }
}

/// The byte order of this machine.
pub(super) fn endianness() -> &'static str {
    if cfg!(target_endian = "little") { "little" } else { "big" }
}
