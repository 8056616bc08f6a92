//! What name servers are asked and answer, and the names of the addresses that are gone to.

use serde_json::{Value, json};

use super::Case;
use crate::daemon::{ACTS, Daemon, Options};
use crate::lab::Stage;
use crate::place::Place;
use crate::triggers::Report;

pub(super) const CASES: &[Case] = &[
    Case::each("dns::a_name_is_asked_for_told_and_gone_to", |stage| {
        named(stage, &Place::Host(stage.lab), &["--own-network"]);
    }),
    Case::new("dns::in_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("dns"), &[]);
        named(stage, &Place::In(&container), &[]);
    }),
    Case::new("dns::names_are_of_who_asked", names_are_of_who_asked),
    Case::new("dns::what_nobody_asked_names_nothing", what_nobody_asked_names_nothing),
    Case::new("dns::a_rule_about_a_name_asks_for_them", a_rule_about_a_name_asks_for_them),
];

/// Name, server, address, the transport and how it is asked for.
const WAYS: &[(&str, &str, &str, &str, &str)] = &[
    ("a.shop.test", "127.0.0.1:53", "127.0.0.9", "udp", "datagram"),
    ("b.shop.test", "127.0.0.1:53", "127.0.0.10", "udp", "connected"),
    ("c.shop.test", "127.0.0.1:53", "127.0.0.11", "tcp", "tcp"),
    ("d.shop.test", "[::1]:53", "::1", "udp", "datagram"),
    ("e.shop.test", "[::1]:53", "::1", "udp", "connected"),
    ("f.shop.test", "[::1]:53", "127.0.0.12", "tcp", "tcp"),
];

fn acts() -> Options {
    Options { rules: Some(ACTS.to_owned()), ..Options::default() }
}

fn named(stage: &Stage<'_>, place: &Place<'_>, more: &[&str]) {
    let daemon = stage.daemon(acts());
    for (name, server, answer, transport, way) in WAYS {
        let act = [&["resolve", name, server, answer, "--way", way][..], more].concat();
        let report = place.trigger(&act);
        assert_eq!(report.errno, libc::ECONNREFUSED, "{report}");
        expect_question(&daemon, place, &report, (name, server, transport));
        expect_answer(&daemon, place, &report, (name, server, answer));
        let connect = expect_connect(&daemon, place, &report, answer);
        assert_eq!(connect["destination"]["domain"], *name, "{connect:#}");
    }
    daemon.stop();
}

fn expect_question(
    daemon: &Daemon,
    place: &Place<'_>,
    report: &Report,
    (name, server, transport): (&str, &str, &str),
) {
    let asked = place.expect(daemon, report, "dns_query", |_| true);
    assert_eq!(asked["dns"]["question"]["name"], name, "{asked:#}");
    assert_eq!(asked["dns"]["question"]["class"], "IN");
    assert_eq!((&asked["dns"]["type"], &asked["dns"]["id"]), (&json!("query"), &json!("32343")));
    assert_eq!(asked["network"]["transport"], transport);
    assert_eq!(asked["network"]["protocol"], "dns");
    assert_eq!(asked["network"]["direction"], "egress");
    assert_eq!(asked["process"]["name"], "trigger");
    assert_server(&asked, server);
}

fn expect_answer(
    daemon: &Daemon,
    place: &Place<'_>,
    report: &Report,
    (name, server, answer): (&str, &str, &str),
) {
    let told = place.expect(daemon, report, "dns_answer", |_| true);
    assert_eq!(told["dns"]["question"]["name"], name, "{told:#}");
    assert_eq!(told["dns"]["resolved_ip"], json!([answer]));
    assert_eq!(told["dns"]["response_code"], "NOERROR");
    assert_eq!(told["dns"]["answers"][0]["data"], answer);
    assert_eq!(told["network"]["direction"], "ingress");
    assert_eq!(told["runmon"]["asked"], true);
    assert_server(&told, server);
}

/// Whichever way the message went, the name server is where it was asked.
fn assert_server(document: &Value, server: &str) {
    let server: std::net::SocketAddr = server.parse().expect("an address");
    assert_eq!(document["destination"]["ip"], server.ip().to_string(), "{document:#}");
    assert_eq!(document["destination"]["port"], server.port());
}

fn expect_connect(daemon: &Daemon, place: &Place<'_>, report: &Report, ip: &str) -> Value {
    place.expect(daemon, report, "connect", |it| {
        it["destination"]["ip"] == ip && it["destination"]["port"] == 1
    })
}

/// One container's name of an address is not another's, nor the host's.
fn names_are_of_who_asked(stage: &Stage<'_>) {
    let daemon = stage.daemon(acts());
    let asks = stage.containerd().run(&stage.name("asks"), &[]);
    let other = stage.containerd().run(&stage.name("other"), &[]);
    let (asks, other) = (Place::In(&asks), Place::In(&other));
    let report = asks.trigger(&["resolve", "shop.test", "127.0.0.1:53", "127.0.0.9"]);
    let connect = expect_connect(&daemon, &asks, &report, "127.0.0.9");
    assert_eq!(connect["destination"]["domain"], "shop.test", "{connect:#}");
    // A later process of the same container knows it too.
    let report = asks.trigger(&["connect", "tcp", "127.0.0.9:1"]);
    let connect = expect_connect(&daemon, &asks, &report, "127.0.0.9");
    assert_eq!(connect["destination"]["domain"], "shop.test", "{connect:#}");
    for place in [other, Place::Host(stage.lab)] {
        let report = place.trigger(&["connect", "tcp", "127.0.0.9:1"]);
        assert_unnamed(&expect_connect(&daemon, &place, &report, "127.0.0.9"));
    }
    daemon.stop();
}

fn assert_unnamed(connect: &Value) {
    assert!(connect["destination"]["domain"].is_null(), "{connect:#}");
    let why = &connect["runmon"]["unknown_because"]["destination.domain"];
    assert_eq!(why, "not_learned", "{connect:#}");
}

/// The server tells of a name that nobody asked for: it is told of, and believed by nobody.
fn what_nobody_asked_names_nothing(stage: &Stage<'_>) {
    let daemon = stage.daemon(acts());
    let container = stage.containerd().run(&stage.name("forged"), &[]);
    let place = Place::In(&container);
    let act = ["resolve", "shop.test", "127.0.0.1:53", "127.0.0.9"];
    let forged = ["--unasked", "bank.test", "--unasked-ip", "127.0.0.8"];
    let report = place.trigger(&[&act[..], &forged].concat());
    let told = place
        .expect(&daemon, &report, "dns_answer", |it| it["dns"]["question"]["name"] == "bank.test");
    assert_eq!(told["runmon"]["asked"], false, "{told:#}");
    assert_unnamed(&expect_connect(&daemon, &place, &report, "127.0.0.8"));
    let connect = expect_connect(&daemon, &place, &report, "127.0.0.9");
    assert_eq!(connect["destination"]["domain"], "shop.test", "{connect:#}");
    let heartbeat = daemon.stop();
    let tables = &heartbeat.heartbeat()["runmon"]["tables"];
    assert!(tables["dns_answers_unasked"].as_u64() >= Some(1), "{tables:#}");
}

/// Only connections are matched; what they are named by is observed for it.
fn a_rule_about_a_name_asks_for_them(stage: &Stage<'_>) {
    let rule = ACTS.replace(
        "proc.name startswith trigger",
        "evt.type = connect and fd.rip.name endswith .shop.test",
    );
    let daemon = stage.daemon(Options { rules: Some(rule), ..Options::default() });
    let place = Place::Host(stage.lab);
    let act = ["resolve", "pool.shop.test", "127.0.0.1:53", "127.0.0.9", "--own-network"];
    let report = place.trigger(&act);
    let connect = expect_connect(&daemon, &place, &report, "127.0.0.9");
    assert_eq!(connect["destination"]["domain"], "pool.shop.test", "{connect:#}");
    daemon.expect_none("talk with name servers", |it| {
        it["event"]["action"] == "dns_query" && it["process"]["pid"] == report.pid
    });
    daemon.stop();
}
