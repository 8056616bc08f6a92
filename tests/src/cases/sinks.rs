//! Where alerts go, and what happens when they cannot.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Case;
use crate::daemon::{EVERY_ACT, EVERY_ACT_CONDITION, Ended, Options, is_heartbeat, item};
use crate::lab::Stage;
use crate::laws::number;
use crate::receiver::http::webhook::WEBHOOK;
use crate::receiver::http::{Demands, HttpReceiver};
use crate::receiver::{Mood, Receives as _};

pub(super) const CASES: &[Case] = &[
    Case::new("sinks::every_document_says_of_which_node_it_is", names_of_the_node),
    Case::new("sinks::files_are_rotated", files_are_rotated),
    Case::new("sinks::http_is_tried_until_it_is_taken", http_is_tried_again),
    Case::new("sinks::http_receiver_that_is_down", http_receiver_is_down),
    Case::new("sinks::priorities_are_filtered", priorities_are_filtered),
    Case::new("sinks::each_gets_its_part", each_gets_its_part),
    Case::new("sinks::events_are_there_for_the_asking", events_are_there),
];

/// Alerts on one program only, so that the host's own acts do not count.
const ON_BUSYBOX: &str = "\
- rule: Busybox
  id: busybox
  desc: A program that the case starts.
  condition: evt.type = execve and proc.name = busybox and proc.cmdline contains e2e-sinks
  output: busybox was started as %proc.cmdline
  priority: NOTICE
";

/// Starts busybox so that an alert comes of it, which names `mark`.
fn act(mark: &str) {
    let word = format!("e2e-sinks-{mark}");
    let status = std::process::Command::new("/bin/busybox").args(["true", &word]).status();
    assert!(status.expect("start busybox").success());
}

fn sink<'a>(ended: &'a Ended, name: &str) -> &'a Value {
    let sinks = ended.heartbeat()["runmon"]["sinks"].as_array().expect("sinks are told of");
    sinks.iter().find(|sink| sink["name"] == name).expect("the sink is told of")
}

fn files_are_rotated(stage: &Stage<'_>) {
    let dir = stage.dir("files");
    let path = dir.join("alerts");
    let sinks = item(&format!(
        "kind: \"file\"\nformat: \"ecs\"\npath: {path:?}\nrotate_bytes: 20000\n\
         keep: 2\nheartbeats: false"
    ));
    let rules = Some(ON_BUSYBOX.to_owned());
    let daemon = stage.daemon(Options { rules, sinks, ..Options::default() });
    const ACTS: usize = 60;
    for number in 0..ACTS {
        act(&format!("{number}-"));
    }
    daemon.expect("the last act", |it| mark(it).ends_with("-59-"));
    let ended = daemon.stop();
    assert_eq!(number(sink(&ended, "file"), "dropped"), 0);
    let mut names: Vec<String> = fs::read_dir(&dir)
        .expect("read the directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["alerts", "alerts.1", "alerts.2"]);
    // What is kept is whole lines, in order, and ends with the last.
    let mut marks = Vec::new();
    for name in names.iter().rev() {
        let text = fs::read_to_string(dir.join(name)).expect("read a file of the sink");
        assert!(text.len() <= 20_000, "{name} has {} bytes", text.len());
        let alerts =
            text.lines().map(|line| serde_json::from_str(line).expect("a document a line"));
        marks.extend(alerts.map(|alert: Value| mark(&alert)));
    }
    let first = ACTS - marks.len();
    let expected: Vec<String> =
        (first..ACTS).map(|number| format!("e2e-sinks-{number}-")).collect();
    assert_eq!(marks, expected);
    let mode = fs::metadata(&path).expect("the file is there").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

/// A condition, members that are left out or told alone, and texts that are hidden: in each form.
fn each_gets_its_part(stage: &Stage<'_>) {
    let dir = stage.dir("parts");
    let sink = |name: &str, keys: &str| {
        let path = dir.join(name);
        item(&format!("name: {name}\nkind: file\npath: {path:?}\nheartbeats: false\n{keys}"))
    };
    let hides = "redact: ['e2e-sinks-(\\w+)']";
    let sinks = [
        sink("condition", "format: ecs\ncondition: proc.cmdline contains e2e-sinks-second"),
        sink("ecs", &format!("format: ecs\n{hides}\nleave_out: [process.parent]")),
        sink("ocsf", &format!("format: ocsf\n{hides}")),
        sink("falco", &format!("format: falco\n{hides}\nstored: false")),
        sink("text", &format!("format: text\n{hides}")),
        sink("cef", &format!("format: cef\n{hides}")),
        sink("only", "format: ecs\nonly: [process.pid]"),
        sink("digits", "format: ecs\nredact: ['\\d+']"),
    ];
    let rules = Some(ON_BUSYBOX.to_owned());
    // Without hashes alerts are complete at once: each is one document.
    let (sinks, keys) = (sinks.concat(), "hash: off".to_owned());
    let daemon = stage.daemon(Options { rules, sinks, keys, ..Options::default() });
    act("first");
    act("second");
    daemon.expect("the second act", |it| mark(it).ends_with("second"));
    daemon.stop();
    let text = |name: &str| fs::read_to_string(dir.join(name)).expect("read the sink's file");
    let alerts = |name: &str| -> Vec<Value> {
        text(name).lines().map(|line| serde_json::from_str(line).expect("a document")).collect()
    };
    let marks: Vec<String> = alerts("condition").iter().map(mark).collect();
    assert_eq!(marks, ["e2e-sinks-second"]);
    for form in ["ecs", "ocsf", "falco", "text", "cef"] {
        let text = text(form);
        assert!(!text.contains("first") && !text.contains("second"), "{form}: {text}");
        assert!(text.contains("e2e-sinks-(redacted)"), "{form}: {text}");
        assert_eq!(text.lines().count(), 2, "{form}: {text}");
    }
    for alert in alerts("ecs") {
        assert!(alert["process"]["parent"].is_null(), "{alert:#}");
        assert!(alert["process"]["pid"].is_u64(), "{alert:#}");
    }
    // What documents are found by is not touched.
    for (alert, same) in alerts("digits").iter().zip(alerts("only")) {
        for path in ["/@timestamp", "/event/id", "/runmon/delivery/number", "/host/name"] {
            assert_eq!(alert.pointer(path), same.pointer(path), "{path}: {alert:#}");
        }
        assert!(alert["process"]["pid"].is_u64(), "{alert:#}");
    }
    let only = alerts("only");
    assert_eq!(only.len(), 2);
    for alert in only {
        let process = alert["process"].as_object().expect("the process is told of");
        assert_eq!(process.keys().collect::<Vec<_>>(), ["pid"], "{alert:#}");
        assert!(alert["event"]["id"].is_string() && alert["runmon"]["delivery"].is_object());
    }
}

fn mark(alert: &Value) -> String {
    alert["process"]["args"][2].as_str().unwrap_or_default().to_owned()
}

/// The HTTP sink's counters in a heartbeat.
fn of_http(heartbeat: &Value) -> Value {
    let sinks = heartbeat["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
    sinks.into_iter().find(|sink| sink["name"] == "http").unwrap_or_default()
}

/// What was refused at first is not lost, nor what came behind it; retries are counted.
fn http_is_tried_again(stage: &Stage<'_>) {
    const ACTS: usize = 5;
    let receiver = HttpReceiver::start(&WEBHOOK, Mood::TakesAfter(2), Demands::default());
    let daemon = stage.daemon(Options {
        rules: Some(ON_BUSYBOX.to_owned()),
        sinks: receiver.sink("heartbeats: false"),
        keys: "heartbeat_seconds: 1".to_owned(),
        ..Options::default()
    });
    for number in 0..ACTS {
        act(&number.to_string());
    }
    daemon.expect_document("a heartbeat that tells of every alert as delivered", |it| {
        is_heartbeat(it) && of_http(it)["delivered"] == ACTS
    });
    let ended = daemon.stop();
    let counters = sink(&ended, "http");
    assert_eq!(number(counters, "delivered"), ACTS as u64, "{counters:#}");
    assert_eq!(number(counters, "retries"), 2, "{counters:#}");
    assert_eq!(number(counters, "dropped"), 0, "{counters:#}");
    let taken = receiver.taken();
    assert_eq!(taken.len(), ACTS, "each alert once: {taken:#?}");
    for (number, document) in taken.iter().enumerate() {
        // Falco's form, in order.
        assert_eq!(document["rule"], "Busybox", "{document:#}");
        assert_eq!(document["priority"], "Notice");
        let output = document["output"].as_str().unwrap_or_default();
        assert!(output.contains(&format!("e2e-sinks-{number}")), "{document:#}");
        assert!(document["uuid"].is_string() && document["time"].is_string(), "{document:#}");
    }
}

/// Without the store the queue is bounded, what finds no room is counted, and the end is not held
/// up.
fn http_receiver_is_down(stage: &Stage<'_>) {
    const ACTS: u64 = 20;
    const QUEUE: u64 = 4;
    // Nobody listens where somebody did a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind a port");
    let address = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let daemon = stage.daemon(Options {
        rules: Some(ON_BUSYBOX.to_owned()),
        sinks: item(&format!(
            "kind: \"http\"\nurl: \"http://{address}/alerts\"\nheartbeats: false\n\
             stored: false\nqueue: {QUEUE}"
        )),
        keys: "heartbeat_seconds: 1".to_owned(),
        ..Options::default()
    });
    for number in 0..ACTS {
        act(&number.to_string());
    }
    let heartbeat = daemon.expect_document("a heartbeat that tells of the loss", |it| {
        is_heartbeat(it) && of_http(it)["dropped"].as_u64() >= Some(ACTS - QUEUE - 1)
    });
    assert_eq!(of_http(&heartbeat)["delivered"], 0);
    assert!(number(&of_http(&heartbeat), "queued") <= QUEUE + 1, "{heartbeat:#}");
    let asked = Instant::now();
    let ended = daemon.stop();
    assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?} to end", asked.elapsed());
    // Standard output beside it lost nothing.
    assert_eq!(number(sink(&ended, "stdout"), "dropped"), 0);
    let alerts = ended.documents.iter().filter(|it| crate::daemon::is_alert(it)).count();
    assert_eq!(alerts as u64, ACTS);
    assert!(ended.log.contains(&format!("lost {ACTS} of")), "{}", ended.log);
}

fn priorities_are_filtered(stage: &Stage<'_>) {
    let path = stage.dir("filtered").join("alerts");
    let sinks = item(&format!(
        "kind: \"file\"\nformat: \"falco\"\npath: {path:?}\nheartbeats: false\n\
         minimum_priority: \"warning\""
    ));
    let rules = format!(
        "{ON_BUSYBOX}{}",
        ON_BUSYBOX
            .replace("- rule: Busybox", "- rule: Grave")
            .replace("id: busybox", "id: grave")
            .replace("e2e-sinks", "e2e-sinks-grave")
            .replace("NOTICE", "CRITICAL")
    );
    let daemon = stage.daemon(Options { rules: Some(rules), sinks, ..Options::default() });
    act("plain");
    act("grave");
    let both = daemon.expect("the grave one", |it| mark(it).ends_with("grave"));
    assert_eq!(both["rule"]["id"], "grave", "the highest priority leads: {both:#}");
    assert_eq!(both["runmon"]["rules"].as_array().map(Vec::len), Some(2), "{both:#}");
    let ended = daemon.stop();
    let counters = sink(&ended, "file");
    assert_eq!((number(counters, "delivered"), number(counters, "dropped")), (1, 0));
    let text = fs::read_to_string(&path).expect("read the file");
    assert!(text.contains("Grave") && !text.contains("e2e-sinks-plain"), "{text}");
}

/// A sink can have every event that is seen, alert or not.
fn events_are_there(stage: &Stage<'_>) {
    let path = stage.dir("events").join("events");
    let sinks = item(&format!(
        "kind: \"file\"\nformat: \"ecs\"\npath: {path:?}\nevents: true\n\
         queue: 65536"
    ));
    let rules = Some(ON_BUSYBOX.to_owned());
    let daemon = stage.daemon(Options { rules, sinks, ..Options::default() });
    let connect = stage.trigger(&["connect", "udp", "127.0.0.1:9"]);
    act("later");
    daemon.expect("the later act", |it| mark(it).ends_with("later"));
    daemon.stop();
    let text = fs::read_to_string(&path).expect("read the file");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    for action in ["exec", "connect", "exit"] {
        let seen = events.iter().any(|it| {
            it["event"]["kind"] == "event"
                && it["event"]["action"] == action
                && it["process"]["pid"] == connect.pid
        });
        assert!(seen, "a sink that wants events got no {action}");
    }
}

/// What the configuration says of the node stands in every document, and rules can ask for it.
fn names_of_the_node(stage: &Stage<'_>) {
    let rules = EVERY_ACT.replace(
        EVERY_ACT_CONDITION,
        "evt.type = execve and proc.name = trigger and k8s.node.name = n7",
    );
    let falco = stage.dir("falco").join("alerts");
    let sinks = item(&format!("kind: \"file\"\npath: {falco:?}\nformat: \"falco\""));
    let keys = "cluster: \"shop\"\nlabels: { team: red }\n".to_owned();
    for (node, env) in [("node: \"n7\"\n", ("NODE_NAME", "n1")), ("", ("NODE_NAME", "n7"))] {
        let daemon = stage.daemon(Options {
            rules: Some(rules.clone()),
            keys: format!("{keys}{node}"),
            sinks: sinks.clone(),
            env: vec![env],
            ..Options::default()
        });
        stage.trigger(&["nap", "0"]);
        daemon.expect("the start of the trigger", |_| true);
        for document in daemon.stop().documents {
            assert_eq!(document["host"]["name"], "n7", "{document:#}");
            assert_ne!(document["host"]["hostname"], "n7", "{document:#}");
            assert_eq!(document["orchestrator"]["cluster"]["name"], "shop", "{document:#}");
            assert_eq!(document["kubernetes"]["node"]["name"], "n7", "{document:#}");
            assert_eq!(document["labels"]["team"], "red", "{document:#}");
        }
    }
    let alerts = fs::read_to_string(falco).expect("read the alerts");
    let alerts = alerts.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let alerts: Vec<Value> = alerts.filter(|it| it["source"] == "syscall").collect();
    assert_eq!(alerts.len(), 2, "{alerts:#?}");
    for alert in alerts {
        assert_eq!(alert["hostname"], "n7", "{alert:#}");
        let fields = &alert["output_fields"];
        assert_eq!(fields["k8s.cluster.name"], "shop", "{alert:#}");
        assert_eq!(fields["labels.team"], "red", "{alert:#}");
    }
}
