//! Alerts over Fluent Forward, to a receiver that asks for what receivers ask.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options};
use crate::lab::Stage;
use crate::receiver::forward::{Demands, ForwardReceiver};
use crate::receiver::tls::Authority;
use crate::receiver::{Mood, Receives};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("forward::documents_come_as_they_are", plain),
    Case::new("forward::over_tls_to_who_asks_for_a_certificate", over_tls),
    Case::new("forward::not_to_who_cannot_show_who_it_is", strangers),
    Case::new("forward::with_a_key_that_both_know", shared_key),
    Case::long("forward::what_breaks_a_receiver_is_set_aside", poison),
];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-forward
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

fn act() {
    let status = std::process::Command::new("/bin/busybox").args(["true", "e2e-forward"]).status();
    assert!(status.expect("start busybox").success());
}

fn daemon(stage: &Stage<'_>, receiver: &ForwardReceiver, keys: &str) -> Daemon {
    let sinks = receiver.sink(&format!("heartbeats: false\n{keys}"));
    stage.daemon(Options { rules: Some(RULES.to_owned()), sinks, ..Options::default() })
}

/// Waits until an alert has come.
fn expect_alert(receiver: &ForwardReceiver) -> Value {
    act();
    wait::until("an alert over Forward", || receiver.taken().into_iter().next())
}

/// Waits until the daemon says why it cannot send, and asserts that nothing came.
fn expect_refused(daemon: &Daemon, receiver: &ForwardReceiver, why: &str) {
    act();
    wait::until("the log to say why", || daemon.log().contains("cannot be sent").then_some(()));
    assert!(daemon.log().contains(why), "{}", daemon.log());
    assert_eq!(receiver.taken().len(), 0);
}

fn plain(stage: &Stage<'_>) {
    for keys in ["", "gzip: true\n", "format: \"falco\"\n"] {
        let receiver = ForwardReceiver::start(Mood::Takes, &Demands::default());
        let daemon = daemon(stage, &receiver, keys);
        let alert = expect_alert(&receiver);
        let own = daemon.expect("the alert", |_| true);
        if keys.contains("falco") {
            assert_eq!(alert["rule"], "Busybox", "{alert:#}");
            assert_eq!(alert["uuid"], own["event"]["id"]);
        } else {
            // But for whom it was sent to, it is what standard output got.
            for part in ["event", "rule", "container", "host"] {
                assert_eq!(alert[part], own[part], "{part} of {alert:#}");
            }
        }
        daemon.stop();
    }
}

fn over_tls(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    let tls = Some(authority.server("localhost", false, true));
    let receiver = ForwardReceiver::start(Mood::Takes, &Demands { tls, ..Demands::default() });
    authority.sign("runmon", false);
    let known = daemon(stage, &receiver, &authority.keys(Some("runmon")));
    expect_alert(&receiver);
    known.stop();
    // Without the certificate that the receiver asks for nothing goes.
    let tls = Some(authority.server("localhost", false, true));
    let receiver = ForwardReceiver::start(Mood::Takes, &Demands { tls, ..Demands::default() });
    let unknown = daemon(stage, &receiver, &authority.keys(None));
    expect_refused(&unknown, &receiver, "CertificateRequired");
    unknown.stop();
}

/// One whose certificate is over, or of another name, or of another authority, gets nothing.
fn strangers(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    let other = Authority::new(&stage.dir("other"));
    for (server, why) in [
        (authority.server("localhost", true, false), "expired"),
        (authority.server("elsewhere", false, false), "not valid for"),
        (other.server("localhost", false, false), "invalid peer certificate"),
    ] {
        let demands = Demands { tls: Some(server), ..Demands::default() };
        let receiver = ForwardReceiver::start(Mood::Takes, &demands);
        let daemon = daemon(stage, &receiver, &authority.keys(None));
        expect_refused(&daemon, &receiver, why);
        daemon.stop();
    }
}

fn shared_key(stage: &Stage<'_>) {
    let dir = stage.dir("secrets");
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).expect("write a secret");
        format!("{path:?}")
    };
    let (key, password) = (file("key", "open sesame\n"), file("password", "x y"));
    let wrong = file("wrong", "shut\n");
    let user = Some(("runmon".to_owned(), "x y".to_owned()));
    let shared_key = Some("open sesame".to_owned());
    let demands = Demands { shared_key, user, ..Demands::default() };
    let receiver = ForwardReceiver::start(Mood::Takes, &demands);
    let who = format!("user: \"runmon\"\npassword_file: {password}\n");
    let known = daemon(stage, &receiver, &format!("shared_key_file: {key}\n{who}"));
    expect_alert(&receiver);
    assert!(!known.log().contains("sesame"), "{}", known.log());
    known.stop();
    let receiver = ForwardReceiver::start(Mood::Takes, &demands);
    let unknown = daemon(stage, &receiver, &format!("shared_key_file: {wrong}\n{who}"));
    expect_refused(&unknown, &receiver, "shared_key mismatch");
    unknown.stop();
}

fn poison(stage: &Stage<'_>) {
    let demands = Demands { breaks_at: Some("e2e-forward-poison"), ..Demands::default() };
    let receiver = ForwardReceiver::start(Mood::Refuses, &demands);
    let keys = "heartbeat_seconds: 1\nrollup_seconds: 0\nhash: \"off\"".to_owned();
    let sinks = receiver.sink("heartbeats: false");
    let daemon =
        stage.daemon(Options { rules: Some(RULES.to_owned()), keys, sinks, ..Options::default() });
    let act = |mark: &str| {
        let word = format!("e2e-forward-{mark}");
        let status = std::process::Command::new("/bin/busybox").args(["true", &word]).status();
        assert!(status.expect("start busybox").success());
    };
    (0..5).for_each(|_| act("other"));
    act("poison");
    (0..5).for_each(|_| act("other"));
    // An outage before it makes nobody blame a document.
    wait::until("the log to say why", || daemon.log().contains("cannot be sent").then_some(()));
    receiver.becomes(Mood::Takes);
    let is_aside = || daemon.log().contains("set aside, since others are taken").then_some(());
    let waited = wait::for_or(Duration::from_secs(200), is_aside);
    assert!(waited.is_some(), "{}", daemon.log());
    wait::until("the others", || (receiver.taken().len() == 10).then_some(()));
    daemon.expect_document("a heartbeat that counts it", |it| {
        let sinks = it["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
        let is_it = |sink: &Value| sink["delivered"] == 10 && sink["dropped"] == 1;
        sinks.iter().any(|sink| sink["name"] == "forward" && is_it(sink))
    });
    daemon.stop();
    assert_eq!(receiver.taken().len(), 10);
}
