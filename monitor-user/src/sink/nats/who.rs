//! Who this is, for servers that ask. None of it is ever shown.

use std::io;

use serde_json::{Value, json};

use crate::{config::secret::Secret, reach::Reach};

/// What is shown to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Who {
    /// Nothing; perhaps a certificate is enough.
    #[default]
    Anybody,
    /// A user, and that one's password.
    User(String, Secret),
    /// A token.
    Token(Secret),
}

impl Who {
    /// What nobody else may know.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Anybody => None,
            Self::User(_, secret) | Self::Token(secret) => Some(secret),
        }
    }

    /// Puts it where a server looks for it.
    pub(super) fn show(&self, options: &mut Value, reach: &dyn Reach) -> io::Result<()> {
        let shown = match self {
            Self::Anybody => Vec::new(),
            Self::User(user, password) => {
                vec![("user", json!(user)), ("pass", json!(password.read(reach)?))]
            }
            Self::Token(token) => vec![("auth_token", json!(token.read(reach)?))],
        };
        let shown = shown.into_iter().map(|(name, value)| (name.to_owned(), value));
        if let Some(options) = options.as_object_mut() {
            options.extend(shown);
        }
        Ok(())
    }
}
