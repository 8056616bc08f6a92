//! What an event answers for a field.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::IpAddr;
use std::ops::ControlFlow;

/// Why a fact that exists is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unknown {
    /// It may still arrive: the rule waits for it.
    Pending,
    /// It will not arrive, for the named reason (`not_permitted`, `gone`, `not_in_bundle` …): the
    /// comparison is false at once, and the alert names the field.
    Never(&'static str),
}

/// The answer of an event for one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'e> {
    /// The event has no such thing: every comparison with it is false.
    Absent,
    /// There is such a thing, but it is not known.
    Unknown(Unknown),
    /// Yes or no.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Bytes; paths and arguments are not always UTF-8.
    Str(Cow<'e, [u8]>),
    /// An address, IPv4-mapped IPv6 already made IPv4.
    Ip(IpAddr),
}

/// What a field with several values calls for each of them; it says whether to go on.
pub type Visit<'v, 'e> = dyn FnMut(Value<'e>) -> ControlFlow<()> + 'v;

impl<'e> Value<'e> {
    /// A string value that borrows from the event.
    #[must_use]
    pub fn str(text: &'e (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self::Str(Cow::Borrowed(text.as_ref()))
    }

    /// A string value that was made for this call. It allocates: not for fields that rules test on
    /// every event.
    #[must_use]
    pub fn owned(text: impl Into<Vec<u8>>) -> Self {
        Self::Str(Cow::Owned(text.into()))
    }

    /// The value of an option: `Absent` for `None`.
    #[must_use]
    pub fn or_absent(value: Option<Self>) -> Self {
        value.unwrap_or(Self::Absent)
    }

    /// Appends the value as outputs show it: `<NA>` for what is absent or unknown.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent | Self::Unknown(_) => out.extend_from_slice(b"<NA>"),
            Self::Bool(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
            Self::Int(number) => write_display(out, number),
            Self::Str(text) => out.extend_from_slice(text),
            Self::Ip(ip) => write_display(out, ip),
        }
    }

    /// The value as a detached copy, for reports that outlive the event.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Absent => Value::Absent,
            Self::Unknown(unknown) => Value::Unknown(unknown),
            Self::Bool(yes) => Value::Bool(yes),
            Self::Int(number) => Value::Int(number),
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Ip(ip) => Value::Ip(ip),
        }
    }
}

/// Writing to a vector cannot fail.
fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").unwrap_or_default();
}

impl From<bool> for Value<'_> {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<IpAddr> for Value<'_> {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}
