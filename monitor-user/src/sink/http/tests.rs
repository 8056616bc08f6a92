use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use monitor_rules::Priority;
use serde_json::{Value, json};

use super::{
    answer::{HttpAnswer, of_status, retry_after},
    *,
};
use crate::{
    line::Outlet as _,
    sink::{
        About, Received,
        tests::{counts, fanout, finish, heartbeat, options},
    },
};

mod bodies;
mod parts;

/// Answers every request alike, each on a connection of its own, and counts them.
fn serve(listener: TcpListener, status: &'static str) -> Arc<AtomicUsize> {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counter.fetch_add(1, SeqCst);
            answer(&stream, status);
        }
    });
    taken
}

fn answer(mut stream: &TcpStream, status: &str) {
    read_request(stream);
    let rest = "connection: close\r\ncontent-length: 0\r\n\r\n";
    write!(stream, "HTTP/1.1 {status}\r\n{rest}").unwrap();
}

fn read_request(stream: &TcpStream) {
    let mut request = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        request.read_line(&mut line).unwrap();
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
    }
    request.read_exact(&mut vec![0; length]).unwrap();
}

fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(super) fn http(port: u16) -> HttpOptions {
    HttpOptions {
        preset: Preset::Webhook,
        url: format!("http://127.0.0.1:{port}/"),
        headers: Vec::new(),
        token: None,
        tls: TlsOptions::default(),
        proxy: None,
        gzip: false,
        batch: BatchOptions { documents: 1, bytes: 1 << 20, wait: Duration::ZERO },
        labelling: Labelling::default(),
        give_up: None,
    }
}

fn with_sink(port: u16) -> crate::sink::Fanout {
    let sink = HttpSink::new(http(port), Schema::Ecs, Box::new(crate::reach::Direct));
    let mut fanout = fanout();
    fanout.add(options(Schema::Ecs), move |intake| sink.run(intake)).unwrap();
    (1..=20).for_each(|number| fanout.offer(heartbeat(number)));
    fanout
}

/// Until the pause between two tries is longer than the rest of this takes.
fn wait_for_retries(fanout: &crate::sink::Fanout, retries: u64) {
    while fanout.counters()[0].retries < retries {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn at_the_end_a_receiver_that_came_back_gets_what_waits() {
    let port = unused_port();
    let fanout = with_sink(port);
    wait_for_retries(&fanout, 5);
    let taken = serve(TcpListener::bind(("127.0.0.1", port)).unwrap(), "200 OK");
    let begun = Instant::now();
    counts(&finish(fanout), 20, 0, 0);
    assert_eq!(taken.load(SeqCst), 20);
    assert!(begun.elapsed() < Duration::from_secs(1), "it waited for {:?}", begun.elapsed());
}

#[test]
fn at_the_end_the_first_failure_is_the_last() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = serve(listener, "503 Service Unavailable");
    let fanout = with_sink(port);
    wait_for_retries(&fanout, 4);
    let begun = Instant::now();
    let ended = finish(fanout);
    counts(&ended, 0, 0, 20);
    // Four that failed before, and the one at the end.
    assert_eq!((ended.counters.retries, asked.load(SeqCst)), (4, 5));
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
}

/// What is refused is counted as lost, and holds up nobody.
#[test]
fn what_is_refused_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = serve(listener, "400 Bad Request");
    counts(&finish(with_sink(port)), 0, 0, 20);
    assert_eq!(asked.load(SeqCst), 20);
}

/// Says that all is well, and then nothing, too much or no end of it.
fn serve_cut(rest: &'static [u8]) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counter.fetch_add(1, SeqCst);
            read_request(&stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
            stream.write_all(rest).unwrap();
        }
    });
    (port, asked)
}

/// What was taken is not sent again because more was announced than was said of it.
#[test]
fn a_status_counts_whatever_comes_of_the_rest() {
    for preset in [Preset::Webhook, Preset::Loki, Preset::SplunkHec, Preset::Otlp] {
        for rest in [
            &b"content-length: 100\r\n\r\n{"[..],
            b"transfer-encoding: chunked\r\n\r\n5\r\n{",
            b"content-encoding: gzip\r\ncontent-length: 1\r\n\r\nx",
        ] {
            let (port, asked) = serve_cut(rest);
            let receiver = HttpOptions { preset, ..http(port) };
            let reach = Box::new(crate::reach::Direct);
            let sink = HttpSink::new(receiver, Schema::Ecs, reach);
            let mut fanout = fanout();
            fanout.add(options(Schema::Ecs), move |intake| sink.run(intake)).unwrap();
            (1..=3).for_each(|number| fanout.offer(heartbeat(number)));
            counts(&finish(fanout), 3, 0, 0);
            assert_eq!(asked.load(SeqCst), 3, "{}", preset.name());
        }
    }
}

/// Each document has an answer of its own there: halves are sent, and what is there is known.
#[test]
fn a_bulk_whose_answer_cannot_be_read_failed() {
    let cut = Some("why".to_owned());
    let answer = HttpAnswer { status: 200, cut, ..HttpAnswer::default() };
    let verdict = Preset::ElasticsearchBulk.read(&answer, 2);
    let why = "status 200, but the answer cannot be read: why".to_owned();
    assert_eq!(verdict, Verdict::All(Fate::Failed(why)));
}

#[test]
fn answers_mean() {
    let sort = |status| match of_status(status, "") {
        Fate::Taken => "taken",
        Fate::Refused(_) => "refused",
        Fate::Again => "again",
        Fate::Later(_) => "later",
        Fate::Failed(_) => "failed",
    };
    for (statuses, expected) in [
        (&[200, 201, 204, 299][..], "taken"),
        (&[400, 402, 409, 413, 422], "refused"),
        (&[401, 403, 404, 405, 407, 408, 415, 425, 429, 503], "later"),
        (&[500, 501, 502, 504], "failed"),
        (&[100, 301, 302, 304, 600], "later"),
    ] {
        for status in statuses {
            assert_eq!(sort(*status), expected, "{status}");
        }
    }
    assert_eq!(of_status(400, "why"), Fate::Refused("status 400: why".to_owned()));
}

#[test]
fn receivers_are_left_alone_for_a_while() {
    let now = 1_700_000_000;
    for (text, seconds) in [
        ("0", Some(0)),
        (" 17 ", Some(17)),
        ("86400", Some(300)),
        ("Tue, 14 Nov 2023 22:13:50 GMT", Some(30)),
        ("Tue, 14 Nov 2023 22:13:00 GMT", Some(0)),
        ("Mon, 14 Nov 2033 22:13:00 GMT", Some(300)),
        ("-1", None),
        ("soon", None),
    ] {
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(retry_after(text, now), expected, "{text}");
    }
}

/// An entry with that number, and a line of JSON.
fn entry(number: u64, priority: Priority) -> Entry {
    let id = format!("e{number}");
    let timestamp_ns = 1_700_000_000_000_000_000 + i64::try_from(number).unwrap() * 1_000_000;
    let about = About { id, number, timestamp_ns, priority };
    let line = json!({ "number": number, "text": "a\"b" }).to_string().into_bytes();
    Entry::of(Received { lines: vec![line], about }).next().unwrap()
}

#[test]
fn a_batch_has_a_bound() {
    let line = entry(1, Priority::Notice).line.len();
    let cut = |count: u64, documents: usize, bytes: usize| {
        let options = http(1);
        let batch = BatchOptions { documents, bytes, wait: Duration::ZERO };
        let options = HttpOptions { batch, ..options };
        let mut sink = HttpSink::new(options, Schema::Ecs, Box::new(crate::reach::Direct));
        sink.held = (1..=count).map(|_| entry(1, Priority::Notice)).collect();
        sink.cut()
    };
    assert_eq!(cut(0, 5, 1 << 20), (0, true));
    assert_eq!(cut(3, 5, 1 << 20), (3, true));
    assert_eq!(cut(5, 5, 1 << 20), (5, false));
    assert_eq!(cut(9, 5, 1 << 20), (5, false));
    assert_eq!(cut(9, 5, 2 * line), (2, false));
    assert_eq!(cut(9, 5, 2 * line + 1), (2, false));
    // What is larger goes alone.
    assert_eq!(cut(9, 5, line - 1), (1, false));
}

#[test]
fn bodies_are_compressed() {
    use std::io::Read as _;
    let body = b"{}\n".repeat(1000);
    let packed = compressed(&body);
    let mut whole = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut whole).unwrap();
    assert!(whole == body && packed.len() < 100, "{} bytes", packed.len());
}
