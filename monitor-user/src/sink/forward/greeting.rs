//! What a receiver with a shared key asks for first: HELO, PING, PONG. Neither side tells its key.

use std::io::{self, Read, Write};

use serde::{Deserialize, de::DeserializeOwned};
use serde_bytes::{ByteBuf, Bytes};
use sha2::{Digest as _, Sha512};

use super::message::unread;
use crate::{config::secret::Secret, limits::SINK_ANSWER_BYTES, reach::Reach};

/// What both sides know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The key.
    pub shared_key: Secret,
    /// Name and password, for receivers that ask for them, too.
    pub user: Option<(String, Secret)>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// What the receiver says first.
#[derive(Deserialize)]
struct Helo(String, HeloOptions);

#[derive(Deserialize)]
struct HeloOptions {
    nonce: ByteBuf,
    #[serde(default)]
    auth: ByteBuf,
}

/// What the receiver says of the answer.
#[derive(Deserialize)]
struct Pong(String, bool, String, String, String);

impl Secrets {
    /// The key, and the password if there is one.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        [&self.shared_key].into_iter().chain(self.user.as_ref().map(|(_, password)| password))
    }

    /// Shows the receiver that the key is known here, and has it show that it knows it.
    ///
    /// # Errors
    ///
    /// It does not, or does not take this one; or files cannot be read.
    pub(super) fn greet(
        &self,
        connection: &mut (impl Read + Write),
        hostname: &str,
        reach: &dyn Reach,
    ) -> io::Result<()> {
        let shared_key = self.shared_key.read(reach)?;
        let Helo(word, HeloOptions { nonce, auth }) = read(connection)?;
        if word != "HELO" {
            return Err(refused("it does not begin with HELO, as one with a shared key does"));
        }
        let mut salt = [0; 16];
        rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())?;
        let digest = |host: &[u8]| hash(&[&salt, host, &nonce, shared_key.as_bytes()]);
        let (user, password) = match &self.user {
            Some((user, password)) if !auth.is_empty() => {
                let password = password.read(reach)?;
                (&**user, hash(&[&auth, user.as_bytes(), password.as_bytes()]))
            }
            _ => ("", String::new()),
        };
        let own = digest(hostname.as_bytes());
        let ping = ("PING", hostname, Bytes::new(&salt), own, user, password);
        let ping = rmp_serde::to_vec(&ping).map_err(io::Error::other)?;
        connection.write_all(&ping)?;
        connection.flush()?;
        let Pong(word, is_taken, why, host, shown) = read(connection)?;
        match (word.as_str(), is_taken) {
            ("PONG", true) if shown == digest(host.as_bytes()) => Ok(()),
            ("PONG", true) => Err(refused("it does not know the shared key")),
            ("PONG", false) => Err(refused(&format!("it refuses: {why}"))),
            _ => Err(refused("it does not answer with PONG")),
        }
    }
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha512::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned())
}

fn read<T: DeserializeOwned>(connection: &mut impl Read) -> io::Result<T> {
    let bounded = &mut connection.take(SINK_ANSWER_BYTES);
    rmp_serde::from_read(bounded).map_err(|error| {
        unread(error, |error| {
            refused(&format!("it does not greet as one with a shared key: {error}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, time::Duration};

    use super::*;
    use crate::sink::trouble::{Trouble, Why};

    #[test]
    fn who_does_not_greet_is_not_who_refuses() {
        let secrets = Secrets { shared_key: Secret::Said("k".to_owned()), user: None };
        let (mut near, far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let mut greeted =
            || Why::from(secrets.greet(&mut near, "h", &crate::reach::Direct).unwrap_err());
        assert_eq!(greeted().trouble, Trouble::NoAnswer);
        (&far).write_all(b"\xc0").unwrap();
        assert_eq!(greeted().trouble, Trouble::NotAllowed);
        drop(far);
        assert_eq!(greeted().trouble, Trouble::HangsUp);
    }
}
