//! Alerts as syslog messages, to the receivers that Debian has.

use std::time::Duration;

use serde_json::Value;

use super::Case;
use super::store::Scene;
use crate::daemon::{Daemon, Options};
use crate::lab::Stage;
use crate::laws::number;
use crate::receiver::syslog::SyslogServer;
use crate::receiver::tls::Authority;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::with(&["rsyslogd"], "syslog::rsyslog_takes_each_format", to_rsyslog),
    Case::with(&["rsyslogd"], "syslog::rsyslog_over_tls_with_a_certificate", over_tls),
    Case::with(&["syslog-ng"], "syslog::syslog_ng_understands_it", to_syslog_ng),
    Case {
        is_long: true,
        ..Case::with(&["syslog-ng"], "syslog::what_breaks_a_receiver_is_set_aside", poison)
    },
    Case::with(&["rsyslogd"], "syslog::alerts_outlive_kills_of_the_receiver", outlive),
];

const RULES: &str = "\
- rule: Busybox was started
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-syslog
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

fn act() {
    let hostile = "e2e-syslog \"] [x@1 y=\"z\"] é\n";
    let status = std::process::Command::new("/bin/busybox").args(["true", hostile]).status();
    assert!(status.expect("start busybox").success());
}

fn daemon(stage: &Stage<'_>, server: &SyslogServer, keys: &str) -> Daemon {
    let sinks = server.sink(&format!("heartbeats: false\n{keys}"));
    stage.daemon(Options { rules: Some(RULES.to_owned()), sinks, ..Options::default() })
}

/// Waits for a line with these words.
fn expect_line(server: &SyslogServer, words: &[&str]) -> String {
    wait::until("a message", || {
        let taken = server.taken();
        let holds = |line: &&str| words.iter().all(|word| line.contains(word));
        taken.lines().find(holds).map(str::to_owned)
    })
}

fn to_rsyslog(stage: &Stage<'_>) {
    for (keys, words) in [
        ("", ["<109>1 ", "] \u{feff}NOTICE   ", "busybox was started as "]),
        ("format: \"ecs\"\nfacility: 16", ["<133>1 ", "] {", "\"ecs\":{\"version\""]),
        ("format: \"ocsf\"", ["<109>1 ", "] {", "\"class_uid\":2004"]),
        ("format: \"cef\"", ["<109>1 ", "] CEF:0|runmon|", "|busybox|Busybox was started|3|rt="]),
        ("format: \"falco\"", ["<109>1 ", "] {", "\"rule\":\"Busybox was started\""]),
    ] {
        let server = SyslogServer::rsyslog(&stage.dir("rsyslog"), None);
        let daemon = daemon(stage, &server, keys);
        act();
        let line = expect_line(&server, &words);
        let own = daemon.expect("the alert", |_| true);
        for part in [
            " runmon ",
            " busybox [runmon@32473 number=\"1\" stream=\"",
            " rule=\"Busybox was started\"",
            " act=\"exec\" container_id=\"host\" exe=\"/",
            &format!(" id={} ", own["event"]["id"]),
            &format!(" pid=\"{}\"", own["process"]["pid"]),
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        daemon.stop();
    }
}

fn over_tls(stage: &Stage<'_>) {
    let certificates = stage.dir("tls");
    let authority = Authority::new(&certificates);
    authority.sign("localhost", false);
    authority.sign("runmon", false);
    let server = SyslogServer::rsyslog(&stage.dir("rsyslog"), Some(&certificates));
    let known = daemon(stage, &server, &authority.keys(Some("runmon")));
    act();
    expect_line(&server, &["busybox was started as "]);
    known.stop();
    // Without the certificate that it asks for nothing goes.
    let server = SyslogServer::rsyslog(&stage.dir("rsyslog"), Some(&certificates));
    let unknown = daemon(stage, &server, &authority.keys(None));
    act();
    wait::until("the log to say why", || unknown.log().contains("cannot be sent").then_some(()));
    unknown.stop();
    assert_eq!(server.taken(), "");
}

fn to_syslog_ng(stage: &Stage<'_>) {
    let server = SyslogServer::syslog_ng(&stage.dir("syslog-ng"), 1 << 18);
    let daemon = daemon(stage, &server, "");
    act();
    expect_line(&server, &["13.5 runmon busybox 1 exec ", "busybox was started as "]);
    daemon.stop();
}

/// rsyslog is killed and started again while alerts go to it, and so is the monitor: all that was
/// written down comes, some of it twice.
fn outlive(stage: &Stage<'_>) {
    let (kills, acts) = if stage.is_full { (10, 2000) } else { (4, 250) };
    let mut server = SyslogServer::rsyslog(&stage.dir("rsyslog"), None);
    let scene = Scene::new(stage);
    let sinks = server.sink("heartbeats: false");
    let mut daemon = stage.daemon(scene.options_with(sinks.clone(), ""));
    for round in 0..kills {
        let (begin, end) = (round * acts, (round + 1) * acts);
        scene.acts(begin..begin + acts / 2);
        server.kill();
        scene.acts(begin + acts / 2..end);
        scene.expect_stored(&format!("n{:06}", end - 1));
        if round % 2 == 1 {
            daemon.kill();
            server.start();
            daemon = stage.daemon(scene.options_with(sinks.clone(), ""));
        } else {
            server.start();
        }
    }
    scene.act("last");
    expect_line(&server, &["/last"]);
    let ended = daemon.stop();
    let sinks = ended.heartbeat()["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
    let counters = sinks.iter().find(|sink| sink["name"] == "syslog").expect("its counters");
    assert_eq!(number(counters, "dropped"), 0, "{counters:#}");
    let taken = server.taken();
    let is_missing = |number: &usize| !taken.contains(&format!("/n{number:06}"));
    let missing: Vec<usize> = (0..kills * acts).filter(is_missing).collect();
    assert!(missing.is_empty(), "{} are missing: {missing:?}", missing.len());
    let out = server.out();
    let ran = stage.runmon(["verify-stream", "--from-start", out.to_str().expect("a path")]);
    ran.assert(0, &[]);
}

/// syslog-ng hangs up at what is longer than it was told that messages are.
fn poison(stage: &Stage<'_>) {
    const OTHERS: usize = 10;
    let server = SyslogServer::syslog_ng(&stage.dir("syslog-ng"), 1500);
    let keys = "heartbeat_seconds: 1\nrollup_seconds: 0\nhash: \"off\"".to_owned();
    let sinks = server.sink("heartbeats: false");
    let daemon =
        stage.daemon(Options { rules: Some(RULES.to_owned()), keys, sinks, ..Options::default() });
    let act = |word: &str| {
        let status = std::process::Command::new("/bin/busybox").args(["true", word]).status();
        assert!(status.expect("start busybox").success());
    };
    (0..OTHERS / 2).for_each(|number| act(&format!("e2e-syslog-{number}-")));
    act(&format!("e2e-syslog-{}", "long".repeat(500)));
    (OTHERS / 2..OTHERS).for_each(|number| act(&format!("e2e-syslog-{number}-")));
    let is_aside = || daemon.log().contains("set aside, since others are taken").then_some(());
    let waited = wait::for_or(Duration::from_secs(240), is_aside);
    assert!(waited.is_some(), "{}", daemon.log());
    for number in 0..OTHERS {
        expect_line(&server, &[&format!("e2e-syslog-{number}-")]);
    }
    daemon.expect_document("a heartbeat that counts it", |it| {
        let sinks = it["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
        let is_it = |sink: &Value| sink["delivered"] == OTHERS && sink["dropped"] == 1;
        sinks.iter().any(|sink| sink["name"] == "syslog" && is_it(sink))
    });
    daemon.stop();
    assert!(!server.taken().contains("longlong"));
}
