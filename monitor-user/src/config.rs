//! The configuration file: text → [`RawConfig`] (what is written) → [`Config`] (valid).

pub mod address;
#[macro_use]
mod keys;
mod kubernetes;
mod sinks;
#[cfg(test)]
mod tests;
mod values;

use std::{
    collections::BTreeMap,
    fmt::Display,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use monitor_rules::Priority;
use serde::Deserialize;

#[cfg(feature = "forward")]
use crate::sink::forward::ForwardOptions;
#[cfg(feature = "tls")]
use crate::sink::receiver::{Place, TlsOptions};
#[cfg(feature = "syslog")]
use crate::sink::syslog::SyslogOptions;
use crate::{
    bpf::planner::Choice, container::Label, enrich::hashes::HashMode, flood::FloodLimit, input,
    kubernetes::KubernetesOptions, limits, metadata::RuntimeRoot, node,
};
pub use keys::Key;
pub use kubernetes::Asked;
use values::{hash, hooks, labels, listen, name, ring_bytes, run_as, runtime_root};

/// The file that is read where none is named.
pub const DEFAULT_PATH: &str = "/etc/runmon/config.toml";

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
        source: std::io::Error,
    },
    /// It is not TOML, or has a key that does not exist or a value of the wrong type.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
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

keys! {
    /// The file as it is written. Every key may be left out.
    #[derive(Clone, Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawConfig {
        /// Rule files and directories; without this key the embedded rules.
        pub rules: Vec<PathBuf> = "[]",
        /// Where state is kept that outlives the daemon.
        pub state_dir: Option<PathBuf> = "\"/var/lib/runmon\"",
        /// Bytes that what sinks have not got yet, and got lately, may take there.
        pub store_bytes: Option<u64> = "268435456",
        /// Where the daemon's locks and sockets are.
        pub run_dir: Option<PathBuf> = "\"/run/runmon\"",
        /// Size of the kernel's ring buffer in bytes, a power of two.
        pub ring_bytes: Option<u32> = "8388608",
        /// Bytes that the process table may take.
        pub process_table_bytes: Option<usize> = "67108864",
        /// Seconds between heartbeats.
        pub heartbeat_seconds: Option<u64> = "30",
        /// Seconds for which repeats of an alert are gathered into a summary; 0: each is an alert.
        pub rollup_seconds: Option<u64> = "60",
        /// Which hooks may be used: `auto`, `fentry`, `kprobe` or `fallback`.
        pub hooks: Option<String> = "\"auto\"",
        /// Whether the kernel leaves out opens and connections that no rule is about.
        pub kernel_filter: Option<bool> = "true",
        /// Whether rules are read again when their files change; on SIGHUP they are in any case.
        pub watch_rules: Option<bool> = "true",
        /// Records a second of one kind, and one path of the rules, for each container; 0: all.
        pub flood_rate: Option<u32> = "5000",
        /// Records of that sort that it can have at once.
        pub flood_burst: Option<u32> = "20000",
        /// User that parses and sends, beside a process with the privileges; `root`: one has all.
        pub run_as: Option<String> = "\"64988\"",
        /// When the SHA-256 of executed files is taken: for `rules` and alerts, `always`, `off`.
        pub hash: Option<String> = "\"rules\"",
        /// Bytes of the largest file that is read for it.
        pub hash_bytes_max: Option<u64> = "67108864",
        /// Environment variables that are kept; a final `*` stands for anything.
        pub env_keys: Option<Vec<String>> = "[\"LD_*\", \"PATH\"]",
        /// Name of the cluster, for documents and rules.
        pub cluster: Option<String>,
        /// Name of the node; without this key what the variable `NODE_NAME` says, else the host's.
        pub node: Option<String>,
        /// Labels that every document gets: names and texts.
        pub labels: BTreeMap<String, String> = "{}",
        /// Where container runtimes keep their state; without this key all usual places.
        pub runtime_roots: Vec<RawRuntimeRoot> = "[]",
        /// Where numbers and health are told over HTTP.
        pub metrics: RawMetrics = "{}",
        /// Whether and how the API of the cluster is asked.
        pub kubernetes: RawKubernetes,
        /// Where alerts go; without this key to standard output.
        pub sinks: Vec<RawSink> = "[]",
    }
}

keys! {
    /// The API of the cluster.
    #[derive(Clone, Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawKubernetes {
        /// Whether it is asked for the pods of this node: accounts, owners, labels, addresses.
        pub api: bool = "false",
        /// Whether it is asked for services, too: those of the whole cluster, by each node.
        pub services: bool = "false",
        /// Where it is; without this key where pods are told that it is.
        pub server: Option<String>,
        /// File with the token that is sent; it is read for each request.
        pub token_file: Option<PathBuf> = "\"/var/run/secrets/kubernetes.io/serviceaccount/token\"",
        /// File with the certificates of those who may certify the server.
        pub ca_file: Option<PathBuf> = "\"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt\"",
    }
}

keys! {
    /// A container runtime's places.
    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RawRuntimeRoot {
        /// One of `containerd`, `docker`, `podman` (and CRI-O), `runc` (and crun), `buildkit`.
        pub kind: Option<String> = "\"containerd\"",
        /// State directory of containerd, data root of Docker, storage of podman, root of runc.
        pub state: PathBuf,
        /// `containerd`: its socket; without this key `containerd.sock` in or beside `state`.
        pub socket: Option<PathBuf>,
    }
}

keys! {
    /// The metrics endpoint.
    #[derive(Clone, Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawMetrics {
        /// Addresses and ports to listen on, such as `127.0.0.1:9753`; without this key on none.
        pub listen: Vec<String> = "[]",
    }
}

keys! {
    /// A sink.
    #[derive(Clone, Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RawSink {
        /// Where to: `stdout`, `file`, `http`, `forward` (Fluent Forward) or `syslog`.
        pub kind: String,
        /// Its name in counters; without this key its kind.
        pub name: Option<String>,
        /// Form: `text`, `ecs`, `ocsf`, `falco` or `cef`; without this key by its kind.
        pub format: Option<String>,
        /// The least priority of alerts that it gets.
        pub minimum_priority: Option<String> = "\"debug\"",
        /// Whether it gets every event, not only alerts.
        #[serde(default)]
        pub events: bool = "false",
        /// Whether it gets heartbeats; as text they are shown only when something was lost.
        pub heartbeats: Option<bool> = "true",
        /// Whether its documents wait in the store; without this key if it does not get all events.
        pub stored: Option<bool>,
        /// Not stored: documents that may wait for it; over it they are dropped, and counted.
        pub queue: Option<usize> = "10000",
        /// Not stored: bytes that these may take, approximately; over it they are dropped, counted.
        pub queue_bytes: Option<u64> = "33554432",
        /// `file`: the file.
        pub path: Option<PathBuf>,
        /// `file`: size in bytes at which it is rotated.
        pub rotate_bytes: Option<u64> = "104857600",
        /// `file`: older files that are kept.
        pub keep: Option<u32> = "5",
        /// `http`: the receiver.
        pub url: Option<String>,
        /// `http`: headers, as `Name: value`.
        pub headers: Option<Vec<String>> = "[]",
        /// `forward`, `syslog`: the receiver, as `HOST:PORT`, `[ADDRESS]:PORT` or `unix:/PATH`.
        pub address: Option<String>,
        /// `forward`: the tag of what is sent.
        pub tag: Option<String> = "\"runmon\"",
        /// `forward`: whether it is compressed.
        pub gzip: Option<bool> = "false",
        /// `forward`: file with the key that the receiver has, too, if it asks for one.
        pub shared_key_file: Option<PathBuf>,
        /// `forward`: name of the user, if the receiver asks for one, too.
        pub user: Option<String>,
        /// `forward`: file with that user's password.
        pub password_file: Option<PathBuf>,
        /// `forward`, `syslog`: whether TLS is spoken.
        pub tls: Option<bool> = "false",
        /// `forward`, `syslog`: who may certify the receiver; without this key whom browsers trust.
        pub ca_file: Option<PathBuf>,
        /// `forward`, `syslog`: file with an own certificate, for receivers that ask for one.
        pub certificate_file: Option<PathBuf>,
        /// `forward`, `syslog`: file with its key.
        pub key_file: Option<PathBuf>,
        /// `syslog`: the facility, 0 to 23.
        pub facility: Option<u8> = "13",
        /// `http`: seconds after which a document is given up; without this key never.
        pub give_up_seconds: Option<u64>,
    }
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Config {
    /// Rule files and directories; empty: the embedded ones.
    pub rules: Vec<PathBuf>,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// Bytes of the store.
    pub store_bytes: u64,
    /// Where locks and sockets are.
    pub run_dir: PathBuf,
    /// Size of the ring buffer.
    pub ring_bytes: u32,
    /// Bytes that the process table may take.
    pub process_table_bytes: usize,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// How long repeats of an alert are gathered; zero: not at all.
    pub rollup: Duration,
    /// Which hooks may be used.
    pub hooks: Choice,
    /// Whether the kernel leaves out opens and connections that no rule is about.
    pub kernel_filter: bool,
    /// Whether rules are read again when their files change.
    pub watch_rules: bool,
    /// What one container can make the kernel tell of.
    pub flood: FloodLimit,
    /// User that the line becomes; None: root, and there is no other process.
    pub run_as: Option<u32>,
    /// When the hashes of executed files are taken.
    pub hash: HashMode,
    /// Bytes of the largest file that is read for its hash.
    pub hash_bytes_max: u64,
    /// Environment variables that are kept.
    pub env_keys: Vec<String>,
    /// Name of the cluster.
    pub cluster: Option<String>,
    /// Name of the node; None: what the environment or the host says.
    pub node: Option<String>,
    /// Labels that every document gets.
    pub labels: Vec<Label>,
    /// Where container runtimes keep their state.
    pub runtime_roots: Vec<RuntimeRoot>,
    /// Where the metrics endpoint listens; empty: there is none.
    pub metrics_listen: Vec<SocketAddr>,
    /// Which API of a cluster is asked; None: none is.
    pub kubernetes: Option<KubernetesOptions>,
    /// Where alerts go; empty: standard output, in the form that the command line says.
    pub sinks: Vec<SinkConfig>,
}

/// A sink that can be opened.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Its name.
    pub name: String,
    /// The form of its documents; None: what suits the place.
    pub format: Option<Format>,
    /// The least priority of alerts that it gets.
    pub minimum: Priority,
    /// Whether it gets every event.
    pub events: bool,
    /// Whether it gets heartbeats; None: unless it is for people.
    pub heartbeats: Option<bool>,
    /// Whether its documents wait in the store.
    pub stored: bool,
    /// Documents that may wait for it, where they do not.
    pub queue: usize,
    /// Bytes that they may take.
    pub queue_bytes: u64,
    /// Where to.
    pub target: Target,
}

/// The form of documents, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines for people
    Text,
    /// Elastic Common Schema, one JSON document a line
    Ecs,
    /// Open Cybersecurity Schema Framework, one JSON document a line
    Ocsf,
    /// Falco's JSON, one document a line
    Falco,
    /// Common Event Format
    Cef,
}

/// Where a sink writes to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(crate::sink::file::FileOptions),
    /// An HTTP receiver.
    #[cfg(feature = "http")]
    Http(crate::sink::http::HttpOptions),
    /// A receiver of Fluent Forward.
    #[cfg(feature = "forward")]
    Forward(Connected<ForwardOptions>),
    /// A receiver of syslog messages.
    #[cfg(feature = "syslog")]
    Syslog(Connected<SyslogOptions>),
}

impl Target {
    /// Files that are read at each connection.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Stdout | Self::File(_) => Vec::new(),
            #[cfg(feature = "http")]
            Self::Http(_) => Vec::new(),
            #[cfg(feature = "forward")]
            Self::Forward(target) => target.tls.iter().flat_map(TlsOptions::files).collect(),
            #[cfg(feature = "syslog")]
            Self::Syslog(target) => target.tls.iter().flat_map(TlsOptions::files).collect(),
        }
    }
}

/// A receiver that a connection is made to.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
pub struct Connected<O> {
    /// Where it is.
    pub place: Place,
    /// TLS, if it is to be spoken.
    pub tls: Option<TlsOptions>,
    /// What is sent.
    pub options: O,
}

impl ConfigError {
    /// What to do about it; None where the error itself says.
    #[must_use]
    pub fn cure(&self) -> Option<&'static str> {
        match self {
            Self::Read { source, .. } => Some(input::cure(source)),
            Self::Parse { .. } => Some(
                "mend that line; deploy/config.example.toml shows every key, and each may be left \
                 out",
            ),
            Self::Value { .. } => None,
        }
    }
}

/// What is wrong with a key.
struct Wrong {
    key: String,
    what: String,
}

impl Config {
    /// Reads the named file, or the default one if it is there, or takes the defaults. Of the
    /// cluster's API what is `asked` is asked for besides.
    pub fn load(path: Option<&Path>, asked: Asked) -> Result<Self, ConfigError> {
        let default = Path::new(DEFAULT_PATH);
        let path = match path {
            Some(path) => path,
            None if default.exists() => default,
            None => return Self::parse("", default, asked),
        };
        let text = input::read_text(path, limits::CONFIG_BYTES)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path, asked)
    }

    /// Parses the text of a file.
    pub fn parse(text: &str, path: &Path, asked: Asked) -> Result<Self, ConfigError> {
        let mut raw: RawConfig = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        raw.kubernetes.api |= asked.api;
        raw.kubernetes.services |= asked.services;
        Self::validate(raw).map_err(|Wrong { key, what }| ConfigError::Value {
            path: path.to_owned(),
            key,
            what,
        })
    }

    fn validate(raw: RawConfig) -> Result<Self, Wrong> {
        let kubernetes = kubernetes::kubernetes(
            raw.kubernetes,
            &node::said_name(raw.node.as_deref()).unwrap_or_else(node::hostname),
            |name| std::env::var(name).ok(),
        )?;
        let roots = raw.runtime_roots.into_iter().enumerate();
        let roots: Vec<RuntimeRoot> =
            roots.map(|(index, raw)| runtime_root(index, raw)).collect::<Result<_, _>>()?;
        Ok(Self {
            rules: raw.rules,
            state_dir: raw.state_dir.unwrap_or_else(|| "/var/lib/runmon".into()),
            store_bytes: within(
                "store_bytes",
                raw.store_bytes.unwrap_or(limits::STORE_BYTES),
                limits::STORE_BYTES_RANGE,
            )?,
            run_dir: raw.run_dir.unwrap_or_else(|| "/run/runmon".into()),
            ring_bytes: ring_bytes(raw.ring_bytes.unwrap_or(limits::RING_BYTES))?,
            process_table_bytes: within(
                "process_table_bytes",
                raw.process_table_bytes.unwrap_or(limits::PROCESS_TABLE_BYTES),
                limits::PROCESS_TABLE_RANGE,
            )?,
            heartbeat: Duration::from_secs(within(
                "heartbeat_seconds",
                raw.heartbeat_seconds.unwrap_or(limits::HEARTBEAT_SECONDS),
                limits::HEARTBEAT_RANGE,
            )?),
            rollup: Duration::from_secs(within(
                "rollup_seconds",
                raw.rollup_seconds.unwrap_or(limits::ROLLUP_SECONDS),
                limits::ROLLUP_RANGE,
            )?),
            hooks: hooks(raw.hooks.as_deref().unwrap_or("auto"))?,
            kernel_filter: raw.kernel_filter.unwrap_or(true),
            run_as: run_as(raw.run_as.as_deref().unwrap_or("64988"))?,
            watch_rules: raw.watch_rules.unwrap_or(true),
            flood: FloodLimit {
                rate: within(
                    "flood_rate",
                    raw.flood_rate.unwrap_or(limits::FLOOD_RATE),
                    limits::FLOOD_RATE_RANGE,
                )?,
                burst: within(
                    "flood_burst",
                    raw.flood_burst.unwrap_or(limits::FLOOD_BURST),
                    limits::FLOOD_BURST_RANGE,
                )?,
            },
            hash: hash(raw.hash.as_deref().unwrap_or("rules"))?,
            hash_bytes_max: within(
                "hash_bytes_max",
                raw.hash_bytes_max.unwrap_or(limits::HASH_BYTES_MAX),
                limits::HASH_BYTES_MAX_RANGE,
            )?,
            env_keys: raw.env_keys.unwrap_or_else(|| limits::ENV_KEYS.map(str::to_owned).to_vec()),
            cluster: name("cluster", raw.cluster)?,
            node: name("node", raw.node)?,
            labels: labels(raw.labels)?,
            runtime_roots: if roots.is_empty() { RuntimeRoot::usual() } else { roots },
            metrics_listen: listen(&raw.metrics.listen)?,
            kubernetes,
            sinks: sinks::sinks(raw.sinks)?,
        })
    }
}

fn wrong<T>(key: impl Into<String>, what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { key: key.into(), what: what.into() })
}

/// A number, if it is in its range.
fn within<T>(key: impl Into<String>, number: T, range: RangeInclusive<T>) -> Result<T, Wrong>
where
    T: PartialOrd + Display,
{
    if range.contains(&number) {
        return Ok(number);
    }
    let (least, most) = (range.start(), range.end());
    wrong(key, format!("{number} is not between {least} and {most}"))
}
