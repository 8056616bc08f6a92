//! Alerts to a topic of Kafka.

use std::collections::BTreeSet;
use std::fs;

use super::Case;
use super::store::{outlive, verify};
use crate::daemon::{Daemon, Options};
use crate::lab::Stage;
use crate::receiver::kafka::pair::KafkaPair;
use crate::receiver::kafka::{KafkaServer, Listener, PARTITIONS, PASSWORD, Stored, USER};
use crate::receiver::tls::Authority;
use crate::wait;

const BROKER: &[&str] = &["kafka"];

pub(super) const CASES: &[Case] = &[
    Case::with(BROKER, "kafka::records_come_to_whom_the_broker_knows", each_way),
    Case::with(BROKER, "kafka::kills_lose_nothing_and_a_broker_stores_nothing_twice", outlives),
    Case::with(BROKER, "kafka::another_broker_takes_over_from_one_that_is_killed", takes_over),
];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-kafka
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

fn act() {
    let status = std::process::Command::new("/bin/busybox").args(["true", "e2e-kafka"]).status();
    assert!(status.expect("start busybox").success());
}

/// One whose alerts are not followed by updates.
fn daemon(stage: &Stage<'_>, sinks: String) -> Daemon {
    stage.daemon(Options {
        rules: Some(RULES.to_owned()),
        keys: "hash: \"off\"".to_owned(),
        sinks,
        env: vec![("E2E_KAFKA", PASSWORD)],
        ..Options::default()
    })
}

/// Over each listener, with what it asks for and without. One broker for all: it starts slowly.
fn each_way(stage: &Stage<'_>) {
    let certificates = stage.dir("tls");
    let authority = Authority::new(&certificates);
    authority.sign("localhost", false);
    authority.sign("runmon", false);
    let wrong = certificates.join("wrong");
    fs::write(&wrong, "shut sesame").expect("write a secret");
    let server = KafkaServer::start(&stage.dir("kafka"), Some(&certificates));
    let mut came = 0;
    let user = |sasl: &str| format!("user: \"{USER}\"\npassword_env: \"E2E_KAFKA\"\n{sasl}");
    for (listener, keys) in [
        (Listener::Plain, String::new()),
        (Listener::Plain, "gzip: true".to_owned()),
        (Listener::Tls, authority.keys(Some("runmon"))),
        (Listener::Sasl, user("")),
        (Listener::Sasl, user("sasl: \"scram-sha-256\"")),
        (Listener::Sasl, user("sasl: \"plain\"")),
    ] {
        let daemon = daemon(stage, server.sink_of(listener, &format!("heartbeats: false\n{keys}")));
        act();
        let what = format!("an alert by {listener:?} with {keys}");
        let stored = wait::until(&what, || server.stored().into_iter().nth(came));
        came += 1;
        let alert = daemon.expect("the alert", |_| true);
        assert_eq!(stored.value["event"]["id"], alert["event"]["id"], "{keys}: {stored:#?}");
        expect_headers(&stored);
        let host = alert["host"]["hostname"].as_str().expect("a host");
        assert_eq!(stored.key, host, "the act is of no container");
        let ended = daemon.stop();
        assert!(!ended.log.contains("sesame"), "{}", ended.log);
    }
    let by_password = format!("user: \"{USER}\"\npassword_file: {wrong:?}\n");
    for (listener, keys, why) in [
        (Listener::Tls, authority.keys(None), "ertificate"),
        (Listener::Sasl, by_password.clone(), "does not know this user and password"),
        (Listener::Sasl, format!("{by_password}sasl: \"plain\""), "this user and password"),
    ] {
        let daemon = daemon(stage, server.sink_of(listener, &format!("heartbeats: false\n{keys}")));
        act();
        wait::until("the log to say why", || daemon.log().contains("cannot be sent").then_some(()));
        let ended = daemon.stop();
        assert!(ended.log.contains(why), "{why}: {}", ended.log);
        assert!(!ended.log.contains("sesame"), "{}", ended.log);
    }
    assert_eq!(server.stored().len(), came);
    refuses_what_is_long(stage, &server);
}

fn expect_headers(stored: &Stored) {
    let delivery = &stored.value["runmon"]["delivery"];
    let stream = delivery["stream"].as_str().expect("a stream");
    let expected = format!("runmon.sink:kafka,runmon.stream:{stream},runmon.number:1");
    assert_eq!(stored.headers, expected);
}

/// What is too long for the topic is refused, and what is behind it comes.
fn refuses_what_is_long(stage: &Stage<'_>, server: &KafkaServer) {
    let before = server.stored().len();
    server.configure("max.message.bytes=100");
    let daemon = daemon(stage, server.sink_of(Listener::Plain, "heartbeats: false"));
    act();
    wait::until("the log to say why", || daemon.log().contains("was refused").then_some(()));
    assert!(daemon.log().contains("longer than the topic takes"), "{}", daemon.log());
    server.configure("max.message.bytes=1048588");
    act();
    wait::until("the other alert", || server.stored().into_iter().nth(before));
    daemon.stop();
    assert_eq!(server.stored().len(), before + 1);
}

/// The broker is killed and started again while alerts go to it, and so is the monitor. What the
/// monitor had on its way when it was killed may come twice, for it is another producer then.
fn outlives(stage: &Stage<'_>) {
    let server = KafkaServer::start(&stage.dir("kafka"), None);
    // A broker takes seconds to start.
    outlive(stage, &server, (2, 300));
    // All are of the host: in one partition.
    let stored = server.stored();
    let partition = stored.first().expect("a record").partition;
    assert!(partition < PARTITIONS && stored.iter().all(|it| it.partition == partition));
}

/// Alerts of several containers are spread over partitions, and some of these lose their leader.
fn takes_over(stage: &Stage<'_>) {
    const CONTAINERS: usize = 6;
    const ROUNDS: usize = 4;
    let mut pair = KafkaPair::start(&stage.dir("kafka"));
    let names: Vec<String> = (0..CONTAINERS).map(|_| stage.name("keyed")).collect();
    let containers: Vec<_> = names.iter().map(|name| stage.containerd().run(name, &[])).collect();
    let daemon = stage.daemon(Options {
        rules: Some(RULES.replace("proc.name = busybox", "container.id != host")),
        keys: "hash: \"off\"".to_owned(),
        sinks: pair.sink("heartbeats: false"),
        ..Options::default()
    });
    let mut made = 0;
    let mut round = |pair: &KafkaPair| {
        for (container, number) in containers.iter().zip(made..) {
            container.exec(&["/bin/true", &format!("e2e-kafka-{number:03}-")]);
        }
        made += CONTAINERS;
        wait::until("all alerts", || (pair.stored().len() >= made).then_some(()));
    };
    round(&pair);
    let used: BTreeSet<usize> = pair.stored().iter().map(|it| it.partition).collect();
    let led: BTreeSet<usize> = pair.led_by_second().into_iter().collect();
    assert!(used.len() > 1, "all are in one partition: {used:?}");
    assert!(used.iter().any(|it| led.contains(it)), "the second one leads {led:?} of {used:?}");
    pair.kill_second();
    round(&pair);
    round(&pair);
    pair.start_second();
    round(&pair);
    daemon.stop();
    let stored = pair.stored();
    assert_eq!(stored.len(), CONTAINERS * ROUNDS);
    for name in &names {
        let own: Vec<&Stored> = stored.iter().filter(|it| it.key == *name).collect();
        assert_eq!(own.len(), ROUNDS, "{name}");
        assert!(own.iter().all(|it| it.partition == own[0].partition), "{name}: {own:#?}");
        let numbers = own.iter().map(|it| it.value["runmon"]["delivery"]["number"].as_u64());
        assert!(numbers.is_sorted(), "{name}: {own:#?}");
    }
    let taken: Vec<_> = stored.into_iter().map(|it| it.value).collect();
    let (is_whole, report) = verify(stage, &taken);
    assert!(is_whole, "{report:#}");
}
