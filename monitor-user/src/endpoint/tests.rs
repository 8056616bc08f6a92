use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::AtomicUsize,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::*;
use crate::limits::{METRICS_CLIENTS, METRICS_PATIENCE};

/// A line that only answers: what is missing, and how often it was asked.
struct Line {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    is_missing: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// An endpoint on a port that is free.
fn open() -> (Endpoint, SocketAddr) {
    let (listener, address) = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    (Endpoint::open(vec![listener], Bell::new().unwrap()).unwrap(), address)
}

impl Line {
    fn start() -> Self {
        let (mut endpoint, address) = open();
        let (ends, is_missing, asked) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default(), Arc::default());
        let mut line = Self {
            address,
            ends: Arc::clone(&ends),
            is_missing: Arc::clone(&is_missing),
            asked: Arc::clone(&asked),
            thread: None,
        };
        let missing = move || match is_missing.load(Ordering::Acquire) {
            true => vec!["exec is not seen: why".to_owned()],
            false => Vec::new(),
        };
        endpoint.answers();
        line.thread = Some(thread::spawn(move || {
            while !ends.load(Ordering::Acquire) {
                if let Some(question) = endpoint.take() {
                    asked.fetch_add(1, Ordering::AcqRel);
                    match question {
                        Asked::Signs(answer) => drop(answer.send(missing())),
                        Asked::Numbers(answer) => {
                            let heartbeat = Heartbeat { rules: 7, ..Heartbeat::default() };
                            drop(answer.send((missing(), Box::new(heartbeat))));
                        }
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
        }));
        line
    }

    fn get(&self, path: &str) -> String {
        get(self.address, path)
    }

    fn send(&self, bytes: &[u8]) -> String {
        send(self.address, bytes)
    }

    /// Waits until what was answered before is not told any more.
    fn get_anew(&self, path: &str) -> String {
        thread::sleep(crate::limits::METRICS_AGE + Duration::from_millis(50));
        self.get(path)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    send(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

/// Everything that comes back on any bytes.
fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // It may be refused before all of it is written.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

fn assert_is(answer: &str, code: &str, body: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
    assert!(answer.contains(body), "no `{body}` in {answer}");
}

#[test]
fn who_is_ready_says_so() {
    let line = Line::start();
    assert_is(&line.get("/livez"), "200", "\r\n\r\nok\n");
    assert_is(&line.get("/readyz"), "200", "\r\n\r\nok\n");
    assert_is(&line.get("/readyz?verbose"), "200", "ok\n");
    assert_is(&line.get("/metrics"), "200", "\nrunmon_ready 1\n");
    line.is_missing.store(true, Ordering::Release);
    assert_is(&line.get_anew("/readyz"), "503", "not ready:\nexec is not seen: why\n");
    // It lives all the same, and tells its numbers.
    assert_is(&line.get("/livez"), "200", "ok\n");
    let numbers = line.get("/metrics");
    assert_is(&numbers, "200", "\nrunmon_ready 0\n");
    assert_is(&numbers, "200", "\nrunmon_rules 7\n");
    assert_is(&numbers, "200", "content-type: text/plain; version=0.0.4; charset=utf-8\r\n");
}

#[test]
fn the_format_is_negotiated() {
    let line = Line::start();
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let answer = line.send(format!("GET /metrics HTTP/1.1\r\n{accept}\r\n\r\n").as_bytes());
    assert_is(&answer, "200", "content-type: application/openmetrics-text; version=1.0.0");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[test]
fn many_who_ask_cost_no_more_than_one() {
    let line = Line::start();
    let (before, begun) = (line.asked.load(Ordering::Acquire), Instant::now());
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let address = line.address;
            thread::spawn(move || assert_is(&get(address, "/metrics"), "200", "runmon_rules 7"))
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    // One for them, and one for each second that it took.
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(line.asked.load(Ordering::Acquire) - before <= 1 + seconds, "{:?}", line.asked);
}

#[test]
fn what_is_not_there_is_refused() {
    let line = Line::start();
    for path in ["/", "/metrics/", "/debug", "/%6detrics", "//metrics", "/../metrics"] {
        assert_is(&line.get(path), "404", "there is /metrics, /livez and /readyz\n");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "FROB"] {
        let answer = line.send(format!("{method} /metrics HTTP/1.1\r\n\r\n").as_bytes());
        assert_is(&answer, "405", "allow: GET, HEAD\r\n");
    }
    let head = line.send(b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert_is(&head, "200", "content-length: ");
    assert!(head.ends_with("\r\n\r\n"), "an answer to HEAD has no body: {head}");
    let counted = line.get("/metrics");
    assert_is(&counted, "200", "\nrunmon_http_requests_total{code=\"405\"} 5\n");
    assert_is(&counted, "200", "\nrunmon_http_requests_total{code=\"404\"} 6\n");
}

#[test]
fn one_connection_is_one_request() {
    let line = Line::start();
    // A second request in the same bytes, whichever way the first one's end is hidden.
    for first in [
        "GET /livez HTTP/1.1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
        "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let answer = line.send(format!("{first}GET /metrics HTTP/1.1\r\n\r\n").as_bytes());
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{first}: {answer}");
        assert!(!answer.contains("runmon_"), "{first}: {answer}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let line = Line::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = line.send(bytes);
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400 ");
        assert!(is_refused, "{}: {answer}", String::from_utf8_lossy(bytes));
    }
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let answer = line.send(long.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_is(&line.get("/metrics"), "200", "_ended_total{reason=\"broken\"} ");
}

#[test]
fn a_slow_client_is_sent_away_and_holds_nobody_up() {
    let line = Line::start();
    let (begun, mut slow) = (Instant::now(), TcpStream::connect(line.address).unwrap());
    slow.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
    let mut writer = slow.try_clone().unwrap();
    let writer = thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert_is(&line.get("/metrics"), "200", "runmon_rules 7");
    assert!(begun.elapsed() < Duration::from_secs(2), "others had to wait");
    drop(slow.read_to_end(&mut Vec::new()));
    assert!(begun.elapsed() < METRICS_PATIENCE + Duration::from_secs(5));
    drop(slow);
    writer.join().unwrap();
    assert_is(&line.get("/metrics"), "200", "_ended_total{reason=\"slow\"} 1\n");
}

#[test]
fn who_says_nothing_makes_room() {
    let line = Line::start();
    let mut idle: Vec<TcpStream> =
        (0..METRICS_CLIENTS).map(|_| TcpStream::connect(line.address).unwrap()).collect();
    let begun = Instant::now();
    assert_is(&line.get("/livez"), "200", "ok\n");
    assert!(begun.elapsed() < METRICS_PATIENCE, "{:?}", begun.elapsed());
    // The first had to go, at once.
    idle[0].set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
    drop(idle);
    assert_is(&line.get("/metrics"), "200", "_ended_total{reason=\"slow\"} ");
}

#[test]
fn each_address_has_room_of_its_own() {
    let any = "127.0.0.1:0".parse().unwrap();
    let [(one, of_one), (other, of_other)] = [listen(any).unwrap(), listen(any).unwrap()];
    let _endpoint = Endpoint::open(vec![one, other], Bell::new().unwrap()).unwrap();
    let _idle: Vec<TcpStream> =
        (0..METRICS_CLIENTS).map(|_| TcpStream::connect(of_one).unwrap()).collect();
    assert_is(&get(of_other, "/livez"), "200", "starting");
    assert_is(&get(of_one, "/livez"), "200", "starting");
}

#[test]
fn who_starts_lives_but_is_not_ready() {
    let (_endpoint, address) = open();
    assert_is(&get(address, "/livez"), "200", "starting");
    assert_is(&get(address, "/readyz"), "503", "starting");
    assert_is(&get(address, "/metrics"), "503", "starting");
}

#[test]
fn a_line_that_does_not_answer_is_told_of() {
    let (mut endpoint, address) = open();
    endpoint.answers();
    let begun = Instant::now();
    let asked = ["/livez", "/readyz", "/metrics"]
        .map(|path| thread::spawn(move || assert_is(&get(address, path), "503", "not answer")));
    asked.into_iter().for_each(|asked| asked.join().unwrap());
    assert!(begun.elapsed() < METRICS_PATIENCE, "they waited one for the other");
    // Nobody waits for what was asked meanwhile, and who comes later is answered.
    let later = thread::spawn(move || get(address, "/livez"));
    let begun = Instant::now();
    loop {
        match endpoint.take() {
            Some(asked) if !asked.is_awaited() => {}
            Some(Asked::Signs(answer)) => break answer.send(Vec::new()).unwrap(),
            _ => thread::sleep(Duration::from_millis(1)),
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert_is(&later.join().unwrap(), "200", "ok\n");
}

#[test]
fn the_port_is_free_once_it_ends() {
    let (endpoint, address) = open();
    assert_is(&get(address, "/livez"), "200", "starting");
    assert_eq!(listen(address).err().unwrap().kind(), io::ErrorKind::AddrInUse);
    drop(endpoint);
    let begun = Instant::now();
    while listen(address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the port is not free");
        thread::sleep(Duration::from_millis(10));
    }
}
