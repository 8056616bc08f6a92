//! The daemon's end of the socket.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt::PeerCredentials};

use super::{Answer, Inside, Peer, Refusal, Request, request::line, watching::Show};
use crate::{
    document::Sender,
    limits::{CONTROL_BYTES, CONTROL_CLIENTS},
    live::Bell,
    subscriber::Subscriber,
};

/// How long a client may take to say what it wants, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait after a connection could not be taken, as where there are no descriptors.
const REST: Duration = Duration::from_millis(100);

/// The open socket. It is gone when this is dropped.
pub struct Control {
    path: PathBuf,
    listener: UnixListener,
    asked: Receiver<Asked>,
    inside: Inside,
    ends: Arc<AtomicBool>,
}

/// A request that waits for its answer.
pub struct Asked {
    /// What is asked for.
    pub request: Request,
    /// Who asks.
    pub peer: Peer,
    /// Who is to look on, where that is asked for.
    pub subscriber: Option<Subscriber>,
    pub(super) answer: SyncSender<Answer>,
}

impl Asked {
    /// Answers it.
    pub fn answer(self, answer: Answer) {
        // Who asked may have gone; there is room for the one answer.
        drop(self.answer.try_send(answer));
    }
}

impl Control {
    /// Opens the socket; the bell is rung for each request, and `sender` is who documents say that
    /// they are from. Who holds the instance's place may replace a socket that was left behind.
    ///
    /// # Errors
    ///
    /// The socket cannot be made, or there is no room for a thread.
    pub fn open(path: &Path, bell: Bell, documents_of: Sender) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        // Who asks is looked at in any case; this keeps others from trying.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let (sender, asked) = sync_channel(CONTROL_CLIENTS);
        let ends = Arc::new(AtomicBool::new(false));
        let owner = nix::unistd::geteuid().as_raw();
        let documents_of = Arc::new(documents_of);
        let inside = Inside { sender, bell, documents_of };
        let door = Door { inside: inside.clone(), owner, open: Arc::default() };
        let (incoming, ended) = (listener.try_clone()?, Arc::clone(&ends));
        thread::Builder::new()
            .name("control".into())
            .spawn(move || take_connections(&incoming, &door, &ended))?;
        Ok(Self { path: path.to_owned(), listener, asked, inside, ends })
    }

    /// How other threads of the daemon ask, without the socket.
    #[must_use]
    pub fn inside(&self) -> Inside {
        self.inside.clone()
    }

    /// The next request, if one waits.
    pub fn next(&self) -> Option<Asked> {
        self.asked.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // Wakes the thread that waits for connections.
        if let Err(error) = shutdown(self.listener.as_raw_fd(), Shutdown::Both) {
            tracing::debug!(%error, "the control socket is not shut down");
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the control socket stays");
        }
    }
}

/// What each connection needs.
#[derive(Clone)]
struct Door {
    inside: Inside,
    /// Who made the socket: whom the daemon becomes later is not who may ask.
    owner: u32,
    /// Connections that are served now, without those of who looks on.
    open: Arc<AtomicUsize>,
}

fn take_connections(listener: &UnixListener, door: &Door, ends: &AtomicBool) {
    loop {
        let taken = listener.accept();
        if ends.load(Ordering::Acquire) {
            return;
        }
        match taken {
            Ok((stream, _)) => door.take(stream),
            Err(error) => {
                tracing::debug!(%error, "a control connection cannot be taken");
                thread::sleep(REST);
            }
        }
    }
}

impl Door {
    fn take(&self, stream: UnixStream) {
        if self.open.fetch_add(1, Ordering::AcqRel) >= CONTROL_CLIENTS {
            self.open.fetch_sub(1, Ordering::AcqRel);
            let error = format!("{CONTROL_CLIENTS} others ask already: try again");
            return reply(&stream, &Err(Refusal::failure(error)));
        }
        let door = self.clone();
        let serve = move || {
            let show = door.serve(&stream);
            // Who looks on keeps nobody from asking; there is a bound of its own for those.
            door.open.fetch_sub(1, Ordering::AcqRel);
            if let Some(show) = show {
                show.run(&stream, door.inside.documents_of());
            }
        };
        if thread::Builder::new().name("control".into()).spawn(serve).is_err() {
            self.open.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Answers; what is to be shown then, if that was asked for.
    fn serve(&self, stream: &UnixStream) -> Option<Show> {
        let mut show = None;
        let answer = self.answer(stream, &mut show);
        reply(stream, &answer);
        show.filter(|_| answer.is_ok())
    }

    fn answer(&self, stream: &UnixStream, show: &mut Option<Show>) -> Answer {
        let peer = peer(stream, self.owner)?;
        let line = read_line(stream)?;
        let request = Request::parse(&line)?;
        let mut subscriber = None;
        if let Request::Watch { wish } = &request {
            let (looks_on, of_it) = Show::new(wish).map_err(Refusal::usage)?;
            (subscriber, *show) = (Some(looks_on), Some(of_it));
        }
        self.inside.pass_on(request, peer, subscriber)
    }
}

/// Who is at the other end, if that one may ask.
fn peer(stream: &UnixStream, owner: u32) -> Result<Peer, Refusal> {
    let found = getsockopt(stream, PeerCredentials)
        .map_err(|error| Refusal::failure(format!("it is not known who asks: {error}")))?;
    let peer = Peer { uid: found.uid(), pid: found.pid() };
    if may_ask(peer, owner) {
        return Ok(peer);
    }
    tracing::warn!(uid = peer.uid, pid = peer.pid, "a control request was refused");
    Err(Refusal::failure("only root and the user who started the daemon may ask"))
}

pub(super) fn may_ask(peer: Peer, owner: u32) -> bool {
    peer.uid == 0 || peer.uid == owner
}

/// The line that a client sends, as far as it does so in time.
fn read_line(mut stream: &UnixStream) -> Result<Vec<u8>, Refusal> {
    let deadline = Instant::now() + PATIENCE;
    let mut line = Vec::new();
    let mut part = [0; 512];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::usage("the request does not come in time"));
        }
        stream.set_read_timeout(Some(left)).map_err(unreadable)?;
        let count = match stream.read(&mut part) {
            Ok(0) => return Ok(line),
            Ok(count) => count,
            Err(error) if is_timeout(&error) => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let read = part.get(..count).unwrap_or_default();
        let end = read.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(read.get(..end.unwrap_or(count)).unwrap_or_default());
        if line.len() > CONTROL_BYTES {
            return Err(Refusal::usage(format!("a request has at most {CONTROL_BYTES} bytes")));
        }
        if end.is_some() {
            return Ok(line);
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn unreadable(error: io::Error) -> Refusal {
    Refusal::failure(format!("the request cannot be read: {error}"))
}

fn reply(mut stream: &UnixStream, answer: &Answer) {
    let written = stream.set_write_timeout(Some(PATIENCE));
    let written = written.and_then(|()| stream.write_all(line(answer).as_bytes()));
    if let Err(error) = written {
        tracing::debug!(%error, "a control answer is not taken");
    }
}
