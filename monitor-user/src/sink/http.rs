//! HTTP POST of documents, one or many at a time, to receivers of several sorts ([`Preset`]). A
//! document counts as delivered when the receiver has said so; until then it is tried again, and
//! those behind it wait. What waits in the store is tried for as long as it is there.

mod answer;
mod body;
mod bulk;
mod client;
mod hec;
mod loki;
mod otlp;
mod preset;
mod secrets;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io::Write as _,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};

use super::{
    Intake,
    parts::{self, Asked, Entry, Parts, Patience},
    receiver::TlsOptions,
    tries::{End, Tries},
    trouble::{Trouble, Why},
};
use crate::{config::secret::Secret, document::Schema, reach::Reach};
use answer::{Fate, HttpAnswer, Verdict};
pub use body::Labelling;
use body::Sent;
use client::Client;
pub use client::ProxyUrl;
pub use preset::Preset;

/// Where to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// The sort of receiver.
    pub preset: Preset,
    /// Where it is, `http://…` or `https://…`, with the path of requests.
    pub url: String,
    /// Headers besides the content type.
    pub headers: Vec<(String, String)>,
    /// What tells the receiver who this is.
    pub token: Option<Token>,
    /// Whom to trust, and who this is, where TLS is spoken.
    pub tls: TlsOptions,
    /// The proxy, if the way leads through one.
    pub proxy: Option<ProxyUrl>,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// What goes in a request.
    pub batch: BatchOptions,
    /// What is said of documents beside them.
    pub labelling: Labelling,
    /// After this time documents are given up, and counted as dropped; None: after
    /// [`GIVE_UP_SECONDS`](crate::limits::GIVE_UP_SECONDS) where documents wait in memory, and
    /// never where they are in the store.
    pub give_up: Option<Duration>,
}

/// A token, and how it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// It.
    pub secret: Secret,
    /// What stands before it.
    pub scheme: String,
}

/// What goes in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// Documents at most.
    pub documents: usize,
    /// Bytes of them at most, unless it is one alone.
    pub bytes: usize,
    /// How long it is waited for more of them.
    pub wait: Duration,
}

/// Headers that say how the body is sent: a second one would contradict it.
const OWN_HEADERS: [&str; 4] =
    ["content-encoding", "content-length", "content-type", "transfer-encoding"];

/// A header of the form `Name: value` that can be sent, or what is wrong with it.
pub fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(format!("{text:?} is not of the form `Name: value`"));
    };
    let (name, value) = (name.trim(), value.trim());
    let is_token = ureq::http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    if !is_token {
        return Err(format!("{name:?} is no name of a header: use letters, digits and `-`"));
    }
    if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(format!("`{name}` is set by runmon itself: leave it out"));
    }
    if ureq::http::HeaderValue::from_str(value).is_err() {
        return Err(format!("the value of `{name}` may have no control characters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Whether it can stand before a token.
#[must_use]
pub fn is_scheme(text: &str) -> bool {
    ureq::http::HeaderName::from_bytes(text.as_bytes()).is_ok()
}

/// An address that requests can be sent to, with the path that the receiver has them at unless it
/// says another one, or what is wrong with it.
pub fn url(text: &str, preset: Preset) -> Result<String, String> {
    let none = || format!("`{}` is no http:// or https:// address", secrets::place(text));
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let rest = rest.ok_or_else(none)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest.get(..end).is_some_and(|host| host.contains('@')) {
        return Err("it holds a name or a password: use `token_file` or `token_env`".to_owned());
    }
    let url = match rest.get(end..) {
        None | Some("" | "/") => format!("{}{}", text.trim_end_matches('/'), preset.path()),
        Some(_) => text.to_owned(),
    };
    let uri = url.parse::<ureq::http::Uri>().map_err(|_| none())?;
    uri.host().filter(|host| !host.is_empty()).ok_or_else(none)?;
    Ok(url)
}

/// A ready HTTP sink.
pub struct HttpSink {
    options: HttpOptions,
    schema: Schema,
    client: Client,
    patience: Patience,
    /// It was said that an answer could not be read.
    has_told: bool,
    /// What was received and is in no batch yet.
    held: VecDeque<Entry>,
}

impl HttpSink {
    /// The receiver need not be there yet.
    #[must_use]
    pub fn new(options: HttpOptions, schema: Schema, reach: Box<dyn Reach>) -> Self {
        let (patience, held) = (Patience::default(), VecDeque::new());
        Self { options, schema, client: Client::new(reach), patience, has_told: false, held }
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(mut self, mut intake: Intake) {
        let mut tries =
            Tries::new(secrets::place(&self.options.url).to_owned(), self.options.give_up);
        let mut sent =
            Sent::new(intake.sender(), intake.stream(), self.schema, &self.options.labelling);
        sent.is_array = self.options.batch.documents > 1;
        while let Some(batch) = self.gather(&mut intake) {
            let ask = |_: &Intake, part: &[&Entry]| self.request(part, &sent);
            if parts::deliver(batch, &mut intake, &mut tries, ask) == End::Kept {
                return;
            }
        }
    }

    /// The next batch; None when there are no more documents.
    fn gather(&mut self, intake: &mut Intake) -> Option<Parts> {
        let BatchOptions { documents, wait, .. } = self.options.batch;
        if self.held.is_empty() {
            self.hold(intake.receive_whole(documents)?);
        }
        let begun = Instant::now();
        while self.cut().1 && !intake.is_ending() {
            let Some(left) = wait.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
            else {
                break;
            };
            let most = documents.saturating_sub(self.held.len()).max(1);
            match intake.receive_whole_within(most, left) {
                Some(more) => self.hold(more),
                None => break,
            }
        }
        let entries = self.held.drain(..self.cut().0).collect();
        Some(Parts::new(entries, self.patience))
    }

    fn hold(&mut self, documents: Vec<super::Received>) {
        self.held.extend(documents.into_iter().flat_map(Entry::of));
    }

    /// How many of those that are held make a batch, one at least, and whether there is room for
    /// more.
    fn cut(&self) -> (usize, bool) {
        let BatchOptions { documents, bytes, .. } = self.options.batch;
        let (mut count, mut taken) = (0, 0);
        for entry in self.held.iter().take(documents) {
            taken += entry.line.len();
            if taken > bytes && count > 0 {
                return (count, false);
            }
            count += 1;
        }
        (count, count < documents && taken < bytes)
    }

    /// Makes one request, and reads the answer.
    fn request(&mut self, part: &[&Entry], sent: &Sent) -> Asked {
        let HttpOptions { preset, gzip, .. } = self.options;
        let mut body = preset.body(part, sent);
        if gzip {
            body = compressed(&body);
        }
        let content_type = preset.content_type(sent.is_json());
        match self.client.post(&self.options, content_type, &body) {
            Ok(answer) => {
                self.tell_of(&answer);
                Asked {
                    verdict: answer.secrets.hide_in(preset.read(&answer, part.len())),
                    wait: answer.retry_after,
                    trouble: trouble(answer.status),
                }
            }
            Err(Why { trouble, text }) => {
                Asked { verdict: Verdict::All(Fate::Later(text)), wait: None, trouble }
            }
        }
    }
}

impl HttpSink {
    /// Says once that a receiver takes documents, and that what it says of them cannot be read.
    fn tell_of(&mut self, answer: &HttpAnswer) {
        let Some(cut) = answer.cut.as_ref().filter(|_| (200..=299).contains(&answer.status)) else {
            return;
        };
        if !std::mem::replace(&mut self.has_told, true) {
            let (url, status) = (secrets::place(&self.options.url), answer.status);
            tracing::warn!(
                "{url} answers with status {status}, and the rest cannot be read: {cut}"
            );
        }
    }
}

/// What is wrong where that is the status.
fn trouble(status: u16) -> Trouble {
    if matches!(status, 401 | 403 | 407) { Trouble::NotAllowed } else { Trouble::Answer }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    match gzip.write_all(body).and_then(|()| gzip.finish()) {
        Ok(bytes) => bytes,
        // Nothing that is written to memory fails.
        Err(_) => body.to_owned(),
    }
}
