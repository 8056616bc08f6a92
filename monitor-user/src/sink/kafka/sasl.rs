//! How a broker is shown who this is: by name and password (PLAIN), or without telling the
//! password, and with the broker showing that it knows it, too (SCRAM, RFC 5802).

use std::{io, num::NonZeroU32};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::{digest, hmac, pbkdf2};

use crate::{config::secret::Secret, reach::Reach};

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The password is told.
    Plain,
    /// With SHA-256.
    ScramSha256,
    /// With SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// All, as people write them.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("plain", Self::Plain),
        ("scram-sha-256", Self::ScramSha256),
        ("scram-sha-512", Self::ScramSha512),
    ];

    /// As brokers call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Who this is. The password is never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// How it is shown.
    pub mechanism: Mechanism,
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Rounds of hashing that a broker may want: each takes time.
const ROUNDS: u32 = 1_000_000;

impl Login {
    /// Shows it by what `say` says to the broker, and what that answers.
    ///
    /// # Errors
    ///
    /// The broker does not answer as it should, or `say` fails.
    pub(super) fn show(
        &self,
        nonce: &str,
        reach: &dyn Reach,
        mut say: impl FnMut(&[u8]) -> io::Result<Vec<u8>>,
    ) -> io::Result<()> {
        let password = self.password.read(reach)?;
        if self.mechanism == Mechanism::Plain {
            say(format!("\0{}\0{password}", self.user).as_bytes())?;
            return Ok(());
        }
        let user = self.user.replace('=', "=3D").replace(',', "=2C");
        let first = format!("n={user},r={nonce}");
        let answer = say(format!("n,,{first}").as_bytes())?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (last, expected) =
            self.proof(&password, (&first, nonce), &answer).ok_or_else(strange)?;
        let answer = say(last.as_bytes())?;
        let answer = String::from_utf8_lossy(&answer);
        let shown = field(&answer, "v").and_then(|text| BASE64_STANDARD.decode(text).ok());
        // It shows that it knows the password; nothing secret hangs on how long this takes.
        if shown.as_deref() != Some(&*expected) {
            return Err(refused("it does not know the password"));
        }
        Ok(())
    }

    /// What is said last, and what the broker has to show then.
    fn proof(
        &self,
        password: &str,
        (first, nonce): (&str, &str),
        answer: &str,
    ) -> Option<(String, Vec<u8>)> {
        let (hash, keyed, stretched) = match self.mechanism {
            Mechanism::Plain => return None,
            Mechanism::ScramSha256 => {
                (&digest::SHA256, hmac::HMAC_SHA256, pbkdf2::PBKDF2_HMAC_SHA256)
            }
            Mechanism::ScramSha512 => {
                (&digest::SHA512, hmac::HMAC_SHA512, pbkdf2::PBKDF2_HMAC_SHA512)
            }
        };
        let both = field(answer, "r").filter(|both| both.starts_with(nonce))?;
        let salt = BASE64_STANDARD.decode(field(answer, "s")?).ok()?;
        let rounds = field(answer, "i")?.parse::<NonZeroU32>().ok()?;
        if rounds.get() > ROUNDS {
            return None;
        }
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(stretched, rounds, &salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], what: &[u8]| hmac::sign(&hmac::Key::new(keyed, key), what);
        let last = format!("c=biws,r={both}");
        let said = format!("{first},{answer},{last}");
        let own = sign(&salted, b"Client Key");
        let stored = digest::digest(hash, own.as_ref());
        let signature = sign(stored.as_ref(), said.as_bytes());
        let pairs = own.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = pairs.map(|(one, other)| one ^ other).collect();
        let others = sign(&salted, b"Server Key");
        let expected = sign(others.as_ref(), said.as_bytes()).as_ref().to_owned();
        Some((format!("{last},p={}", BASE64_STANDARD.encode(proof)), expected))
    }
}

/// The value behind a name in `a=…,b=…`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn strange() -> io::Error {
    refused("it does not answer as SCRAM has it")
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(mechanism: Mechanism) -> Login {
        Login { mechanism, user: "user".to_owned(), password: Secret::Said("pencil".to_owned()) }
    }

    /// What is said where the broker answers with these, and what comes of it.
    fn said(login: &Login, nonce: &str, answers: &[&str]) -> (Vec<String>, Result<(), String>) {
        let (mut said, mut answers) = (Vec::new(), answers.iter());
        let end = login.show(nonce, &crate::reach::Direct, |bytes| {
            said.push(String::from_utf8(bytes.to_owned()).unwrap());
            Ok(answers.next().unwrap().as_bytes().to_owned())
        });
        (said, end.map_err(|error| error.to_string()))
    }

    /// The conversation of RFC 7677.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn scram_is_as_its_example() {
        let (said, end) = said(&login(Mechanism::ScramSha256), NONCE, &[FIRST, LAST]);
        assert_eq!(end, Ok(()));
        assert_eq!(said[0], format!("n,,n=user,r={NONCE}"));
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let expected = format!("c=biws,r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p={proof}");
        assert_eq!(said[1], expected);
    }

    #[test]
    fn who_does_not_know_the_password_is_found_out() {
        let login = login(Mechanism::ScramSha256);
        let wrong = LAST.replace("6rri", "7rri");
        let (_, end) = said(&login, NONCE, &[FIRST, &wrong]);
        assert_eq!(end, Err("it does not know the password".to_owned()));
        for first in [
            "",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            &*FIRST.replace("4096", "0"),
            &*FIRST.replace("4096", "4000000000"),
            &*FIRST.replace("s=W22", "s=!"),
        ] {
            let (said, end) = said(&login, NONCE, &[first]);
            assert_eq!((said.len(), end), (1, Err(strange().to_string())), "{first}");
        }
    }

    #[test]
    fn plain_tells_and_debug_does_not() {
        let plain = login(Mechanism::Plain);
        assert_eq!(said(&plain, "", &[""]), (vec!["\0user\0pencil".to_owned()], Ok(())));
        assert!(!format!("{plain:?}").contains("pencil"));
        let odd = Login { user: "a=b,c".to_owned(), ..login(Mechanism::ScramSha512) };
        assert_eq!(said(&odd, "n", &[""]).0, ["n,,n=a=3Db=2Cc,r=n"]);
    }
}
