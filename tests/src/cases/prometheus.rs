//! Prometheus itself scrapes the daemon, and judges the alert rules that we hand out.

use std::process::Command;

use serde_json::Value;

use super::Case;
use crate::daemon::Options;
use crate::lab::Stage;
use crate::receiver::http::webhook::WEBHOOK;
use crate::receiver::http::{Demands, Fault, HttpReceiver};
use crate::receiver::prometheus::Prometheus;
use crate::receiver::{Mood, Receives as _};
use crate::wait;

pub(super) const CASES: &[Case] =
    &[Case::with(&["prometheus"], "prometheus::scrapes_counters_and_alerts", scrapes)];

const RULES: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-prometheus
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

const ALERTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/monitoring/alert-rules.yaml"));

fn act(number: usize) {
    let word = format!("e2e-prometheus-{number}");
    let status = Command::new("/bin/busybox").args(["true", &word]).status();
    assert!(status.expect("start busybox").success());
}

fn expect(prometheus: &Prometheus, query: &str, value: f64) {
    let mut last = None;
    let found = wait::until_or(|| {
        last = prometheus.query(query);
        (last == Some(value)).then_some(())
    });
    assert!(found.is_some(), "{query} is {last:?}, not {value}");
}

fn scrapes(stage: &Stage<'_>) {
    const ACTS: usize = 7;
    let receiver = HttpReceiver::start(&WEBHOOK, Mood::Takes, Demands::default());
    receiver.finds("e2e-prometheus-3", Fault::Bad);
    let daemon = stage.daemon(Options {
        rules: Some(RULES.to_owned()),
        keys: "heartbeat_seconds: 1\nrollup_seconds: 0\nhash: \"off\"".to_owned(),
        sinks: receiver.sink("heartbeats: false"),
        args: vec!["--metrics-listen".to_owned(), "127.0.0.1:0".to_owned()],
        ..Options::default()
    });
    let at = super::endpoint::of(&daemon);
    let prometheus = Prometheus::start(&stage.dir("prometheus"), at, ALERTS);
    expect(&prometheus, "up{job=\"runmon\"}", 1.0);
    expect(&prometheus, "runmon_ready", 1.0);
    expect(&prometheus, "runmon_line_alerts_total", 0.0);
    assert_rules(&prometheus);
    assert_eq!(firing(&prometheus), [""; 0]);
    // One of them is refused, and lost.
    (0..ACTS).for_each(act);
    expect(&prometheus, "runmon_line_alerts_total", ACTS as f64);
    expect(&prometheus, "runmon_rule_matches_total{rule=\"busybox\"}", ACTS as f64);
    expect(&prometheus, "runmon_sink_delivered_total{sink=\"http\"}", (ACTS - 1) as f64);
    expect(&prometheus, "runmon_sink_dropped_total{sink=\"http\"}", 1.0);
    wait::until("an alert of Prometheus", || {
        (firing(&prometheus) == ["RunmonSinkLosing"]).then_some(())
    });
    daemon.stop();
    expect(&prometheus, "up{job=\"runmon\"}", 0.0);
}

/// It has all of them, and could judge each.
fn assert_rules(prometheus: &Prometheus) {
    let judged = || {
        let data = prometheus.api("rules");
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().cloned()).flatten().collect();
        let is_judged = |rule: &Value| rule["health"] != "unknown";
        (!rules.is_empty() && rules.iter().all(is_judged)).then_some(rules)
    };
    let rules = wait::until("all rules to be judged", judged);
    assert_eq!(rules.len(), ALERTS.matches("- alert: ").count());
    for rule in rules {
        assert!(rule["health"] == "ok" && rule["lastError"].is_null(), "{rule:#}");
    }
}

/// The names of the alerts that fire.
fn firing(prometheus: &Prometheus) -> Vec<String> {
    let alerts = prometheus.api("alerts")["alerts"].as_array().cloned().unwrap_or_default();
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    firing.filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
}
