//! The configuration file: text → [`RawConfig`] (what is written) → [`Config`] (valid).

pub mod address;
#[cfg(feature = "http")]
mod http;
mod keep;
#[macro_use]
mod keys;
mod kubernetes;
mod load;
mod posture;
#[cfg(any(feature = "kafka", feature = "nats"))]
mod queues;
mod raw;
mod routing;
mod schema;
#[cfg(any(feature = "forward", feature = "http", feature = "kafka", feature = "nats"))]
pub mod secret;
mod show;
mod sinks;
mod support;
#[cfg(test)]
mod tests;
mod text;
mod upkeep;
mod values;
mod web;

use std::{
    fmt::Display,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use monitor_rules::Priority;

#[cfg(feature = "forward")]
use crate::sink::forward::{ForwardOptions, Secrets};
#[cfg(feature = "kafka")]
use crate::sink::kafka::KafkaOptions;
#[cfg(feature = "nats")]
use crate::sink::nats::NatsOptions;
#[cfg(feature = "tls")]
use crate::sink::receiver::{Place, TlsOptions};
#[cfg(feature = "syslog")]
use crate::sink::syslog::SyslogOptions;
use crate::{
    bpf::planner::Choice, container::Label, enrich::hashes::HashMode, flood::FloodLimit,
    kubernetes::KubernetesOptions, limits, metadata::RuntimeRoot, node, recorder::RecorderOptions,
    sink::redaction::Redaction, upkeep::accepted::Accepted,
};
pub use keep::KeepOptions;
pub use keys::Key;
pub use kubernetes::Asked;
pub use load::ConfigError;
pub use posture::{PostureLooks, PostureOptions};
pub use raw::*;
pub use schema::schema;
#[cfg(any(feature = "kafka", feature = "nats"))]
use secret::Secret;
pub use show::as_yaml;
pub use support::SupportOptions;
pub use text::{VARIABLES, read_strictly};
pub use upkeep::UpkeepOptions;
use values::{by_workload, hash, hooks, labels, listen, name, ring_bytes, run_as};
pub use web::WebListen;

/// The file that is read where none is named.
pub const DEFAULT_PATH: &str = "/etc/runmon/config.yaml";

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it is read from, if that is there: from the root, since it is read again when
    /// this process may be elsewhere.
    pub path: PathBuf,
    /// Rule files and directories; empty: the embedded ones.
    pub rules: Vec<PathBuf>,
    /// Files and directories of profiles.
    pub profiles: Vec<PathBuf>,
    /// Whether what images do is learned.
    pub learn_profiles: bool,
    /// Whether each workload that runs an image has a profile of its own.
    pub learn_by_workload: bool,
    /// File of the policy of what may run; None: there is none.
    pub image_policy: Option<PathBuf>,
    /// What is done about how containers are set up; None: nothing.
    pub posture: Option<PostureOptions>,
    /// How often that is looked at, and what of it is accepted.
    pub posture_looks: PostureLooks,
    /// Whether it is noted which files of images are used.
    pub in_use: bool,
    /// A pack of vulnerability data; None: there is none.
    pub vulnerability_pack: Option<PathBuf>,
    /// What is done about software that is not kept up; None: nothing.
    pub upkeep: Option<UpkeepOptions>,
    /// What of that is accepted.
    pub upkeep_exceptions: Vec<Accepted>,
    /// Until when something counts as supported.
    pub support: SupportOptions,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// Bytes of the store.
    pub store_bytes: u64,
    /// Whether alerts are kept for people.
    pub history: bool,
    /// What is kept of the time around them; None: nothing.
    pub flight: Option<Flight>,
    /// What is kept of programs behind them; None: nothing.
    pub keep: Option<KeepOptions>,
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
    /// Where the web page is; None: there is none.
    pub web_listen: Option<WebListen>,
    /// Which API of a cluster is asked; None: none is.
    pub kubernetes: Option<KubernetesOptions>,
    /// Where alerts go; empty: standard output, in the form that the command line says.
    pub sinks: Vec<SinkConfig>,
}

/// What is kept of the time around alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Whether the kernel is asked for all acts, not just those that rules are about.
    pub all: bool,
    /// How much.
    pub options: RecorderOptions,
}

/// A sink that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfig {
    /// Its name.
    pub name: String,
    /// The form of its documents; None: what suits the place.
    pub format: Option<Format>,
    /// The least priority of alerts that it gets.
    pub minimum: Priority,
    /// Whether it gets every event.
    pub events: bool,
    /// The condition that holds for events and alerts that it gets.
    condition: Option<String>,
    /// What is kept back of documents.
    pub redaction: Redaction,
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

/// Their names.
const FORMATS: [&str; 5] = ["text", "ecs", "ocsf", "falco", "cef"];

/// What `hooks` may be.
const HOOKS: [&str; 4] = ["auto", "fentry", "kprobe", "fallback"];

/// What `flight_recorder` may be.
const FLIGHTS: [&str; 3] = ["rules", "all", "off"];

/// Where a sink writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    all(
        feature = "http",
        not(any(feature = "forward", feature = "syslog", feature = "nats", feature = "kafka"))
    ),
    expect(clippy::large_enum_variant, reason = "there are a few of them, and for long")
)]
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
    /// A stream of NATS.
    #[cfg(feature = "nats")]
    Nats(Connected<NatsOptions, Vec<Place>>),
    /// A topic of Kafka.
    #[cfg(feature = "kafka")]
    Kafka(Connected<KafkaOptions, Vec<Place>>),
}

impl Target {
    /// Files that are read at each connection.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Stdout | Self::File(_) => Vec::new(),
            #[cfg(feature = "http")]
            Self::Http(http) => {
                let token = http.token.as_ref().and_then(|token| token.secret.file());
                http.tls.files().chain(token.map(Path::to_owned)).collect()
            }
            #[cfg(feature = "forward")]
            Self::Forward(target) => {
                let secrets = target.options.secrets.iter().flat_map(Secrets::all);
                target.files_with(secrets)
            }
            #[cfg(feature = "syslog")]
            Self::Syslog(target) => target.tls.iter().flat_map(TlsOptions::files).collect(),
            #[cfg(feature = "nats")]
            Self::Nats(target) => target.files_with(target.options.who.secret()),
            #[cfg(feature = "kafka")]
            Self::Kafka(target) => {
                target.files_with(target.options.login.as_ref().map(|login| &login.password))
            }
        }
    }
}

/// A receiver that a connection is made to.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected<O, P = Place> {
    /// Where it is; some can be in several places.
    pub place: P,
    /// TLS, if it is to be spoken.
    pub tls: Option<TlsOptions>,
    /// What is sent.
    pub options: O,
}

#[cfg(any(feature = "forward", feature = "kafka", feature = "nats"))]
impl<O, P> Connected<O, P> {
    /// Files of its TLS, and those of secrets.
    fn files_with<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) -> Vec<PathBuf> {
        let secrets = secrets.into_iter().filter_map(Secret::file).map(Path::to_owned);
        self.tls.iter().flat_map(TlsOptions::files).chain(secrets).collect()
    }
}

/// What is wrong with a key.
struct Wrong {
    key: String,
    what: String,
}

impl Config {
    /// Reads the named file, or the default one if it is there, or takes the defaults; variables of
    /// the environment override it. Of the cluster's API what is `asked` is asked for besides.
    pub fn load(path: Option<&Path>, asked: Asked) -> Result<Self, ConfigError> {
        let (raw, path) = RawConfig::load(path)?;
        Self::of(raw, &path, asked)
    }

    /// What is written, if it makes sense. The path is for people.
    pub fn of(mut raw: RawConfig, path: &Path, asked: Asked) -> Result<Self, ConfigError> {
        raw.kubernetes.api |= asked.api;
        raw.kubernetes.services |= asked.services;
        Self::validate(raw, path).map_err(|Wrong { key, what }| ConfigError::Value {
            path: path.to_owned(),
            key,
            what,
        })
    }

    fn validate(raw: RawConfig, path: &Path) -> Result<Self, Wrong> {
        let (flight, keep) = (values::flight(&raw)?, keep::keep(&raw)?);
        let (upkeep, upkeep_exceptions) = (upkeep::upkeep(&raw)?, upkeep::accepted(&raw)?);
        let support = support::support(&raw)?;
        let (heartbeat, rollup) = values::times(&raw)?;
        let (flood, (posture, posture_looks)) = (values::flood(&raw)?, posture::posture(&raw)?);
        let host = node::said_name(raw.node.as_deref()).unwrap_or_else(node::hostname);
        let env = |name: &str| std::env::var(name).ok();
        let kubernetes = kubernetes::kubernetes(raw.kubernetes, &host, env)?;
        Ok(Self {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            rules: raw.rules,
            profiles: raw.profiles,
            learn_profiles: raw.learn_profiles.unwrap_or(false),
            learn_by_workload: by_workload(raw.learn_profiles_by.as_deref())?,
            image_policy: raw.image_policy,
            posture,
            posture_looks,
            in_use: raw.in_use.unwrap_or(false),
            vulnerability_pack: raw.vulnerability_pack,
            upkeep,
            upkeep_exceptions,
            support,
            state_dir: raw.state_dir.unwrap_or_else(|| "/var/lib/runmon".into()),
            store_bytes: values::store_bytes(raw.store_bytes)?,
            history: raw.history.unwrap_or(true),
            flight,
            keep,
            run_dir: raw.run_dir.unwrap_or_else(|| "/run/runmon".into()),
            ring_bytes: ring_bytes(raw.ring_bytes.unwrap_or(limits::RING_BYTES))?,
            process_table_bytes: within(
                "process_table_bytes",
                raw.process_table_bytes.unwrap_or(limits::PROCESS_TABLE_BYTES),
                limits::PROCESS_TABLE_RANGE,
            )?,
            heartbeat,
            rollup,
            hooks: hooks(raw.hooks.as_deref().unwrap_or("auto"))?,
            kernel_filter: raw.kernel_filter.unwrap_or(true),
            run_as: run_as(raw.run_as.as_deref().unwrap_or("64988"))?,
            watch_rules: raw.watch_rules.unwrap_or(true),
            flood,
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
            runtime_roots: values::runtime_roots(raw.runtime_roots)?,
            metrics_listen: listen(&raw.metrics.listen)?,
            web_listen: web::listen(raw.web.listen.as_deref())?,
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
