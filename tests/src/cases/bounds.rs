//! What does not grow: cgroups and containers come and go for as long as a host runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Case;
use super::containers::Cgroup;
use super::engines::at_once;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, is_heartbeat};
use crate::lab::{Stage, trigger_path};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("bounds::a_thousand_containers_live_at_once", thousand),
    Case::new("bounds::a_container_with_many_inside_takes_its_share", many_inside),
    Case::long("bounds::cgroups_without_end_leave_nothing_behind", churn),
];

const THOUSAND: u64 = 1000;

/// A daemon that looks at triggers with this word among their arguments.
fn watch(stage: &Stage<'_>, kinds: &str) -> Daemon {
    let condition = format!("evt.type in ({kinds}) and proc.name = trigger");
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, &condition);
    let keys = "heartbeat_seconds: 1\n".to_owned();
    stage.daemon(Options { rules: Some(rules), keys, ..Options::default() })
}

/// The last heartbeat, once there is one that came after this call.
fn next_heartbeat(daemon: &Daemon) -> Value {
    let count = || daemon.documents().iter().filter(|it| is_heartbeat(it)).count();
    let before = count();
    // What it says was true when it was made: that of the second one is surely later.
    wait::until("two heartbeats", || (count() > before + 1).then_some(()));
    daemon.documents().into_iter().rfind(is_heartbeat).expect("a heartbeat")
}

fn table(heartbeat: &Value, name: &str) -> u64 {
    heartbeat["runmon"]["tables"][name].as_u64().expect("a number")
}

/// Processes of a daemon that sees their containers begin, and of one that finds them there.
fn thousand(stage: &Stage<'_>) {
    let daemon = watch(stage, "execve");
    let root = Cgroup::root();
    let ids: Vec<String> = (0..THOUSAND).map(|number| format!("{number:064x}")).collect();
    let start = |id: &String| {
        let cgroup = Cgroup::make_in(&root, &format!("docker/{id}"));
        let child = cgroup.start(&trigger_path(), &["nap", "600000", id]);
        Inside { child, _cgroup: cgroup }
    };
    let inside: Vec<Inside> = at_once(&ids, start);
    expect_all(&daemon, "exec", &ids);
    let heartbeat = next_heartbeat(&daemon);
    assert!(table(&heartbeat, "containers") >= THOUSAND, "{heartbeat:#}");
    assert_eq!(table(&heartbeat, "cgroups_unseen"), 0, "{heartbeat:#}");
    assert_eq!(table(&heartbeat, "lookups_refused"), 0, "{heartbeat:#}");
    daemon.stop();
    let later = watch(stage, "procexit");
    drop(inside);
    expect_all(&later, "exit", &ids);
    later.stop();
}

/// How many containers inside of one have room, and how many more there are here.
const SHARE: u64 = 1024;
const OVER: u64 = 200;

/// What runs in those that have no room is told of the outer one, and others are known as ever.
fn many_inside(stage: &Stage<'_>) {
    let daemon = watch(stage, "execve");
    let (root, outer) = (Cgroup::root(), "ab".repeat(32));
    let make =
        |number: u64| Cgroup::make_in(&root, &format!("docker/{outer}/docker-{number:064x}.scope"));
    let inside: Vec<Cgroup> = (0..SHARE + OVER).map(make).collect();
    let last = inside.last().expect("there are some");
    last.run(&trigger_path(), &["nap", "0", &outer]);
    expect_all(&daemon, "exec", std::slice::from_ref(&outer));
    let alert = daemon.expect("its alert", |it| it["process"]["args"][3] == outer.as_str());
    let why = &alert["container"]["unknown_because"]["image.name"];
    assert_eq!(why, "too_many", "{alert:#}");
    let later = "cd".repeat(32);
    let cgroup = Cgroup::make_in(&root, &format!("docker/{later}"));
    cgroup.run(&trigger_path(), &["nap", "0", &later]);
    expect_all(&daemon, "exec", &[outer, later]);
    let heartbeat = next_heartbeat(&daemon);
    assert_eq!(table(&heartbeat, "cgroups_over_share"), OVER, "{heartbeat:#}");
    assert_eq!(table(&heartbeat, "cgroups_refused"), 0, "{heartbeat:#}");
    drop((cgroup, inside));
    daemon.stop();
}

/// A process in a cgroup of its own; it ends when this is dropped.
struct Inside {
    child: Child,
    /// Removed after it.
    _cgroup: Cgroup,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// Waits for an alert on each one's process, and asserts that it names the container.
fn expect_all(daemon: &Daemon, action: &str, ids: &[String]) {
    let of_action = |it: &&Value| it["event"]["action"] == action && it["rule"].is_object();
    let id = |it: &Value| it["process"]["args"][3].as_str().map(str::to_owned);
    let all = wait::until("an alert of each", || {
        let documents = daemon.documents();
        let alerts = documents.iter().filter(of_action);
        let places: BTreeMap<String, Value> =
            alerts.filter_map(|it| Some((id(it)?, it["container"]["id"].clone()))).collect();
        (places.len() >= ids.len()).then_some(places)
    });
    let wrong: Vec<_> = all.iter().filter(|(id, container)| **container != ***id).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// How many cgroups are made.
const CGROUPS: u64 = 1_000_000;

/// How long that may take: many times what two idle processors need.
const CHURN: Duration = Duration::from_secs(1200);

/// A program is started in every so many of them.
const PROCESS_EACH: u64 = 100;

/// How many of them fill what has a bound.
const WARM: u64 = CGROUPS / 10;

/// How much more memory the daemon may have at the end.
const GROWTH_BYTES: u64 = 8 << 20;

/// Cgroups as containers have them come and go, some with a process: neither the daemon's memory
/// nor any of its tables grows with their number.
fn churn(stage: &Stage<'_>) {
    let daemon = watch(stage, "connect");
    let (made, root) = (AtomicU64::new(0), Cgroup::root());
    let started = Instant::now();
    let make = || {
        while started.elapsed() < CHURN {
            let number = made.fetch_add(1, Ordering::Relaxed);
            if number >= CGROUPS {
                break;
            }
            make_one(&root, number);
        }
    };
    let warm = std::thread::scope(|scope| {
        scope.spawn(make);
        scope.spawn(make);
        let is_warm = || (made.load(Ordering::Relaxed) >= WARM).then_some(());
        wait::for_or(CHURN, is_warm).expect("it goes on");
        State::of(&daemon)
    });
    // With the directory above them.
    drop(Cgroup::make("docker/last"));
    let (made, took) = (made.into_inner(), started.elapsed().as_secs_f64());
    assert!(made >= CGROUPS, "{made} cgroups in {took:.0} s");
    let last = State::of(&daemon);
    eprintln!("{CGROUPS} cgroups in {took:.0} s; after a tenth {warm:?}, at the end {last:?}");
    assert!(last.resident <= warm.resident + GROWTH_BYTES, "{warm:?} {last:?}");
    for (name, before) in &warm.tables {
        // The bounds themselves are asserted by unit tests; here that nothing is left behind.
        assert!(last.tables[name] <= before + before / 10 + 300, "{name}: {warm:?} {last:?}");
    }
    daemon.stop();
}

fn make_one(root: &Path, number: u64) {
    let cgroup = Cgroup::make_in(root, &format!("docker/{number:064x}"));
    if number.is_multiple_of(PROCESS_EACH) {
        cgroup.run(&trigger_path(), &["nap", "0"]);
    }
    let removed = wait::until_or(|| fs::remove_dir(&cgroup.path).ok());
    assert!(removed.is_some(), "{} cannot be removed", cgroup.path.display());
}

/// What of a daemon could grow.
#[derive(Debug)]
struct State {
    /// Its memory, bytes.
    resident: u64,
    /// Entries of tables, by name.
    tables: BTreeMap<&'static str, u64>,
}

impl State {
    fn of(daemon: &Daemon) -> Self {
        let heartbeat = next_heartbeat(daemon);
        let tables = ["processes", "process_bytes", "containers", "cgroups"];
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
        let status = status.expect("read the daemon's state");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes =
            resident.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        Self {
            resident: kilobytes.expect("a number of kilobytes") << 10,
            tables: tables.into_iter().map(|name| (name, table(&heartbeat, name))).collect(),
        }
    }
}
