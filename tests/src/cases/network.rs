//! Connections and datagrams.

use std::process::Command;

use serde_json::{Value, json};

use super::Case;
use crate::containerd::Container;
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options};
use crate::lab::Stage;
use crate::place::Place;
use crate::triggers::Report;

pub(super) const CASES: &[Case] = &[
    Case::each("network::every_way_out_on_the_host", |stage| {
        every_way_out(stage, &Place::Host(stage.lab));
    }),
    Case::each("network::every_way_out_in_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("net"), &[]);
        every_way_out(stage, &Place::In(&container));
    }),
    Case::with(
        &["ip", "nsenter"],
        "network::addresses_of_containers_are_known",
        addresses_of_containers,
    ),
    Case::each("network::refused_connections_say_so", refused_connections),
    Case::each("network::connect_through_io_uring", connect_through_io_uring),
];

/// The act, the kind of document, its transport.
const ACTS: &[(&[&str], &str, &str)] = &[
    (&["connect", "tcp", "127.0.0.1:1"], "connect", "tcp"),
    (&["connect", "tcp", "[::1]:1"], "connect", "tcp"),
    (&["connect", "tcp", "[::ffff:127.0.0.1]:1"], "connect", "tcp"),
    (&["connect", "udp", "127.0.0.1:9"], "connect", "udp"),
    (&["connect", "udp", "[::1]:9"], "connect", "udp"),
    (&["sendto", "127.0.0.1:9"], "send", "udp"),
    (&["sendto", "[::1]:9"], "send", "udp"),
    (&["fast-open", "127.0.0.1:1"], "connect", "tcp"),
    (&["fast-open", "[::1]:1"], "connect", "tcp"),
    (&["accept", "127.0.0.1:0"], "connect", "tcp"),
];

fn every_way_out(stage: &Stage<'_>, place: &Place<'_>) {
    let daemon = stage.watch();
    for (act, action, transport) in ACTS {
        let report = place.trigger(act);
        let alert = place.expect(&daemon, &report, action, |_| true);
        assert_destination(&alert, &report);
        assert_eq!(alert["network"]["transport"], *transport, "{act:?}: {alert:#}");
        assert_eq!(alert["network"]["direction"], "egress");
        assert_eq!(alert["runmon"]["arguments_from"], "kernel_object", "{act:?}");
        assert_eq!(alert["process"]["name"], "trigger");
        assert_eq!(alert["event"]["category"], json!(["network"]));
    }
    daemon.stop();
}

/// IPv4 addresses in IPv6 form are told as what they are.
fn assert_destination(alert: &Value, report: &Report) {
    let address = report.address.expect("a report of a socket has an address");
    let ip = address.ip().to_canonical();
    assert_eq!(alert["destination"]["ip"], ip.to_string(), "{alert:#}");
    assert_eq!(alert["destination"]["port"], address.port(), "{alert:#}");
    let kind = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
    assert_eq!(alert["network"]["type"], kind);
}

/// The attempt is told when it is made, the refusal when it comes.
fn refused_connections(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    for act in [["connect", "tcp", "127.0.0.1:1"], ["connect", "tcp", "[::1]:1"]] {
        let report = place.trigger(&act);
        assert_eq!(report.errno, libc::ECONNREFUSED);
        expect_refusal(&place, &daemon, &report);
    }
    let report = place.trigger(&["fast-open", "127.0.0.1:1"]);
    expect_refusal(&place, &daemon, &report);
    daemon.stop();
}

fn expect_refusal(place: &Place<'_>, daemon: &Daemon, report: &Report) {
    let attempt = place.expect(daemon, report, "connect", |_| true);
    assert_eq!(attempt["event"]["outcome"], "unknown", "{attempt:#}");
    let refusal = place.expect(daemon, report, "connect", |it| it["event"]["outcome"] == "failure");
    assert_eq!(refusal["event"]["code"], "ECONNREFUSED");
    assert_destination(&refusal, report);
}

/// No system call of the act's own.
fn connect_through_io_uring(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("ring"), &[]);
    for place in [Place::Host(stage.lab), Place::In(&container)] {
        for address in ["127.0.0.1:1", "[::1]:1"] {
            let report = place.trigger(&["connect", "tcp", address, "--call", "io-uring"]);
            let alert = place.expect(&daemon, &report, "connect", |_| true);
            assert_destination(&alert, &report);
            assert_eq!(alert["runmon"]["arguments_from"], "kernel_object");
        }
    }
    daemon.stop();
}

/// An address of a private network, and where datagrams to it go.
const ADDRESS: &str = "10.77.0.5";
const DESTINATION: &str = "10.77.0.5:9";

/// Whoever goes to an address that a container was seen to have is told whose it is.
fn addresses_of_containers(stage: &Stage<'_>) {
    let condition = "evt.type in (connect, accept4) and proc.name = trigger";
    let rules = EVERY_ACT.replace(EVERY_ACT_CONDITION, condition);
    let daemon = stage.daemon(Options { rules: Some(rules), ..Options::default() });
    let start = |address: &str| {
        let container = stage.containerd().run(&stage.name("peer"), &[]);
        give_address(&container, address);
        container
    };
    let (web, client, rogue) = (start(ADDRESS), start("10.77.0.9"), start(ADDRESS));
    let asked = |place: &Place<'_>| {
        let report = place.trigger(&["connect", "udp", DESTINATION]);
        let alert = place.expect(&daemon, &report, "connect", |_| true);
        alert["runmon"]["destination"].clone()
    };
    // Not every hook on connections tells where from; one that is accepted has two ends.
    let accepts = |place: &Place<'_>| {
        let report = place.trigger(&["accept", &format!("{ADDRESS}:0")]);
        place.expect(&daemon, &report, "accept", |_| true);
    };
    // Nobody was seen to have it.
    assert_eq!(asked(&Place::In(&client)), Value::Null);
    accepts(&Place::In(&web));
    let own = asked(&Place::In(&web));
    assert_eq!(own["container"]["id"], web.id(), "{own:#}");
    for place in [Place::In(&client), Place::Host(stage.lab)] {
        let peer = asked(&place);
        assert_eq!(peer["container"]["id"], web.id(), "{peer:#}");
        assert_eq!(peer["container"]["name"], web.id(), "{peer:#}");
        assert_eq!(peer["known_from"], "traffic", "{peer:#}");
        assert!(peer["age_seconds"].as_u64().is_some_and(|age| age < 60), "{peer:#}");
    }
    // Whoever takes it as well makes it nobody's.
    accepts(&Place::In(&rogue));
    assert_eq!(asked(&Place::In(&rogue))["unknown_because"], "ambiguous");
    assert_eq!(asked(&Place::In(&client))["unknown_because"], "ambiguous");
    daemon.stop();
}

/// Gives a container's loopback device an address: there is no other device.
pub(super) fn give_address(container: &Container<'_>, address: &str) {
    let script = format!("ip link set lo up && ip address add {address}/24 dev lo");
    let mut enter = Command::new("nsenter");
    enter.arg("--net").arg("--target").arg(container.pid().to_string());
    let status = enter.args(["sh", "-c", &script]).status();
    assert!(status.expect("start nsenter").success(), "{script}");
}
