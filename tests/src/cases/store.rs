//! What sinks have not got yet outlives the monitor, and what cannot be kept is told of.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_heartbeat};
use crate::lab::Stage;
use crate::laws::number;
use crate::receiver::forward::{Demands, ForwardReceiver};
use crate::receiver::http::bulk::BULK;
use crate::receiver::http::collector::COLLECTOR;
use crate::receiver::http::loki::LOKI;
use crate::receiver::http::otlp::OTLP;
use crate::receiver::http::webhook::{ARRAYS, FALCOSIDEKICK, WEBHOOK};
use crate::receiver::http::{self, HttpReceiver, Protocol};
use crate::receiver::{Mood, Receives};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("store::alerts_outlive_kills_and_outages_http", outlive_http),
    Case::new("store::alerts_outlive_kills_and_outages_http_arrays", outlive_arrays),
    Case::new("store::alerts_outlive_kills_and_outages_falcosidekick", outlive_falcosidekick),
    Case::new("store::alerts_outlive_kills_and_outages_splunk_hec", outlive_collector),
    Case::new("store::alerts_outlive_kills_and_outages_elasticsearch_bulk", outlive_bulk),
    Case::new("store::alerts_outlive_kills_and_outages_loki", outlive_loki),
    Case::new("store::alerts_outlive_kills_and_outages_otlp", outlive_otlp),
    Case::new("store::alerts_outlive_kills_and_outages_forward", outlive_forward),
    Case::new("store::a_full_disk_loses_nothing_that_is_taken", full_disk),
    Case::new("store::the_least_gives_way", least_gives_way),
    Case::new("store::what_is_damaged_is_told_of", damaged),
    Case::new("store::without_a_place_it_goes_on_in_memory", no_place),
];

/// Documents that a sink has in its hands at most.
const BATCH: usize = 512;

/// Alerts on files that the case makes in a directory, those named `grave` of another priority.
fn rules(dir: &Path) -> String {
    let rule = |id: &str, priority: &str, also: &str| {
        format!(
            "- rule: {id}\n  id: {id}\n  desc: d\n  condition: evt.type in (open, openat) and \
             evt.is_open_write = true and fd.name startswith {dir}/ and {also}\n  output: made \
             %fd.name\n  priority: {priority}\n",
            dir = dir.display()
        )
    };
    rule("plain", "NOTICE", "not fd.filename startswith grave")
        + &rule("grave", "CRITICAL", "fd.filename startswith grave")
}

/// The place of the acts, and what is the same in every run.
pub(super) struct Scene {
    acts: PathBuf,
    state: PathBuf,
}

impl Scene {
    pub(super) fn new(stage: &Stage<'_>) -> Self {
        Self { acts: stage.dir("acts"), state: stage.dir("state") }
    }

    fn options(&self, receiver: &dyn Receives, keys: &str) -> Options {
        let format = receiver.format();
        let sinks = receiver.sink(&format!("heartbeats: false\nformat: {format:?}"));
        self.options_with(sinks, keys)
    }

    pub(super) fn options_with(&self, sinks: String, keys: &str) -> Options {
        Options {
            rules: Some(rules(&self.acts)),
            keys: format!("flood_rate: 0\nheartbeat_seconds: 1\n{keys}"),
            sinks,
            state_dir: Some(self.state.clone()),
            ..Options::default()
        }
    }

    pub(super) fn act(&self, name: &str) {
        File::create(self.acts.join(name)).expect("make a file");
    }

    /// Acts with these numbers.
    pub(super) fn acts(&self, numbers: std::ops::Range<usize>) {
        numbers.for_each(|number| self.act(&format!("n{number:06}")));
    }

    /// Waits until an act is written down.
    pub(super) fn expect_stored(&self, name: &str) {
        let is_in = |path: PathBuf| {
            let bytes = fs::read(path).unwrap_or_default();
            memchr::memmem::rfind(&bytes, name.as_bytes()).is_some()
        };
        wait::until("an act in the store", || {
            let entries = fs::read_dir(self.state.join("store")).ok()?;
            entries.flatten().any(|entry| is_in(entry.path())).then_some(())
        });
    }
}

/// The name of the file that an alert is about, in either form.
fn name(alert: &Value) -> String {
    let path = alert["output_fields"]["fd.name"].as_str().unwrap_or_default();
    let name = alert["file"]["name"].as_str().or_else(|| path.rsplit('/').next());
    name.unwrap_or_default().to_owned()
}

/// Names of the files of all alerts, each once, in the order in which they came first.
pub(super) fn names(taken: &[Value]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    taken.iter().map(name).filter(|name| !name.is_empty() && seen.insert(name.clone())).collect()
}

/// What `verify-stream` says of what a receiver took.
pub(super) fn verify(stage: &Stage<'_>, taken: &[Value]) -> (bool, Value) {
    let path = stage.dir("stream").join("taken.ndjson");
    let lines: Vec<String> = taken.iter().map(Value::to_string).collect();
    fs::write(&path, lines.join("\n")).expect("write what was taken");
    let path = path.to_str().expect("a path");
    let ran = stage.runmon(["verify-stream", "--from-start", "--json", path]);
    (ran.code == Some(0), serde_json::from_str(&ran.stdout).expect("JSON"))
}

/// The counters of the sink beside standard output, in a heartbeat.
fn of_receiver(heartbeat: &Value) -> Value {
    let sinks = heartbeat["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
    sinks.into_iter().find(|sink| sink["name"] != "stdout").unwrap_or_default()
}

fn over_http(protocol: &'static Protocol, mood: Mood) -> HttpReceiver {
    HttpReceiver::start(protocol, mood, http::Demands::default())
}

fn outlive_http(stage: &Stage<'_>) {
    outlive(stage, &over_http(&WEBHOOK, Mood::Refuses), FEW);
}

fn outlive_arrays(stage: &Stage<'_>) {
    let receiver = over_http(&ARRAYS, Mood::Refuses);
    outlive_with(stage, &receiver, SHORT, "batch_documents: 100");
}

fn outlive_falcosidekick(stage: &Stage<'_>) {
    outlive(stage, &over_http(&FALCOSIDEKICK, Mood::Refuses), SHORT);
}

fn outlive_collector(stage: &Stage<'_>) {
    outlive(stage, &over_http(&COLLECTOR, Mood::Refuses), SHORT);
}

fn outlive_bulk(stage: &Stage<'_>) {
    outlive(stage, &over_http(&BULK, Mood::Refuses), SHORT);
}

fn outlive_loki(stage: &Stage<'_>) {
    outlive(stage, &over_http(&LOKI, Mood::Refuses), SHORT);
}

fn outlive_otlp(stage: &Stage<'_>) {
    outlive(stage, &over_http(&OTLP, Mood::Refuses), SHORT);
}

fn outlive_forward(stage: &Stage<'_>) {
    outlive(stage, &ForwardReceiver::start(Mood::Refuses, &Demands::default()), FEW);
}

/// Kills, and acts between two of them.
pub(super) type Extent = (usize, usize);

/// Of all protocols, unless everything is to be tested.
pub(super) const FEW: Extent = (4, 250);

/// The same of a protocol whose sink differs from another one's in little.
const SHORT: Extent = (3, 120);

/// Where everything is to be tested.
const MANY: Extent = (10, 5000);

/// How long that many may take to come, one by one.
const FULL_DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn outlive(stage: &Stage<'_>, receiver: &dyn Receives, extent: Extent) {
    outlive_with(stage, receiver, extent, "");
}

/// A receiver that is down, slow, hangs up and errs while the monitor is killed at any moment:
/// every alert that was written down comes, in order, without a gap.
fn outlive_with(stage: &Stage<'_>, receiver: &dyn Receives, extent: Extent, keys: &str) {
    let (kills, acts) = if stage.is_full { MANY } else { extent };
    let scene = Scene::new(stage);
    let options = || {
        let format = receiver.format();
        let sinks = receiver.sink(&format!("heartbeats: false\nformat: {format:?}\n{keys}"));
        scene.options_with(sinks, "")
    };
    let moods = receiver.moods();
    for round in 0..kills {
        let daemon = stage.daemon(options());
        receiver.becomes(moods[round % moods.len()]);
        let begin = round * acts;
        scene.acts(begin..begin + acts / 2);
        receiver.becomes(moods[(round + 1) % moods.len()]);
        scene.acts(begin + acts / 2..begin + acts);
        scene.expect_stored(&format!("n{:06}", begin + acts - 1));
        // What comes now may be lost with it: nobody has taken it yet.
        scene.act(&format!("unsure{round}"));
        daemon.kill();
    }
    receiver.becomes(Mood::Takes);
    let daemon = stage.daemon(options());
    scene.act("last");
    // To look at all that came costs the receiver time: it is done once nothing waits.
    let most = if stage.is_full { FULL_DEADLINE } else { wait::DEADLINE };
    let is_last = || daemon.documents().iter().any(|it| name(it) == "last");
    let nothing_waits = || {
        let documents = daemon.documents();
        let heartbeat = documents.iter().rev().find(|it| is_heartbeat(it))?;
        let queued = of_receiver(heartbeat)["queued"].as_u64()?;
        thread::sleep(Duration::from_millis(200));
        (queued == 0 && is_last()).then_some(())
    };
    assert!(wait::for_or(most, nothing_waits).is_some(), "alerts wait: {}", daemon.log());
    wait::until("the last alert", || {
        thread::sleep(Duration::from_millis(200));
        receiver.taken().iter().any(|it| name(it) == "last").then_some(())
    });
    let ended = daemon.stop();
    let counters = of_receiver(ended.heartbeat());
    assert_eq!((number(&counters, "dropped"), number(&counters, "queued")), (0, 0));
    let taken = receiver.taken();
    let came: Vec<String> =
        names(&taken).into_iter().filter(|name| name.starts_with('n')).collect();
    let expected: Vec<String> = (0..kills * acts).map(|it| format!("n{it:06}")).collect();
    let first = came.iter().zip(&expected).find(|(one, other)| one != other);
    let (came, expected) = (came.len(), expected.len());
    assert!(came == expected && first.is_none(), "{came} of {expected} came; then {first:?}");
    let (is_whole, report) = verify(stage, &taken);
    assert!(is_whole, "{report:#}");
    let streams = report["streams"].as_array().expect("streams");
    assert_eq!(streams.len(), 1, "{report:#}");
    // What was on its way when it was killed comes again: a batch at most, each time.
    let again = number(&streams[0], "duplicates");
    let most = if receiver.knows_repeats() { 0 } else { kills * BATCH };
    assert!(again <= most as u64, "{report:#}");
}

/// A small disk, mounted where the state is.
pub(super) struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    pub(super) fn mount(at: &'a Path, bytes: usize) -> Self {
        let size = format!("size={bytes},mode=0700");
        let none = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
        mount(Some("none"), at, Some("tmpfs"), none, Some(&*size)).expect("mount a small disk");
        Self(at)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        umount2(self.0, MntFlags::MNT_DETACH).expect("unmount the small disk");
    }
}

fn expect_finding(daemon: &Daemon, name: &str) -> Value {
    daemon.expect_document("a finding", |it| it["rule"]["name"] == name)
}

/// What does not fit is held in memory, and is not lost if it is taken in time.
fn full_disk(stage: &Stage<'_>) {
    const ACTS: usize = 1500;
    let scene = Scene::new(stage);
    let disk = Disk::mount(&scene.state, 1 << 20);
    let receiver = over_http(&WEBHOOK, Mood::Refuses);
    let daemon = stage.daemon(scene.options(&receiver, ""));
    scene.acts(0..ACTS);
    let finding = expect_finding(&daemon, "The store cannot be written");
    assert_eq!(finding["log"]["level"], "error", "{finding:#}");
    daemon.expect_document("a heartbeat that says so", |it| {
        let reasons = it["runmon"]["degraded"].as_array().cloned().unwrap_or_default();
        is_heartbeat(it) && reasons.contains(&"store_failing".into())
    });
    receiver.becomes(Mood::Takes);
    // Once all is taken there is room again.
    let heartbeat = daemon.expect_document("a heartbeat after that", |it| {
        is_heartbeat(it)
            && it["runmon"]["store"]["failing"] == false
            && of_receiver(it)["delivered"].as_u64() >= Some(ACTS as u64)
    });
    assert!(number(&heartbeat["runmon"]["store"], "failures") > 0, "{heartbeat:#}");
    let ended = daemon.stop();
    assert_eq!(number(&of_receiver(ended.heartbeat()), "dropped"), 0);
    let came = names(&receiver.taken());
    let expected: Vec<String> = (0..ACTS).map(|it| format!("n{it:06}")).collect();
    let acts: Vec<String> = came.into_iter().filter(|name| name.starts_with('n')).collect();
    assert!(acts == expected, "{} of {ACTS} came, or not in order", acts.len());
    assert!(verify(stage, &receiver.taken()).0);
    drop(disk);
}

/// Over its bound the store gives up what matters least, says how much that was, and leaves a gap
/// in the numbers for it.
fn least_gives_way(stage: &Stage<'_>) {
    const GRAVE: usize = 50;
    const ACTS: usize = 3000;
    let scene = Scene::new(stage);
    let receiver = over_http(&WEBHOOK, Mood::Refuses);
    let daemon = stage.daemon(scene.options(&receiver, "store_bytes: 4194304"));
    (0..GRAVE).for_each(|number| scene.act(&format!("grave{number:02}")));
    scene.acts(0..ACTS);
    expect_finding(&daemon, "The store is full");
    let heartbeat = daemon.expect_document("a heartbeat that tells of all acts", |it| {
        is_heartbeat(it) && of_receiver(it)["offered"].as_u64() >= Some((ACTS + GRAVE) as u64)
    });
    assert!(number(&heartbeat["runmon"]["store"], "bytes") <= 4 << 20, "{heartbeat:#}");
    receiver.becomes(Mood::Takes);
    scene.act("last");
    wait::until("the last alert", || {
        receiver.taken().iter().any(|it| name(it) == "last").then_some(())
    });
    let ended = daemon.stop();
    let counters = of_receiver(ended.heartbeat());
    let dropped = number(&counters, "dropped");
    assert_eq!(dropped, number(&ended.heartbeat()["runmon"]["store"], "evicted"), "{counters:#}");
    let came = names(&receiver.taken());
    let grave = came.iter().filter(|name| name.starts_with("grave")).count();
    assert_eq!(grave, GRAVE, "all that matters came");
    // Of the others the newest.
    let plain: Vec<usize> =
        came.iter().filter_map(|name| name.strip_prefix('n')?.parse().ok()).collect();
    assert_eq!(plain.last(), Some(&(ACTS - 1)));
    // Those that the sink has in its hands stay there; of the others the oldest gave way.
    let in_hands = plain.iter().zip(0..).take_while(|(came, number)| *came == number).count();
    let left: Vec<usize> = plain.get(in_hands..).unwrap_or_default().to_vec();
    let newest: Vec<usize> = (ACTS - left.len()..ACTS).collect();
    assert!(left == newest && !left.is_empty(), "the oldest gave way: {in_hands}, then {left:?}");
    assert_eq!(in_hands + left.len() + dropped as usize, ACTS);
    let (is_whole, report) = verify(stage, &receiver.taken());
    assert!(!is_whole, "{report:#}");
    let gaps = report["streams"][0]["gaps"].as_array().expect("gaps").clone();
    let missing = gaps.iter().map(|gap| {
        let edge = |place: usize| gap[place].as_u64().expect("a number");
        edge(1) - edge(0) + 1
    });
    assert_eq!(missing.sum::<u64>(), dropped, "{report:#}");
}

/// Where nothing can be written it says so, and sinks get what they can.
fn no_place(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let receiver = over_http(&WEBHOOK, Mood::Takes);
    let taken = scene.state.join("file");
    fs::write(&taken, "").expect("take the place");
    let options = Options { state_dir: Some(taken), ..scene.options(&receiver, "") };
    let daemon = stage.daemon(options);
    assert!(daemon.log().contains("cannot open the store"), "{}", daemon.log());
    assert!(daemon.log().contains("hint: "), "{}", daemon.log());
    scene.act("n1");
    wait::until("the alert", || (receiver.count() > 0).then_some(()));
    expect_finding(&daemon, "The store cannot be written");
    let ended = daemon.stop();
    let told = &ended.heartbeat()["runmon"];
    assert_eq!(told["store"]["failing"], true, "{told:#}");
    assert_eq!(told["degraded"], serde_json::json!(["store_failing"]), "{told:#}");
}

/// What cannot be read any more is told of; all else comes.
fn damaged(stage: &Stage<'_>) {
    const ACTS: usize = 200;
    let scene = Scene::new(stage);
    let receiver = over_http(&WEBHOOK, Mood::Refuses);
    let daemon = stage.daemon(scene.options(&receiver, ""));
    scene.acts(0..ACTS);
    daemon.expect_document("a heartbeat that tells of all acts", |it| {
        is_heartbeat(it) && of_receiver(it)["offered"].as_u64() >= Some(ACTS as u64)
    });
    daemon.stop();
    let store = scene.state.join("store");
    let files = fs::read_dir(&store).expect("the store").map(|it| it.expect("an entry").path());
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |it| it.len());
    let largest = files.max_by_key(size).expect("a segment");
    let mut bytes = fs::read(&largest).expect("read a segment");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].iter_mut().for_each(|byte| *byte ^= 0x55);
    fs::write(&largest, bytes).expect("damage a segment");
    let daemon = stage.daemon(scene.options(&receiver, ""));
    expect_finding(&daemon, "The store was damaged");
    receiver.becomes(Mood::Takes);
    scene.act("last");
    wait::until("the last alert", || {
        receiver.taken().iter().any(|it| name(it) == "last").then_some(())
    });
    let ended = daemon.stop();
    assert!(number(&ended.heartbeat()["runmon"]["store"], "broken_bytes") > 0);
    let came = names(&receiver.taken()).len();
    assert!((ACTS - 5..ACTS + 1).contains(&came), "{came} of {ACTS} and one came");
}
