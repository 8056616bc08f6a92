//! The web page: what happens on this host, for a browser on this host.
//!
//! A thread of its own takes connections on the loopback interface or on a socket, and nowhere
//! else. It asks the line as a client of the control socket does, and only questions: it changes
//! nothing. Events are watched only while somebody looks.
//!
//! Who opens the page has to have the token: it is made at start, is in a file that only its owner
//! reads, and is changed for a cookie that scripts cannot read.

mod answers;
mod desk;
mod feeds;
mod guard;
mod page;
mod secret;
mod server;
mod story;
#[cfg(test)]
mod tests;
mod views;

use std::{
    fs, io,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    config::WebListen, control::Inside, document::heartbeat::WebCounters, instance::web_path,
    store::past::Looked,
};
use secret::Secrets;

/// What became of requests, since start.
#[derive(Debug, Default)]
pub struct Stats {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    too_many: AtomicU64,
    slow: AtomicU64,
    broken: AtomicU64,
}

impl Stats {
    /// The numbers of this moment.
    #[must_use]
    pub fn counters(&self) -> WebCounters {
        WebCounters {
            answered: self.answered.load(Relaxed),
            refused: self.refused.load(Relaxed),
            failed: self.failed.load(Relaxed),
            too_many: self.too_many.load(Relaxed),
            slow: self.slow.load(Relaxed),
            broken: self.broken.load(Relaxed),
        }
    }
}

fn counted(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Where connections come from.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The store with the alerts of the past, or why it cannot be looked at.
pub type History = Result<Looked, String>;

/// The page, on its place; nobody is answered yet.
pub struct Page {
    listener: Listener,
    secrets: Secrets,
    stats: Arc<Stats>,
    address: String,
}

impl Page {
    /// Takes the place, and writes down for the owner of `run_dir` how to open the page.
    ///
    /// # Errors
    ///
    /// The place is taken, or the file cannot be written.
    pub fn open(listen: &WebListen, run_dir: &Path, name: &str) -> io::Result<Self> {
        let (listener, address) = match listen {
            WebListen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                let address = format!("http://{}/", listener.local_addr()?);
                (Listener::Tcp(listener), address)
            }
            WebListen::Unix(path) => (Listener::Unix(socket(path)?), said_socket(path)),
        };
        let secrets = Secrets::new(name)?;
        let opened = match listen {
            WebListen::Tcp(_) => format!("{address}#token={}\n", secrets.token()),
            // From which port a browser is led there is not known here.
            WebListen::Unix(_) => format!("{address} #token={}\n", secrets.token()),
        };
        secret::write(&web_path(run_dir, name), &opened)?;
        Ok(Self { listener, secrets, stats: Arc::default(), address })
    }

    /// Where it is, without the token.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its counters.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Answers from now on; the line is asked by `line`.
    ///
    /// # Errors
    ///
    /// There is no room for a thread.
    pub fn serve(self, line: Inside, history: History) -> io::Result<()> {
        server::start(self, line, history)
    }
}

fn said_socket(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// A socket that only its owner opens; one that was left behind is replaced, another file is not.
fn socket(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt as _;
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            fs::remove_file(path)?;
        }
        Ok(_) => {
            let what = "something else than a socket is there";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
