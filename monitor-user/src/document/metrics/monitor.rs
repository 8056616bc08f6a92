//! The monitor as a whole, its hooks, its sinks and the endpoint itself.

use super::{CODES, Degraded, Kind, Metric};
use crate::sink::trouble::Trouble;

pub(super) const METRICS: &[Metric] = &[
    Metric {
        kind: Kind::Info,
        ..Metric::gauge("runmon_build", "The version.", |_, out| {
            out.with(&[env!("CARGO_PKG_VERSION")], 1);
        })
    }
    .by(&["version"]),
    Metric::gauge("runmon_start_time_seconds", "When it was started, since 1970.", |now, out| {
        out.nanoseconds(&[], now.started_ns);
    })
    .in_unit("seconds"),
    Metric::gauge("runmon_ready", "1 where `/readyz` says that it is ready.", |now, out| {
        out.one(now.missing.is_empty().into());
    }),
    Metric::gauge(
        "runmon_degraded",
        "1 where it watches, but something is not as it should be: the reasons are below.",
        |now, out| {
            for reason in Degraded::ALL {
                out.with(&[reason.name()], now.heartbeat.degraded.contains(&reason).into());
            }
        },
    )
    .by(&["reason"]),
    Metric::gauge(
        "runmon_hook",
        "1 for each kind of record that is seen, with the family of its hooks; 0 for one that is \
         not.",
        |now, out| {
            for hook in &now.heartbeat.hooks {
                let backend = hook.backend.unwrap_or("none");
                out.with(&[hook.kind, backend], hook.backend.is_some().into());
            }
        },
    )
    .by(&["kind", "backend"]),
    Metric::gauge(
        "runmon_hook_fires",
        "1 where the program saw the last act of runmon's own canary, 0 where it did not; there is \
         none where no act is for it.",
        |now, out| {
            for hook in &now.heartbeat.hooks {
                for program in &hook.programs {
                    let told = program.fires.iter();
                    told.for_each(|fires| out.with(&[hook.kind, &program.attach], (*fires).into()));
                }
            }
        },
    )
    .by(&["kind", "program"]),
    Metric::counter(
        "runmon_program_runs",
        "Runs of a program, while `kernel.bpf_stats_enabled` is set.",
        |now, out| {
            for hook in &now.heartbeat.hooks {
                for program in &hook.programs {
                    let told = program.cost.iter();
                    told.for_each(|(runs, _)| out.with(&[hook.kind, &program.attach], *runs));
                }
            }
        },
    )
    .by(&["kind", "program"])
    .at(&[("hooks.programs.runs", "")]),
    Metric::counter(
        "runmon_program_run_seconds",
        "The time that runs of a program took. One that serves several kinds is told of with \
         each.",
        |now, out| {
            for hook in &now.heartbeat.hooks {
                for program in &hook.programs {
                    let told = program.cost.iter();
                    told.for_each(|(_, ns)| out.nanoseconds(&[hook.kind, &program.attach], *ns));
                }
            }
        },
    )
    .by(&["kind", "program"])
    .in_unit("seconds")
    .at(&[("hooks.programs.run_ns", "Nanoseconds that they took.")]),
    Metric::counter("runmon_sink_offered", "Documents that the sink was offered.", |now, out| {
        now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.offered));
    })
    .by(&["sink"])
    .at(&[("sinks.offered", "")]),
    Metric::counter(
        "runmon_sink_delivered",
        "Documents that the sink wrote, or that its receiver acknowledged.",
        |now, out| {
            now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.delivered));
        },
    )
    .by(&["sink"])
    .at(&[("sinks.delivered", "")]),
    Metric::counter(
        "runmon_sink_filtered",
        "Documents that the sink does not want.",
        |now, out| {
            now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.filtered));
        },
    )
    .by(&["sink"])
    .at(&[("sinks.filtered", "")]),
    Metric::counter(
        "runmon_sink_dropped",
        "Documents that the sink lost, for lack of room or after the last try.",
        |now, out| {
            now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.dropped));
        },
    )
    .by(&["sink"])
    .at(&[("sinks.dropped", "")]),
    Metric::counter("runmon_sink_retries", "Tries of the sink that failed.", |now, out| {
        now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.retries));
    })
    .by(&["sink"])
    .at(&[("sinks.retries", "")]),
    Metric::gauge(
        "runmon_sink_trouble",
        "1: the last try of the sink failed, for this reason; there is no sample while none did.",
        |now, out| {
            for sink in &now.heartbeat.sinks {
                let trouble = sink.trouble.map(Trouble::name);
                trouble.into_iter().for_each(|reason| out.with(&[&sink.name, reason], 1));
            }
        },
    )
    .by(&["sink", "reason"]),
    Metric::gauge("runmon_sink_queued", "Documents that wait for the sink.", |now, out| {
        now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.queued()));
    })
    .by(&["sink"])
    .at(&[("sinks.queued", "")]),
    Metric::counter(
        "runmon_sink_numbered",
        "Documents that got a number in the stream of the sink: that of the last one.",
        |now, out| {
            now.heartbeat.sinks.iter().for_each(|sink| out.with(&[&sink.name], sink.number));
        },
    )
    .by(&["sink"])
    .at(&[
        ("sinks.number", "Number of the last document that it is to get."),
        ("sinks.number_before", "The same when the heartbeat before this one was made."),
    ]),
    Metric::counter(
        "runmon_reloads",
        "How often rules and the policy of images were read again, and sinks changed, by what came \
         of it: `taken` or `refused`.",
        |now, out| {
            let reloads = now.heartbeat.reloads;
            out.with(&["rules", "taken"], reloads.rules_taken);
            out.with(&["rules", "refused"], reloads.rules_refused);
            out.with(&["sinks", "taken"], reloads.sinks_taken);
            out.with(&["sinks", "refused"], reloads.sinks_refused);
            out.with(&["profiles", "taken"], reloads.profiles_taken);
            out.with(&["profiles", "refused"], reloads.profiles_refused);
            out.with(&["policy", "taken"], reloads.policy_taken);
            out.with(&["policy", "refused"], reloads.policy_refused);
        },
    )
    .by(&["what", "result"])
    .at(&[
        ("reloads.rules.taken", "Rules that were read again and taken."),
        ("reloads.rules.refused", "Rules that were read again and refused."),
        ("reloads.sinks.taken", "Changes of sinks that were taken."),
        ("reloads.sinks.refused", "Changes of sinks that were refused."),
        ("reloads.profiles.taken", "Changes of profiles that were taken."),
        ("reloads.profiles.refused", "Changes of profiles that were refused."),
        ("reloads.policy.taken", "Policies of what may run that were read again and taken."),
        ("reloads.policy.refused", "Such policies that were refused."),
    ]),
    Metric::gauge("runmon_store_bytes", "Bytes of the store on the disk.", |now, out| {
        now.heartbeat.store.iter().for_each(|store| out.one(store.bytes));
    })
    .in_unit("bytes")
    .at(&[("store.bytes", "")]),
    Metric::gauge(
        "runmon_store_limit_bytes",
        "Bytes that it may take (`store_bytes`).",
        |now, out| {
            now.heartbeat.store.iter().for_each(|store| out.one(store.bytes_max));
        },
    )
    .in_unit("bytes")
    .at(&[("store.bytes_max", "")]),
    Metric::counter(
        "runmon_store_evicted",
        "Documents that gave way to newer or graver ones before all sinks had them; with each sink \
         they count as dropped.",
        |now, out| {
            now.heartbeat.store.iter().for_each(|store| out.one(store.evicted));
        },
    )
    .at(&[("store.evicted", "")]),
    Metric::counter(
        "runmon_store_unwritten",
        "Documents that the disk did not take, and for which there was no more room in memory.",
        |now, out| {
            now.heartbeat.store.iter().for_each(|store| out.one(store.unwritten));
        },
    )
    .at(&[("store.unwritten", "")]),
    Metric::counter(
        "runmon_store_broken_bytes",
        "Bytes of the store in which nothing could be read when it was opened.",
        |now, out| {
            now.heartbeat.store.iter().for_each(|store| out.one(store.broken_bytes));
        },
    )
    .in_unit("bytes")
    .at(&[("store.broken_bytes", "")]),
    Metric::counter("runmon_store_failures", "Writes to the store that failed.", |now, out| {
        now.heartbeat.store.iter().for_each(|store| out.one(store.failures));
    })
    .at(&[("store.failures", "")]),
    Metric::counter(
        "runmon_history_kept",
        "Documents, and events around alerts, that were kept as history (`history`).",
        |now, out| {
            now.heartbeat.store.iter().for_each(|store| out.one(store.history));
        },
    )
    .at(&[("store.history", "")]),
    Metric::counter(
        "runmon_history_lost",
        "Those that came too fast to be kept, or that the disk did not take; sinks lose nothing by \
         that.",
        |now, out| {
            now.heartbeat.store.iter().for_each(|store| out.one(store.history_lost));
        },
    )
    .at(&[("store.history_lost", "")]),
    Metric::gauge("runmon_store_failing", "1 where the last write to it failed.", |now, out| {
        now.heartbeat.store.iter().for_each(|store| out.one(store.is_failing.into()));
    }),
    Metric::counter(
        "runmon_http_requests",
        "Requests to this endpoint that were answered, by the code of the answer; this one is not \
         among them yet.",
        |now, out| {
            let answered = CODES.into_iter().zip(now.served.answered);
            answered.for_each(|(code, count)| out.with(&[code], count));
        },
    )
    .by(&["code"]),
    Metric::counter(
        "runmon_http_connections_ended",
        "Connections to this endpoint that were ended without an answer: `too_many` were open, it \
         was `slow`, or what came was no request (`broken`).",
        |now, out| {
            let served = now.served;
            out.with(&["too_many"], served.too_many);
            out.with(&["slow"], served.slow);
            out.with(&["broken"], served.broken);
        },
    )
    .by(&["reason"]),
    Metric::counter(
        "runmon_web_requests",
        "Requests to the web page, by what came of them: `answered`, `refused` (of a stranger, of \
         another page, or for what is not there) or `failed`.",
        |now, out| {
            if let Some(web) = &now.heartbeat.web {
                out.with(&["answered"], web.answered);
                out.with(&["refused"], web.refused);
                out.with(&["failed"], web.failed);
            }
        },
    )
    .by(&["result"])
    .at(&[
        ("web.answered", "Requests to the web page that were answered."),
        ("web.refused", "Those of a stranger, of another page, or for what is not there."),
        ("web.failed", "Those that could not be answered."),
    ]),
    Metric::counter(
        "runmon_web_connections_ended",
        "Connections to the web page that were ended: `too_many` were open, it was `slow`, or \
         what came was no request (`broken`).",
        |now, out| {
            if let Some(web) = &now.heartbeat.web {
                out.with(&["too_many"], web.too_many);
                out.with(&["slow"], web.slow);
                out.with(&["broken"], web.broken);
            }
        },
    )
    .by(&["reason"])
    .at(&[
        ("web.too_many", "Connections to the web page that found no room."),
        ("web.slow", "Those that took too long."),
        ("web.broken", "Those that ended with an error."),
    ]),
];
