//! A proxy that makes tunnels for who asks to `CONNECT`, and knows who may.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use std::thread;

/// A proxy on a port of its own; it listens until the test ends.
pub struct Proxy {
    port: u16,
    tunnels: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on a free port, for who has these credentials, in base64.
    pub fn start(credentials: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the proxy");
        let port = listener.local_addr().expect("its address").port();
        let tunnels = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&tunnels);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                thread::spawn(move || tunnel(stream, credentials, &counter));
            }
        });
        Self { port, tunnels }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Tunnels that it made.
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(SeqCst)
    }
}

/// None: one of both has gone.
fn tunnel(mut stream: TcpStream, credentials: &str, tunnels: &AtomicUsize) -> Option<()> {
    let mut request = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        request.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        match line.strip_suffix("\r\n").expect("a line ends with CRLF") {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let first: Vec<&str> = lines.first()?.split(' ').collect();
    let ["CONNECT", to, "HTTP/1.1"] = first[..] else { panic!("no tunnel: {lines:?}") };
    let expected = format!("Proxy-Authorization: Basic {credentials}");
    if !lines.iter().any(|line| line.eq_ignore_ascii_case(&expected)) {
        stream.write_all(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n").ok()?;
        return None;
    }
    let there = TcpStream::connect(to).ok()?;
    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    tunnels.fetch_add(1, SeqCst);
    let (mut out, mut back) = (there.try_clone().ok()?, there);
    let mut to_client = stream.try_clone().ok()?;
    thread::spawn(move || {
        let copied = io::copy(&mut back, &mut to_client);
        to_client.shutdown(Shutdown::Both).and(copied).ok()
    });
    // What it read of the tunnel already comes first.
    let copied = io::copy(&mut request, &mut out);
    out.shutdown(Shutdown::Both).and(copied).ok().map(|_| ())
}
