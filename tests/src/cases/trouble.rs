//! What keeps documents from receivers: nothing is lost, and people are told why.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Case;
use super::store::verify;
use crate::daemon::{Daemon, Options, is_heartbeat};
use crate::lab::Stage;
use crate::receiver::forward::{self, ForwardReceiver};
use crate::receiver::http::webhook::WEBHOOK;
use crate::receiver::http::{Demands, HttpReceiver};
use crate::receiver::nats::NatsServer;
use crate::receiver::syslog::SyslogServer;
use crate::receiver::tls::Authority;
use crate::receiver::{Mood, Receives as _};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("trouble::certificate_that_expired_http", expired_http),
    Case::new("trouble::certificate_that_expired_forward", expired_forward),
    Case::with(&["rsyslogd"], "trouble::certificate_that_expired_syslog", expired_syslog),
    Case::with(&["nats-server"], "trouble::certificate_that_expired_nats", expired_nats),
    Case::new("trouble::certificate_that_is_not_valid_yet", not_yet),
    Case::new("trouble::names_that_are_not_resolved", no_name),
];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-trouble
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

fn act(number: usize) {
    let word = format!("e2e-trouble-{number}");
    let status = std::process::Command::new("/bin/busybox").args(["true", &word]).status();
    assert!(status.expect("start busybox").success());
}

/// The numbers of the acts that texts are about.
fn numbers<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<usize> {
    let number = |text: &str| {
        let after = text.split("e2e-trouble-").nth(1)?;
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        after[..end].parse().ok()
    };
    texts.filter_map(number).collect()
}

fn numbers_of(documents: &[Value]) -> Vec<usize> {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    numbers(texts.iter().map(|text| &**text))
}

fn options(sinks: String) -> Options {
    Options {
        rules: Some(RULES.to_owned()),
        // Hashes that are late would be documents of their own.
        keys: "heartbeat_seconds: 1\nrollup_seconds: 0\nhash: \"off\"".to_owned(),
        args: vec!["--metrics-listen".to_owned(), "127.0.0.1:0".to_owned()],
        sinks,
        ..Options::default()
    }
}

/// What a heartbeat says is wrong with a sink.
fn trouble<'a>(heartbeat: &'a Value, sink: &str) -> &'a Value {
    let sinks = heartbeat["runmon"]["sinks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = sinks.iter().find(|it| it["name"] == sink);
    found.map_or(&Value::Null, |it| &it["trouble"])
}

fn is_stuck(heartbeat: &Value) -> bool {
    let reasons = heartbeat["runmon"]["degraded"].as_array().cloned().unwrap_or_default();
    reasons.contains(&"sink_stuck".into())
}

/// Waits until people are told, in each way that there is.
fn expect_told(daemon: &Daemon, sink: &str, reason: &str, words: &str) {
    daemon.expect_document("a heartbeat that says why", |it| {
        is_heartbeat(it) && trouble(it, sink) == reason
    });
    daemon.expect_document("a heartbeat that says that it is stuck", |it| {
        is_heartbeat(it) && is_stuck(it)
    });
    assert!(daemon.log().contains(words), "no {words:?}: {}", daemon.log());
    let at = super::endpoint::of(daemon);
    let series = format!("runmon_sink_trouble{{sink=\"{sink}\",reason=\"{reason}\"}} 1");
    let (_, text) = super::endpoint::get(at, "/metrics");
    assert!(text.lines().any(|line| line == series), "no {series}: {text}");
    // Who watches is ready.
    assert_eq!(super::endpoint::get(at, "/readyz").0, 200);
}

/// Waits until nothing is wrong any more.
fn expect_well(daemon: &Daemon, sink: &str) {
    let newest = || daemon.documents().into_iter().rev().find(is_heartbeat);
    wait::until("a heartbeat with nothing wrong in it", || {
        let heartbeat = newest()?;
        (trouble(&heartbeat, sink).is_null() && !is_stuck(&heartbeat)).then_some(())
    });
}

/// Acts while the receiver has a certificate that is of no use, and after that.
fn out_of_time(
    stage: &Stage<'_>,
    (sink, sinks): (&str, String),
    (reason, words): (&str, &str),
    mend: impl FnOnce(),
    came: impl Fn() -> Vec<usize>,
) {
    let daemon = stage.daemon(options(sinks));
    (0..3).for_each(act);
    expect_told(&daemon, sink, reason, words);
    assert_eq!(came().len(), 0);
    mend();
    act(3);
    wait::until("all alerts", || (came().len() >= 4).then_some(()));
    assert_eq!(came(), [0, 1, 2, 3]);
    expect_well(&daemon, sink);
    daemon.stop();
}

/// The reason in words of an expired one, as the tests make them.
const EXPIRED: (&str, &str) =
    ("certificate_expired", "the receiver's certificate expired on 2021-01-01T00:00:00Z");

fn expired_http(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    let tls = Some(authority.server("localhost", true, false));
    let receiver =
        HttpReceiver::start(&WEBHOOK, Mood::Takes, Demands { tls, ..Demands::default() });
    let keys = authority.keys(None).replace("tls: true\n", "");
    let sinks = receiver.sink(&format!("heartbeats: false\nformat: ecs\n{keys}"));
    let mend = || {
        let good = authority.server("localhost", false, false);
        receiver.demands(|demands| demands.tls = Some(good));
    };
    out_of_time(stage, ("http", sinks), EXPIRED, mend, || numbers_of(&receiver.taken()));
    assert!(verify(stage, &receiver.taken()).0);
}

fn expired_forward(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    let tls = Some(authority.server("localhost", true, false));
    let demands = forward::Demands { tls, ..forward::Demands::default() };
    let receiver = ForwardReceiver::start(Mood::Takes, &demands);
    let sinks = receiver.sink(&format!("heartbeats: false\n{}", authority.keys(None)));
    let mend = || {
        let good = authority.server("localhost", false, false);
        receiver.demands(|demands| demands.tls = Some(good));
    };
    out_of_time(stage, ("forward", sinks), EXPIRED, mend, || numbers_of(&receiver.taken()));
    assert!(verify(stage, &receiver.taken()).0);
}

fn expired_syslog(stage: &Stage<'_>) {
    let certificates = stage.dir("tls");
    let authority = Authority::new(&certificates);
    authority.sign("localhost", true);
    authority.sign("runmon", false);
    let server = SyslogServer::rsyslog(&stage.dir("rsyslog"), Some(&certificates));
    let sinks = server.sink(&format!("heartbeats: false\n{}", authority.keys(Some("runmon"))));
    let server = std::cell::RefCell::new(server);
    let mend = || {
        authority.sign("localhost", false);
        let mut server = server.borrow_mut();
        server.kill();
        server.start();
    };
    let came = || numbers(server.borrow().taken().lines());
    out_of_time(stage, ("syslog", sinks), EXPIRED, mend, came);
    let out = server.borrow().out();
    let ran = stage.runmon(["verify-stream", "--from-start", out.to_str().expect("a path")]);
    ran.assert(0, &[]);
}

fn expired_nats(stage: &Stage<'_>) {
    let certificates = stage.dir("tls");
    let authority = Authority::new(&certificates);
    authority.sign("localhost", true);
    let server = NatsServer::start(&stage.dir("nats"));
    let file = |name: &str| certificates.join(name);
    let (own, key) = (file("localhost.pem"), file("localhost.key"));
    let tls = format!("tls {{ cert_file: {own:?}, key_file: {key:?} }}");
    server.configure(&tls);
    let sinks = server.sink(&format!("heartbeats: false\n{}", authority.keys(None)));
    let daemon = stage.daemon(options(sinks));
    (0..3).for_each(act);
    expect_told(&daemon, "nats", EXPIRED.0, EXPIRED.1);
    authority.sign("localhost", false);
    server.configure(&tls);
    act(3);
    daemon.expect_document("a heartbeat that tells of the delivery", |it| {
        let sinks = it["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
        sinks.iter().any(|sink| sink["name"] == "nats" && sink["delivered"] == 4)
    });
    expect_well(&daemon, "nats");
    daemon.stop();
    server.configure("");
    assert_eq!(numbers_of(&server.taken()), [0, 1, 2, 3]);
    assert!(verify(stage, &server.taken()).0);
}

/// As where the clock of this host is behind.
fn not_yet(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    let tls = Some(authority.server_from("localhost", 2100));
    let receiver =
        HttpReceiver::start(&WEBHOOK, Mood::Takes, Demands { tls, ..Demands::default() });
    let keys = authority.keys(None).replace("tls: true\n", "");
    let sinks = receiver.sink(&format!("heartbeats: false\nformat: ecs\n{keys}"));
    let mend = || {
        let good = authority.server("localhost", false, false);
        receiver.demands(|demands| demands.tls = Some(good));
    };
    let words = "is not valid yet: from 2100-01-01T00:00:00Z on; is the clock of this host right?";
    let why = ("certificate_not_yet_valid", words);
    out_of_time(stage, ("http", sinks), why, mend, || numbers_of(&receiver.taken()));
    assert!(verify(stage, &receiver.taken()).0);
}

/// A directory of files that say where names are known, by a name server of this host.
fn names_in(dir: &Path, server: &str) -> PathBuf {
    let text = format!("nameserver {server}\noptions timeout:15 attempts:2\n");
    fs::write(dir.join("resolv.conf"), text).expect("write a file");
    fs::write(dir.join("hosts"), "127.0.0.1 localhost\n").expect("write a file");
    dir.to_owned()
}

/// A name server that answers nothing, at an address of its own.
const DEAF: &str = "127.77.0.53";

/// First there is no name server, then one that says nothing; then the name is known. Another sink
/// has all of it at once, meanwhile.
fn no_name(stage: &Stage<'_>) {
    let etc = names_in(&stage.dir("etc"), DEAF);
    let near = HttpReceiver::start(&WEBHOOK, Mood::Takes, Demands::default());
    let far = HttpReceiver::start(&WEBHOOK, Mood::Takes, Demands::default());
    let forward = ForwardReceiver::start(Mood::Takes, &forward::Demands::default());
    let named = |sink: String, name: &str| {
        sink.replace("127.0.0.1", "siem.runmon.test").replace("localhost", "siem.runmon.test")
            + &format!("  name: \"{name}\"\n")
    };
    let keys = "heartbeats: false\nformat: ecs";
    let sinks = near.sink(&format!("{keys}\nname: near"))
        + &named(far.sink(keys), "far")
        + &named(forward.sink(keys), "forward");
    let state = stage.dir("state");
    let options = || Options {
        etc: Some(etc.clone()),
        state_dir: Some(state.clone()),
        ..options(sinks.clone())
    };
    let daemon = stage.daemon(options());
    (0..3).for_each(act);
    for sink in ["far", "forward"] {
        expect_told(&daemon, sink, "name_unresolved", "the name of the receiver is not resolved");
    }
    // Asking takes long from now on.
    let deaf = UdpSocket::bind((DEAF, 53)).expect("bind the name server");
    wait::until("a question", || {
        deaf.set_nonblocking(true).ok()?;
        deaf.recv(&mut [0; 512]).ok()
    });
    let asked = Instant::now();
    let heartbeats = || daemon.documents().iter().filter(|it| is_heartbeat(it)).count();
    let before = heartbeats();
    act(3);
    wait::until("an alert to the other one", || (near.count() == 4).then_some(()));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    wait::until("more heartbeats", || (heartbeats() >= before + 3).then_some(()));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    // Nor does it keep the monitor from ending.
    let ending = Instant::now();
    daemon.stop();
    assert!(ending.elapsed() < Duration::from_secs(10), "{:?}", ending.elapsed());
    let daemon = stage.daemon(options());
    act(4);
    drop(deaf);
    fs::write(etc.join("hosts"), "127.0.0.1 localhost siem.runmon.test\n").expect("write a file");
    wait::until("all alerts", || (far.count() >= 5 && forward.taken().len() >= 5).then_some(()));
    for taken in [near.taken(), far.taken(), forward.taken()] {
        assert_eq!(numbers_of(&taken), [0, 1, 2, 3, 4]);
        assert!(verify(stage, &taken).0);
    }
    expect_well(&daemon, "far");
    daemon.stop();
}
