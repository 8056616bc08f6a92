//! A request, as RFC 9112 has it.

use std::io::{BufRead, Read as _};

use flate2::read::GzDecoder;

use super::{Demands, Protocol};

/// A request; its body is not compressed any more.
pub(super) struct Request {
    target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads one. None: the client has gone.
    pub(super) fn read(stream: &mut impl BufRead) -> Option<Self> {
        let first = line(stream)?;
        let parts: Vec<&str> = first.split(' ').collect();
        let ["POST", target, "HTTP/1.1"] = parts[..] else { panic!("no such request: {first}") };
        let mut headers = Vec::new();
        loop {
            let line = line(stream)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header has a colon");
            assert!(!name.contains(char::is_whitespace), "{line}");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut this = Self { target: target.to_owned(), headers, body: Vec::new() };
        let length = this.header("content-length").expect("the length of the body");
        this.body = vec![0; length.parse().expect("a number")];
        stream.read_exact(&mut this.body).ok()?;
        if this.header("content-encoding") == Some("gzip") {
            let mut whole = Vec::new();
            GzDecoder::new(&this.body[..]).read_to_end(&mut whole).expect("gzip");
            this.body = whole;
        }
        Some(this)
    }

    /// The value of a header, which is there once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice");
        Some(&value.1)
    }

    /// Asserts that it is what it should be.
    pub(super) fn check(&self, protocol: &Protocol, demands: &Demands) {
        let path = self.target.split('?').next();
        assert_eq!(path, Some(protocol.path), "{}", self.target);
        assert!(self.header("host").is_some(), "HTTP/1.1 asks for a host");
        assert_eq!(self.header("content-type"), Some(protocol.content_type));
        assert_eq!(self.header("transfer-encoding"), None);
        let encoding = self.header("content-encoding");
        assert_eq!(encoding, demands.gzip.then_some("gzip"));
    }
}

/// A line without its end. None: the client has gone.
fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    Some(line.strip_suffix("\r\n").expect("a line ends with CRLF").to_owned())
}
