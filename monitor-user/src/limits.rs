//! Every bound of the user side, with its reason and what happens there.

mod history;
mod images;
mod look;
mod packages;
mod policy;
mod posture;
mod profile;
mod traffic;
mod upkeep;
mod usage;
mod vulns;

use std::{ops::RangeInclusive, time::Duration};

pub use history::*;
pub use images::*;
pub use look::*;
pub use packages::*;
pub use policy::*;
pub use posture::*;
pub use profile::*;
pub use traffic::*;
pub use upkeep::*;
pub use usage::*;
pub use vulns::*;

/// Ancestors that an event carries. Deeper trees are real only in fork chains, which would
/// otherwise hold memory without end.
pub const ANCESTORS: usize = 16;

/// Bytes of an ancestor's arguments that an event carries.
pub const ANCESTOR_ARGS_BYTES: usize = 1024;

/// How long an ended process stays known: records about it may come after its end.
pub const EXITED_LINGER_NS: u64 = 5_000_000_000;

/// Approximate bytes of a process beside its strings: the process itself, its place in the table
/// and its list of ancestors.
pub const PROCESS_OVERHEAD_BYTES: usize = 800;

/// Default budget of the process table in bytes; over it the oldest go.
pub const PROCESS_TABLE_BYTES: usize = 64 << 20;

/// What it may be: with less not even the processes of a small host are known.
pub const PROCESS_TABLE_RANGE: RangeInclusive<usize> = 1 << 16..=1 << 38;

/// Answers of one message of a name server that are read; those behind them are left out, and the
/// event says so. A datagram of common size holds fewer than eighty addresses.
pub const DNS_ANSWERS: usize = 64;

/// Bytes of a text that a name server answers with that are kept: one string of it.
pub const DNS_TEXT_BYTES: usize = 255;

/// Questions to name servers that may be under way; over it the oldest is forgotten, counted, and
/// its answer tells no names.
pub const DNS_QUESTIONS: usize = 4_096;

/// How long an answer is waited for, nanoseconds: resolvers give up sooner.
pub const DNS_QUESTION_NS: u64 = 30_000_000_000;

/// How long a name of an address is good, nanoseconds, whatever its server says. Programs keep
/// addresses for longer than they should, and of zero seconds a connection comes after them too.
pub const NAME_NS: RangeInclusive<u64> = 300_000_000_000..=86_400_000_000_000;

/// Names of one address that a container may know; the latest are kept.
pub const NAMES_OF_ADDRESS: usize = 4;

/// Addresses whose names one container may know; over it what was used longest ago is forgotten,
/// counted.
pub const NAMED_ADDRESSES_OF_CONTAINER: usize = 1_024;

/// Addresses whose names all containers may know together; over it those of the container that was
/// quiet for longest are forgotten, counted.
pub const NAMED_ADDRESSES: usize = 65_536;

/// Addresses of containers that are known; over it those that were not seen for longest are
/// forgotten, counted.
pub const PEERS: usize = 16_384;

/// Pods and services whose addresses the cluster's API told; the addresses of further ones are not
/// known, counted.
pub const HOLDERS: usize = 16_384;

/// Addresses of one pod or service that are kept: it has one of each family.
pub const ADDRESSES_OF_HOLDER: usize = 4;

/// Pods of this node that the cluster's API told of; further ones are not known, counted. A kubelet
/// runs 110 unless it is told otherwise.
pub const PODS: usize = 2_048;

/// Services that the cluster's API told of; further ones are not known, counted.
pub const SERVICES: usize = 8_192;

/// Containers of pods that are told of anew when the cluster's API tells of their pod; over it the
/// oldest stays as it is, counted.
pub const POD_CONTAINERS: usize = 4_096;

/// News of the cluster's API that wait for the metadata task; who brings more waits.
pub const NEWS: usize = 64;

/// Bytes of a name of the cluster's: of a pod, a namespace, a service account and so on. Kubernetes
/// allows no longer ones; what has one is left out, counted.
pub const CLUSTER_NAME_BYTES: usize = 253;

/// Bytes of a list that the cluster's API answers with; a longer one is a failure, counted. Each
/// object has a megabyte and a half at most, and nearly all have some kilobytes.
pub const CLUSTER_LIST_BYTES: u64 = 64 << 20;

/// Bytes of one change that it tells of, as for [`CLUSTER_LIST_BYTES`].
pub const CLUSTER_CHANGE_BYTES: u64 = 8 << 20;

/// Bytes of the token and of the certificates for it.
pub const CLUSTER_FILE_BYTES: u64 = 1 << 20;

/// How often the files of the rules are looked at: a change is taken at the second look.
pub const RULES_LOOK: Duration = Duration::from_secs(2);

/// Cgroups that are known at once; what runs in further ones is in an unknown container, counted.
pub const CGROUPS: usize = 65_536;

/// Containers that are known at once; further ones are unknown containers, counted.
pub const CONTAINERS: usize = 16_384;

/// Cgroups of one container, with all that is inside of it, or of one user that are known at once;
/// further ones are counted, and who moves there stays what it is. A node of a cluster that is a
/// container has some hundred in each of a dozen hierarchies.
pub const CGROUPS_OF_ONE: usize = 8_192;

/// Containers inside of one container, or of one user, that are known at once; what runs in further
/// ones is told of the outer one, with the reason `too_many`, counted.
pub const CONTAINERS_IN_ONE: usize = 1_024;

/// Bytes of a container's mounts, or of its or its pod's labels, that are kept; a longer list is
/// not known (`too_large`).
pub const CONTAINER_LIST_BYTES: usize = 8 << 10;

/// Labels of the configuration, which every document gets.
pub const LABELS: usize = 32;

/// Bytes of the name of one, and of its text; of the names of the node and the cluster.
pub const LABEL_BYTES: usize = 256;

/// Bytes of a probe's or a health check's command that are kept; a longer one is not known
/// (`too_large`).
pub const PROBE_BYTES: usize = 1 << 10;

/// Bytes of the largest file of a runtime's that is read about a container.
pub const RUNTIME_FILE_BYTES: u64 = 16 << 20;

/// How long the keeper may take for what is done at once: to read a table, to open a file, to
/// detach, which takes a tenth of a second. Over it the daemon fails, so that its supervisor starts
/// it anew; a file counts as unanswered (`no_answer`). Who stops the daemon waits for fifteen
/// seconds.
pub const KEEPER_ANSWER: Duration = Duration::from_secs(10);

/// How long it may take to load and attach programs, or to look at all processes, as for
/// [`KEEPER_ANSWER`]: loading takes up to three seconds, and up to twenty on an emulated machine.
pub const KEEPER_LOADS: Duration = Duration::from_secs(60);

/// Bytes a second that it reads at least of an executed file, beside [`KEEPER_ANSWER`]: the slowest
/// disks do.
pub const KEEPER_HASH_BYTES_PER_SECOND: u64 = 1 << 20;

/// How long the keeper may take to end once the line closed the connection; over it, it is killed,
/// or ends at once by itself.
pub const KEEPER_END: Duration = Duration::from_secs(10);

/// Containers of runc's or crun's own whose state is looked at for one whose cgroup has not its
/// name.
pub const RUNC_CONTAINERS: usize = 256;

/// Containers that stay known after their last cgroup is gone, for their last events.
pub const GONE_CONTAINERS: usize = 256;

/// Cgroups that went and whose container is remembered, to name those that lost records.
pub const REMOVED_CGROUPS: usize = 4_096;

/// Files whose SHA-256 is known or asked for; over it the one that was executed longest ago is
/// forgotten, counted, and read again when it is executed again.
pub const HASHES: usize = 16_384;

/// Files that wait to be read for their SHA-256; over it they are answered `too_many`, counted.
pub const HASH_QUESTIONS: usize = 1_024;

/// Bytes of the largest file that is read for its SHA-256, unless the configuration says otherwise:
/// nearly all programs are smaller, and a second is enough for it.
pub const HASH_BYTES_MAX: u64 = 64 << 20;

/// What that may be.
pub const HASH_BYTES_MAX_RANGE: RangeInclusive<u64> = 1..=1 << 40;

/// Bytes a second that are read for SHA-256 while many programs are new: a fraction of a core, and
/// of a disk.
pub const HASH_BYTES_PER_SECOND: u64 = 64 << 20;

/// Bytes that may be read at once after a quiet time: the largest file twice.
pub const HASH_BURST_BYTES: u64 = 128 << 20;

/// Lookups that wait for the metadata task; over it they are answered `too_many`.
pub const LOOKUPS: usize = 4_096;

/// Containers that are asked about again where somebody did not answer; over it they are not.
pub const ASKED_AGAIN: usize = 4_096;

/// Events that wait for a pending fact; over it the oldest is decided as it is.
pub const PARKED: usize = 4_096;

/// Bytes that events which wait for a pending fact may take, as for [`PARKED`].
pub const PARKED_BYTES: usize = 16 << 20;

/// Alerts that repeats are counted of at once; over it the oldest is summarised before its time,
/// counted.
pub const ROLLUPS: usize = 4_096;

/// Seconds for which repeats of an alert are gathered, unless the configuration says otherwise.
pub const ROLLUP_SECONDS: u64 = 60;

/// What that may be; 0: not at all.
pub const ROLLUP_RANGE: RangeInclusive<u64> = 0..=86_400;

/// Alerts that wait for facts to be updated with; over it the oldest stands as it left, counted.
pub const INCOMPLETE: usize = 1_024;

/// How long an alert waits for facts to be updated with, nanoseconds.
pub const INCOMPLETE_NS: u64 = 10_000_000_000;

/// How long an event waits for a pending fact, nanoseconds.
pub const PARKED_NS: u64 = 500_000_000;

/// Rules whose state a heartbeat tells, those with the most matches first.
pub const RULES_SHOWN: usize = 64;

/// Rules that are switched off on the running daemon at once; one more is refused.
pub const RULES_SWITCHED_OFF: usize = 256;

/// Seconds that a rule can be switched off for on the running daemon: what is off for longer
/// belongs in a rule file, where others see it.
pub const RULE_OFF_SECONDS: RangeInclusive<u64> = 1..=604_800;

/// Bytes of a request to the running daemon; a longer one is refused.
pub const CONTROL_BYTES: usize = 4_096;

/// Addresses that the metrics endpoint listens on; more are refused.
pub const METRICS_ADDRESSES: usize = 8;

/// Connections at once to each address of the metrics endpoint: a few scrapers or probes. One more
/// is sent away, counted.
pub const METRICS_CLIENTS: usize = 16;

/// Bytes of a request to the metrics endpoint; a longer one is refused. The HTTP library takes no
/// less.
pub const METRICS_HEADER_BYTES: usize = 8_192;

/// How long a connection to the metrics endpoint may last, the answer of the line included; over it
/// it is ended, counted.
pub const METRICS_PATIENCE: Duration = Duration::from_secs(10);

/// How long the line may take to answer the metrics endpoint: it looks ten times a second. Who asks
/// is told that it does not answer.
pub const METRICS_ANSWER: Duration = Duration::from_secs(5);

/// How old an answer of the line's may be that the metrics endpoint tells once more, so that many
/// who ask cost the line no more than one.
pub const METRICS_AGE: Duration = Duration::from_secs(1);

/// How long the metrics endpoint waits after a connection could not be taken, as where there are no
/// descriptors.
pub const METRICS_REST: Duration = Duration::from_millis(100);

/// How long something that was lost counts as a reason for being degraded.
pub const DEGRADED_NS: u64 = 300_000_000_000;

/// How far the wall clock may be from where it was, as it goes by the one since boot, until that
/// counts as set by somebody.
pub const CLOCK_STEP_NS: u64 = 500_000_000;

/// How long a sink delivers nothing, while documents wait for it, before it counts as stuck.
pub const SINK_STUCK_NS: u64 = 10_000_000_000;

/// Alerts that wait for one sink; over it they are dropped, and counted.
pub const SINK_QUEUE: usize = 10_000;

/// What that may be; the queue cannot hold more than a fraction of what a number can say.
pub const SINK_QUEUE_RANGE: RangeInclusive<usize> = 1..=1_000_000;

/// Bytes that they may take, approximately; over it they are dropped, and counted. Documents of
/// long command lines would otherwise fill the memory long before the queue.
pub const SINK_QUEUE_BYTES: u64 = 32 << 20;

/// What that may be: a single document must find room.
pub const SINK_QUEUE_BYTES_RANGE: RangeInclusive<u64> = 1 << 20..=1 << 36;

/// Bytes of the store: ten thousand alerts are about 50 MiB.
pub const STORE_BYTES: u64 = 256 << 20;

/// What that may be.
pub const STORE_BYTES_RANGE: RangeInclusive<u64> = 4 << 20..=1 << 40;

/// Segments of a full store: what gives way goes by segments.
pub const STORE_SEGMENTS: u64 = 32;

/// Bytes of a segment at most: one is held in memory while it is written anew.
pub const STORE_SEGMENT_BYTES: u64 = 16 << 20;

/// Sinks that are not configured now, and whose place in the store is remembered.
pub const STORE_STRANGERS: usize = 64;

/// Bytes of an answer about how the daemon is: a line for each rule, sink and hook.
pub const STATUS_BYTES: u64 = 4 << 20;

/// Age at which a file of alerts may be rotated.
pub const ROTATE_SECONDS_RANGE: RangeInclusive<u64> = 1..=31_536_000;

/// Patterns, or members, that a sink keeps back.
pub const REDACTIONS: usize = 64;

/// Bytes of memory that a compiled pattern may take.
pub const PATTERN_BYTES: usize = 1 << 20;

/// Sandboxes that a heartbeat names of those of which nothing is seen.
pub const BLIND_SHOWN: usize = 32;

/// How long sinks may take to end when others take their place: as long as the slowest try.
pub const SINKS_PATIENCE: Duration = Duration::from_secs(60);

/// Sinks of a configuration.
pub const SINKS: usize = 32;

/// Documents and answers that wait for the store's thread; over it documents are lost, and counted.
pub const STORE_QUEUE: usize = 32_768;

/// Bytes that they may take, approximately, as for [`STORE_QUEUE`].
pub const STORE_QUEUE_BYTES: u64 = 64 << 20;

/// Records that a sink is given at once, and bytes of them.
pub const STORE_BATCH: usize = 512;
/// See [`STORE_BATCH`].
pub const STORE_BATCH_BYTES: usize = 1 << 20;

/// Bytes of the newest records of the store that stay in memory, for sinks that are up to date.
pub const STORE_TAIL_BYTES: usize = 4 << 20;

/// Bytes of records that wait in memory for a disk that takes none; over it the oldest are lost,
/// and counted.
pub const STORE_UNWRITTEN_BYTES: usize = 32 << 20;

/// Bytes of a certificate, a key or a secret of a sink's.
pub const SINK_FILE_BYTES: u64 = 1 << 20;

/// The facility of syslog messages, unless the configuration says otherwise: log audit.
pub const SYSLOG_FACILITY: u8 = 13;

/// What that may be.
pub const SYSLOG_FACILITY_RANGE: RangeInclusive<u8> = 0..=23;

/// Documents that a receiver of syslog has got, but that may have to be sent again, and bytes of
/// them.
pub const SYSLOG_HELD: usize = 4096;
/// See [`SYSLOG_HELD`].
pub const SYSLOG_HELD_BYTES: usize = 8 << 20;

/// Bytes that a server of NATS is sent before it has acknowledged them.
pub const NATS_WINDOW_BYTES: usize = 256 << 10;

/// Of these, bytes that are written at once.
pub const NATS_WRITTEN_AT_ONCE: usize = 64 << 10;

/// Bytes of documents that are on their way to a partition of Kafka's together, before they are
/// compressed: about half of what brokers take, unless they are told otherwise.
pub const KAFKA_CHUNK_BYTES: usize = 512 << 10;

/// Bytes of an answer of a broker of Kafka's, which may tell of many brokers and partitions.
pub const KAFKA_ANSWER_BYTES: u64 = 4 << 20;

/// Bytes of an answer of a receiver's; a longer one is none.
pub const SINK_ANSWER_BYTES: u64 = 64 << 10;

/// Documents of an HTTP request, unless the configuration says otherwise, and what that may be: a
/// sink is not given more at once.
pub const HTTP_BATCH: usize = 256;
/// See [`HTTP_BATCH`].
pub const HTTP_BATCH_RANGE: RangeInclusive<usize> = 1..=STORE_BATCH;

/// Bytes of these documents, and what that may be; a larger document is sent alone. Receivers take
/// some megabytes as they are delivered.
pub const HTTP_BATCH_BYTES: usize = 1 << 20;
/// See [`HTTP_BATCH_BYTES`].
pub const HTTP_BATCH_BYTES_RANGE: RangeInclusive<usize> = 1 << 10..=16 << 20;

/// Seconds for which a request may wait for more documents: less than [`SINK_STUCK_NS`].
pub const HTTP_BATCH_SECONDS_RANGE: RangeInclusive<u64> = 0..=5;

/// Seconds for which an HTTP receiver can ask to be left alone; who asks for more is tried then.
pub const HTTP_RETRY_AFTER_SECONDS: u64 = 300;

/// Bytes of the answer of an HTTP receiver's; a longer one is none. It may tell of each document.
pub const HTTP_ANSWER_BYTES: u64 = 4 << 20;

/// Bytes of it that people are shown.
pub const HTTP_SAID_BYTES: usize = 300;

/// Failures of a receiver at the same documents after which halves of them are sent.
pub const SPLITS_AFTER: u32 = 3;

/// Failures at one document alone, and how long that takes at least, before it is set aside if
/// another one is taken; it holds up those behind it for that long.
pub const ALONE_TRIES: u32 = 5;
/// See [`ALONE_TRIES`].
pub const ALONE_TIME: Duration = Duration::from_secs(60);

/// Documents behind it that are tried for comparison, one after the other.
pub const PROBES: usize = 8;

/// Size in bytes at which a file of alerts is rotated, and what it may be.
pub const ROTATE_BYTES: u64 = 100 << 20;
/// See [`ROTATE_BYTES`].
pub const ROTATE_BYTES_RANGE: RangeInclusive<u64> = 1..=1 << 50;

/// Older files of alerts that are kept, and what it may be: each is renamed at a rotation.
pub const KEEP: u32 = 5;
/// See [`KEEP`].
pub const KEEP_RANGE: RangeInclusive<u32> = 0..=1_000;

/// Seconds after which a document that waits in memory, and that a receiver does not take, is given
/// up, unless the configuration says otherwise.
pub const GIVE_UP_SECONDS: u64 = 600;

/// What that may be: those behind it wait as long.
pub const GIVE_UP_RANGE: RangeInclusive<u64> = 1..=604_800;

/// Bytes of a configuration file; a larger one is refused.
pub const CONFIG_BYTES: u64 = 1 << 20;

/// Files of another system's rules that one import reads; the public collections have a few
/// thousand.
pub const IMPORT_FILES: usize = 16_384;

/// Bytes that these may have together; more are refused, since they are held at once.
pub const IMPORT_BYTES: usize = 64 << 20;

/// Environment variables that are kept.
pub const ENV_KEYS: [&str; 2] = ["LD_*", "PATH"];

/// Bytes of one variable that are kept of an environment too long to be recorded whole.
pub const ENV_VARIABLE_BYTES: usize = 2_048;

/// Default size of the ring buffer in bytes.
pub const RING_BYTES: u32 = 8 << 20;

/// Seconds between heartbeats.
pub const HEARTBEAT_SECONDS: u64 = 30;

/// What that may be.
pub const HEARTBEAT_RANGE: RangeInclusive<u64> = 1..=86_400;

/// Records a second that a container can have of one kind and one path of the rules, unless the
/// configuration says otherwise: a hundred such floods are still less than the line takes.
pub const FLOOD_RATE: u32 = 5_000;

/// What that may be; 0 is no bound.
pub const FLOOD_RATE_RANGE: RangeInclusive<u32> = 0..=10_000_000;

/// Records of that sort that it can have at once, unless the configuration says otherwise.
pub const FLOOD_BURST: u32 = 20_000;

/// What that may be.
pub const FLOOD_BURST_RANGE: RangeInclusive<u32> = 1..=10_000_000;

/// Processes of the canary whose acts are still left out; the oldest are forgotten first.
pub const OWN_PIDS: usize = 256;

/// Time between looks at what was lost: how late a flood is told of at most.
pub const FLOOD_LOOK_NS: u64 = 1_000_000_000;

/// Time after which a flood that goes on is told of again.
pub const FLOOD_AGAIN_NS: u64 = 60_000_000_000;

/// Containers whose losses a heartbeat names one by one, the greatest first.
pub const LOSSES_SHOWN: usize = 32;

/// Events of a recording that `rules bench` keeps; those after them are left out, which is said.
pub const BENCH_EVENTS: usize = 200_000;

/// Bytes that these may take, approximately, as for [`BENCH_EVENTS`].
pub const BENCH_BYTES: usize = 512 << 20;

/// Users, and groups, that a recording names.
pub const RECORDED_NAMES: usize = 4096;

/// Default size in bytes at which a recording stops growing.
pub const RECORDING_BYTES: u64 = 1 << 30;

/// Events that `replay` picks at most: it remembers which. Over it the choice must be narrower.
pub const CHOSEN_EVENTS: usize = 1 << 22;

/// Processes whose parents are remembered while a recording is made smaller. Over it what became
/// of any process is kept, and the recording is larger than it must be.
pub const CUT_PROCESSES: usize = 1 << 20;
