//! Acts of servers, and sockets that become standard streams.

use serde_json::{Value, json};

use super::{Wrong, watch};
use crate::daemon::{Daemon, is_alert};
use crate::lab::{Hooks, Stage};
use crate::place::Place;
use crate::triggers::{Report, old};

pub(super) fn on_the_host(stage: &Stage<'_>) {
    let daemon = watch(stage);
    let place = Place::Host(stage.lab);
    let mut wrong = Wrong::default();
    for address in ["127.0.0.1", "[::1]"] {
        server(stage, &daemon, &place, address, &mut wrong);
    }
    for (deed, descriptor) in [("dup", 0), ("dup2", 0), ("dup3", 0), ("dup-fcntl", 0)] {
        if deed == "dup2" && !old::IS_HERE {
            continue;
        }
        let report = place.trigger(&["deed", deed, "/"]);
        assert_eq!(report.errno, 0, "{report}");
        let told = told(&daemon, &place, &report, "socket_to_standard_stream");
        // Stated: dup is seen by kprobes before it has a result, fcntl by the fallback alone.
        let unseen = match stage.hooks {
            Hooks::Fentry => deed == "dup-fcntl",
            Hooks::Kprobe => matches!(deed, "dup-fcntl" | "dup"),
            Hooks::Auto | Hooks::Fallback => false,
        };
        let [document] = &told[..] else {
            if !(unseen && told.is_empty()) {
                wrong.note(format!("{deed}: told {} times: {told:#?}", told.len()));
            }
            continue;
        };
        let peer = report.address.expect("an address");
        let ours = report.numbers.get("port").copied();
        let mut same = |of: &str, found: &Value, expected: Value| {
            wrong.expect_eq(&format!("{deed}: {of}"), found, &expected);
        };
        same("descriptor", &document["runmon"]["descriptor"], json!(descriptor));
        same("peer", &document["destination"]["port"], json!(peer.port()));
        same("own port", &document["source"]["port"], json!(ours));
        let outcome = if stage.hooks == Hooks::Kprobe { "unknown" } else { "success" };
        same("outcome", &document["event"]["outcome"], json!(outcome));
    }
    daemon.stop();
    wrong.none();
}

/// Binds, listens and accepts.
fn server(stage: &Stage<'_>, daemon: &Daemon, place: &Place<'_>, ip: &str, wrong: &mut Wrong) {
    let free = std::net::TcpListener::bind(format!("{ip}:0")).expect("an address of the host");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let report = place.trigger(&["accept", &address]);
    assert_eq!(report.errno, 0, "{report}");
    let here = report.address.expect("an address");
    let client = report.numbers.get("client_port").copied();
    for action in ["bind", "listen", "accept"] {
        let told = told(daemon, place, &report, action);
        let [document] = &told[..] else {
            wrong.note(format!("{action} {ip}: told {} times: {told:#?}", told.len()));
            continue;
        };
        let mut same = |of: &str, found: &Value, expected: Value| {
            wrong.expect_eq(&format!("{action} {ip}: {of}"), found, &expected);
        };
        same("port", &document["destination"]["port"], json!(here.port()));
        same("address", &document["destination"]["ip"], json!(here.ip().to_string()));
        if action == "accept" {
            same("client", &document["source"]["port"], json!(client));
        }
        let done = stage.hooks == Hooks::Fallback && action != "bind";
        let outcome = if done { "success" } else { "unknown" };
        same("outcome", &document["event"]["outcome"], json!(outcome));
    }
}

fn told(daemon: &Daemon, place: &Place<'_>, report: &Report, action: &str) -> Vec<Value> {
    place.expect(daemon, report, "exit", |_| true);
    let mut documents = daemon.documents();
    documents
        .retain(|it| is_alert(it) && place.is_by(report, it) && it["event"]["action"] == action);
    documents
}
