//! A connection to a broker.

use std::io::{self, Read as _, Write as _};

use super::{
    errors,
    requests::{self, Kind, SASL_AUTHENTICATE, SASL_HANDSHAKE},
    sasl::Login,
    wire::Writer,
};
use crate::{
    limits::KAFKA_ANSWER_BYTES,
    reach::Reach,
    sink::receiver::{Connection, Receiver},
};

/// A connection.
pub(super) struct Broker {
    connection: Connection,
    /// Number of the request before.
    asked: i32,
    /// Number of the answer before.
    answered: i32,
}

impl Broker {
    /// Makes one, and shows who this is, if that is said.
    pub(super) fn connect(receiver: &Receiver, login: Option<&Login>) -> io::Result<Self> {
        let mut this = Self { connection: receiver.connect()?, asked: 0, answered: 0 };
        if let Some(login) = login {
            this.show(login, &*receiver.reach)?;
        }
        Ok(this)
    }

    fn show(&mut self, login: &Login, reach: &dyn Reach) -> io::Result<()> {
        let name = login.mechanism.name();
        let answer = self.call(SASL_HANDSHAKE, &requests::sasl_handshake(name))?;
        let (error, known) = requests::read_sasl_handshake(&answer)?;
        if error != 0 {
            let why = errors::name(error);
            return Err(refused(&format!("{why}: {name}; it knows {}", known.join(", "))));
        }
        let mut random = [0; 18];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let nonce: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        login.show(&nonce, reach, |bytes| {
            let answer = self.call(SASL_AUTHENTICATE, &requests::sasl_authenticate(bytes))?;
            let (error, why, answer) = requests::read_sasl_authenticate(&answer)?;
            match error {
                0 => Ok(answer),
                _ => Err(refused(&format!("{}: {why}", errors::name(error)))),
            }
        })
    }

    /// Asks, and waits for the answer.
    pub(super) fn call(&mut self, kind: Kind, body: &Writer) -> io::Result<Vec<u8>> {
        self.ask(kind, body)?;
        self.answer()
    }

    /// Asks; the answer is to be waited for before the next question. One that was not would be
    /// taken for the answer to that, and records for delivered that are not.
    pub(super) fn ask(&mut self, kind: Kind, body: &Writer) -> io::Result<()> {
        if self.asked != self.answered {
            return Err(io::Error::other("nobody waited for an answer of this connection"));
        }
        self.asked = self.asked.wrapping_add(1);
        self.connection.write_all(&requests::request(kind, self.asked, body))?;
        self.connection.flush()
    }

    /// Waits for the answer to the last request.
    pub(super) fn answer(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 8];
        self.connection.read_exact(&mut head)?;
        let [a, b, c, d, e, f, g, h] = head;
        let (length, number) = (u32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]));
        self.answered = self.answered.wrapping_add(1);
        let rest = u64::from(length).checked_sub(4).filter(|rest| *rest <= KAFKA_ANSWER_BYTES);
        let Some(rest) = rest.filter(|_| number == self.answered) else {
            let what = "it does not speak Kafka, or wants TLS";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        };
        let mut answer = Vec::new();
        (&mut self.connection).take(rest).read_to_end(&mut answer)?;
        if answer.len() as u64 != rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::{reach::Direct, sink::receiver::Place};

    #[test]
    fn nothing_is_asked_before_what_was_asked_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = Place::Tcp("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
        let receiver = Receiver { place, tls: None, reach: Box::new(Direct) };
        let mut broker = Broker::connect(&receiver, None).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        broker.ask(requests::METADATA, &Writer::default()).unwrap();
        let error = broker.ask(requests::METADATA, &Writer::default()).unwrap_err();
        assert!(error.to_string().contains("nobody waited"), "{error}");
        there.write_all(&[0, 0, 0, 6, 0, 0, 0, 1, b'o', b'k']).unwrap();
        assert_eq!(broker.answer().unwrap(), b"ok");
        broker.ask(requests::METADATA, &Writer::default()).unwrap();
    }
}
