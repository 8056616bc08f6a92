use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};

use super::*;
use crate::{
    document::Schema,
    line::Outlet as _,
    sink::tests::{counts, fanout, finish, heartbeat, options},
};

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
    let rest = "connection: close\r\ncontent-length: 0\r\n\r\n";
    write!(stream, "HTTP/1.1 {status}\r\n{rest}").unwrap();
}

fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn with_sink(port: u16) -> crate::sink::Fanout {
    let url = format!("http://127.0.0.1:{port}/");
    let http = HttpOptions { url, headers: Vec::new(), give_up: None };
    let sink = HttpSink::open("test", http).unwrap();
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

#[test]
fn answers_mean() {
    for (status, taken, refused) in
        [(200, true, false), (204, true, false), (400, false, true), (503, false, false)]
    {
        let answer = meaning(status);
        assert_eq!(answer == Answer::Taken, taken, "{status}");
        assert_eq!(matches!(answer, Answer::Refused(_)), refused, "{status}");
    }
}
