use std::{collections::VecDeque, io::Cursor, sync::mpsc::Receiver};

use serde_json::{Value, json};

use super::*;
use crate::metadata::news_for_tests;

/// What the API is asked, and what it then answers.
enum Turn {
    List { next: Option<&'static str>, fresh: bool, answer: Result<String, Trouble> },
    Watch { version: &'static str, answer: Result<String, Trouble> },
}

/// An API that expects these questions.
struct Script(VecDeque<Turn>);

impl Api for Script {
    fn list(&mut self, next: Option<&str>, fresh: bool) -> Result<Box<dyn Read>, Trouble> {
        let Some(Turn::List { next: expected, fresh: is_fresh, answer }) = self.0.pop_front()
        else {
            panic!("a list is asked for");
        };
        assert_eq!((next, fresh), (expected, is_fresh));
        Ok(Box::new(Cursor::new(answer?.into_bytes())))
    }

    fn watch(&mut self, version: &str) -> Result<Box<dyn BufRead>, Trouble> {
        let Some(Turn::Watch { version: expected, answer }) = self.0.pop_front() else {
            panic!("a watch is asked for");
        };
        assert_eq!(version, expected);
        Ok(Box::new(Cursor::new(answer?.into_bytes())))
    }
}

fn list(next: Option<&'static str>, answer: String) -> Turn {
    Turn::List { next, fresh: false, answer: Ok(answer) }
}

fn watch(version: &'static str, lines: &[Value]) -> Turn {
    let text = lines.iter().map(|line| format!("{line}\n")).collect();
    Turn::Watch { version, answer: Ok(text) }
}

fn pod(name: &str, version: &str) -> Value {
    json!({ "metadata": { "name": name, "namespace": "shop", "uid": format!("u-{name}"),
                          "resourceVersion": version },
            "spec": { "nodeName": "n1", "serviceAccountName": "web" },
            "status": { "podIPs": [{ "ip": "10.1.0.1" }] } })
}

fn page(version: &str, next: &str, pods: &[Value]) -> String {
    json!({ "metadata": { "resourceVersion": version, "continue": next }, "items": pods })
        .to_string()
}

fn change(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

struct Bench {
    watch: Watch<Script>,
    told: Receiver<Told>,
    pause: Pause,
}

impl Bench {
    fn new(turns: Vec<Turn>) -> Self {
        let (intake, told) = news_for_tests();
        let watch = Watch::new(Script(turns.into()), Kind::Pods, "n1", intake);
        Self { watch, told, pause: Pause::new() }
    }

    /// Lists and watches, as far as it goes; what ended it.
    fn once(&mut self) -> String {
        let end = self.watch.once(&mut self.pause);
        self.watch.after(end).unwrap_or_else(|_over| "over".to_owned())
    }

    /// What was told since, in short.
    fn told(&self) -> Vec<String> {
        let short = |told| match told {
            Told::Pod(pod) => format!("+{}", pod.name),
            Told::Gone(uid) => format!("-{uid}"),
            Told::Holder(holder) => format!("{} {}", holder.uid, holder.addresses.len()),
        };
        self.told.try_iter().map(short).collect()
    }

    fn is_done(&self) -> bool {
        self.watch.api.0.is_empty()
    }
}

#[test]
fn what_there_is_is_listed_and_then_watched() {
    let mut bench = Bench::new(vec![
        list(None, page("5", "p2", &[pod("a", "1")])),
        list(Some("p2"), page("5", "", &[pod("b", "2")])),
        watch(
            "5",
            &[
                change("ADDED", &pod("c", "6")),
                change("DELETED", &pod("a", "7")),
                change("DELETED", &pod("never-seen", "8")),
                change("BOOKMARK", &json!({ "metadata": { "resourceVersion": "9" } })),
            ],
        ),
        watch("9", &[]),
    ]);
    assert_eq!(bench.once(), "");
    let expected = ["u-a 1", "+a", "u-b 1", "+b", "u-c 1", "+c", "-u-a", "u-a 0"];
    assert_eq!(bench.told(), expected);
    let numbers = bench.watch.intake.stats.named();
    assert_eq!(numbers[0], ("kubernetes_pods", 2));
    assert_eq!(numbers[2..4], [("kubernetes_lists", 1), ("kubernetes_changes", 3)]);
    // The watch goes on where it ended.
    assert_eq!(bench.once(), "");
    assert!(bench.is_done());
}

#[test]
fn missed_changes_are_listed() {
    let gone = change("ERROR", &json!({ "kind": "Status", "status": "Failure", "code": 410 }));
    let mut bench = Bench::new(vec![
        list(None, page("5", "", &[pod("a", "1"), pod("b", "2")])),
        watch("5", std::slice::from_ref(&gone)),
        list(None, page("6", "", &[pod("b", "6")])),
        Turn::Watch { version: "6", answer: Err(Trouble::Status { status: 410 }) },
        // What the server has at hand is too old: it must look into its store.
        Turn::List { next: None, fresh: true, answer: Ok(page("8", "", &[pod("b", "6")])) },
        watch("8", &[change("MODIFIED", &pod("b", "9")), gone]),
        list(None, page("9", "", &[])),
        watch("9", &[]),
    ]);
    assert_eq!(bench.once(), "expired");
    assert_eq!(bench.told(), ["u-a 1", "+a", "u-b 1", "+b"]);
    assert_eq!(bench.once(), "expired");
    assert_eq!(bench.told(), ["-u-a", "u-a 0", "u-b 1", "+b"]);
    assert_eq!(bench.once(), "expired");
    bench.told();
    assert_eq!(bench.once(), "");
    assert_eq!(bench.told(), ["-u-b", "u-b 0"]);
    assert!(bench.is_done());
    assert_eq!(bench.watch.intake.stats.named()[4], ("kubernetes_failures", 0));
}

/// A page of which the server knows nothing any more.
#[test]
fn a_list_that_expires_begins_anew() {
    let mut bench = Bench::new(vec![
        list(None, page("5", "p2", &[pod("a", "1")])),
        Turn::List { next: Some("p2"), fresh: false, answer: Err(Trouble::Status { status: 410 }) },
        list(None, page("6", "", &[pod("a", "1")])),
        watch("6", &[]),
    ]);
    assert_eq!(bench.once(), "expired");
    assert_eq!(bench.once(), "");
    assert!(bench.is_done());
}

#[test]
fn what_fails_is_asked_again_from_where_it_was() {
    let line = change("ADDED", &pod("c", "6")).to_string();
    let cut = format!("{line}\n{}", &line[..50]);
    let mut bench = Bench::new(vec![
        Turn::List { next: None, fresh: false, answer: Err(Trouble::Status { status: 401 }) },
        Turn::List { next: None, fresh: false, answer: Ok("{\"metadata\":{".to_owned()) },
        list(None, page("", "", &[])),
        list(None, page("5", "", &[])),
        Turn::Watch { version: "5", answer: Err(Trouble::Connection("refused".to_owned())) },
        Turn::Watch { version: "5", answer: Ok(cut) },
        Turn::Watch { version: "6", answer: Ok(format!("{line}\n{{\"type\":\"WHAT\"}}\n")) },
        // What made no sense may have been a change.
        list(None, page("7", "", &[])),
        watch("7", &[]),
    ]);
    let token = "status 401: the token is not taken; is it one of this cluster's?";
    assert_eq!(bench.once(), token);
    assert!(bench.once().starts_with("the answer makes no sense: EOF while parsing"));
    assert_eq!(bench.once(), "the answer makes no sense: it has no version");
    assert_eq!(bench.once(), "refused");
    assert_eq!(bench.once(), "the answer was cut");
    assert_eq!(bench.told(), ["u-c 1", "+c"]);
    assert!(bench.once().starts_with("the answer makes no sense"));
    assert_eq!(bench.once(), "");
    assert_eq!(bench.watch.intake.stats.named()[4], ("kubernetes_failures", 6));
    assert!(bench.is_done());
}

#[test]
fn a_change_without_end_is_no_change() {
    let long = "x".repeat(usize::try_from(CLUSTER_CHANGE_BYTES).unwrap() + 1);
    let mut bench = Bench::new(vec![
        list(None, page("5", "", &[])),
        Turn::Watch { version: "5", answer: Ok(long) },
        list(None, page("5", "", &[])),
        watch("5", &[]),
    ]);
    assert_eq!(bench.once(), "a change is longer than 8388608 bytes");
    assert_eq!(bench.once(), "");
}

/// Of other nodes nothing is taken, whatever the server says.
#[test]
fn what_was_not_asked_for_is_counted() {
    let mut other = pod("b", "1");
    other["spec"]["nodeName"] = json!("n2");
    let pages = page("5", "", &[pod("a", "1"), other]);
    let mut bench = Bench::new(vec![list(None, pages), watch("5", &[])]);
    bench.once();
    assert_eq!(bench.told(), ["u-a 1", "+a"]);
    assert_eq!(bench.watch.intake.stats.named()[5], ("kubernetes_refused", 1));
}

#[test]
fn a_full_table_takes_no_more() {
    let (intake, told) = news_for_tests();
    let all: Vec<Value> = (0..=PODS).map(|number| pod(&format!("p{number}"), "1")).collect();
    let turns = vec![list(None, page("5", "", &all)), watch("5", &[])];
    let mut watch = Watch::new(Script(turns.into()), Kind::Pods, "n1", intake);
    let reader = std::thread::spawn(move || told.iter().count());
    assert!(watch.once(&mut Pause::new()).is_ok());
    assert_eq!(watch.intake.stats.named()[0].1, PODS as u64);
    assert_eq!(watch.intake.stats.named()[5].1, 1);
    drop(watch);
    assert_eq!(reader.join().unwrap(), 2 * PODS);
}

/// What is gone makes room for what the same list has.
#[test]
fn a_list_forgets_before_it_learns() {
    let (intake, told) = news_for_tests();
    let all: Vec<Value> = (0..=PODS).map(|number| pod(&format!("p{number}"), "1")).collect();
    let (first, then) = (page("5", "", &all[..PODS]), page("6", "", &all[1..]));
    let turns = vec![
        list(None, first),
        Turn::Watch { version: "5", answer: Err(Trouble::Status { status: 410 }) },
        list(None, then),
        watch("6", &[]),
    ];
    let mut watch = Watch::new(Script(turns.into()), Kind::Pods, "n1", intake);
    let reader = std::thread::spawn(move || {
        let names = told.iter().filter_map(|told| match told {
            Told::Pod(pod) => Some(pod.name),
            _ => None,
        });
        names.last()
    });
    let end = watch.once(&mut Pause::new());
    assert_eq!(watch.after(end).unwrap(), "expired");
    assert!(watch.once(&mut Pause::new()).is_ok());
    assert_eq!(watch.intake.stats.named()[0].1, PODS as u64);
    assert_eq!(watch.intake.stats.named()[5].1, 0, "none was refused");
    drop(watch);
    assert_eq!(reader.join().unwrap(), Some(format!("p{PODS}").into()));
}
