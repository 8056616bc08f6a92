//! A connection to a receiver: TCP, TLS over that, or a Unix socket. No wait on it is without end.

use std::{
    fmt, io,
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    net::{RecvFlags, Shutdown, recv, shutdown},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

use crate::{limits::SINK_FILE_BYTES, reach::Reach};

/// How long a connection may take to be made, and each read and write on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether a receiver hung up, where that is waited for.
const END_EVERY: Duration = Duration::from_millis(5);

/// Where a receiver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host, by name or address, and a port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Reads `HOST:PORT`, `[ADDRESS]:PORT` or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// It is none of them: what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            let is_whole = path.is_absolute();
            return if is_whole { Ok(Self::Unix(path)) } else { Err(is_none(text)) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| is_none(text))?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let is_host = !host.is_empty() && (bare.is_some() || !host.contains([':', '/', ' ']));
        match port.parse() {
            Ok(port) if port > 0 && is_host => Ok(Self::Tcp(host.to_owned(), port)),
            _ => Err(is_none(text)),
        }
    }
}

/// Reads the places of one receiver, with commas between them.
///
/// # Errors
///
/// One is none, or a Unix socket, which nobody of those who have several listens on.
pub fn parse_places(text: &str) -> Result<Vec<Place>, String> {
    let place = |text: &str| match Place::parse(text.trim())? {
        Place::Unix(_) => Err(format!("`{text}` is neither HOST:PORT nor [ADDRESS]:PORT")),
        place => Ok(place),
    };
    text.split(',').map(place).collect()
}

fn is_none(text: &str) -> String {
    format!("`{text}` is none of HOST:PORT, [ADDRESS]:PORT and unix:/PATH")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Whom to trust, and who this is. The files are read at each connection: certificates are renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates of who may certify the receiver; None: those that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Own certificate, for receivers that ask for one, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

impl TlsOptions {
    /// The files.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let own = self.own.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.ca_file.iter().chain(own).cloned().collect::<Vec<_>>().into_iter()
    }
}

/// How a receiver is reached that may be in several places.
pub struct Places {
    places: Vec<Place>,
    next: usize,
    receiver: Receiver,
}

impl Places {
    /// One that is first tried in the first place, of which there must be one.
    #[must_use]
    pub fn new(places: Vec<Place>, tls: Option<TlsOptions>, reach: Box<dyn Reach>) -> Self {
        let place = places.first().cloned().unwrap_or(Place::Tcp(String::new(), 0));
        Self { places, next: 0, receiver: Receiver { place, tls, reach } }
    }

    /// The place that is tried next.
    pub fn turn(&mut self) -> &Receiver {
        if let Some(place) = self.places.get(self.next) {
            self.receiver.place = place.clone();
        }
        self.next = (self.next + 1) % self.places.len().max(1);
        &self.receiver
    }

    /// One that this receiver told of.
    pub fn at(&mut self, place: Place) -> &Receiver {
        self.receiver.place = place;
        &self.receiver
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.len()
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.places.iter().map(ToString::to_string).collect();
        f.write_str(&places.join(","))
    }
}

/// How a receiver is reached.
pub struct Receiver {
    /// Where it is.
    pub place: Place,
    /// TLS, if it is to be spoken.
    pub tls: Option<TlsOptions>,
    /// How files are reached that this process may not open.
    pub reach: Box<dyn Reach>,
}

/// A connection.
pub enum Connection {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Receiver {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// Nobody is there, or is who it should be, or files cannot be read.
    pub fn connect(&self) -> io::Result<Connection> {
        self.connect_plain().and_then(|connection| self.secure(connection))
    }

    /// Makes one on which nothing is said yet, not even TLS.
    ///
    /// # Errors
    ///
    /// Nobody is there.
    pub fn connect_plain(&self) -> io::Result<Connection> {
        match &self.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Connection::Unix(stream))
            }
            Place::Tcp(host, port) => connect(host, *port).map(Connection::Tcp),
        }
    }

    /// Begins TLS on such a connection, if that is to be spoken.
    ///
    /// # Errors
    ///
    /// The receiver is not who it should be, or does not want this one, or files cannot be read.
    pub fn secure(&self, connection: Connection) -> io::Result<Connection> {
        match (connection, &self.tls, &self.place) {
            (Connection::Tcp(stream), Some(tls), Place::Tcp(host, _)) => {
                self.wrap(stream, host, tls)
            }
            (connection, ..) => Ok(connection),
        }
    }

    fn wrap(&self, stream: TcpStream, host: &str, tls: &TlsOptions) -> io::Result<Connection> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let config = self.config(tls)?;
        let client = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(client, stream);
        // Who it is, is known before anything is sent.
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection::Tls(Box::new(stream)))
    }

    fn config(&self, tls: &TlsOptions) -> io::Result<ClientConfig> {
        let read = |path: &PathBuf| {
            let bytes = self.reach.read(path, SINK_FILE_BYTES);
            bytes.map_err(|error| named(path, &error))
        };
        let mut roots = RootCertStore::empty();
        match &tls.ca_file {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                for certificate in CertificateDer::pem_slice_iter(&read(path)?) {
                    let certificate = certificate.map_err(|error| named(path, &error))?;
                    roots.add(certificate).map_err(|error| named(path, &error))?;
                }
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let Some((certificate, key)) = &tls.own else {
            return Ok(builder.with_no_client_auth());
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&read(certificate)?).collect();
        let chain = chain.map_err(|error| named(certificate, &error))?;
        let own = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| named(key, &error))?;
        builder.with_client_auth_cert(chain, own).map_err(|error| named(certificate, &error))
    }
}

impl Connection {
    /// The socket itself.
    pub fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.sock.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }

    /// Passes over what the receiver says, and waits for nothing.
    ///
    /// # Errors
    ///
    /// It hung up (`UnexpectedEof`), or the connection broke.
    pub fn pass_over(&mut self) -> io::Result<()> {
        let mut scratch = [0; 1024];
        let flags = match self {
            Self::Tls(_) => RecvFlags::DONTWAIT | RecvFlags::PEEK,
            Self::Tcp(_) | Self::Unix(_) => RecvFlags::DONTWAIT,
        };
        loop {
            match recv(self.socket(), &mut scratch, flags) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let Self::Tls(stream) = self else { continue };
            stream.conn.read_tls(&mut stream.sock)?;
            let state = stream.conn.process_new_packets().map_err(io::Error::other)?;
            let said = u64::try_from(state.plaintext_bytes_to_read()).unwrap_or_default();
            io::copy(&mut stream.conn.reader().take(said), &mut io::sink())?;
            if state.peer_has_closed() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Says that nothing more comes, and waits until the receiver hangs up, as it does when it has
    /// read all; whether it did so in time.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn end(&mut self, patience: Duration) -> io::Result<bool> {
        let begun = Instant::now();
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        shutdown(self.socket(), Shutdown::Write)?;
        loop {
            match self.pass_over() {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(true),
                Err(error) => return Err(error),
                Ok(()) if begun.elapsed() >= patience => return Ok(false),
                Ok(()) => std::thread::sleep(END_EVERY),
            }
        }
    }
}

fn named(path: &std::path::Path, error: &impl fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        for (text, place) in [
            ("siem:24224", Place::Tcp("siem".to_owned(), 24224)),
            ("10.0.0.1:1", Place::Tcp("10.0.0.1".to_owned(), 1)),
            ("[::1]:6514", Place::Tcp("::1".to_owned(), 6514)),
            ("unix:/run/f.sock", Place::Unix("/run/f.sock".into())),
        ] {
            assert_eq!(Place::parse(text), Ok(place.clone()));
            assert_eq!(place.to_string(), text);
        }
        for text in ["", "siem", ":1", "siem:0", "siem:65536", "::1:6514", "unix:run", "a b:1"] {
            assert!(Place::parse(text).unwrap_err().contains("is none of"), "{text}");
        }
    }
}
