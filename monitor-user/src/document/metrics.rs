//! What the numbers of a heartbeat mean, for the reference.

/// A number of the heartbeat: its place below `runmon.` in the document, and what it counts. `*`
/// stands for a kind of record or event, or for a reason.
pub const METRICS: &[(&str, &str)] = &[
    ("lost", "Records that were lost in the kernel, of all kinds and for all reasons."),
    ("rules", "Rules that are on."),
    ("kernel.kinds.*.attempted", "Acts that a hook decided to tell of."),
    ("kernel.kinds.*.submitted", "Records that went into the ring buffer."),
    ("kernel.kinds.*.collapsed", "Repeats that were only counted."),
    (
        "kernel.kinds.*.filtered",
        "Acts that no rule can be about, left out in the kernel and not among the attempts.",
    ),
    ("kernel.kinds.*.dropped.ring_full", "Records lost because the ring buffer had no room."),
    (
        "kernel.kinds.*.dropped.scratch_exhausted",
        "Records lost because all scratch slots of the CPU were taken.",
    ),
    (
        "kernel.kinds.*.dropped.read_fault",
        "Records lost because a kernel object without which there is none could not be read.",
    ),
    (
        "kernel.kinds.*.dropped.bucket_empty",
        "Records left out because their container had too many of that kind and path \
         (`flood_rate`).",
    ),
    ("kernel.losses.dropped.*", "Records of one container that were lost, by reason."),
    ("kernel.counters.path_truncated", "Records with a path that was cut."),
    ("kernel.counters.args_truncated", "Records with arguments or an environment that was cut."),
    (
        "kernel.counters.loss_unattributed",
        "Losses whose cgroup found no room in the table of losses by cgroup.",
    ),
    (
        "kernel.counters.pending_full",
        "Connection attempts that could not be kept: their failure goes untold. (Where 16384 are \
         under way the oldest is forgotten for a new one, which is not counted.)",
    ),
    (
        "kernel.counters.buckets_full",
        "Token buckets that found no room: what they would bound is not bounded.",
    ),
    (
        "kernel.counters.repeats_full",
        "Datagrams that could not be remembered: their repeats are told of one by one. (Where \
         16384 are remembered the oldest is forgotten for a new one: its next is told of anew.)",
    ),
    (
        "kernel.counters.dns_sockets_full",
        "Sockets that could not be remembered: the answers of name servers that came in by them \
         are told of as nobody's. (Where 4096 are remembered the oldest is forgotten for a new \
         one, which is not counted.)",
    ),
    ("kernel.counters.own_acts", "Acts of runmon itself that were left out."),
    (
        "kernel.counters.recursion_misses",
        "Runs of programs that the kernel skipped because one was running already.",
    ),
    ("line.records", "Records that came in, those of processes found at start included."),
    ("line.seeds", "Records of processes that ran before runmon."),
    ("line.decode_errors", "Records that could not be decoded."),
    ("line.decoded", "Records of the kernel's hooks that could be decoded."),
    ("line.events.*", "Events, by kind."),
    ("line.repeated", "Records of an end of a process that was told of before."),
    ("line.own", "Events of runmon's own canary, left out."),
    ("line.alerts", "Alerts."),
    ("line.incomplete", "Alerts that left before all facts about their container were there."),
    ("line.updates", "Updates of such alerts."),
    ("line.updates_expired", "Alerts whose facts came too late for an update, or not at all."),
    ("line.parked", "Events that waited for a fact that a rule hangs on."),
    ("line.parked_expired", "Of these, the ones that were decided without it."),
    ("tables.processes", "Processes that are known."),
    ("tables.process_bytes", "Bytes that they take, approximately."),
    ("tables.process_misses", "Acts of processes that were not known."),
    ("tables.processes_evicted", "Processes that were forgotten for lack of room."),
    ("tables.containers", "Containers that are known."),
    (
        "tables.containers_blind",
        "Running containers with a kernel of their own, as Kata Containers and gVisor give them: \
         nothing of what they do is seen.",
    ),
    ("tables.cgroups", "Cgroups that are known."),
    (
        "tables.cgroups_refused",
        "Cgroups and containers that found no room; what runs there is in an unknown container.",
    ),
    (
        "tables.cgroups_unseen",
        "Cgroups that no record told of, as where it was lost; they are looked for.",
    ),
    ("tables.lookups_refused", "Questions about containers that found no room."),
    ("tables.named_addresses", "Addresses of which a container knows the name, in all containers."),
    ("tables.named_addresses_evicted", "Such addresses that were forgotten for lack of room."),
    ("tables.peer_addresses", "Addresses that containers of this node were seen to have."),
    ("tables.peer_addresses_evicted", "Such addresses that were forgotten for lack of room."),
    (
        "tables.dns_questions_evicted",
        "Questions to name servers that were forgotten for lack of room: no names are learned from \
         their answers.",
    ),
    (
        "tables.dns_answers_unasked",
        "Answers of name servers to no question that was seen: no names are learned from them.",
    ),
    ("tables.hashes", "Executed files whose SHA-256 is known or asked for."),
    ("tables.hashes_hit", "Hashes that were wanted, and known or asked for already."),
    ("tables.hashes_missed", "Hashes that were wanted and had to be asked for."),
    ("tables.hashes_evicted", "Such files that were forgotten for lack of room."),
    (
        "tables.hashes_refused",
        "Files that were not read for their hash, because too many waited: it is `too_many`.",
    ),
    ("tables.windows", "Keys for which rules with `aggregate` gather events now."),
    ("tables.windows_evicted", "Such keys that were forgotten for lack of room."),
    ("rule_states.matches", "Events that a rule matched."),
    ("rule_states.alerts", "Alerts that the rule is in."),
    ("rule_states.shadowed", "Matches of a rule in shadow mode: they were only counted."),
    ("rule_states.gathered", "Matches that were gathered with others, or are still."),
    ("rule_states.switched_off", "Matches while the rule was switched off for a time."),
    ("rule_states.excepted.count", "Events that an exception of the rule kept quiet."),
    ("sinks.offered", "Documents that the sink was offered."),
    ("sinks.delivered", "Documents that it wrote, or that its receiver acknowledged."),
    ("sinks.filtered", "Documents that it does not want."),
    ("sinks.dropped", "Documents that it lost, for lack of room or after the last try."),
    ("sinks.retries", "Tries that failed."),
    ("sinks.queued", "Documents that wait for it."),
    ("hooks.programs.runs", "Runs of a program, while `kernel.bpf_stats_enabled` is set."),
    ("hooks.programs.run_ns", "Nanoseconds that they took."),
];
