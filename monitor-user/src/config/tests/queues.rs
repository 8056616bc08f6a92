//! Sinks for queues.

use super::*;
use crate::{
    config::secret::Secret,
    sink::{
        kafka::{Login, Mechanism},
        nats::Who,
    },
};

/// A variable that Cargo sets, and what it is.
const VARIABLE: &str = "CARGO_PKG_NAME";

fn secret() -> Secret {
    Secret::Said("monitor-user".to_owned())
}

#[test]
fn servers_of_nats_are_described_whole() {
    let nats = |more: &str| format!("kind: nats\naddress: \"a:4222, [::1]:1\"\n{more}");
    let target = |more: &str| match sink(&nats(more)).target {
        Target::Nats(target) => target,
        other => panic!("{other:?}"),
    };
    let places: Vec<_> = target("").place.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["a:4222", "[::1]:1"]);
    assert_eq!(target("").options.subject, "runmon.alerts");
    let host = crate::node::hostname().replace('.', "_");
    assert_eq!(target("subject: \"a.{host}.b\"").options.subject, format!("a.{host}.b"));
    assert_eq!(target("").options.who, Who::Anybody);
    let token = target(&format!("token_env: {VARIABLE}")).options.who;
    assert_eq!(token, Who::Token(secret()));
    assert!(!format!("{token:?}").contains("monitor"));
    let user = target(&format!("user: u\npassword_env: {VARIABLE}")).options.who;
    assert_eq!(user, Who::User("u".to_owned(), secret()));
    let of_unix = "`unix:/s` is neither HOST:PORT nor [ADDRESS]:PORT";
    bad(&sinks("kind: nats\naddress: unix:/s"), &format!("c.yaml: sinks[0].address: {of_unix}"));
    let words = "words with dots between them, without `*`, `>` and spaces";
    for (more, expected) in [
        ("user: u", "password_file: a user needs a password"),
        ("token_env: NO_SUCH", "token_env: the variable NO_SUCH of the environment is not set"),
        (
            &*format!("token_env: {VARIABLE}\ntoken_file: /t"),
            "token_env: there is `token_file`, too: leave one of them out",
        ),
        (
            &*format!("user: u\npassword_env: {VARIABLE}\ntoken_env: {VARIABLE}"),
            "user: there is a token, too",
        ),
        ("subject: a..b", &*format!("subject: `a..b` is no subject: {words}")),
    ] {
        bad(&sinks(&nats(more)), &format!("c.yaml: sinks[0].{expected}"));
    }
}

#[test]
fn topics_of_kafka_are_described_whole() {
    let kafka = |more: &str| format!("kind: kafka\naddress: \"a:9092,b:9092\"\n{more}");
    let options = |more: &str| match sink(&kafka(more)).target {
        Target::Kafka(target) => {
            assert_eq!(target.place.len(), 2);
            target.options
        }
        other => panic!("{other:?}"),
    };
    let plain = options("");
    assert_eq!((&*plain.topic, plain.gzip, plain.login), ("runmon.alerts", false, None));
    let user = format!("user: u\npassword_env: {VARIABLE}\n");
    let login = |mechanism| Login { mechanism, user: "u".to_owned(), password: secret() };
    assert_eq!(options(&user).login, Some(login(Mechanism::ScramSha512)));
    let said = options(&format!("{user}sasl: plain\ngzip: true\ntopic: t"));
    assert_eq!(said.login, Some(login(Mechanism::Plain)));
    assert!(said.gzip && said.topic == "t" && !format!("{said:?}").contains("monitor"));
    for (more, expected) in [
        ("sasl: gssapi", "sasl: `gssapi` is none of plain, scram-sha-256, scram-sha-512"),
        ("topic: a b", "topic: `a b` is no topic: letters, digits, `.`, `_` and `-`"),
        ("user: u", "password_file: a user needs a password"),
    ] {
        bad(&sinks(&kafka(more)), &format!("c.yaml: sinks[0].{expected}"));
    }
}
