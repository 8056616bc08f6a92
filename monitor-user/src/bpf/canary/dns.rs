//! A question to a name server of the canary's own, and its answer, on the loopback device.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

const PORT: u16 = 53;

/// Where the canary's server listens. Every address that starts with 127 is this host's, and
/// resolvers of its own use the first ones.
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 114, 109, 53);

/// A question for the address of `localhost`.
const QUESTION: &[u8; 27] = b"\x72\x6d\x01\0\0\x01\0\0\0\0\0\0\x09localhost\0\0\x01\0\x01";

/// Asks; false if it could not be done. `answered`: a question that cannot be answered does not do.
pub(super) fn ask(answered: bool) -> bool {
    match serve() {
        Ok(()) => true,
        // Another listens on that port of all addresses, or this process may not.
        Err(_) => !answered && send().is_ok(),
    }
}

fn serve() -> io::Result<()> {
    let server = UdpSocket::bind((SERVER, PORT))?;
    let client = UdpSocket::bind((SERVER, 0))?;
    client.set_read_timeout(Some(Duration::from_millis(200)))?;
    client.send_to(QUESTION, (SERVER, PORT))?;
    // The same with the bit that says that it is the answer.
    let mut answer = *QUESTION;
    if let Some(flags) = answer.get_mut(2) {
        *flags |= 0x80;
    }
    server.send_to(&answer, client.local_addr()?)?;
    client.recv(&mut answer)?;
    Ok(())
}

fn send() -> io::Result<()> {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.send_to(QUESTION, SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))?;
    Ok(())
}
