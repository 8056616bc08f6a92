//! HTTP receivers of each sort: what they get, and what comes of what they do not take.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_alert, is_heartbeat};
use crate::lab::Stage;
use crate::laws::number;
use crate::receiver::http::bulk::BULK;
use crate::receiver::http::collector::COLLECTOR;
use crate::receiver::http::loki::LOKI;
use crate::receiver::http::otlp::{OTLP, RECORDS};
use crate::receiver::http::proxy::Proxy;
use crate::receiver::http::webhook::{ARRAYS, FALCOSIDEKICK, WEBHOOK};
use crate::receiver::http::{Demands, Fault, HttpReceiver, Protocol};
use crate::receiver::rotel::Rotel;
use crate::receiver::tls::Authority;
use crate::receiver::{Mood, Receives as _};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("http::each_receiver_gets_documents_in_its_form", forms),
    Case::new("http::records_of_otlp_say_what_they_are_about", records),
    Case::with(&["rotel-agent"], "http::rotel_understands_otlp", to_rotel),
    Case::new("http::over_tls_with_certificates_that_are_renewed", over_tls),
    Case::new("http::through_a_proxy", through_a_proxy),
    Case::new("http::tokens_are_replaced", tokens),
    Case::new("http::what_is_bad_is_refused_alone", bad_ones),
    Case::new("http::what_is_busy_is_asked_again", busy_ones),
    Case::new("http::a_batch_waits_if_it_is_told_to", batches),
    Case::long("http::what_breaks_a_receiver_is_set_aside", poison),
];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-http
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

/// The presets, each with what its sink is told besides.
const ALL: [(&Protocol, &str); 7] = [
    (&WEBHOOK, ""),
    (&ARRAYS, "batch_documents: 100\n"),
    (&FALCOSIDEKICK, ""),
    (&COLLECTOR, ""),
    (&BULK, ""),
    (&LOKI, ""),
    (&OTLP, ""),
];

fn act(mark: &str) {
    let word = format!("e2e-http-{mark}");
    let status = std::process::Command::new("/bin/busybox").args(["true", &word]).status();
    assert!(status.expect("start busybox").success());
}

/// The mark of an act in an alert, in either form.
fn mark(alert: &Value) -> String {
    let line = match alert["output"].as_str() {
        Some(output) => output,
        None => alert["message"].as_str().unwrap_or_default(),
    };
    line.rsplit("e2e-http-").next().unwrap_or_default().to_owned()
}

fn marks(receiver: &HttpReceiver) -> Vec<String> {
    receiver.taken().iter().map(mark).collect()
}

fn daemon(stage: &Stage<'_>, receiver: &HttpReceiver, keys: &str) -> Daemon {
    daemon_with(stage, receiver.sink(&format!("heartbeats: false\n{keys}")))
}

fn daemon_with(stage: &Stage<'_>, sinks: String) -> Daemon {
    // Hashes that are late would be documents of their own.
    let keys = "heartbeat_seconds: 1\nrollup_seconds: 0\nhash: \"off\"\ncluster: \"shop\"";
    let keys = keys.to_owned();
    stage.daemon(Options { rules: Some(RULES.to_owned()), keys, sinks, ..Options::default() })
}

fn expect_mark(receiver: &HttpReceiver, mark: &str) {
    let has = || marks(receiver).iter().any(|it| it == mark).then_some(());
    wait::until(&format!("the alert {mark}"), has);
}

/// Waits until the daemon says something.
fn expect_log(daemon: &Daemon, words: &str) {
    let says = wait::until_or(|| daemon.log().contains(words).then_some(()));
    assert!(says.is_some(), "no {words:?}: {}", daemon.log());
}

/// The counters of the HTTP sink.
fn counters(heartbeat: &Value) -> Value {
    let sinks = heartbeat["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
    sinks.into_iter().find(|sink| sink["name"] == "http").unwrap_or_default()
}

/// Waits until so many are delivered and dropped.
fn expect_counted(daemon: &Daemon, delivered: u64, dropped: u64) {
    daemon.expect_document("a heartbeat that counts all", |it| {
        let counters = counters(it);
        is_heartbeat(it)
            && counters["delivered"].as_u64() == Some(delivered)
            && counters["dropped"].as_u64() == Some(dropped)
    });
}

/// What comes is what standard output has, also where it is compressed.
fn forms(stage: &Stage<'_>) {
    for (protocol, keys) in ALL {
        let demands = Demands { gzip: true, ..Demands::default() };
        let receiver = HttpReceiver::start(protocol, Mood::Takes, demands);
        let format = receiver.format();
        let keys = format!("gzip: true\nformat: {format:?}\n{keys}");
        let daemon = daemon(stage, &receiver, &keys);
        act("form");
        expect_mark(&receiver, "form");
        let own = daemon.expect("the alert", |_| true);
        let alert = receiver.taken().remove(0);
        if format == "falco" {
            assert_eq!(alert["uuid"], own["event"]["id"]);
            assert_eq!(alert["output_fields"]["runmon.delivery.number"], 1, "{alert:#}");
        } else {
            // But for whom it was sent to, it is what standard output got.
            for part in ["event", "rule", "container", "host"] {
                assert_eq!(alert[part], own[part], "{part} of {alert:#}");
            }
        }
        daemon.stop();
    }
}

fn records(stage: &Stage<'_>) {
    let receiver = HttpReceiver::start(&RECORDS, Mood::Takes, Demands::default());
    let daemon = daemon(stage, &receiver, "source: \"watch\"");
    act("record");
    let record = wait::until("a record", || receiver.taken().into_iter().next());
    check_record(&record, &daemon.expect("the alert", |_| true));
    assert_eq!(record["resource"]["service.name"], "watch", "{record:#}");
    daemon.stop();
}

fn check_record(record: &Value, own: &Value) {
    assert_eq!((&record["severity"], &record["severity_text"]), (&10.into(), &"Notice".into()));
    let attributes = &record["attributes"];
    assert_eq!(attributes["event.id"], own["event"]["id"], "{record:#}");
    assert_eq!(attributes["security_rule.name"], "Busybox", "{record:#}");
    assert_eq!(attributes["container.id"], own["container"]["id"], "{record:#}");
    assert!(attributes["log.record.uid"].is_string(), "{record:#}");
    assert_eq!(record["resource"]["k8s.cluster.name"], "shop", "{record:#}");
    assert_eq!(record["resource"]["host.name"], own["host"]["hostname"], "{record:#}");
    assert_eq!(record["body"]["event"], own["event"], "{record:#}");
}

/// A receiver that others wrote takes it, and hands on what it understood.
fn to_rotel(stage: &Stage<'_>) {
    let last = HttpReceiver::start(&RECORDS, Mood::Takes, Demands::default());
    last.demands(|demands| demands.gzip = true);
    let rotel = Rotel::start(&stage.dir("rotel"), last.port());
    for gzip in ["false", "true"] {
        let keys = format!("heartbeats: false\ngzip: {gzip}");
        let daemon = daemon_with(stage, rotel.sink(&keys));
        act(gzip);
        let own = daemon.expect("the alert", |_| true);
        let record = wait::until("a record by rotel", || {
            last.taken().into_iter().find(|it| it["body"]["event"] == own["event"])
        });
        check_record(&record, &own);
        expect_counted(&daemon, 1, 0);
        daemon.stop();
    }
}

fn over_tls(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    let other = Authority::new(&stage.dir("other"));
    let receiver = |server| {
        let demands = Demands { tls: Some(server), ..Demands::default() };
        HttpReceiver::start(&COLLECTOR, Mood::Takes, demands)
    };
    authority.sign("runmon", false);
    let keys = |own| authority.keys(own).replace("tls: true\n", "");
    // Without a certificate, or to who is somebody else, nothing goes.
    for (server, own, why) in [
        // What it says of that may come too late to be read.
        (authority.server("localhost", false, true), None, "cannot be sent"),
        (authority.server("localhost", true, false), None, "xpired"),
        (authority.server("elsewhere", false, false), None, "not valid for"),
        (other.server("localhost", false, false), None, "invalid peer certificate"),
    ] {
        let stranger = receiver(server);
        let daemon = daemon(stage, &stranger, &keys(own));
        act("none");
        expect_log(&daemon, why);
        assert_eq!(stranger.count(), 0);
        daemon.stop();
    }
    // A certificate that is over is renewed while the monitor runs.
    authority.sign("runmon", true);
    let known = receiver(authority.server("localhost", false, true));
    let daemon = daemon(stage, &known, &keys(Some("runmon")));
    act("renewed");
    expect_log(&daemon, "cannot be sent");
    authority.sign("runmon", false);
    expect_mark(&known, "renewed");
    daemon.stop();
}

fn through_a_proxy(stage: &Stage<'_>) {
    let authority = Authority::new(&stage.dir("tls"));
    for tls in [None, Some(authority.server("localhost", false, false))] {
        // user:open sesame
        let proxy = Proxy::start("dXNlcjpvcGVuc2VzYW1l");
        let keys = match tls {
            None => String::new(),
            Some(_) => authority.keys(None).replace("tls: true\n", ""),
        };
        let receiver =
            HttpReceiver::start(&BULK, Mood::Takes, Demands { tls, ..Demands::default() });
        let port = proxy.port();
        let known = format!("proxy: \"http://user:opensesame@localhost:{port}\"\n{keys}");
        let known = daemon(stage, &receiver, &known);
        act("tunnel");
        expect_mark(&receiver, "tunnel");
        assert!(proxy.tunnels() > 0);
        assert!(!known.log().contains("sesame"), "{}", known.log());
        known.stop();
        let tunnels = proxy.tunnels();
        let unknown = format!("proxy: \"http://user:shutshut@localhost:{port}\"\n{keys}");
        let unknown = daemon(stage, &receiver, &unknown);
        act("none");
        expect_log(&unknown, "407");
        assert!(!unknown.log().contains("shutshut"), "{}", unknown.log());
        unknown.stop();
        assert_eq!((receiver.count(), proxy.tunnels()), (1, tunnels));
    }
}

fn tokens(stage: &Stage<'_>) {
    let token = stage.dir("secrets").join("token");
    for (protocol, scheme) in [(&COLLECTOR, "Splunk"), (&BULK, "ApiKey"), (&LOKI, "Bearer")] {
        fs::write(&token, "first-sesame\n").expect("write the token");
        let asks = |secret: &str| Some(format!("{scheme} {secret}"));
        let demands = Demands { authorization: asks("first-sesame"), ..Demands::default() };
        let receiver = HttpReceiver::start(protocol, Mood::Takes, demands);
        let daemon = daemon(stage, &receiver, &format!("token_file: {token:?}"));
        act("first");
        expect_mark(&receiver, "first");
        receiver.demands(|demands| demands.authorization = asks("second-sesame"));
        act("second");
        expect_log(&daemon, "status 401");
        fs::write(&token, "second-sesame\n").expect("write the token");
        expect_mark(&receiver, "second");
        assert!(!daemon.log().contains("sesame"), "{}", daemon.log());
        daemon.stop();
    }
}

/// Sends one that is wrong among others, all in one batch where there are batches.
fn with_a_wrong_one(stage: &Stage<'_>, (protocol, keys): (&'static Protocol, &str), fault: Fault) {
    const ACTS: usize = 9;
    let receiver = HttpReceiver::start(protocol, Mood::Refuses, Demands::default());
    receiver.finds("e2e-http-wrong", fault);
    let format = receiver.format();
    let daemon = daemon(stage, &receiver, &format!("format: {format:?}\n{keys}"));
    (0..ACTS).for_each(|act_number| act(if act_number == 5 { "wrong" } else { "right" }));
    let seen = || daemon.documents().iter().filter(|it| is_alert(it)).count() == ACTS;
    wait::until("all alerts", || seen().then_some(()));
    receiver.becomes(Mood::Takes);
    let is_bad = fault == Fault::Bad;
    let (delivered, dropped) = if is_bad { (ACTS - 1, 1) } else { (ACTS, 0) };
    expect_counted(&daemon, delivered as u64, dropped as u64);
    let ended = daemon.stop();
    assert_eq!(ended.log.contains("an alert was refused"), is_bad, "{}", ended.log);
    let came = marks(&receiver);
    assert_eq!(came.len(), delivered, "{}: {came:?}", protocol.preset);
    assert_eq!(came.contains(&"wrong".to_owned()), !is_bad, "{came:?}");
    assert_eq!(number(&counters(ended.heartbeat()), "queued"), 0);
}

fn bad_ones(stage: &Stage<'_>) {
    ALL.into_iter().for_each(|preset| with_a_wrong_one(stage, preset, Fault::Bad));
}

fn busy_ones(stage: &Stage<'_>) {
    for preset in ALL {
        with_a_wrong_one(stage, preset, Fault::Busy(2));
    }
    // For as long as it wants.
    let demands = Demands { retry_after: Some(3), ..Demands::default() };
    let receiver = HttpReceiver::start(&LOKI, Mood::TakesAfter(1), demands);
    let daemon = daemon(stage, &receiver, "");
    act("later");
    wait::until("a request", || (receiver.requests() > 0).then_some(()));
    let asked = Instant::now();
    expect_mark(&receiver, "later");
    assert!(asked.elapsed() > Duration::from_millis(2500), "{:?}", asked.elapsed());
    assert_eq!(receiver.requests(), 2);
    daemon.stop();
}

/// What comes one after the other is one request.
fn batches(stage: &Stage<'_>) {
    let receiver = HttpReceiver::start(&ARRAYS, Mood::Takes, Demands::default());
    let daemon = daemon(stage, &receiver, "batch_documents: 100\nbatch_seconds: 3");
    for number in 0..6 {
        act(&number.to_string());
        std::thread::sleep(Duration::from_millis(100));
    }
    expect_mark(&receiver, "5");
    assert_eq!((marks(&receiver).len(), receiver.requests()), (6, 1));
    daemon.stop();
}

/// A receiver that breaks at a document, and takes others, is not asked for ever.
fn poison(stage: &Stage<'_>) {
    for preset in [(&COLLECTOR, ""), (&BULK, ""), (&WEBHOOK, "")] {
        let receiver = HttpReceiver::start(preset.0, Mood::Takes, Demands::default());
        receiver.finds("e2e-http-poison", Fault::Breaks);
        let daemon = daemon(stage, &receiver, preset.1);
        act("before");
        act("poison");
        // It takes a minute until it is sure, and another one to compare with.
        let mut others = 1;
        let log = || {
            act("other");
            others += 1;
            std::thread::sleep(Duration::from_secs(1));
            daemon.log().contains("set aside, since others are taken").then_some(())
        };
        assert!(wait::for_or(Duration::from_secs(120), log).is_some(), "{}", daemon.log());
        expect_counted(&daemon, others, 1);
        assert!(!marks(&receiver).contains(&"poison".to_owned()));
        assert_eq!(marks(&receiver).len() as u64, others);
        daemon.stop();
    }
}
