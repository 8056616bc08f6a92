//! Acts on sockets.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};

use clap::ValueEnum;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, connect as connect_socket,
    sendmsg, socket,
};

use super::ring::Polled;
use super::{Report, ring, sys};

/// The kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// A stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// The interface to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Call {
    /// The system call.
    Libc,
    /// A request in an io_uring: no system call of the act's own.
    IoUring,
    /// The same in a ring that a thread of the kernel looks into (SQPOLL): no system call at all.
    Polled,
}

/// A socket of the address's family.
pub(super) fn new_socket(protocol: Protocol, address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    Ok(socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?)
}

/// Connects; a refused connection is an outcome.
pub fn connect(protocol: Protocol, address: SocketAddr, call: Call) -> io::Result<Report> {
    let socket = new_socket(protocol, address)?;
    let name = SockaddrStorage::from(address);
    let result = match call {
        Call::Libc => connect_socket(socket.as_raw_fd(), &name).map_err(io::Error::from),
        Call::IoUring => ring::connect(&socket, &name, Polled::No)?.map(drop),
        Call::Polled => ring::connect(&socket, &name, Polled::Yes)?.map(drop),
    };
    Report::new("connect").address(address).outcome(result)
}

/// Connects a socket that is known by its number, and closes it.
pub(super) fn connect_number(socket: i64, address: SocketAddr) -> io::Result<()> {
    let number = i32::try_from(socket).map_err(io::Error::other)?;
    let result = connect_socket(number, &SockaddrStorage::from(address));
    sys::close_number(number);
    Ok(result?)
}

/// Sends without a connection.
pub fn sendto(address: SocketAddr, call: Call) -> io::Result<Report> {
    const DATA: &[u8] = b"trigger";
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    let name = SockaddrStorage::from(address);
    let result = match call {
        Call::Libc => socket.send_to(DATA, address).map(drop),
        Call::IoUring => ring::send(&socket.into(), &name, DATA, Polled::No)?.map(drop),
        Call::Polled => ring::send(&socket.into(), &name, DATA, Polled::Yes)?.map(drop),
    };
    Report::new("sendto").address(address).outcome(result)
}

/// Connects by sending.
pub fn fast_open(address: SocketAddr) -> io::Result<Report> {
    let socket = new_socket(Protocol::Tcp, address)?;
    let flags = MsgFlags::from_bits_retain(libc::MSG_FASTOPEN);
    let name = SockaddrStorage::from(address);
    let data = [IoSlice::new(b"trigger")];
    let result = sendmsg(socket.as_raw_fd(), &data, &[], flags, Some(&name));
    Report::new("fast-open").address(address).outcome(result.map_err(io::Error::from))
}

/// Accepts a connection from this very process; the report has the listener's address.
pub fn accept(address: SocketAddr) -> io::Result<Report> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let client = TcpStream::connect(address)?;
    let result = listener.accept();
    let port = client.local_addr()?.port();
    Report::new("accept").address(address).number("client_port", port.into()).outcome(result)
}
