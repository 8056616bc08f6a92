//! The families of hooks: which one was taken, and what it says that it cannot see.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Case, EACH};
use crate::features::Feature;
use crate::lab::{Hooks, Lab, Stage};
use crate::place::Place;
use crate::verifier;

pub(super) const CASES: &[Case] = &[
    Case::new("backends::smoke_doctor_takes_the_best", doctor_takes_the_best),
    Case {
        name: "backends::smoke_doctor_sees_every_kind",
        needs: &[],
        programs: &[],
        is_long: false,
        is_for_guests: false,
        // What the best of all sees is asked for above.
        hooks: &[Hooks::Kprobe, Hooks::Fallback],
        run: doctor_sees_every_kind,
    },
    Case::new("backends::fallback_says_what_it_cannot_see", fallback_says_what_it_cannot_see),
    Case::new("backends::fentry_alone_where_it_is_refused", fentry_alone),
    Case {
        name: "backends::links_of_a_refused_open",
        needs: &[],
        programs: &[],
        is_long: false,
        is_for_guests: false,
        hooks: EACH,
        run: links_of_a_refused_open,
    },
];

/// The backend of a kind of record, and what it cannot see.
type Planned = (Option<String>, Vec<String>);

/// By kind of record: the backend, and what it cannot see.
pub(super) fn doctor(lab: &Lab, hooks: Hooks) -> BTreeMap<String, Planned> {
    let ran = lab.runmon(["doctor", "--json", "--hooks", hooks.name()]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("doctor --json prints JSON");
    verifier::expect_as_before(&report);
    let hooks = report["hooks"].as_array().expect("doctor tells of hooks");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one = |hook: &Value| {
        let blind = hook["blind"].as_array().into_iter().flatten().filter_map(text).collect();
        (text(&hook["kind"]).expect("a hook has a kind"), (text(&hook["backend"]), blind))
    };
    hooks.iter().map(one).collect()
}

/// Kinds that are seen in one way on every kernel.
const TRACEPOINTS: &[&str] = &["exec", "fork", "exit", "cgroup_mkdir", "cgroup_rmdir", "signal"];

/// Kinds that are seen in the packets of sockets.
const PACKETS: &[&str] = &["dns_query", "dns_answer"];

/// Kinds without which a daemon sees little.
const CHOICES: [&str; 3] = ["connect", "send", "file_open"];

/// Kinds that Linux 5.10 has no trampoline for: its type information lacks the registers.
const WITHOUT_TRAMPOLINE: &[&str] = &["memfd", "userfaultfd"];

/// How many kinds of record have hooks.
const KINDS: usize = 46;

/// Every kind is seen on every kernel of the matrix: by fentry where the kernel has it, else by
/// kprobes.
fn doctor_takes_the_best(stage: &Stage<'_>) {
    let best = [(Feature::Trampoline, Hooks::Fentry), (Feature::Kprobe, Hooks::Kprobe)]
        .into_iter()
        .find_map(|(feature, hooks)| feature.is_here().then_some(hooks));
    expect_all_by(&doctor(stage.lab, Hooks::Auto), best.unwrap_or(Hooks::Fallback));
}

/// So it is with each family alone: what it has for a kind loads, attaches and fires.
fn doctor_sees_every_kind(stage: &Stage<'_>) {
    expect_all_by(&doctor(stage.lab, stage.hooks), stage.hooks);
}

fn expect_all_by(found: &BTreeMap<String, Planned>, hooks: Hooks) {
    assert_eq!(found.len(), KINDS, "{found:#?}");
    let others: Vec<_> = found
        .iter()
        .filter(|(kind, (backend, _))| {
            let expected = match kind.as_str() {
                kind if TRACEPOINTS.contains(&kind) => "tracepoint",
                kind if PACKETS.contains(&kind) => "packets",
                _ => hooks.name(),
            };
            let else_kprobe = hooks == Hooks::Fentry && WITHOUT_TRAMPOLINE.contains(&kind.as_str());
            let backend = backend.as_deref();
            backend != Some(expected) && !(else_kprobe && backend == Some("kprobe"))
        })
        .collect();
    assert!(others.is_empty(), "seen in another way than {}: {others:#?}", hooks.name());
}

/// Nothing that it misses is left unsaid.
fn fallback_says_what_it_cannot_see(stage: &Stage<'_>) {
    let found = doctor(stage.lab, Hooks::Fallback);
    for (kind, gap) in [
        ("connect", "AF_UNIX"),
        ("connect", "security module"),
        ("send", "AF_UNIX"),
        ("file_open", "refused open through io_uring is not seen"),
        ("file_open", "read from user memory"),
    ] {
        let (backend, blind) = found.get(kind).expect("the kind is planned");
        assert_eq!(backend.as_deref(), Some("fallback"), "{kind}");
        assert!(blind.iter().any(|text| text.contains(gap)), "{kind}: no word of {gap}: {blind:?}");
    }

    // And so it is: these acts come to nothing, while later ones are told.
    let stage = Stage { lab: stage.lab, hooks: Hooks::Fallback };
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let absent = stage.dir("gap").join("no/such/file");
    let absent = absent.to_str().expect("a plain path");
    let unseen = place.trigger(&["open", absent, "--call", "io-uring"]);
    assert_eq!(unseen.errno, libc::ENOENT);
    let seen = place.trigger(&["open", absent]);
    place.expect(&daemon, &seen, "file_open_write", |_| true);
    daemon.expect_none("a refused open through io_uring", |it| {
        place.is_by(&unseen, it) && it["file"]["path"] == absent
    });
    daemon.stop();
}

/// Where the kernel refuses trampolines, kinds that need one are said not to be seen, and the
/// rest is watched.
fn fentry_alone(stage: &Stage<'_>) {
    let stage = Stage { lab: stage.lab, hooks: Hooks::Fentry };
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["exec", "plain"]);
    place.expect(&daemon, &report, "exec", |_| true);
    let log = daemon.log();
    let ended = daemon.stop();
    let hooks = ended.heartbeat()["runmon"]["hooks"].as_array().cloned().unwrap_or_default();
    for kind in CHOICES {
        let hook = hooks.iter().find(|hook| hook["kind"] == kind).expect("it was asked for");
        if Feature::Trampoline.is_here() {
            assert_eq!(hook["backend"], "fentry", "{hook:#}");
        } else {
            assert!(hook["backend"].is_null(), "{hook:#}");
            assert!(hook["blind"].as_array().is_some_and(|why| !why.is_empty()), "{hook:#}");
            assert!(log.contains(&format!("{kind} is not seen")), "{log}");
        }
    }
}

/// What both say: a refused open is told under the name that was asked for.
fn links_of_a_refused_open(stage: &Stage<'_>) {
    let found = doctor(stage.lab, stage.hooks);
    let (_, blind) = found.get("file_open").expect("opens are planned");
    assert!(blind.iter().any(|text| text.contains("refused open")), "{blind:?}");
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("links");
    let link = dir.join("link");
    std::os::unix::fs::symlink(dir.join("no/such/file"), &link).expect("make a link");
    let link = link.to_str().expect("a plain path");
    let report = place.trigger(&["open", link]);
    assert_eq!(report.errno, libc::ENOENT);
    let alert = place.expect(&daemon, &report, "file_open_write", |_| true);
    assert_eq!(alert["file"]["path"], link, "{alert:#}");
    daemon.stop();
}
