use std::{
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::*;
use crate::{
    document::{Document, Finding, tests::sender},
    limits::CONTROL_CLIENTS,
    line::Outlet,
    live::Bell,
    rules,
    subscriber::{Subscribed, Wish},
};

const RULES: &str = "\
- rule: Shell
  id: shell
  desc: d
  condition: evt.type = execve
  output: o
  priority: info
";

const NOW_NS: i64 = 1_700_000_000_000_000_000;

fn judge() -> Judge {
    let file = monitor_rules::RuleFile { name: "f.yaml", bytes: RULES.as_bytes() };
    Judge::new(Arc::new(rules::load(&[file]).rules))
}

/// Longer than any request may be.
fn state() -> serde_json::Value {
    serde_json::json!({ "ready": true, "missing": vec!["x"; 10_000] })
}

/// No sinks.
struct Nothing;

impl Outlet for Nothing {
    fn offer(&mut self, _document: Document) {}

    fn wants_events(&self) -> bool {
        false
    }
}

fn finding() -> Document {
    Document::Finding(Arc::new(Finding {
        sequence: 1,
        timestamp_ns: NOW_NS,
        name: "flood",
        priority: monitor_rules::Priority::Error,
        text: "one\nline".to_owned(),
        container: None,
    }))
}

/// A daemon that only answers.
struct Daemon {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    /// How many look on.
    lookers: Arc<AtomicUsize>,
    thread: Option<JoinHandle<Judge>>,
}

impl Daemon {
    fn start(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("runmon-c-{}-{name}", std::process::id()));
        let control = Control::open(&path, Bell::new().unwrap(), sender()).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let lookers = Arc::<AtomicUsize>::default();
        let looking = Arc::clone(&lookers);
        let thread = thread::spawn(move || {
            let mut judge = judge();
            let mut lookers = Subscribed::new(Nothing);
            while !ended.load(Ordering::Acquire) {
                // Something happens all the time.
                lookers.offer(finding());
                lookers.forget_gone();
                looking.store(lookers.len(), Ordering::Release);
                while let Some(mut asked) = control.next() {
                    if let Some(subscriber) = asked.subscriber.take() {
                        assert!(lookers.add(subscriber));
                        asked.answer(Ok(Reply::Watching(Watching { unseen: vec!["bpf".into()] })));
                        continue;
                    }
                    let done = carry_out(&asked.request, asked.peer, &mut judge, NOW_NS);
                    asked.answer(done.unwrap_or_else(|| Ok(Reply::Status(state()))));
                }
                thread::sleep(Duration::from_millis(1));
            }
            judge
        });
        Self { path, ends, lookers, thread: Some(thread) }
    }

    fn ask(&self, request: &Request) -> Answer {
        client::ask(&self.path, request).unwrap()
    }

    /// What was done to a rule.
    fn switch(&self, request: &Request) -> Result<Done, Refusal> {
        self.ask(request).map(|reply| match reply {
            Reply::Rule(done) => done,
            Reply::Status(_) | Reply::Rules(_) | Reply::Watching(_) => panic!("{reply:?}"),
        })
    }

    /// The answer to any bytes.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(&self.path).unwrap();
        // It may be refused before all of it is written.
        drop(stream.write_all(bytes));
        let mut answer = Vec::new();
        // What is not read of a request ends the connection with an error, behind the answer.
        drop(stream.read_to_end(&mut answer));
        String::from_utf8(answer).unwrap()
    }

    fn stop(mut self) -> Judge {
        self.ends.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap()
    }
}

fn disable(rule: &str, seconds: u64) -> Request {
    Request::DisableRule { rule: rule.to_owned(), seconds }
}

fn enable(rule: &str) -> Request {
    Request::EnableRule { rule: rule.to_owned() }
}

#[test]
fn a_rule_is_switched_off_and_on() {
    let daemon = Daemon::start("switch");
    let mode = std::fs::metadata(&daemon.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let done = daemon.switch(&disable("Shell", 3600)).unwrap();
    assert_eq!((&*done.rule, done.changed), ("Shell", true));
    assert_eq!(done.until.as_deref(), Some("2023-11-14T23:13:20.000000000Z"));
    let done = daemon.switch(&enable("shell")).unwrap();
    assert_eq!((done.until, done.changed), (None, true));
    assert!(!daemon.switch(&enable("Shell")).unwrap().changed);
    daemon.switch(&disable("shell", 60)).unwrap();
    let path = daemon.path.clone();
    let judge = daemon.stop();
    assert_eq!(judge.off_until("shell", NOW_NS), Some(NOW_NS + 60_000_000_000));
    assert_eq!(judge.off_until("shell", NOW_NS + 60_000_000_000), None);
    assert!(!path.exists(), "the socket is left");
}

#[test]
fn a_question_is_answered() {
    let daemon = Daemon::start("status");
    assert_eq!(daemon.ask(&Request::Status).unwrap(), Reply::Status(state()));
    daemon.stop();
}

#[test]
fn who_looks_on_is_shown_lines_until_it_hangs_up() {
    let daemon = Daemon::start("watch");
    let wish = Wish { alerts: true, ..Wish::default() };
    let (watching, mut shown) = client::watch(&daemon.path, &wish).unwrap().unwrap();
    assert_eq!(watching.unseen, ["bpf"]);
    for _ in 0..3 {
        let line = shown.read().unwrap();
        let Some(client::ShownLine::Line(line)) = line else { panic!("{line:?}") };
        let line = std::str::from_utf8(line).unwrap();
        assert!(line.contains("flood: one\\x0aline\n"), "{line}");
    }
    assert_eq!(daemon.lookers.load(Ordering::Acquire), 1);
    // Whoever only asks is served meanwhile.
    daemon.ask(&Request::Status).unwrap();
    drop(shown);
    let begun = Instant::now();
    while daemon.lookers.load(Ordering::Acquire) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the subscriber stays");
        thread::sleep(Duration::from_millis(1));
    }
    daemon.stop();
}

#[test]
fn who_looks_on_sees_the_end_of_the_daemon() {
    let daemon = Daemon::start("watch-end");
    let wish = Wish { alerts: true, ..Wish::default() };
    let (_, mut shown) = client::watch(&daemon.path, &wish).unwrap().unwrap();
    daemon.stop();
    while shown.read().unwrap().is_some() {}
}

#[test]
fn a_wish_that_cannot_be_filled_is_a_mistake_of_who_asks() {
    let daemon = Daemon::start("wish");
    let wish = Wish { filter: "proc.nam = a".to_owned(), ..Wish::default() };
    let refusal = client::watch(&daemon.path, &wish).unwrap().unwrap_err();
    assert!(refusal.usage && refusal.error.contains("proc.name"), "{refusal:?}");
    assert_eq!(daemon.lookers.load(Ordering::Acquire), 0);
    daemon.stop();
}

#[test]
fn a_rule_that_is_not_there_suggests_the_nearest() {
    let daemon = Daemon::start("nearest");
    let refusal = daemon.ask(&disable("Shel", 60)).unwrap_err();
    assert!(refusal.usage && refusal.error.contains("did you mean `Shell`?"), "{refusal}");
    daemon.stop();
}

#[test]
fn what_is_no_request_is_refused() {
    let daemon = Daemon::start("bad");
    for (bytes, error) in [
        (&b"\n"[..], "this is no request"),
        (b"{\n", "this is no request"),
        (b"\xff\xfe\n", "this is no request"),
        (b"{\"command\":\"stop\"}\n", "unknown variant `stop`"),
        (b"{\"command\":\"enable_rule\"}\n", "missing field `rule`"),
        (b"{\"command\":\"enable_rule\",\"rule\":1}\n", "invalid type"),
        (b"{\"command\":\"enable_rule\",\"rule\":\"x\",\"force\":true}\n", "unknown field `force`"),
        (
            b"{\"command\":\"disable_rule\",\"rule\":\"shell\",\"seconds\":604801}\n",
            "a rule can be off for 1 s to 168 h",
        ),
        (b"{\"command\":\"disable_rule\",\"rule\":\"shell\",\"seconds\":0}\n", "off for 1 s"),
        (b"{\"command\":\"disable_rule\",\"rule\":\"shell\",\"seconds\":-1}\n", "invalid value"),
    ] {
        let answer = daemon.send(bytes);
        assert!(answer.contains(error) && answer.ends_with("}\n"), "{bytes:?}: {answer}");
    }
    let long = daemon.send(&[b'x'; 100_000]);
    assert!(long.contains("a request has at most 4096 bytes"), "{long}");
    // It still serves.
    assert!(daemon.ask(&disable("shell", 1)).is_ok());
    daemon.stop();
}

#[test]
fn a_slow_client_is_sent_away_and_holds_nobody_up() {
    let daemon = Daemon::start("slow");
    let (begun, mut slow) = (Instant::now(), UnixStream::connect(&daemon.path).unwrap());
    slow.write_all(b"{\"comm").unwrap();
    // It sends a byte now and then, so that no single read takes long.
    let mut writer = slow.try_clone().unwrap();
    let writer = thread::spawn(move || {
        while writer.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(daemon.ask(&disable("shell", 1)).is_ok());
    assert!(begun.elapsed() < Duration::from_secs(2), "others had to wait");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("does not come in time"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(slow);
    writer.join().unwrap();
    daemon.stop();
}

fn wait_for_room(daemon: &Daemon) {
    let begun = Instant::now();
    while daemon.ask(&disable("shell", 1)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "no room again");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_client_too_many_is_told_to_come_back() {
    let daemon = Daemon::start("many");
    let idle: Vec<UnixStream> =
        (0..CONTROL_CLIENTS).map(|_| UnixStream::connect(&daemon.path).unwrap()).collect();
    // They are taken in order: the next one is the first that finds no room.
    let refusal = daemon.ask(&disable("shell", 1)).unwrap_err();
    assert!(!refusal.usage && refusal.error.contains("others ask already"), "{refusal}");
    drop(idle);
    wait_for_room(&daemon);
    daemon.stop();
}

#[test]
fn who_sends_all_and_goes_does_no_harm() {
    let daemon = Daemon::start("gone");
    for _ in 0..3 * CONTROL_CLIENTS {
        let mut stream = UnixStream::connect(&daemon.path).unwrap();
        drop(stream.write_all(enable("shell").line().as_bytes()));
    }
    wait_for_room(&daemon);
    daemon.stop();
}

#[test]
fn only_root_and_the_own_user_may_ask() {
    let peer = |uid| Peer { uid, pid: 1 };
    assert!(server::may_ask(peer(0), 1000) && server::may_ask(peer(1000), 1000));
    assert!(!server::may_ask(peer(1001), 1000) && !server::may_ask(peer(1000), 0));
}

#[test]
fn a_socket_that_was_left_behind_is_replaced() {
    let path = std::env::temp_dir().join(format!("runmon-c-{}-left", std::process::id()));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(client::ask(&path, &enable("shell")).is_err());
    drop(Control::open(&path, Bell::new().unwrap(), sender()).unwrap());
    assert!(!path.exists());
}

#[test]
fn who_asks_a_daemon_that_ends_is_told_so() {
    let path = std::env::temp_dir().join(format!("runmon-c-{}-busy", std::process::id()));
    let control = Control::open(&path, Bell::new().unwrap(), sender()).unwrap();
    let asked = path.clone();
    let client = thread::spawn(move || client::ask(&asked, &enable("shell")).unwrap());
    let begun = Instant::now();
    // Ends while it is asked.
    let waiting = loop {
        if let Some(asked) = control.next() {
            break asked;
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(1));
    };
    drop(waiting);
    assert_eq!(client.join().unwrap().unwrap_err().error, "the daemon ends");
}
