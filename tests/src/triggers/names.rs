//! A name is asked for, told, and gone to. The name server is this very process, so that nothing
//! leaves the machine and nobody else's server is needed.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use clap::ValueEnum;
use nix::sched::{CloneFlags, unshare};

use super::Report;

/// How the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// By a datagram to its address.
    Datagram,
    /// By a datagram of a socket that is connected to it.
    Connected,
    /// Over TCP.
    Tcp,
}

/// Whom to ask for what, and what to be told.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The name.
    pub name: &'a str,
    /// Where the server is.
    pub server: SocketAddr,
    /// The name's address.
    pub answer: IpAddr,
    /// The way.
    pub way: Way,
    /// A name that nobody asks for, and an address: the server tells of it as well.
    pub unasked: Option<(&'a str, IpAddr)>,
}

const ID: u16 = 0x7e57;
const PATIENCE: Duration = Duration::from_secs(5);
/// Where nobody listens.
const PORT: u16 = 1;

/// Asks, is told, and connects to what was told.
pub fn resolve(question: &Question<'_>) -> io::Result<Report> {
    match question.way {
        Way::Tcp => by_stream(question)?,
        Way::Datagram | Way::Connected => by_datagram(question)?,
    }
    let address = SocketAddr::new(question.answer, PORT);
    if let Some((_, ip)) = question.unasked {
        // That nobody listens is expected.
        drop(TcpStream::connect_timeout(&SocketAddr::new(ip, PORT), PATIENCE));
    }
    Report::new("resolve").address(address).outcome(TcpStream::connect(address))
}

/// A network of this process's own, with a loopback device that is up.
pub fn enter_own_network() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: all-zero bytes are a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(up).map_err(io::Error::other)?;
    // SAFETY: the request lives and is what this number takes.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn by_datagram(question: &Question<'_>) -> io::Result<()> {
    let server = UdpSocket::bind(question.server)?;
    let client = UdpSocket::bind(SocketAddr::new(question.server.ip(), 0))?;
    client.set_read_timeout(Some(PATIENCE))?;
    server.set_read_timeout(Some(PATIENCE))?;
    let asked = written(ID, question.name, question.answer, false);
    if question.way == Way::Connected {
        client.connect(question.server)?;
        client.send(&asked)?;
    } else {
        client.send_to(&asked, question.server)?;
    }
    let mut buffer = [0; 1500];
    let (_, from) = server.recv_from(&mut buffer)?;
    if let Some((name, ip)) = question.unasked {
        server.send_to(&written(ID + 1, name, ip, true), from)?;
        client.recv(&mut buffer)?;
    }
    server.send_to(&written(ID, question.name, question.answer, true), from)?;
    client.recv(&mut buffer)?;
    Ok(())
}

fn by_stream(question: &Question<'_>) -> io::Result<()> {
    let server = TcpListener::bind(question.server)?;
    let mut client = TcpStream::connect(question.server)?;
    let (mut served, _) = server.accept()?;
    let message = |is_answer| written(ID, question.name, question.answer, is_answer);
    pass(&mut client, &mut served, &message(false))?;
    pass(&mut served, &mut client, &message(true))
}

/// Sends a message from one end to the other, its length before it.
fn pass(from: &mut TcpStream, to: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    to.set_read_timeout(Some(PATIENCE))?;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    from.write_all(&[&length.to_be_bytes()[..], message].concat())?;
    let read = to.read(&mut [0; 1500])?;
    if read == message.len() + 2 {
        return Ok(());
    }
    Err(io::Error::other("the message came in parts"))
}

/// A question for the address of a name, or its answer.
fn written(id: u16, name: &str, ip: IpAddr, is_answer: bool) -> Vec<u8> {
    let mut labels = Vec::new();
    for label in name.split('.') {
        labels.push(label.len() as u8);
        labels.extend(label.as_bytes());
    }
    labels.push(0);
    let (record_type, data): (u8, Vec<u8>) = match ip {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (28, ip.octets().to_vec()),
    };
    let kind = [0, record_type, 0, 1];
    let flags = if is_answer { [0x81, 0x80] } else { [1, 0] };
    let counts = [0, 1, 0, u8::from(is_answer), 0, 0, 0, 0];
    let mut message = [&id.to_be_bytes()[..], &flags, &counts, &labels, &kind].concat();
    if is_answer {
        // Of the name that stands behind the header, good for no time at all.
        message.extend([0xc0, 12]);
        message.extend(kind);
        message.extend([0, 0, 0, 0, 0, data.len() as u8]);
        message.extend(data);
    }
    message
}
