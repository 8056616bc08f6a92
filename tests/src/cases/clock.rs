//! The wall clock is set while the monitor runs: nothing is lost by it, and it is told of.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use serde_json::Value;

use super::Case;
use super::store::verify;
use crate::daemon::{Daemon, Options, is_heartbeat};
use crate::lab::Stage;
use crate::receiver::http::webhook::WEBHOOK;
use crate::receiver::http::{Demands, HttpReceiver};
use crate::receiver::{Mood, Receives as _};
use crate::wait;

pub(super) const CASES: &[Case] = &[Case::for_guests("clock::set_back_by_an_hour", set_back)];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-clock
  output: busybox was started as %proc.cmdline
  priority: NOTICE
- rule: Off
  id: off
  desc: A rule that is switched off for an hour.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-off
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

const HOUR: i64 = 3600;

fn act(word: &str) {
    let status = Command::new("/bin/busybox").args(["true", word]).status();
    assert!(status.expect("start busybox").success());
}

/// Seconds since 1970.
fn now() -> i64 {
    clock_gettime(ClockId::CLOCK_REALTIME).expect("the clock").tv_sec()
}

/// The clock as it was, once it is dropped.
struct Set(i64);

impl Set {
    fn by(seconds: i64) -> Self {
        let this = Self(-seconds);
        clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(now() + seconds, 0)).expect("set it");
        this
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        let right = TimeSpec::new(now() + self.0, 0);
        clock_settime(ClockId::CLOCK_REALTIME, right).expect("set it right");
    }
}

/// How far the time of a document is from what the clock shows, seconds.
fn off_by(document: &Value) -> i64 {
    let text = document["@timestamp"].as_str().expect("a time");
    let output = Command::new("/bin/busybox")
        .args(["date", "-u", "-D", "%Y-%m-%dT%H:%M:%S", "+%s", "-d", &text[..19]])
        .output();
    let seconds = String::from_utf8(output.expect("start date").stdout).expect("text");
    (now() - seconds.trim().parse::<i64>().unwrap_or_else(|_| panic!("{text}"))).abs()
}

fn heartbeats(daemon: &Daemon) -> Vec<Value> {
    daemon.documents().into_iter().filter(is_heartbeat).collect()
}

/// Whether the rule is off, by the newest heartbeat.
fn is_off(daemon: &Daemon) -> bool {
    let heartbeats = heartbeats(daemon);
    let states = heartbeats.last().map(|it| it["runmon"]["rule_states"].clone());
    let states = states.and_then(|it| it.as_array().cloned()).unwrap_or_default();
    states.iter().any(|state| state["id"] == "off" && state["off"] == true)
}

fn taken(receiver: &HttpReceiver) -> usize {
    let all = receiver.taken();
    all.iter().filter(|it| it["runmon"]["document"] == "alert").count()
}

fn set_back(stage: &Stage<'_>) {
    let near = HttpReceiver::start(&WEBHOOK, Mood::Takes, Demands::default());
    let far = HttpReceiver::start(&WEBHOOK, Mood::Refuses, Demands::default());
    let keys = |name: &str| format!("heartbeats: false\nformat: ecs\nname: {name}");
    let (state, run_dir) = (stage.dir("state"), stage.dir("shared"));
    let options = || Options {
        rules: Some(RULES.to_owned()),
        keys: "heartbeat_seconds: 1\nrollup_seconds: 3\nhash: \"off\"".to_owned(),
        sinks: near.sink(&keys("near")) + &far.sink(&keys("far")),
        state_dir: Some(state.clone()),
        run_dir: Some(run_dir.clone()),
        ..Options::default()
    };
    let config = stage.configuration(&options());
    let daemon = stage.daemon(options());
    let config = config.to_str().expect("a plain path");
    stage.runmon(["rules", "disable", "Off", "--for", "1h", "-c", config]).assert(0, &[]);
    act("e2e-clock");
    wait::until("an alert", || (taken(&near) == 1).then_some(()));
    let set = Set::by(-HOUR);
    let begun = Instant::now();
    let finding =
        daemon.expect_document("the finding", |it| it["rule"]["name"] == "The clock was set");
    let text = finding["message"].as_str().expect("a message");
    assert!(text.contains("set back by 3600.") || text.contains("set back by 3599."), "{text}");
    let before = heartbeats(&daemon).len();
    // What was told once within the interval is rolled up: it comes by itself, in time.
    (0..3).for_each(|_| act("e2e-clock"));
    daemon.expect_document("a roll-up", |it| it["runmon"]["document"] == "rollup");
    wait::until("heartbeats", || (heartbeats(&daemon).len() >= before + 3).then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    for heartbeat in heartbeats(&daemon).iter().skip(before) {
        assert!(off_by(heartbeat) < 60, "{heartbeat:#}");
    }
    // It was off for an hour, and is for about as long.
    act("e2e-off");
    act("e2e-clock-other");
    let other = daemon.expect("another alert", |it| {
        it["process"]["args"].to_string().contains("e2e-clock-other")
    });
    assert!(off_by(&other) < 60, "{other:#}");
    daemon.expect_none("the rule that is off", |it| it["rule"]["id"] == "off");
    assert!(is_off(&daemon));
    // What waits outlives this run, and goes on with its numbers.
    daemon.kill();
    let daemon = stage.daemon(options());
    act("e2e-clock-last");
    far.becomes(Mood::Takes);
    let has_last = |receiver: &HttpReceiver| {
        receiver.taken().iter().any(|it| it.to_string().contains("e2e-clock-last")).then_some(())
    };
    wait::until("all of it", || has_last(&near).and(has_last(&far)));
    drop(set);
    daemon.expect_document("the other finding", |it| {
        it["message"].as_str().is_some_and(|text| text.contains("set forward by 3"))
    });
    daemon.stop();
    for receiver in [near, far] {
        let (is_whole, report) = verify(stage, &receiver.taken());
        assert!(is_whole, "{report:#}");
        assert_eq!(report["streams"].as_array().map(Vec::len), Some(1), "{report:#}");
    }
}
