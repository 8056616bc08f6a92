//! What is written in the configuration file, key for key. Nothing of it is checked yet.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    keys::{Key, Set},
    text::{self, Unusable},
};

keys! {
    /// The file as it is written. Every key may be left out.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawConfig {
        /// Rule files and directories, `builtin` for the embedded rules; without this key those.
        pub rules: Vec<PathBuf> = "[]",
        /// Profiles, files or directories: what approved ones do not expect is alerted on.
        pub profiles: Vec<PathBuf> = "[]",
        /// Whether what images do is learned, into `profiles` below `state_dir`.
        pub learn_profiles: Option<bool> = "false",
        /// What has a profile of its own then: each `image`, or each `workload` that runs one.
        pub learn_profiles_by: Option<String> = "image",
        /// The policy of which images may run: a container outside of it is alerted on.
        pub image_policy: Option<PathBuf>,
        /// The least priority of findings about how host and containers are set up, or `off`.
        pub posture: Option<String> = "warning",
        /// Seconds between two looks at how a container, or the host, is set up.
        pub posture_seconds: Option<u64> = "60",
        /// Whether listeners' first bytes of connections are looked at, to know who speaks TLS.
        pub listener_traffic: Option<bool> = "false",
        /// Findings about how host and containers are set up that are accepted, and why.
        pub posture_exceptions: Vec<RawPostureException> = "[]",
        /// Whether it is noted which files of each image are used, in `usage` below `state_dir`.
        pub in_use: Option<bool> = "false",
        /// A pack of vulnerability data, as `runmon data build` makes it.
        pub vulnerability_pack: Option<PathBuf>,
        /// The least priority of findings about software that is not kept up, or `off`.
        pub upkeep: Option<String> = "\"off\"",
        /// Seconds between two looks at that; what starts is looked at soon.
        pub upkeep_seconds: Option<u64> = "60",
        /// Days after which an image that nobody used counts as stale when it is started.
        pub stale_image_days: Option<u32> = "30",
        /// Whose support counts: makers' (`standard`), also LTS (`lts`), also paid (`extended`).
        pub support_tier: Option<String> = "lts",
        /// A table of last days of support, in place of the one that is built in.
        pub lifecycle_table: Option<PathBuf>,
        /// The last days of images by digest, a file: what publishers say and no image has in it.
        pub image_end_of_life: Option<PathBuf>,
        /// What is accepted of software that is not kept up, and why.
        pub upkeep_exceptions: Vec<RawUpkeepException> = "[]",
        /// Where state is kept that outlives the daemon.
        pub state_dir: Option<PathBuf> = "/var/lib/runmon",
        /// Bytes that what sinks have not got yet, and got lately, may take there.
        pub store_bytes: Option<u64> = "268435456",
        /// Whether alerts are kept there for `runmon alerts`, too, whatever the sinks.
        pub history: Option<bool> = "true",
        /// What is kept of the time around alerts: what the `rules` have seen, `all` acts, `off`.
        pub flight_recorder: Option<String> = "rules",
        /// Seconds before and after an alert whose events are kept.
        pub flight_recorder_seconds: Option<u64> = "10",
        /// Bytes of memory that the events of the last seconds may take, approximately.
        pub flight_recorder_bytes: Option<usize> = "4194304",
        /// Of which programs that no package or image brought a copy is kept: of `alerts`, `off`.
        pub kept_executables: Option<String> = "\"off\"",
        /// Bytes that these copies may take below `state_dir`; the oldest go.
        pub kept_executables_bytes: Option<u64> = "268435456",
        /// Bytes of the largest program of which a copy is kept.
        pub kept_executable_bytes_max: Option<u64> = "67108864",
        /// Where the daemon's locks and sockets are.
        pub run_dir: Option<PathBuf> = "/run/runmon",
        /// Size of the kernel's ring buffer in bytes, a power of two.
        pub ring_bytes: Option<u32> = "8388608",
        /// Bytes that the process table may take.
        pub process_table_bytes: Option<usize> = "67108864",
        /// Seconds between heartbeats.
        pub heartbeat_seconds: Option<u64> = "30",
        /// Seconds for which repeats of an alert are gathered into a summary; 0: each is an alert.
        pub rollup_seconds: Option<u64> = "60",
        /// Which hooks may be used: `auto`, `fentry`, `kprobe` or `fallback`.
        pub hooks: Option<String> = "auto",
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
        pub hash: Option<String> = "rules",
        /// Bytes of the largest file that is read for it.
        pub hash_bytes_max: Option<u64> = "67108864",
        /// Environment variables that are kept; a final `*` stands for anything.
        pub env_keys: Option<Vec<String>> = "[LD_*, PATH]",
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
        /// The web page: what happens on this host, for a browser on this host.
        pub web: RawWeb = "{}",
        /// Whether and how the API of the cluster is asked.
        pub kubernetes: RawKubernetes,
        /// Where alerts go; without this key to standard output.
        pub sinks: Vec<RawSink> = "[]",
    }
}

keys! {
    /// The API of the cluster.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawKubernetes {
        /// Whether it is asked for the pods of this node: accounts, owners, labels, addresses.
        pub api: bool = "false",
        /// Whether it is asked for services, too: those of the whole cluster, by each node.
        pub services: bool = "false",
        /// Where it is; without this key where pods are told that it is.
        pub server: Option<String>,
        /// File with the token that is sent; it is read for each request.
        pub token_file: Option<PathBuf> = "/var/run/secrets/kubernetes.io/serviceaccount/token",
        /// File with the certificates of those who may certify the server.
        pub ca_file: Option<PathBuf> = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    }
}

keys! {
    /// A container runtime's places.
    #[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct RawRuntimeRoot {
        /// One of `containerd`, `docker`, `podman` (and CRI-O), `runc` (and crun), `buildkit`.
        pub kind: Option<String> = "containerd",
        /// State directory of containerd, data root of Docker, storage of podman, root of runc.
        pub state: PathBuf,
        /// `containerd`: its socket; without this key `containerd.sock` in or beside `state`.
        pub socket: Option<PathBuf>,
    }
}

keys! {
    /// Findings that are accepted.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct RawPostureException {
        /// A check, as `runmon posture --list` has it; a final `*` stands for anything.
        pub check: Option<String>,
        /// Images that it is accepted of, as `nginx:1.*` or `registry:5000/team/**`.
        pub image: Option<String>,
        /// Why it is accepted.
        pub reason: String,
        /// The last day that it is accepted, as `2027-01-31`; without this key for good.
        pub until: Option<String>,
    }
}

keys! {
    /// What is accepted of software that is not kept up.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct RawUpkeepException {
        /// A check, as `runmon posture --list` has it; a final `*` stands for anything.
        pub check: Option<String>,
        /// Images that it is accepted of, as `nginx:1.*` or `registry:5000/team/**`.
        pub image: Option<String>,
        /// A package, as it is called where it is installed, or as its source is.
        pub package: Option<String>,
        /// A vulnerability, by any of its ids, as `CVE-2024-5535`.
        pub vulnerability: Option<String>,
        /// Why it is accepted.
        pub reason: String,
        /// The last day that it is accepted, as `2027-01-31`; without this key for good.
        pub until: Option<String>,
    }
}

keys! {
    /// The metrics endpoint.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawMetrics {
        /// Addresses and ports to listen on, such as `127.0.0.1:9753`; without this key on none.
        pub listen: Vec<String> = "[]",
    }
}

keys! {
    /// The web page.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct RawWeb {
        /// Where it is: `127.0.0.1:9754`, `[::1]:9754` or `unix:/PATH`; without this key nowhere.
        pub listen: Option<String>,
    }
}

keys! {
    /// A sink.
    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct RawSink {
        /// Where to: `stdout`, `file`, `http`, `forward` (Fluent), `syslog`, `nats`, `kafka`.
        pub kind: String,
        /// Its name in counters; without this key its kind.
        pub name: Option<String>,
        /// Form: `text`, `ecs`, `ocsf`, `falco` or `cef`; without this key by its kind.
        pub format: Option<String>,
        /// The least priority of alerts that it gets.
        pub minimum_priority: Option<String> = "debug",
        /// Whether it gets every event, not only alerts.
        #[serde(default)]
        pub events: bool = "false",
        /// A rule condition: it gets only those events and alerts for which it holds.
        pub condition: Option<String>,
        /// Patterns: what their groups match in texts, or they where they have none, is hidden.
        #[serde(default)]
        pub redact: Vec<String> = "[]",
        /// Members of documents that are left out, such as `process.env_vars`.
        #[serde(default)]
        pub leave_out: Vec<String> = "[]",
        /// The only members that are told, beside those that every document needs.
        #[serde(default)]
        pub only: Vec<String> = "[]",
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
        /// `file`: seconds of age at which it is rotated, too; without this key by size alone.
        pub rotate_seconds: Option<u64>,
        /// `file`: when the disk is made to hold it: `never`, `interval` (each second) or `always`.
        pub fsync: Option<String> = "never",
        /// `file`: older files that are kept.
        pub keep: Option<u32> = "5",
        /// `http`: the receiver.
        pub url: Option<String>,
        /// `http`: `webhook`, `falcosidekick`, `splunk-hec`, `elasticsearch-bulk`, `loki`, `otlp`.
        pub preset: Option<String> = "webhook",
        /// `http`: headers, as `Name: value`.
        pub headers: Option<Vec<String>> = "[]",
        /// `http`, `nats`: file with the token that is sent; it is read again at each connection.
        pub token_file: Option<PathBuf>,
        /// `http`, `nats`: variable of the environment with that token, instead of a file.
        pub token_env: Option<String>,
        /// `http`: what stands before the token; without this key what the preset has.
        pub token_scheme: Option<String>,
        /// `http`: the proxy, as `http://[USER:PASSWORD@]HOST:PORT`; it is asked to `CONNECT`.
        pub proxy: Option<String>,
        /// `http`: documents of a request at most; without this key 1 or 256, by the preset.
        pub batch_documents: Option<usize>,
        /// `http`: bytes of these at most, before they are compressed; a larger one is sent alone.
        pub batch_bytes: Option<usize> = "1048576",
        /// `http`: seconds for which a request that is not full waits for more documents.
        pub batch_seconds: Option<u64> = "0",
        /// `http`: `splunk-hec`: the index; `elasticsearch-bulk`: the index or data stream.
        pub index: Option<String>,
        /// `http`: what is said to be the source: `source` of Splunk, else `service.name`.
        pub source: Option<String> = "runmon",
        /// `http`: `splunk-hec`: the source type; without this key `_json`, or `runmon` of texts.
        pub sourcetype: Option<String>,
        /// `forward`, `syslog`, `nats`, `kafka`: `HOST:PORT`, several with commas, or `unix:/PATH`.
        pub address: Option<String>,
        /// `forward`: the tag of what is sent.
        pub tag: Option<String> = "runmon",
        /// `forward`, `http`, `kafka`: whether what is sent is compressed.
        pub gzip: Option<bool> = "false",
        /// `forward`: file with the key that the receiver has, too, if it asks for one.
        pub shared_key_file: Option<PathBuf>,
        /// `forward`: variable of the environment with that key, instead of a file.
        pub shared_key_env: Option<String>,
        /// `forward`, `nats`, `kafka`: name of the user, if the receiver asks for one.
        pub user: Option<String>,
        /// `forward`, `nats`, `kafka`: file with that user's password.
        pub password_file: Option<PathBuf>,
        /// `forward`, `nats`, `kafka`: variable of the environment with it, instead of a file.
        pub password_env: Option<String>,
        /// `nats`: subject of the messages; `{host}` stands for the name of this host.
        pub subject: Option<String> = "runmon.alerts",
        /// `kafka`: topic of the records.
        pub topic: Option<String> = "runmon.alerts",
        /// `kafka`: how a user is shown: `plain`, `scram-sha-256` or `scram-sha-512`.
        pub sasl: Option<String> = "scram-sha-512",
        /// `forward`, `syslog`, `nats`, `kafka`: whether TLS is spoken.
        pub tls: Option<bool> = "false",
        /// `forward`, `http`, `syslog`, `nats`, `kafka`: of who may certify it; else as browsers.
        pub ca_file: Option<PathBuf>,
        /// `forward`, `http`, `syslog`, `nats`, `kafka`: an own certificate, if it asks for one.
        pub certificate_file: Option<PathBuf>,
        /// `forward`, `http`, `syslog`, `nats`, `kafka`: file with its key.
        pub key_file: Option<PathBuf>,
        /// `syslog`: the facility, 0 to 23.
        pub facility: Option<u8> = "13",
        /// `http`: seconds after which a document is given up; without this key never.
        pub give_up_seconds: Option<u64>,
    }
}
