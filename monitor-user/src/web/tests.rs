use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::*;
use crate::{
    control::{Control, Reply, Request, Watching},
    document::{Document, Finding, tests::sender},
    limits::{WEB_CLIENTS, WEB_HEADER_BYTES, WEB_STREAMS},
    line::Outlet,
    live::Bell,
    subscriber::Subscribed,
};

/// A page, and a line that only answers.
struct Daemon {
    address: String,
    dir: PathBuf,
    token: String,
    stats: Arc<Stats>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
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
        timestamp_ns: 1_700_000_000_000_000_000,
        name: "flood",
        priority: monitor_rules::Priority::Error,
        text: "<b>\u{1b}[31m\u{202e}one\nline".to_owned(),
        container: None,
    }))
}

fn line(control: &Control, ends: &AtomicBool) {
    let mut lookers = Subscribed::new(Nothing);
    while !ends.load(Ordering::Acquire) {
        // Something happens all the time.
        lookers.offer(finding());
        lookers.forget_gone();
        while let Some(mut asked) = control.next() {
            let answer = match asked.subscriber.take() {
                Some(subscriber) => {
                    assert!(lookers.add(subscriber));
                    Reply::Watching(Watching { unseen: vec!["bpf".into()] })
                }
                None if asked.request == Request::Rules => Reply::Rules(json!([{ "id": "r" }])),
                None => Reply::Status(json!({ "ready": true, "lost": 7, "a": "\u{1b}[2J" })),
            };
            asked.answer(Ok(answer));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

impl Daemon {
    fn start(name: &str) -> Self {
        Self::at(name, &WebListen::Tcp("127.0.0.1:0".parse().unwrap()))
    }

    fn at(name: &str, listen: &WebListen) -> Self {
        Self::with(name, listen, Err("`history: false`: nothing is kept".to_owned()))
    }

    fn with(name: &str, listen: &WebListen, history: History) -> Self {
        let dir = std::env::temp_dir().join(format!("runmon-web-{}-{name}", std::process::id()));
        fs::create_dir_all(dir.join("instances")).unwrap();
        let page = Page::open(listen, &dir, name).unwrap();
        let opened = fs::read_to_string(web_path(&dir, name)).unwrap();
        let token = opened.trim().split_once("#token=").unwrap().1.to_owned();
        let (address, stats) = (page.address().to_owned(), page.stats());
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let bell = Bell::new().unwrap();
        let control = Control::open(&dir.join("c.sock"), bell, sender()).unwrap();
        page.serve(control.inside(), history).unwrap();
        let ends = Arc::<AtomicBool>::default();
        let is_over = Arc::clone(&ends);
        let thread = thread::spawn(move || line(&control, &is_over));
        Self { address, dir, token, stats, ends, thread: Some(thread) }
    }

    fn send(&self, request: &str) -> String {
        exchange(TcpStream::connect(&self.address).unwrap(), request)
    }

    /// A request with more lines in its head.
    fn get(&self, path: &str, more: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"))
    }

    /// The cookie and the key that the token is changed for, as lines of a head.
    fn cookie(&self) -> String {
        let answer = self.send(&session(&format!("Authorization: Bearer {}\r\n", self.token)));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        let key = body(&answer)["key"].as_str().unwrap().to_owned();
        format!("Cookie: {}\r\nX-Runmon-Key: {key}\r\n", cookie.split(';').next().unwrap())
    }

    /// A stream, as far as it has begun.
    fn stream(&self, query: &str, cookie: &str) -> (BufReader<TcpStream>, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("GET /api/stream?{query} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut status = String::new();
        lines.read_line(&mut status).unwrap();
        (lines, status)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap();
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn session(more: &str) -> String {
    format!("POST /session HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

fn exchange(mut stream: impl std::io::Read + std::io::Write, request: &str) -> String {
    // It may be refused before all of it is written.
    drop(stream.write_all(request.as_bytes()));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

fn code(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn strangers_are_told_nothing() {
    let daemon = Daemon::start("strangers");
    let cookie = daemon.cookie();
    for path in ["overview", "container?id=host", "alerts", "alert?id=x", "status", "rules"]
        .into_iter()
        .chain(["stream?filter="])
    {
        let path = format!("/api/{path}");
        // Neither the cookie nor the key is enough.
        let (only_cookie, only_key) = cookie.split_at(cookie.find("X-Runmon").unwrap());
        for more in ["", "Cookie: runmon-strangers-80=0\r\n", only_cookie, only_key] {
            assert_eq!(code(&daemon.get(&path, more)), "401", "{path} {more}");
        }
        for other in ["Sec-Fetch-Site: cross-site\r\n", "Origin: http://evil.example\r\n"] {
            let answer = daemon.get(&path, &format!("{cookie}{other}"));
            assert_eq!(code(&answer), "403", "{path} {other}");
        }
        let post = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n");
        assert_eq!(code(&daemon.send(&post)), "405", "{path}");
        let far = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n{cookie}\r\n");
        assert_eq!(code(&daemon.send(&far)), "403", "{path}");
    }
    let refused = daemon.stats.counters().refused;
    assert_eq!(refused, 7 * 8);
}

#[test]
fn only_the_token_is_changed_for_the_cookie() {
    let daemon = Daemon::start("token");
    let right = format!("Authorization: Bearer {}\r\n", daemon.token);
    for (expected, request) in [
        ("401", session("")),
        ("401", session("Authorization: Bearer \r\n")),
        ("401", session(&format!("Authorization: Bearer {}0\r\n", daemon.token))),
        ("401", session(&format!("Authorization: Basic {}\r\n", daemon.token))),
        ("403", session(&format!("{right}Sec-Fetch-Site: same-site\r\n"))),
        ("403", session(&format!("{right}Origin: null\r\n"))),
        ("405", session(&right).replace("POST", "GET")),
        ("403", session(&right).replace("localhost", "evil.example")),
    ] {
        let answer = daemon.send(&request);
        assert_eq!(code(&answer), expected, "{request}");
        assert!(!answer.contains("set-cookie"), "{answer}");
    }
    daemon.cookie();
}

#[test]
fn every_answer_keeps_others_out() {
    let daemon = Daemon::start("headers");
    let cookie = daemon.cookie();
    for (path, expected) in [("/", "200"), ("/page.js", "200"), ("/api/status", "200")]
        .into_iter()
        .chain([("/api/nothing", "404"), ("/api/alert?id=x", "404")])
    {
        let answer = daemon.get(path, &cookie);
        assert_eq!(code(&answer), expected, "{path}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; ",
            "frame-ancestors 'none'\r\n",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "cache-control: no-store\r\n",
        ] {
            assert!(answer.contains(header), "{path} has no {header}: {answer}");
        }
        assert!(!answer.contains("access-control-"), "{answer}");
        assert!(!answer.contains("unsafe-"), "{answer}");
    }
    assert_eq!(code(&daemon.get("/nothing", &cookie)), "404");
}

#[test]
fn who_has_the_cookie_is_told() {
    let daemon = Daemon::start("told");
    let cookie = daemon.cookie();
    let overview = body(&daemon.get("/api/overview", &cookie));
    assert_eq!((&overview["lost"], &overview["ready"]), (&json!(7), &json!(true)), "{overview}");
    // What would move a cursor does not.
    assert_eq!(body(&daemon.get("/api/status", &cookie))["a"], "\\x1b[2J");
    assert_eq!(body(&daemon.get("/api/rules", &cookie)), json!([{ "id": "r" }]));
    let (alerts, asked) = alerts(&daemon, &cookie);
    assert_eq!(alerts[0]["output"], "<b>\\x1b[31m\\xe2\\x80\\xaeone\\x0aline", "{alerts}");
    let about = format!("/api/alert?id={}", alerts[0]["id"].as_str().unwrap());
    let alert = body(&daemon.get(&about, &cookie));
    assert_eq!(
        (&alert["rule"], &alert["document"]["event"]["kind"]),
        (&json!("flood"), &json!("alert"))
    );
    assert_eq!(alert["note"], "`history: false`: nothing is kept");
    // It is of no container.
    assert_eq!(overview["containers"], json!([]));
    assert_eq!(daemon.stats.counters().answered, 5 + asked);
}

/// The alerts once there are some, and how often they were asked for: who is asked first begins to
/// look on.
fn alerts(daemon: &Daemon, cookie: &str) -> (Value, u64) {
    let until = Instant::now() + Duration::from_secs(20);
    for asked in 1.. {
        let alerts = body(&daemon.get("/api/alerts", cookie));
        if alerts[0].is_object() || Instant::now() > until {
            return (alerts, asked);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    unreachable!("it is asked until the time is over");
}

#[test]
fn an_alert_is_told_from_memory_where_the_store_does_not_have_it() {
    let dir = std::env::temp_dir().join(format!("runmon-web-{}-nothing", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let listen = WebListen::Tcp("127.0.0.1:0".parse().unwrap());
    let daemon = Daemon::with("empty", &listen, Looked::at(&dir).map_err(|it| it.to_string()));
    let cookie = daemon.cookie();
    drop(daemon.get("/api/overview", &cookie));
    let (alerts, _) = alerts(&daemon, &cookie);
    let id = alerts[0]["id"].as_str().unwrap();
    let alert = body(&daemon.get(&format!("/api/alert?id={id}"), &cookie));
    assert_eq!(alert["note"], "the store does not have this alert, or not yet");
    assert_eq!((&alert["rule"], &alert["priority"]), (&json!("flood"), &json!("Error")));
    assert_eq!(code(&daemon.get("/api/alert?id=", &cookie)), "404");
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn streams_show_what_is_asked_for_and_say_what_is_wrong() {
    let daemon = Daemon::start("stream");
    let cookie = daemon.cookie();
    let wrong = daemon.get("/api/stream?filter=proc.nam%20%3D%20a", &cookie);
    assert_eq!(code(&wrong), "400", "{wrong}");
    assert!(wrong.contains("proc.name"), "{wrong}");
    let (mut lines, status) = daemon.stream("alerts=1", &cookie);
    assert_eq!(code(&status), "200", "{status}");
    let mut text = String::new();
    let begin = "event: begin\ndata: {\"unseen\":[\"bpf\"]}";
    while ![begin, "event: line\ndata: "].iter().all(|part| text.contains(part))
        || !text.ends_with("\n\n")
    {
        assert!(lines.read_line(&mut text).unwrap() > 0, "{text}");
    }
    assert!(text.contains("\\\\x1b[31m") && text.contains("\\\\xe2\\\\x80\\\\xae"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn streams_have_a_bound_and_make_room_again() {
    let daemon = Daemon::start("bound");
    let cookie = daemon.cookie();
    let open: Vec<_> = (0..WEB_STREAMS).map(|_| daemon.stream("alerts=1", &cookie)).collect();
    assert!(open.iter().all(|(_, status)| code(status) == "200"));
    let (_, status) = daemon.stream("alerts=1", &cookie);
    assert_eq!(code(&status), "503", "{status}");
    assert_eq!(code(&daemon.get("/api/rules", &cookie)), "200");
    drop(open);
    let begun = Instant::now();
    while code(&daemon.stream("alerts=1", &cookie).1) != "200" {
        assert!(begun.elapsed() < Duration::from_secs(10), "no room again");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn connections_and_requests_have_bounds() {
    let daemon = Daemon::start("many");
    let long = "x".repeat(2 * WEB_HEADER_BYTES);
    let answer = daemon.get(&format!("/{long}"), "");
    assert!(["414", "431"].contains(&code(&answer)), "{answer}");
    let idle: Vec<_> =
        (0..WEB_CLIENTS).map(|_| TcpStream::connect(&daemon.address).unwrap()).collect();
    let answer = daemon.get("/", "");
    assert_eq!(code(&answer), "503", "{answer}");
    assert!(answer.ends_with("\r\n\r\ntoo many ask already: try later\n"), "{answer}");
    assert_eq!(daemon.stats.counters().too_many, 1);
    drop(idle);
    let begun = Instant::now();
    while code(&daemon.get("/", "")) != "200" {
        assert!(begun.elapsed() < Duration::from_secs(10), "no room again");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(daemon.stats.counters().broken >= 1);
}

#[test]
fn a_socket_is_its_owners_and_asks_for_the_token_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = std::env::temp_dir().join(format!("runmon-web-{}-s", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("web.sock");
    // What was left behind is replaced.
    drop(UnixListener::bind(&path).unwrap());
    let daemon = Daemon::at("socket", &WebListen::Unix(path.clone()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n\r\n");
    let at = |request: &str| exchange(UnixStream::connect(&path).unwrap(), request);
    assert_eq!(code(&at(&get("/"))), "200");
    assert_eq!(code(&at(&get("/api/status"))), "401");
    let token = format!("Authorization: Bearer {}\r\n", daemon.token);
    assert_eq!(code(&at(&session(&token))), "200");
    // Neither one that is served nor another file is.
    assert_eq!(socket(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let file = dir.join("file");
    fs::write(&file, "precious").unwrap();
    assert_eq!(socket(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    drop(daemon);
    fs::remove_dir_all(&dir).unwrap();
}
