//! What the programs in the kernel counted.

use super::Metric;

pub(super) const METRICS: &[Metric] = &[
    Metric::counter(
        "runmon_kernel_attempted",
        "Acts that a hook decided to tell of.",
        |now, out| {
            now.heartbeat.kinds.iter().for_each(|it| out.with(&[it.kind], it.attempted));
        },
    )
    .by(&["kind"])
    .at(&[("kernel.kinds.*.attempted", "")]),
    Metric::counter(
        "runmon_kernel_submitted",
        "Records that went into the ring buffer.",
        |now, out| {
            now.heartbeat.kinds.iter().for_each(|it| out.with(&[it.kind], it.submitted));
        },
    )
    .by(&["kind"])
    .at(&[("kernel.kinds.*.submitted", "")]),
    Metric::counter("runmon_kernel_collapsed", "Repeats that were only counted.", |now, out| {
        now.heartbeat.kinds.iter().for_each(|it| out.with(&[it.kind], it.collapsed));
    })
    .by(&["kind"])
    .at(&[("kernel.kinds.*.collapsed", "")]),
    Metric::counter(
        "runmon_kernel_filtered",
        "Acts that no rule can be about, left out in the kernel and not among the attempts.",
        |now, out| {
            now.heartbeat.kinds.iter().for_each(|it| out.with(&[it.kind], it.filtered));
        },
    )
    .by(&["kind"])
    .at(&[("kernel.kinds.*.filtered", "")]),
    Metric::counter(
        "runmon_kernel_dropped",
        "Records that were lost in the kernel.",
        |now, out| {
            for kind in &now.heartbeat.kinds {
                kind.dropped
                    .iter()
                    .for_each(|(reason, count)| out.with(&[kind.kind, reason], *count));
            }
        },
    )
    .by(&["kind", "reason"])
    .at(&[
        ("lost", "Records that were lost in the kernel, of all kinds and for all reasons."),
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
    ]),
    Metric::counter(
        "runmon_kernel_path_truncated",
        "Records with a path that was cut.",
        |now, out| out.named(&now.heartbeat.kernel, "path_truncated"),
    )
    .at(&[("kernel.counters.path_truncated", "")]),
    Metric::counter(
        "runmon_kernel_args_truncated",
        "Records with arguments or an environment that was cut.",
        |now, out| out.named(&now.heartbeat.kernel, "args_truncated"),
    )
    .at(&[("kernel.counters.args_truncated", "")]),
    Metric::counter(
        "runmon_kernel_loss_unattributed",
        "Losses whose cgroup found no room in the table of losses by cgroup.",
        |now, out| out.named(&now.heartbeat.kernel, "loss_unattributed"),
    )
    .at(&[("kernel.counters.loss_unattributed", "")]),
    Metric::counter(
        "runmon_kernel_pending_full",
        "Connection attempts that could not be kept: their failure goes untold. (Where 16384 are \
         under way the oldest is forgotten for a new one, which is not counted.)",
        |now, out| out.named(&now.heartbeat.kernel, "pending_full"),
    )
    .at(&[("kernel.counters.pending_full", "")]),
    Metric::counter(
        "runmon_kernel_buckets_full",
        "Token buckets that found no room: what they would bound is not bounded.",
        |now, out| out.named(&now.heartbeat.kernel, "buckets_full"),
    )
    .at(&[("kernel.counters.buckets_full", "")]),
    Metric::counter(
        "runmon_kernel_repeats_full",
        "Datagrams that could not be remembered: their repeats are told of one by one. (Where \
         16384 are remembered the oldest is forgotten for a new one: its next is told of anew.)",
        |now, out| out.named(&now.heartbeat.kernel, "repeats_full"),
    )
    .at(&[("kernel.counters.repeats_full", "")]),
    Metric::counter(
        "runmon_kernel_dns_sockets_full",
        "Sockets that could not be remembered: the answers of name servers that came in by them \
         are told of as nobody's. (Where 4096 are remembered the oldest is forgotten for a new \
         one, which is not counted.)",
        |now, out| out.named(&now.heartbeat.kernel, "dns_sockets_full"),
    )
    .at(&[("kernel.counters.dns_sockets_full", "")]),
    Metric::counter(
        "runmon_kernel_own_acts",
        "Acts of runmon itself that were left out.",
        |now, out| out.named(&now.heartbeat.kernel, "own_acts"),
    )
    .at(&[("kernel.counters.own_acts", "")]),
    Metric::counter(
        "runmon_kernel_recursion_misses",
        "Runs of programs that the kernel skipped because one was running already.",
        |now, out| out.named(&now.heartbeat.kernel, "recursion_misses"),
    )
    .at(&[("kernel.counters.recursion_misses", "")]),
];
