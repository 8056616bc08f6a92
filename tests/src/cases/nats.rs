//! Alerts to a stream of NATS, which stores each once.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use super::Case;
use super::store::{FEW, outlive};
use crate::daemon::{Daemon, Options};
use crate::lab::Stage;
use crate::receiver::Receives as _;
use crate::receiver::nats::NatsServer;
use crate::receiver::tls::Authority;
use crate::wait;

const SERVER: &[&str] = &["nats-server"];

pub(super) const CASES: &[Case] = &[
    Case::with(SERVER, "nats::messages_have_an_id", ids),
    Case::with(SERVER, "nats::what_no_stream_takes_waits", waits),
    Case::with(SERVER, "nats::over_tls_with_a_certificate", over_tls),
    Case::with(SERVER, "nats::for_whom_the_server_knows", who),
    Case::with(SERVER, "nats::kills_lose_nothing_and_store_nothing_twice", once),
];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-nats
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

fn act() {
    let status = std::process::Command::new("/bin/busybox").args(["true", "e2e-nats"]).status();
    assert!(status.expect("start busybox").success());
}

/// One whose alerts are not followed by updates.
fn daemon(stage: &Stage<'_>, server: &NatsServer, keys: &str) -> Daemon {
    stage.daemon(Options {
        rules: Some(RULES.to_owned()),
        keys: "heartbeat_seconds: 1\nhash: \"off\"".to_owned(),
        sinks: server.sink(&format!("heartbeats: false\n{keys}")),
        env: vec![("E2E_NATS", "open sesame")],
        ..Options::default()
    })
}

/// Waits until the daemon says why it cannot send.
fn expect_why(daemon: &Daemon, why: &str) {
    wait::until("the log to say why", || daemon.log().contains("cannot be sent").then_some(()));
    assert!(daemon.log().contains(why), "{}", daemon.log());
}

fn ids(stage: &Stage<'_>) {
    let server = NatsServer::start(&stage.dir("nats"));
    let daemon = daemon(stage, &server, "subject: \"runmon.{host}\"\nname: \"to nats\"");
    act();
    let stored = wait::until("a message", || server.stored().pop());
    let alert = daemon.expect("the alert", |_| true);
    daemon.stop();
    let message: serde_json::Value = serde_json::from_slice(&stored.payload).expect("JSON");
    assert_eq!(message["event"]["id"], alert["event"]["id"], "{message:#}");
    let delivery = &message["runmon"]["delivery"];
    assert_eq!(delivery["number"], 1, "{message:#}");
    let stream = delivery["stream"].as_str().expect("a stream");
    let id = format!("NATS/1.0\r\nNats-Msg-Id: {stream}/to%20nats/1\r\n");
    assert!(stored.headers.starts_with(&id), "{}", stored.headers);
}

/// Without a stream, and while it is full, nothing is lost; what is too long for it is refused.
fn waits(stage: &Stage<'_>) {
    let server = NatsServer::start(&stage.dir("nats"));
    server.drops_stream();
    let daemon = daemon(stage, &server, "");
    act();
    expect_why(&daemon, "no stream takes messages of this subject");
    server.makes_stream(json!({ "max_msgs": 1, "discard": "new" }));
    wait::until("a message", || server.stored().pop());
    act();
    wait::until("the log", || daemon.log().contains("maximum messages exceeded").then_some(()));
    server.drops_stream();
    server.makes_stream(json!({}));
    wait::until("the other message", || server.stored().pop());
    server.drops_stream();
    server.makes_stream(json!({ "max_msg_size": 100 }));
    act();
    wait::until("the log", || daemon.log().contains("was refused").then_some(()));
    daemon.stop();
    assert_eq!(server.stored().len(), 0);
}

fn over_tls(stage: &Stage<'_>) {
    let certificates = stage.dir("tls");
    let authority = Authority::new(&certificates);
    authority.sign("localhost", false);
    authority.sign("runmon", false);
    let server = NatsServer::start(&stage.dir("nats"));
    let file = |name: &str| certificates.join(name);
    let tls = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        file("localhost.pem"),
        file("localhost.key"),
        file("ca.pem")
    );
    server.configure(&tls);
    // Neither in plain text nor without the certificate that it asks for.
    for (keys, why) in [("", "it wants TLS"), (&*authority.keys(None), "ertificate")] {
        let unknown = daemon(stage, &server, keys);
        act();
        expect_why(&unknown, why);
        unknown.stop();
    }
    let known = daemon(stage, &server, &authority.keys(Some("runmon")));
    act();
    expect_delivered(&known);
    known.stop();
    server.configure("");
    assert_eq!(server.stored().len(), 1);
}

fn expect_delivered(daemon: &Daemon) {
    daemon.expect_document("a heartbeat that tells of the delivery", |it| {
        let sinks = it["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
        sinks.iter().any(|sink| sink["name"] == "nats" && sink["delivered"] == 1)
    });
}

/// By user and password, from a file or the environment, and by token.
fn who(stage: &Stage<'_>) {
    let dir = stage.dir("secrets");
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).expect("write a secret");
        format!("{path:?}")
    };
    let (right, wrong) = (file("right", "open sesame\n"), file("wrong", "shut sesame\n"));
    let server = NatsServer::start(&stage.dir("nats"));
    let mut stored = 0;
    for (demand, keys, is_known) in [
        ("user: u, password: \"open sesame\"", format!("user: \"u\"\npassword_file: {right}"), 1),
        ("user: u, password: \"open sesame\"", format!("user: \"u\"\npassword_file: {wrong}"), 0),
        ("token: \"open sesame\"", "token_env: \"E2E_NATS\"".to_owned(), 1),
        ("token: \"open sesame\"", format!("token_file: {wrong}"), 0),
        ("token: \"open sesame\"", String::new(), 0),
    ] {
        server.configure(&format!("authorization {{ {demand} }}"));
        let daemon = daemon(stage, &server, &keys);
        act();
        match is_known {
            1 => expect_delivered(&daemon),
            _ => expect_why(&daemon, "it refuses: Authorization Violation"),
        }
        let ended = daemon.stop();
        assert!(!ended.log.contains("sesame"), "{}", ended.log);
        stored += is_known;
    }
    server.configure("");
    assert_eq!(server.stored().len(), stored);
}

/// The server is killed and started again while alerts go to it, and so is the monitor.
fn once(stage: &Stage<'_>) {
    let server = NatsServer::start(&stage.dir("nats"));
    outlive(stage, &server, FEW);
    let stored = server.stored();
    let ids: BTreeSet<&str> = stored.iter().map(|it| &*it.headers).collect();
    assert_eq!(ids.len(), stored.len());
}
