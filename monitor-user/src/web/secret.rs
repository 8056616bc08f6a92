//! What shows that somebody may look: a token, and the cookie and the key that it is changed for.
//!
//! Browsers send a cookie to every port of a host, but keep what a page stores for that page alone,
//! port and all; and no script reads the cookie. Who takes one of the two has nothing.

use std::{
    fs::{self, OpenOptions},
    hint::black_box,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Bytes of a secret.
const BYTES: usize = 32;

/// All of them, as they are sent.
pub(super) struct Secrets {
    token: String,
    session: String,
    key: String,
    /// The beginning of the cookie's name.
    cookie: String,
}

impl Secrets {
    /// New ones, which nobody knows.
    pub(super) fn new(instance: &str) -> io::Result<Self> {
        let cookie = format!("runmon-{instance}");
        Ok(Self { token: random()?, session: random()?, key: random()?, cookie })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether this is the token.
    pub(super) fn is_token(&self, told: &str) -> bool {
        is_same(told.as_bytes(), self.token.as_bytes())
    }

    /// What the page keeps and says with each request.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is the key.
    pub(super) fn is_key(&self, told: &str) -> bool {
        is_same(told.as_bytes(), self.key.as_bytes())
    }

    /// What makes a browser keep the cookie until it is closed. Browsers keep cookies by host: each
    /// port has a name of its own, or the pages of two daemons would take it from one another.
    pub(super) fn set_cookie(&self, port: u16) -> String {
        format!("{}-{port}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.session)
    }

    /// Whether a list of cookies has that of a port.
    pub(super) fn is_in(&self, cookies: &str, port: u16) -> bool {
        let name = format!("{}-{port}", self.cookie);
        let named = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
        let mut own = named.filter(|(told, _)| *told == name);
        own.any(|(_, value)| is_same(value.as_bytes(), self.session.as_bytes()))
    }
}

/// Whether they are the same; how long that takes says nothing of where they differ.
fn is_same(told: &[u8], secret: &[u8]) -> bool {
    let differing = told.iter().zip(secret).fold(0, |sum, (one, other)| sum | (one ^ other));
    black_box(differing) == 0 && told.len() == secret.len()
}

fn random() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner reads.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // One that somebody else puts there meanwhile is not written to.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_again_and_nothing_else_is() {
        let (one, other) = (Secrets::new("default").unwrap(), Secrets::new("default").unwrap());
        assert_eq!(one.token().len(), 2 * BYTES);
        assert!(one.is_token(one.token()) && !one.is_token(other.token()));
        for wrong in ["", &one.token()[1..], &format!("{}0", one.token()), &one.session] {
            assert!(!one.is_token(wrong), "{wrong}");
        }
        let cookie = one.set_cookie(80);
        assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        assert!(one.is_in(cookie, 80) && one.is_in(&format!("a=b; {cookie}; c=d"), 80));
        assert!(!one.is_in(cookie, 81), "another port has another cookie");
        assert!(!other.is_in(cookie, 80));
        assert!(one.is_key(one.key()) && !one.is_key("") && !one.is_key(other.key()));
        assert!(!one.is_key(&one.session) && !one.is_key(one.token()));
        // Who knows the token only has not changed it yet.
        let token = format!("runmon-default-80={}", one.token());
        let stranger = format!("runmon-other-80={}", one.session);
        for wrong in ["", "runmon-default-80=", &token, &stranger] {
            assert!(!one.is_in(wrong, 80), "{wrong}");
        }
    }

    #[test]
    fn only_its_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("runmon-w-{}-secret", std::process::id()));
        for text in ["one", "two"] {
            write(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::remove_file(&path).unwrap();
    }
}
