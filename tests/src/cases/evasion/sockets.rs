//! Ways out that no connect of a TCP or UDP socket is, and the monitor's own programs.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use super::{is_blind, not_tried, watch_acts};
use crate::cases::acts;
use crate::daemon::{Daemon, Options, is_alert};
use crate::lab::Stage;
use crate::links;
use crate::place::Place;
use crate::triggers::Report;

/// A ring that a thread of the kernel looks into: not even a call hands the request over.
pub(super) fn polled_ring(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let path = stage.dir("polled").join("file");
    std::fs::write(&path, "").expect("write a file");
    let path = path.to_str().expect("plain");
    let opened = place.trigger(&["open", path, "--call", "polled"]);
    // Linux before 5.11 opens nothing so.
    if opened.errno != libc::EINVAL {
        assert_eq!(opened.errno, 0, "{opened}");
    }
    let address = "127.0.0.1:9";
    let connected = place.trigger(&["connect", "udp", address, "--call", "polled"]);
    let sent = place.trigger(&["sendto", address, "--call", "polled"]);
    for (report, action) in [(&connected, "connect"), (&sent, "send")] {
        assert_eq!(report.errno, 0, "{report}");
        let alert = daemon.expect(action, |it| {
            it["event"]["action"] == action
                && it["destination"]["port"] == 9
                && place.is_by(report, it)
        });
        assert_eq!(alert["destination"]["ip"], "127.0.0.1", "{alert:#}");
    }
    let ended = daemon.stop();
    let mut documents = ended.documents.iter();
    let is_told =
        documents.any(|it| is_alert(it) && place.is_by(&opened, it) && it["file"]["path"] == path);
    // Some kernels lack what the fallback needs for it; then that is stated.
    let is_stated = is_blind_to_opens(ended.heartbeat());
    if opened.errno == 0 {
        assert_eq!(is_told, !is_stated, "{opened}");
    }
}

/// Not one of the texts on a few of them.
fn is_blind_to_opens(heartbeat: &Value) -> bool {
    const RINGS: &str = "opens through io_uring";
    let hooks = heartbeat["runmon"]["hooks"].as_array();
    let hook = hooks.into_iter().flatten().find(|hook| hook["kind"] == "file_open");
    let blind = hook.and_then(|hook| hook["blind"].as_array()).into_iter().flatten();
    let mut blind = blind.filter_map(Value::as_str);
    blind.any(|gap| gap == RINGS || gap.starts_with(&format!("{RINGS} (")))
}

/// Every document on an act of the process, after its end.
fn told(daemon: &Daemon, place: &Place<'_>, report: &Report) -> Vec<Value> {
    place.expect(daemon, report, "exit", |_| true);
    let mut told = daemon.documents();
    told.retain(|it| is_alert(it) && place.is_by(report, it));
    told
}

fn of<'v>(told: &'v [Value], action: &str) -> Vec<&'v Value> {
    told.iter().filter(|it| it["event"]["action"] == action).collect()
}

/// What each family of sockets shows: that it was made, whom it reaches, or nothing.
pub(super) fn other_families(stage: &Stage<'_>) {
    let daemon = watch_acts(stage);
    let place = Place::Host(stage.lab);
    let object = acts::sees_objects(stage);

    let report = place.trigger(&["family", "raw"]);
    assert_eq!(report.errno, 0, "{report}");
    let raw = told(&daemon, &place, &report);
    assert_eq!(of(&raw, "socket").len(), 1, "{raw:#?}");
    let sent = of(&raw, "send");
    assert_eq!(sent.len(), usize::from(object), "{raw:#?}");
    assert!(sent.iter().all(|it| it["destination"]["ip"] == "127.0.0.1"), "{sent:#?}");

    for (family, text) in
        [("packet", "AF_PACKET SOCK_RAW 0"), ("vsock", "AF_VSOCK SOCK_STREAM 0"), ("netlink", "")]
    {
        let report = place.trigger(&["family", family]);
        let all = told(&daemon, &place, &report);
        assert!(of(&all, "send").is_empty() && of(&all, "connect").is_empty(), "{all:#?}");
        let made = report.numbers.contains_key("made");
        let sockets = of(&all, "socket");
        // Hooks on objects are asked before it shows that the kernel lacks the family.
        let is_told = !text.is_empty() && (object || made);
        assert_eq!(sockets.len(), usize::from(is_told), "{family}: {all:#?}");
        assert!(sockets.iter().all(|it| it["runmon"]["act"] == text), "{sockets:#?}");
    }

    let path = stage.dir("unix").join("docker.sock");
    let _listener = UnixListener::bind(&path).expect("listen");
    let report = place.trigger(&["evade", "unix", path.to_str().expect("plain")]);
    assert_eq!(report.errno, 0, "{report}");
    let all = told(&daemon, &place, &report);
    let connected = of(&all, "connect");
    assert_eq!(connected.len(), usize::from(object), "{all:#?}");
    assert!(connected.iter().all(|it| it["destination"]["address"] == json!(path)), "{all:#?}");

    let ended = daemon.stop();
    let blind = |kind: &str, text: &str| is_blind(ended.heartbeat(), kind, text);
    assert!(blind("send", "AF_UNIX, packet and netlink sockets"));
    assert!(blind("socket", "netlink"));
    assert!(blind("connect", "connections of families other than"));
    assert_eq!(blind("send", "raw sockets"), !object);
    assert_eq!(blind("connect", "connections to AF_UNIX sockets"), !object);
}

/// Multipath TCP, where the kernel has it. Its first part is a TCP connection of its own; all that
/// is told of leads to the true place.
pub(super) fn multipath(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("an address");
    let report = place.trigger(&["family", "multipath", &address.to_string()]);
    let all = told(&daemon, &place, &report);
    daemon.stop();
    if report.numbers.contains_key("made") {
        assert_eq!(report.errno, 0, "{report}");
        let connected = of(&all, "connect");
        let is_right = |it: &&Value| it["destination"]["port"] == address.port();
        assert!(!connected.is_empty() && connected.iter().all(is_right), "{all:#?}");
    } else {
        not_tried("the kernel has no multipath TCP");
    }
}

/// IPv4 in IPv6 form is IPv4; the address of nobody is told as it was given, though the kernel goes
/// to this host.
pub(super) fn addresses(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    for (given, told) in [
        ("[::ffff:127.0.0.1]:1", "127.0.0.1"),
        ("0.0.0.0:1", "127.0.0.1"),
        ("[::]:1", "::1"),
        ("[64:ff9b::7f00:1]:1", "127.0.0.1"),
    ] {
        let report = place.trigger(&["connect", "udp", given]);
        let alert = place.expect(&daemon, &report, "connect", |_| true);
        assert_eq!(alert["destination"]["ip"], told, "{given}: {alert:#}");
        let given: SocketAddr = given.parse().expect("an address");
        let given = given.ip().to_canonical().to_string();
        assert_eq!(alert["destination"]["address"], given, "{alert:#}");
    }
    daemon.stop();
}

/// A descriptor of one of the monitor's maps, programs or links is what one needs to meddle with
/// it. By the shipped rules, which say nothing where it is somebody else's.
pub(super) fn monitors_programs(stage: &Stage<'_>) {
    let daemon = stage.daemon(Options { rules: None, ..Options::default() });
    let ours = links::new_map().expect("make a map");
    let theirs = links::held(daemon.holder());
    for (command, act, id) in links::held(std::process::id()).iter().chain(&theirs) {
        drop(links::reach(*command, *id).unwrap_or_else(|err| panic!("{act} {id}: {err}")));
    }
    let taken: BTreeSet<String> = theirs.iter().map(|(_, act, id)| format!("{act} {id}")).collect();
    for kind in ["PROG", "MAP", "LINK"] {
        let start = format!("BPF_{kind}_GET_FD_BY_ID");
        assert!(taken.iter().any(|act| act.starts_with(&start)), "no {kind} in {taken:?}");
    }
    for act in &taken {
        daemon.expect(act, |it| is_of_ours(it, act));
    }
    drop(ours);
    let ended = daemon.stop();
    let told = ended.documents.iter().filter(|it| is_alert(it) && is_of_ours(it, ""));
    let told: BTreeSet<&str> = told.filter_map(|it| it["runmon"]["act"].as_str()).collect();
    assert_eq!(told, taken.iter().map(String::as_str).collect());
}

/// Whether it is the alert that this program took hold of an object of the monitor's.
fn is_of_ours(document: &Value, act: &str) -> bool {
    const RULE: &str = "BPF object of the monitor taken hold of";
    let mut names = document["runmon"]["rules"].as_array().into_iter().flatten();
    names.any(|it| it["name"] == RULE)
        && document["process"]["pid"] == std::process::id()
        && (act.is_empty() || document["runmon"]["act"] == act)
}
