//! What the daemon tells over HTTP: its numbers, and whether it is well.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options, is_heartbeat, item};
use crate::lab::Stage;
use crate::laws::number;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("endpoint::smoke_numbers_are_those_of_the_heartbeat", numbers_agree),
    Case::new("endpoint::nobody_is_ready_before_hooks_are_there", ready_once_it_watches),
    Case::new("endpoint::loss_and_sinks_degrade_and_do_not_unready", degraded),
    Case::new("endpoint::bad_clients_hold_nobody_up", bad_clients),
    Case::new("endpoint::port_that_is_taken_keeps_nobody_from_watching", port_is_taken),
];

/// Only starts of busybox, so that the host's own acts do not count.
fn rules() -> Option<String> {
    Some(EVERY_ACT.replace(EVERY_ACT_CONDITION, "evt.type = execve and proc.name = busybox"))
}

fn act() {
    let status = Command::new("/bin/busybox").arg("true").status();
    assert!(status.expect("start busybox").success());
}

/// Options with an endpoint on a port that is free.
fn listening() -> Options {
    Options {
        rules: rules(),
        keys: "heartbeat_seconds: 1".to_owned(),
        args: vec!["--metrics-listen".to_owned(), "127.0.0.1:0".to_owned()],
        ..Options::default()
    }
}

/// Where the daemon says that it listens.
fn address(log: &str) -> Option<SocketAddr> {
    let after = log.split("numbers and health are at http://").nth(1)?;
    after.split_once("/metrics")?.0.parse().ok()
}

pub(super) fn of(daemon: &Daemon) -> SocketAddr {
    address(&daemon.log()).expect("it says where it listens")
}

/// An answer: its code, and what follows the head.
pub(super) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    send(address, format!("GET {path} HTTP/1.1\r\nHost: runmon\r\n\r\n").as_bytes())
}

/// What comes back on any bytes; code 0 where that is nothing.
fn send(address: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("connect to the endpoint");
    // It may be refused before all of it is written.
    stream.write_all(bytes).unwrap_or_default();
    let mut answer = Vec::new();
    // What is not read of a request ends the connection with an error, behind the answer.
    stream.read_to_end(&mut answer).unwrap_or_default();
    let answer = String::from_utf8(answer).expect("text");
    let code = answer.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default();
    (code, answer.split_once("\r\n\r\n").unwrap_or_default().1.to_owned())
}

/// One sample of what is scraped.
fn sample(text: &str, series: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("there is no {series}: {text}"));
    line.parse().unwrap_or_else(|_| panic!("{series} is {line}"))
}

fn scrape(address: SocketAddr) -> String {
    let (code, text) = get(address, "/metrics");
    assert_eq!(code, 200, "{text}");
    text
}

/// What the endpoint tells lies between two heartbeats, one before and one after it.
fn numbers_agree(stage: &Stage<'_>) {
    let daemon = stage.daemon(listening());
    let at = of(&daemon);
    for _ in 0..5 {
        act();
    }
    let before = daemon.expect_document("a heartbeat with the alerts", |it| {
        is_heartbeat(it) && it["runmon"]["line"]["alerts"].as_u64() >= Some(5)
    });
    let text = scrape(at);
    let sequence = before["event"]["sequence"].as_u64();
    let after = daemon.expect_document("a later heartbeat", |it| {
        is_heartbeat(it) && it["event"]["sequence"].as_u64() > sequence.map(|it| it + 2)
    });
    for (series, place) in [
        ("runmon_line_alerts_total", "/runmon/line/alerts"),
        ("runmon_line_records_total", "/runmon/line/records"),
        ("runmon_line_seeds_total", "/runmon/line/seeds"),
        ("runmon_line_events_total{kind=\"exec\"}", "/runmon/line/events/exec"),
        ("runmon_kernel_attempted_total{kind=\"exec\"}", "/runmon/kernel/kinds/exec/attempted"),
        ("runmon_kernel_own_acts_total", "/runmon/kernel/counters/own_acts"),
        ("runmon_sink_offered_total{sink=\"stdout\"}", "/runmon/sinks/0/offered"),
        ("runmon_rule_matches_total{rule=\"every_act\"}", "/runmon/rule_states/0/matches"),
        ("runmon_rules", "/runmon/rules"),
    ] {
        let told = |heartbeat: &Value| {
            let told = heartbeat.pointer(place).and_then(Value::as_u64);
            told.unwrap_or_else(|| panic!("no {place}: {heartbeat:#}"))
        };
        let between = told(&before)..=told(&after);
        let scraped = sample(&text, series);
        assert!(between.contains(&scraped), "{series} is {scraped}, not in {between:?}");
    }
    assert_eq!(sample(&text, "runmon_ready"), 1);
    let hooks = before["runmon"]["hooks"].as_array().expect("hooks");
    for hook in hooks {
        let (kind, backend) = (&hook["kind"], hook["backend"].as_str().unwrap_or("none"));
        let series = format!("runmon_hook{{kind={kind},backend=\"{backend}\"}}");
        assert_eq!(sample(&text, &series), u64::from(backend != "none"));
    }
    daemon.stop();
}

/// Whoever asks while it starts is told that it starts; whoever asks later, that it is ready.
fn ready_once_it_watches(stage: &Stage<'_>) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("find a port");
    let at = free.local_addr().expect("its address");
    drop(free);
    let args = vec!["--metrics-listen".to_owned(), at.to_string()];
    // Asked from before it is there until it is ready.
    let asking = thread::spawn(move || {
        let mut told = Vec::new();
        wait::for_or(wait::START, || {
            TcpStream::connect(at).ok()?;
            let (ready, alive) = (get(at, "/readyz"), get(at, "/livez"));
            assert_eq!(alive.0, 200, "{alive:?}");
            let is_ready = ready.0 == 200;
            told.push(ready);
            is_ready.then_some(())
        })
        .expect("it gets ready");
        told
    });
    let daemon = stage.daemon(Options { args, ..listening() });
    let told = asking.join().expect("ask");
    let (last, before) = told.split_last().expect("it was asked");
    assert_eq!(*last, (200, "ok\n".to_owned()));
    assert!(!before.is_empty(), "it was never asked before it was ready");
    for (code, text) in before {
        assert!(*code == 503 && text.starts_with("starting"), "{code} {text}");
    }
    let begun = Instant::now();
    assert_eq!(get(at, "/livez"), (200, "ok\n".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    daemon.stop();
    assert!(TcpStream::connect(at).is_err(), "somebody listens still");
}

/// A receiver that is down, and a container that has too much of one sort.
fn degraded(stage: &Stage<'_>) {
    // Nobody listens where somebody did a moment ago.
    let down = std::net::TcpListener::bind("127.0.0.1:0").expect("bind a port");
    let receiver = down.local_addr().expect("its address");
    drop(down);
    let sinks = item(&format!(
        "kind: \"http\"\nurl: \"http://{receiver}/\"\nstored: false\n\
         queue: 4\nheartbeats: false"
    ));
    let keys = "flood_rate: 1\nflood_burst: 1\nheartbeat_seconds: 1".to_owned();
    let rules = EVERY_ACT.replace(
        EVERY_ACT_CONDITION,
        "(evt.type = execve and proc.name = busybox) or (evt.type = connect and fd.rport = 9)",
    );
    let options = Options { rules: Some(rules), keys, sinks, may_lose: true, ..listening() };
    let daemon = stage.daemon(options);
    let at = of(&daemon);
    let reason = |reason: &str| format!("runmon_degraded{{reason=\"{reason}\"}}");
    assert_eq!(sample(&scrape(at), &reason("sink_losing")), 0);
    let text = wait::until("loss and a stuck sink to be told of", || {
        act();
        stage.trigger(&["connect", "udp", "127.0.0.1:9"]);
        let text = scrape(at);
        let told = ["flood", "sink_losing", "sink_stuck"].map(|it| sample(&text, &reason(it)));
        (told == [1; 3]).then_some(text)
    });
    assert!(sample(&text, "runmon_sink_dropped_total{sink=\"http\"}") > 0);
    assert_eq!(sample(&text, &reason("hook_silent")), 0);
    assert_eq!(sample(&text, "runmon_ready"), 1);
    for path in ["/readyz", "/livez"] {
        assert_eq!(get(at, path), (200, "ok\n".to_owned()));
    }
    let heartbeat = daemon.expect_document("a heartbeat that says so", |it| {
        let reasons = it["runmon"]["degraded"].as_array().cloned().unwrap_or_default();
        is_heartbeat(it)
            && ["flood", "sink_losing"].iter().all(|it| reasons.contains(&(*it).into()))
    });
    assert!(number(&heartbeat["runmon"], "lost") > 0, "{heartbeat:#}");
    daemon.stop();
}

/// Connections at once, as the daemon bounds them.
const CONNECTIONS: usize = 16;

fn bad_clients(stage: &Stage<'_>) {
    let daemon = stage.daemon(listening());
    let at = of(&daemon);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /metrics\0 HTTP/1.1\r\n\r\n",
    ] {
        let (code, text) = send(at, bytes);
        assert!([0, 400].contains(&code), "{code} {text}");
    }
    let two = b"GET /livez HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n";
    assert_eq!(send(at, two), (200, "ok\n".to_owned()));
    assert_eq!(get(at, "/").0, 404);
    assert_eq!(send(at, b"POST /metrics HTTP/1.1\r\n\r\n").0, 405);
    // As many as there may be, of which none says anything.
    let begun = Instant::now();
    let idle: Vec<TcpStream> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(at).expect("connect")).collect();
    // Who asks is heard all the same.
    assert_eq!(get(at, "/livez"), (200, "ok\n".to_owned()));
    // They are sent away.
    for mut stream in idle {
        stream.read_to_end(&mut Vec::new()).unwrap_or_default();
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let text = scrape(at);
    let ended = |reason: &str| {
        sample(&text, &format!("runmon_http_connections_ended_total{{reason=\"{reason}\"}}"))
    };
    assert_eq!(ended("slow"), CONNECTIONS as u64);
    assert!(ended("broken") >= 3, "{text}");
    // The line was never held up by any of them.
    act();
    daemon.expect("an act", |it| it["process"]["name"] == "busybox");
    daemon.stop();
}

fn port_is_taken(stage: &Stage<'_>) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("take a port");
    let at = taken.local_addr().expect("its address");
    let args = vec!["--metrics-listen".to_owned(), at.to_string()];
    let daemon = stage.daemon(Options { args, ..listening() });
    act();
    daemon.expect("an act", |it| it["process"]["name"] == "busybox");
    assert!(daemon.log().contains(&format!("numbers are not told at {at}")), "{}", daemon.log());
    daemon.stop();
}
