//! What is answered to each request.

use std::{
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE},
};
use serde_json::{Value, json};
use tokio::{
    sync::{
        mpsc::{Receiver, channel},
        oneshot,
    },
    task::spawn_blocking,
};

use super::{
    counted, feeds, guard, page,
    server::{Door, Known, Over, now_s},
    story, views,
};
use crate::{
    control::{Refusal, Reply, Request as Question},
    limits::WEB_STREAMS,
    subscriber::Wish,
};

/// How old what the line said may be.
const AGE: Duration = Duration::from_secs(1);

/// Parts of a stream that wait to be sent.
const PARTS: usize = 256;

/// What every answer has: nothing from elsewhere is loaded or run, nobody shows this in a page of
/// their own, and nothing is kept.
const HEADERS: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
         'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
];

/// What is sent.
pub(super) enum Content {
    /// All of it, until it is taken.
    Whole(Option<Bytes>),
    /// Part after part.
    Stream {
        parts: Receiver<Bytes>,
        /// There is room for another one when this is gone.
        _place: Place,
    },
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Stream { parts, .. } => parts.poll_recv(cx),
        };
        part.map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |it| it.len() as u64))
            }
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

/// The place of a stream among those that may be.
pub(super) struct Place(Rc<Door>);

impl Place {
    fn take(door: &Rc<Door>) -> Option<Self> {
        let taken = door.streams.get();
        (taken < WEB_STREAMS).then(|| {
            door.streams.set(taken + 1);
            Self(Rc::clone(door))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get().saturating_sub(1));
    }
}

/// What comes of a request: why there is no answer, else.
type Answer = Result<Response<Content>, (StatusCode, String)>;

fn response(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Response<Content> {
    let mut response = Response::new(Content::Whole(Some(bytes.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json_of(value: &Value) -> Response<Content> {
    response(StatusCode::OK, "application/json", value.to_string())
}

fn refused((code, what): guard::Refusal) -> (StatusCode, String) {
    (code, what.to_owned())
}

fn not_there(what: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("{what}\n"))
}

fn unanswered(refusal: Refusal) -> (StatusCode, String) {
    let code = match refusal.usage {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, format!("{}\n", refusal.error))
}

/// What comes of looking for an alert in the store.
enum Stored {
    Found(Value),
    /// Why it is not there.
    Missing(String),
}

impl Door {
    pub(super) async fn answer(
        self: &Rc<Self>,
        request: &Request<Incoming>,
        over: &Over,
    ) -> Response<Content> {
        let answer = self.respond(request, over).await;
        let mut answer =
            answer.unwrap_or_else(|(code, what)| response(code, "text/plain; charset=utf-8", what));
        counted(match answer.status() {
            code if code.is_success() => &self.stats.answered,
            code if code.is_client_error() => &self.stats.refused,
            _ => &self.stats.failed,
        });
        for (name, value) in HEADERS {
            let name = HeaderName::from_static(name);
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    async fn respond(self: &Rc<Self>, request: &Request<Incoming>, over: &Over) -> Answer {
        let (headers, path) = (request.headers(), request.uri().path());
        guard::check_all(headers).map_err(refused)?;
        let method = if path == "/session" { Method::POST } else { Method::GET };
        guard::check_method(request.method(), &method).map_err(refused)?;
        // The page itself has nothing to hide: what it shows has to be asked for.
        if let Some((kind, text)) = page::part(path) {
            return Ok(response(StatusCode::OK, kind, text));
        }
        guard::check_own(headers).map_err(refused)?;
        if path == "/session" {
            guard::check_token(headers, &self.secrets).map_err(refused)?;
            let mut answer = json_of(&json!({ "key": self.secrets.key() }));
            let cookie = self.secrets.set_cookie(guard::port(headers));
            let cookie = HeaderValue::try_from(cookie).map_err(|error| {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("no cookie can be set: {error}\n"))
            })?;
            answer.headers_mut().insert(SET_COOKIE, cookie);
            return Ok(answer);
        }
        guard::check_session(headers, &self.secrets).map_err(refused)?;
        let uri = request.uri();
        match path {
            "/api/overview" => self.overview().await,
            "/api/container" => {
                self.look();
                let told = views::container(&self.desk.borrow(), &asked(uri, "id"));
                told.map(|told| json_of(&told)).ok_or_else(|| {
                    not_there("nothing was seen of this container since somebody looks")
                })
            }
            "/api/alerts" => {
                self.look();
                Ok(json_of(&json!(views::alerts(&self.desk.borrow()))))
            }
            "/api/alert" => self.alert(&asked(uri, "id")).await,
            "/api/status" => Ok(json_of(&*self.line_says(Question::Status).await?)),
            "/api/rules" => Ok(json_of(&*self.line_says(Question::Rules).await?)),
            "/api/stream" => self.stream(uri, over).await,
            _ => Err(not_there("there is no such part of the page")),
        }
    }

    async fn overview(&self) -> Answer {
        self.look();
        let status = self.line_says(Question::Status).await;
        let mut desk = self.desk.borrow_mut();
        let now_s = now_s();
        desk.board.tidy(now_s);
        if let Ok(status) = &status {
            let (total, by_container) = losses(status);
            desk.board.set_losses(total, &by_container);
        }
        let mut told = views::overview(&desk, now_s);
        let of = |name: &str| {
            let told = status.as_ref().ok().and_then(|status| status.get(name).cloned());
            told.unwrap_or_default()
        };
        let more = ["ready", "missing", "degraded", "version", "up_seconds"];
        if let Some(members) = told.as_object_mut() {
            members.extend(more.map(|name| (name.to_owned(), of(name))));
        }
        Ok(json_of(&told))
    }

    /// An alert: as the store has it, and else what the page keeps of it.
    async fn alert(&self, id: &str) -> Answer {
        self.look();
        let of = story::id_of(&self.desk.borrow(), id);
        let (mut told, note) = match self.stored(of).await? {
            Stored::Found(told) => (Some(told), None),
            Stored::Missing(why) => (story::seen(&self.desk.borrow(), id), Some(why)),
        };
        if let Some(told) = &mut told {
            let since = views::since(&self.desk.borrow());
            story::add(told, [("note", json!(note)), ("since", json!(since))]);
        }
        let told = told.ok_or_else(|| {
            not_there("this alert is not kept: older ones make way for newer ones")
        })?;
        Ok(json_of(&told))
    }

    /// What the store has of an alert. It is read off this thread, for one at a time.
    async fn stored(&self, id: String) -> Result<Stored, (StatusCode, String)> {
        let store = match &self.history {
            Ok(store) => Arc::clone(store),
            Err(why) => return Ok(Stored::Missing(why.clone())),
        };
        let ending = || (StatusCode::SERVICE_UNAVAILABLE, "the daemon ends\n".to_owned());
        // Whoever reads goes on when who asked is gone: the next one waits for that, too.
        let turn = Arc::clone(&self.reading).acquire_owned().await.map_err(|_closed| ending())?;
        let read = move || {
            let _turn = turn;
            story::stored(&store, &id)
        };
        Ok(match spawn_blocking(read).await.map_err(|_panic| ending())? {
            Ok(Some(told)) => Stored::Found(told),
            Ok(None) => {
                Stored::Missing("the store does not have this alert, or not yet".to_owned())
            }
            Err(error) => Stored::Missing(format!("the store cannot be read: {error}")),
        })
    }

    /// What the line says, or said a moment ago.
    async fn line_says(&self, question: Question) -> Result<Rc<Value>, (StatusCode, String)> {
        let known: &Known =
            if matches!(question, Question::Rules) { &self.rules } else { &self.status };
        let ending = || (StatusCode::SERVICE_UNAVAILABLE, "the daemon ends\n".to_owned());
        let _turn = self.asking.acquire().await.map_err(|_closed| ending())?;
        if let Some((at, value)) = &*known.borrow()
            && at.elapsed() < AGE
        {
            return Ok(Rc::clone(value));
        }
        let line = self.line.clone();
        let answer = spawn_blocking(move || line.ask(question)).await;
        let value = match answer.map_err(|_panic| ending())?.map_err(unanswered)? {
            Reply::Status(value) | Reply::Rules(value) => Rc::new(views::inert(value)),
            Reply::Rule(_) | Reply::Watching(_) => return Err(ending()),
        };
        *known.borrow_mut() = Some((Instant::now(), Rc::clone(&value)));
        Ok(value)
    }

    async fn stream(self: &Rc<Self>, uri: &Uri, over: &Over) -> Answer {
        let Some(place) = Place::take(self) else {
            let what = format!("{WEB_STREAMS} streams are shown already: close one first\n");
            return Err((StatusCode::SERVICE_UNAVAILABLE, what));
        };
        let alerts = asked(uri, "alerts") == "1";
        let wish = Wish { filter: asked(uri, "filter"), alerts, ..Wish::default() };
        let (out, parts) = channel(PARTS);
        let (opened, is_opened) = oneshot::channel();
        let (ended, is_ended) = oneshot::channel();
        let no_room = |error| (StatusCode::SERVICE_UNAVAILABLE, format!("no stream: {error}\n"));
        feeds::stream(self.line.clone(), wish, out.clone(), opened, ended).map_err(no_room)?;
        let unseen = is_opened
            .await
            .map_err(|_gone| (StatusCode::SERVICE_UNAVAILABLE, "the daemon ends\n".to_owned()))?;
        let unseen = unseen.map_err(unanswered)?;
        // There is room for the first.
        drop(out.try_send(feeds::begin(&unseen)));
        *over.borrow_mut() = Some(is_ended);
        let mut answer = Response::new(Content::Stream { parts, _place: place });
        let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(answer)
    }
}

/// What was lost in the kernel: in all, and by container as it is named on the board.
fn losses(status: &Value) -> (u64, Vec<(String, u64)>) {
    let sum = |dropped: &Value| -> u64 {
        let counts = dropped.as_object().into_iter().flat_map(|counts| counts.values());
        counts.filter_map(Value::as_u64).sum()
    };
    let list = status.pointer("/kernel/losses").and_then(Value::as_array).into_iter().flatten();
    let by_container = list.filter_map(|loss| {
        let id = loss.get("container")?.as_str()?.chars().take(12).collect();
        Some((id, sum(loss.get("dropped")?)))
    });
    let total = status.get("lost").and_then(Value::as_u64).unwrap_or_default();
    (total, by_container.collect())
}

/// A value of the query; empty where there is none.
fn asked(uri: &Uri, name: &str) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    value.map_or_else(String::new, |(_, value)| decoded(value))
}

/// Percent-encoded text.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|it| char::from(it).to_digit(16));
        match byte {
            b'%' => {
                let value = digit().zip(digit()).map(|(high, low)| 16 * high + low);
                decoded.extend(value.and_then(|value| u8::try_from(value).ok()));
            }
            b'+' => decoded.push(b' '),
            plain => decoded.push(plain),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let uri: Uri = "/api/stream?alerts=1&filter=a+%3D%20%27%C3%A9%27%3c".parse().unwrap();
        assert_eq!(asked(&uri, "filter"), "a = 'é'<");
        assert_eq!((asked(&uri, "alerts").as_str(), asked(&uri, "id").as_str()), ("1", ""));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert!(decoded(broken).len() <= 3, "{broken}");
        }
    }

    #[test]
    fn losses_are_those_of_the_status() {
        let status = json!({ "lost": 9, "kernel": { "losses": [
            { "container": "0123456789abcdef", "dropped": { "a": 2, "b": 3 } },
            { "container": "host", "dropped": {} },
        ] } });
        let by_container = vec![("0123456789ab".to_owned(), 5), ("host".to_owned(), 0)];
        assert_eq!(losses(&status), (9, by_container));
        assert_eq!(losses(&json!({})), (0, vec![]));
    }
}
