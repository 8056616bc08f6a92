//! The thread that takes connections: each is one request, and has a bounded time; streams end when
//! nobody reads them.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::{self, Runtime},
    sync::{
        Semaphore,
        mpsc::{Receiver, Sender, channel},
        oneshot,
    },
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};

use super::{
    History, Listener, Page, Stats, counted,
    desk::Desk,
    feeds::{self, Told, Watched},
    secret::Secrets,
};
use crate::{
    control::Inside,
    limits::{WEB_CLIENTS, WEB_HEADER_BYTES, WEB_PATIENCE},
    live::{boottime_ns, clock_offset_ns},
    store::past::Looked,
};

/// How long to wait before the next connection is taken where one could not be.
const REST: Duration = Duration::from_millis(100);

/// How often it is looked whether anybody still looks.
const LOOK: Duration = Duration::from_secs(1);

/// What waits to be put on the desk.
const TOLD: usize = 4_096;

/// The whole answer to a connection too many.
const TOO_MANY: &[u8] = b"\
HTTP/1.1 503 Service Unavailable\r\n\
connection: close\r\n\
content-length: 32\r\n\r\n\
too many ask already: try later\n";

/// Starts the thread; it lives as long as the process.
pub(super) fn start(page: Page, line: Inside, history: History) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || serve(&runtime, page, line, history);
    thread::Builder::new().name("web".into()).spawn(run).map(drop)
}

fn serve(runtime: &Runtime, page: Page, line: Inside, history: History) {
    let (told, tells) = channel(TOLD);
    let Page { listener, secrets, stats, .. } = page;
    let door = Rc::new(Door {
        line,
        secrets,
        stats,
        desk: RefCell::default(),
        told,
        ends: RefCell::default(),
        asking: Semaphore::new(1),
        history: history.map(Arc::new),
        reading: Arc::new(Semaphore::new(1)),
        status: RefCell::default(),
        rules: RefCell::default(),
        open: Cell::new(0),
        streams: Cell::new(0),
    });
    // For as long as there is a page: it costs no hook, and who opens the page sees what was.
    door.watch(Watched::Alerts, Arc::default());
    let tasks = LocalSet::new();
    tasks.spawn_local(keep_desk(Rc::clone(&door), tells));
    tasks.block_on(runtime, take_connections(door, listener));
}

/// Puts on the desk what feeds tell, and stops watching when nobody looks.
async fn keep_desk(door: Rc<Door>, mut tells: Receiver<Told>) {
    loop {
        match timeout(LOOK, tells.recv()).await {
            Ok(None) => return,
            Ok(Some(told)) => door.take_in(told),
            Err(_) => {}
        }
        let now_s = now_s();
        let mut desk = door.desk.borrow_mut();
        if desk.is_left(now_s) {
            desk.stop();
            door.ends.take().iter().for_each(|ends| ends.store(true, Ordering::Release));
        }
    }
}

async fn take_connections(door: Rc<Door>, listener: Listener) {
    let taken = match listener {
        Listener::Tcp(listener) => match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => loop {
                door.admit(listener.accept().await.map(|(stream, _)| stream)).await;
            },
            Err(error) => error,
        },
        Listener::Unix(listener) => match tokio::net::UnixListener::from_std(listener) {
            Ok(listener) => loop {
                door.admit(listener.accept().await.map(|(stream, _)| stream)).await;
            },
            Err(error) => error,
        },
    };
    tracing::error!(error = %taken, "the web page cannot be served");
}

pub(super) fn now_s() -> i64 {
    clock_offset_ns().saturating_add_unsigned(boottime_ns()).div_euclid(1_000_000_000)
}

/// What the line said, and when.
pub(super) type Known = RefCell<Option<(Instant, Rc<Value>)>>;

/// What all connections share. They take turns on one thread.
pub(super) struct Door {
    pub(super) line: Inside,
    pub(super) secrets: Secrets,
    pub(super) stats: Arc<Stats>,
    pub(super) desk: RefCell<Desk>,
    told: Sender<Told>,
    /// What ends the watching of events.
    ends: RefCell<Option<Arc<AtomicBool>>>,
    /// Who has it asks the line; the others wait for what comes of that.
    pub(super) asking: Semaphore,
    pub(super) history: Result<Arc<Looked>, String>,
    /// Who has it reads the store.
    pub(super) reading: Arc<Semaphore>,
    pub(super) status: Known,
    pub(super) rules: Known,
    open: Cell<usize>,
    pub(super) streams: Cell<usize>,
}

/// Of a connection whose answer is a stream: what is gone when no more of that comes.
pub(super) type Over = RefCell<Option<oneshot::Receiver<()>>>;

impl Door {
    fn watch(&self, watched: Watched, ends: Arc<AtomicBool>) {
        if let Err(error) = feeds::watch(watched, self.line.clone(), self.told.clone(), ends) {
            let trouble = Some(format!("nothing is watched: {error}"));
            self.desk.borrow_mut().feed(watched).trouble = trouble;
        }
    }

    fn take_in(&self, told: Told) {
        let mut desk = self.desk.borrow_mut();
        match told {
            Told::Seen(seen) if desk.is_asked => desk.note(*seen),
            Told::Seen(_) => {}
            Told::Raised(kept) => desk.raise(*kept),
            Told::Late(watched, late) => desk.feed(watched).late = late,
            Told::Goes(watched, trouble) => desk.goes(watched, trouble, now_s()),
        }
    }

    /// Somebody looks: events are watched from now on.
    pub(super) fn look(&self) {
        if self.desk.borrow_mut().ask(now_s()) {
            let ends = Arc::<AtomicBool>::default();
            *self.ends.borrow_mut() = Some(Arc::clone(&ends));
            self.watch(Watched::Events, ends);
        }
    }

    /// Serves a connection, if there is room for one more.
    async fn admit<S>(self: &Rc<Self>, stream: io::Result<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection to the web page cannot be taken");
                return sleep(REST).await;
            }
        };
        if self.open.get() >= WEB_CLIENTS {
            counted(&self.stats.too_many);
            // As far as it goes without waiting.
            let write = |cx: &mut Context<'_>| {
                Poll::Ready(Pin::new(&mut stream).poll_write(cx, TOO_MANY).is_ready())
            };
            let _written: bool = poll_fn(write).await;
            return;
        }
        self.open.set(self.open.get() + 1);
        let door = Rc::clone(self);
        spawn_local(async move {
            door.serve(stream).await;
            door.open.set(door.open.get().saturating_sub(1));
        });
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(self: &Rc<Self>, stream: S) {
        let over = Rc::new(Over::default());
        let service = service_fn(|request| {
            let (door, over) = (Rc::clone(self), Rc::clone(&over));
            async move { Ok::<_, Infallible>(door.answer(&request, &over).await) }
        });
        let mut http = http1::Builder::new();
        // One request for each, so that the bound of its time is that of the connection.
        http.keep_alive(false).max_buf_size(WEB_HEADER_BYTES);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut ended = timeout(WEB_PATIENCE, &mut connection).await;
        let stream_over = over.borrow_mut().take();
        if let (Err(_), Some(mut over)) = (&ended, stream_over) {
            let either = |cx: &mut Context<'_>| match connection.as_mut().poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending => Pin::new(&mut over).poll(cx).map(|_| None),
            };
            ended = match poll_fn(either).await {
                Some(ended) => Ok(ended),
                // What is on its way still goes.
                None => timeout(WEB_PATIENCE, &mut connection).await,
            };
        }
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection to the web page ended");
                counted(&self.stats.broken);
            }
            Err(_) => counted(&self.stats.slow),
        }
    }
}
