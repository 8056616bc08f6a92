//! The keys of the configuration as data, so that their reference is made from what is parsed.

use super::text::Unusable;

/// A key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What it is where it is left out, as YAML; None: see what it is for.
    pub default: Option<&'static str>,
}

/// Keys that can be set one by one.
pub(super) trait Set {
    /// Puts what is written as YAML in the place of a key's value.
    fn set(&mut self, key: &str, yaml: &str) -> Result<(), Unusable>;
}

/// A struct of keys, each with one line of documentation and, behind `=`, its default.
macro_rules! keys {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                #[doc = $doc:literal]
                $(#[serde($serde:meta)])?
                pub $key:ident: $ty:ty $(= $default:literal)?,
            )*
        }
    ) => {
        $(#[$meta])*
        pub struct $name {
            $(
                #[doc = $doc]
                $(#[serde($serde)])?
                pub $key: $ty,
            )*
        }

        impl $name {
            /// Its keys, for the reference.
            pub const KEYS: &[Key] = &[$(Key {
                name: stringify!($key),
                doc: $doc,
                default: default!($($default)?),
            }),*];
        }

        impl Set for $name {
            fn set(&mut self, key: &str, yaml: &str) -> Result<(), Unusable> {
                match key {
                    $(stringify!($key) => self.$key = text::value(yaml)?,)*
                    _ => return Err(text::unknown_key(key, Self::KEYS)),
                }
                Ok(())
            }
        }
    };
}

macro_rules! default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}
