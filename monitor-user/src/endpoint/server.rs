//! The thread that takes connections: each is one request, and has a bounded time.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    io,
    net::TcpListener,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    runtime::{self, Runtime},
    sync::{
        Semaphore,
        mpsc::{Receiver, Sender, channel},
        oneshot,
    },
    task::{AbortHandle, LocalSet, spawn_local},
    time::{sleep, timeout},
};

use super::{Asked, Signs};
use crate::{
    document::{
        Heartbeat,
        exposition::Exposition,
        metrics::{CODES, Moment, Served},
    },
    limits::{
        METRICS_AGE, METRICS_ANSWER, METRICS_CLIENTS, METRICS_HEADER_BYTES, METRICS_PATIENCE,
        METRICS_REST,
    },
    live::{Bell, boottime_ns, clock_offset_ns},
};

/// What there is, for who asks for something else.
const PATHS: &str = "there is /metrics, /livez and /readyz\n";

/// The whole answer to a connection too many.
const TOO_MANY: &[u8] = b"\
HTTP/1.1 503 Service Unavailable\r\n\
connection: close\r\n\
content-length: 32\r\n\r\n\
too many ask already: try later\n";

/// How the line is asked.
struct LineEnd {
    /// Where questions go.
    questions: Sender<Asked>,
    /// What makes the line look.
    bell: Bell,
    /// Whether it takes questions already.
    is_answered: Arc<AtomicBool>,
}

/// Starts the thread. What comes of it: where its questions are, and what tells it that they are
/// taken from now on.
///
/// # Errors
///
/// There is no room for a thread.
pub(super) fn start(
    listeners: Vec<TcpListener>,
    bell: Bell,
) -> io::Result<(Receiver<Asked>, Arc<AtomicBool>)> {
    // One is asked at a time.
    let (questions, asked) = channel(1);
    let is_answered = Arc::new(AtomicBool::new(false));
    let line = LineEnd { questions, bell, is_answered: Arc::clone(&is_answered) };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("metrics".into());
    thread.spawn(move || serve(&runtime, listeners, line))?;
    Ok((asked, is_answered))
}

/// Takes connections until the line ends.
fn serve(runtime: &Runtime, listeners: Vec<TcpListener>, line: LineEnd) {
    let questions = line.questions.clone();
    let door = Rc::new(Door {
        line,
        asking: Semaphore::new(1),
        signs: RefCell::default(),
        numbers: RefCell::default(),
        served: Cell::default(),
        started_ns: clock_offset_ns().unsigned_abs().saturating_add(boottime_ns()),
    });
    let tasks = LocalSet::new();
    for listener in listeners {
        tasks.spawn_local(take_connections(listener, Rc::clone(&door)));
    }
    // All tasks end with the runtime.
    tasks.block_on(runtime, questions.closed());
}

async fn take_connections(listener: TcpListener, door: Rc<Door>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the metrics endpoint cannot be served"),
    };
    // Of each address its own: who comes from elsewhere takes none from this host's own probes.
    let room = Rc::new(Room::default());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => door.take(stream, &room),
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics cannot be taken");
                sleep(METRICS_REST).await;
            }
        }
    }
}

/// Who is connected to one address, oldest first.
#[derive(Default)]
struct Room(RefCell<VecDeque<Rc<Guest>>>);

/// A connection.
struct Guest {
    since: Instant,
    has_asked: Cell<bool>,
    task: RefCell<Option<AbortHandle>>,
}

/// Whether there is room for one more.
enum Place {
    Free,
    /// Somebody had to go for it.
    Freed,
    None,
}

impl Room {
    /// Makes room for one more: who has not asked by now goes first, then who takes long to hear
    /// the answer.
    fn make(&self) -> Place {
        let mut guests = self.0.borrow_mut();
        if guests.len() < METRICS_CLIENTS {
            return Place::Free;
        }
        let is_slow = |guest: &Rc<Guest>| guest.since.elapsed() > METRICS_AGE;
        let place = guests.iter().position(|guest| !guest.has_asked.get());
        let place = place.or_else(|| guests.iter().position(is_slow));
        let Some(guest) = place.and_then(|place| guests.remove(place)) else {
            return Place::None;
        };
        if let Some(task) = &*guest.task.borrow() {
            task.abort();
        }
        Place::Freed
    }

    fn enter(&self) -> Rc<Guest> {
        let guest =
            Guest { since: Instant::now(), has_asked: Cell::default(), task: RefCell::default() };
        let guest = Rc::new(guest);
        self.0.borrow_mut().push_back(Rc::clone(&guest));
        guest
    }

    fn leave(&self, guest: &Rc<Guest>) {
        self.0.borrow_mut().retain(|it| !Rc::ptr_eq(it, guest));
    }
}

/// What was answered, and when.
type Known<T> = RefCell<Option<(Instant, T)>>;

/// What all connections share. They take turns on one thread.
struct Door {
    line: LineEnd,
    /// Who has it asks the line; the others wait for what comes of that.
    asking: Semaphore,
    signs: Known<Rc<Signs>>,
    numbers: Known<Rc<(Signs, Box<Heartbeat>)>>,
    served: Cell<Served>,
    started_ns: u64,
}

/// Why there is no answer of the line's.
enum Silence {
    Starting,
    Late,
    Ending,
}

impl Silence {
    fn text(&self) -> &'static str {
        match self {
            Self::Starting => "starting: hooks are attached, and what runs already is looked at\n",
            Self::Late => "the daemon does not answer in time\n",
            Self::Ending => "the daemon ends\n",
        }
    }
}

impl Door {
    /// Serves a connection, if there is room for one more.
    fn take(self: &Rc<Self>, stream: TcpStream, room: &Rc<Room>) {
        match room.make() {
            Place::Free => {}
            Place::Freed => self.count(|served| served.slow += 1),
            Place::None => {
                self.count(|served| served.too_many += 1);
                // As far as it goes without waiting.
                let _written = stream.try_write(TOO_MANY);
                return;
            }
        }
        let (door, room, guest) = (Rc::clone(self), Rc::clone(room), room.enter());
        let served = Rc::clone(&guest);
        let task = spawn_local(async move {
            door.serve(stream, &served).await;
            room.leave(&served);
        });
        *guest.task.borrow_mut() = Some(task.abort_handle());
    }

    async fn serve(self: &Rc<Self>, stream: TcpStream, guest: &Guest) {
        let service = service_fn(|request| {
            guest.has_asked.set(true);
            let door = Rc::clone(self);
            async move { Ok::<_, Infallible>(door.answer(&request).await) }
        });
        let mut http = http1::Builder::new();
        // One request for each, so that the bound of its time is that of the connection.
        http.keep_alive(false).max_buf_size(METRICS_HEADER_BYTES);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        match timeout(METRICS_PATIENCE, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection for metrics ended");
                self.count(|served| served.broken += 1);
            }
            Err(_) => self.count(|served| served.slow += 1),
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<String> {
        let response = self.respond(request).await;
        let code = CODES.iter().position(|code| *code == response.status().as_str());
        self.count(|served| {
            if let Some(count) = code.and_then(|at| served.answered.get_mut(at)) {
                *count += 1;
            }
        });
        response
    }

    async fn respond(&self, request: &Request<Incoming>) -> Response<String> {
        let path = request.uri().path();
        if !["/metrics", "/livez", "/readyz"].contains(&path) {
            return text(StatusCode::NOT_FOUND, PATHS);
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/livez" => self.livez().await,
            "/readyz" => self.readyz().await,
            _ => self.metrics(request).await,
        }
    }

    async fn livez(&self) -> Response<String> {
        match self.signs().await {
            Ok(_) => text(StatusCode::OK, "ok\n"),
            // Who takes long to start is no better off for being started anew.
            Err(why @ Silence::Starting) => text(StatusCode::OK, why.text()),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why.text()),
        }
    }

    async fn readyz(&self) -> Response<String> {
        match self.signs().await {
            Ok(missing) if missing.is_empty() => text(StatusCode::OK, "ok\n"),
            Ok(missing) => {
                let missing = format!("not ready:\n{}\n", missing.join("\n"));
                text(StatusCode::SERVICE_UNAVAILABLE, missing)
            }
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why.text()),
        }
    }

    async fn metrics(&self, request: &Request<Incoming>) -> Response<String> {
        let asked = |question| Asked::Numbers(question);
        let numbers = match self.ask(&self.numbers, asked).await {
            Ok(numbers) => numbers,
            Err(why) => return text(StatusCode::SERVICE_UNAVAILABLE, why.text()),
        };
        let (missing, heartbeat) = &*numbers;
        let moment = Moment {
            heartbeat: Heartbeat::clone(heartbeat),
            missing: missing.clone(),
            started_ns: self.started_ns,
            served: self.served.get(),
        };
        let wanted = request.headers().get_all(ACCEPT).iter();
        let wanted: Vec<&str> = wanted.filter_map(|value| value.to_str().ok()).collect();
        let form = Exposition::accepted(&wanted.join(","));
        let mut response = Response::new(form.write(&moment));
        let kind = HeaderValue::from_static(form.content_type());
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    async fn signs(&self) -> Result<Rc<Signs>, Silence> {
        self.ask(&self.signs, Asked::Signs).await
    }

    /// What the line answers, or answered a moment ago.
    async fn ask<T>(
        &self,
        known: &Known<Rc<T>>,
        question: impl FnOnce(oneshot::Sender<T>) -> Asked,
    ) -> Result<Rc<T>, Silence> {
        if !self.line.is_answered.load(Ordering::Acquire) {
            return Err(Silence::Starting);
        }
        let asking = async {
            let _turn = self.asking.acquire().await.map_err(|_closed| Silence::Ending)?;
            if let Some((at, answer)) = &*known.borrow()
                && at.elapsed() < METRICS_AGE
            {
                return Ok(Rc::clone(answer));
            }
            let (answer, answered) = oneshot::channel();
            let asked = self.line.questions.send(question(answer)).await;
            asked.map_err(|_gone| Silence::Ending)?;
            self.line.bell.ring();
            let answer = Rc::new(answered.await.map_err(|_dropped| Silence::Ending)?);
            *known.borrow_mut() = Some((Instant::now(), Rc::clone(&answer)));
            Ok(answer)
        };
        timeout(METRICS_ANSWER, asking).await.unwrap_or(Err(Silence::Late))
    }

    fn count(&self, count: impl FnOnce(&mut Served)) {
        let mut served = self.served.get();
        count(&mut served);
        self.served.set(served);
    }
}

fn text(status: StatusCode, text: impl Into<String>) -> Response<String> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
