//! Why a receiver gets nothing: as one of a few sorts, which heartbeats and metrics tell, and in
//! words, which the log has.

use std::io;

/// What keeps documents from a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It answers, and does not take them now.
    Answer,
    /// Its name leads to no address.
    NameUnresolved,
    /// Nobody is there.
    Unreachable,
    /// It says nothing in time.
    NoAnswer,
    /// It ends the connection.
    HangsUp,
    /// The time of its certificate is over.
    CertificateExpired,
    /// The time of its certificate is to come.
    CertificateNotYetValid,
    /// Its certificate is that of another one, or nobody who is trusted made it.
    CertificateUntrusted,
    /// It does not take the certificate of this side.
    OwnCertificate,
    /// It does not know, or does not let in, who this is.
    NotAllowed,
    /// Another one.
    Other,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Answer,
        Self::NameUnresolved,
        Self::Unreachable,
        Self::NoAnswer,
        Self::HangsUp,
        Self::CertificateExpired,
        Self::CertificateNotYetValid,
        Self::CertificateUntrusted,
        Self::OwnCertificate,
        Self::NotAllowed,
        Self::Other,
    ];

    /// What it is called in heartbeats and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "not_taken",
            Self::NameUnresolved => "name_unresolved",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no_answer",
            Self::HangsUp => "hangs_up",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateNotYetValid => "certificate_not_yet_valid",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::OwnCertificate => "own_certificate",
            Self::NotAllowed => "not_allowed",
            Self::Other => "other",
        }
    }

    /// Its number, from 1.
    pub(super) fn number(self) -> u8 {
        let place = Self::ALL.iter().position(|it| *it == self).unwrap_or_default();
        u8::try_from(place + 1).unwrap_or_default()
    }

    /// That of a number; 0: there is none.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// Why a try failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) trouble: Trouble,
    pub(super) text: String,
}

impl Why {
    pub(super) fn new(trouble: Trouble, text: impl Into<String>) -> Self {
        Self { trouble, text: text.into() }
    }
}

/// What a receiver said.
impl From<String> for Why {
    fn from(text: String) -> Self {
        Self::new(Trouble::Answer, text)
    }
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

/// How the standard library begins to say that a name was not resolved; it has no kind for that.
const LOOKUP: &str = "failed to lookup address information: ";

impl From<&io::Error> for Why {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        #[cfg(feature = "tls")]
        if let Some(why) = inner(error).and_then(tls::why) {
            return why;
        }
        let text = error.to_string();
        if let Some(said) = text.strip_prefix(LOOKUP) {
            return Self::new(
                Trouble::NameUnresolved,
                format!("the name of the receiver is not resolved: {said}"),
            );
        }
        match error.kind() {
            Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NotFound
            | Kind::TimedOut => Self::new(Trouble::Unreachable, text),
            Kind::WouldBlock => Self::new(Trouble::NoAnswer, "there is no answer in time"),
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof => {
                Self::new(Trouble::HangsUp, format!("the receiver hangs up: {text}"))
            }
            Kind::PermissionDenied => Self::new(Trouble::NotAllowed, text),
            _ => Self::new(Trouble::Other, text),
        }
    }
}

#[cfg(feature = "http")]
impl From<ureq::Error> for Why {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::HostNotFound => {
                Self::new(Trouble::NameUnresolved, "the name of the receiver is not resolved")
            }
            ureq::Error::Timeout(ureq::Timeout::Resolve) => Self::new(
                Trouble::NameUnresolved,
                "the name of the receiver is not resolved: no name server answers in time",
            ),
            ureq::Error::Timeout(ureq::Timeout::Connect) => {
                Self::new(Trouble::Unreachable, error.to_string())
            }
            ureq::Error::Timeout(_) => Self::new(Trouble::NoAnswer, error.to_string()),
            ureq::Error::Io(error) => Self::from(&error),
            ureq::Error::Rustls(error) => {
                tls::why(&error).unwrap_or_else(|| Self::new(Trouble::Other, error.to_string()))
            }
            error => Self::new(Trouble::Other, error.to_string()),
        }
    }
}

/// What an error was made of, as far as it is of one sort.
#[cfg(feature = "tls")]
fn inner<T: std::error::Error + 'static>(error: &io::Error) -> Option<&T> {
    use std::error::Error;
    let mut next: Option<&(dyn Error + 'static)> =
        error.get_ref().map(|error| error as &(dyn Error + 'static));
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// What goes wrong with TLS, and what it means.
#[cfg(feature = "tls")]
mod tls {
    use jiff::Timestamp;
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error, pki_types::UnixTime};

    use super::{Trouble, Why};

    pub(super) fn why(error: &Error) -> Option<Why> {
        let why = match error {
            Error::InvalidCertificate(bad) => match bad {
                Bad::Expired => {
                    Why::new(Trouble::CertificateExpired, "the receiver's certificate expired")
                }
                Bad::ExpiredContext { not_after, .. } => Why::new(
                    Trouble::CertificateExpired,
                    format!("the receiver's certificate expired on {}", date(not_after)),
                ),
                Bad::NotValidYet => {
                    Why::new(Trouble::CertificateNotYetValid, NOT_YET.to_owned() + CLOCK)
                }
                Bad::NotValidYetContext { not_before, .. } => {
                    let text = format!("{NOT_YET}: from {} on{CLOCK}", date(not_before));
                    Why::new(Trouble::CertificateNotYetValid, text)
                }
                _ => Why::new(Trouble::CertificateUntrusted, error.to_string()),
            },
            Error::AlertReceived(Alert::CertificateExpired) => Why::new(
                Trouble::OwnCertificate,
                format!("the receiver says that the certificate of this side expired: {error}"),
            ),
            Error::AlertReceived(
                Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied,
            ) => Why::new(
                Trouble::OwnCertificate,
                format!("the receiver does not take who this side says that it is: {error}"),
            ),
            _ => return None,
        };
        Some(why)
    }

    const NOT_YET: &str = "the receiver's certificate is not valid yet";
    const CLOCK: &str = "; is the clock of this host right?";

    fn date(time: &UnixTime) -> String {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX).to_string()
    }
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use std::time::Duration;

    use rustls::{
        AlertDescription, CertificateError as Bad, Error::AlertReceived, Error::InvalidCertificate,
        pki_types::UnixTime,
    };

    use super::*;

    #[test]
    fn numbers_lead_back() {
        for trouble in Trouble::ALL {
            assert_eq!(Trouble::of_number(trouble.number()), Some(trouble));
        }
        assert_eq!(Trouble::of_number(0), None);
        assert_eq!(Trouble::of_number(12), None);
    }

    #[test]
    fn certificates_are_told_of_in_words() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = Bad::ExpiredContext { time: at(1_700_000_000), not_after: at(1_609_459_200) };
        let early =
            Bad::NotValidYetContext { time: at(1_609_459_200), not_before: at(1_700_000_000) };
        for (error, trouble, words) in [
            (
                InvalidCertificate(expired),
                Trouble::CertificateExpired,
                "the receiver's certificate expired on 2021-01-01T00:00:00Z",
            ),
            (
                InvalidCertificate(early),
                Trouble::CertificateNotYetValid,
                "the receiver's certificate is not valid yet: from 2023-11-14T22:13:20Z on; is the \
                 clock of this host right?",
            ),
            (
                InvalidCertificate(Bad::UnknownIssuer),
                Trouble::CertificateUntrusted,
                "invalid peer certificate: UnknownIssuer",
            ),
            (
                AlertReceived(AlertDescription::CertificateExpired),
                Trouble::OwnCertificate,
                "the receiver says that the certificate of this side expired: received fatal \
                 alert: the certificate has expired",
            ),
        ] {
            // However often it was wrapped.
            let once = io::Error::new(io::ErrorKind::InvalidData, error);
            let twice = io::Error::other(once);
            let why = Why::from(&twice);
            assert_eq!(why.trouble, trouble);
            let start = words.split(": received").next().unwrap();
            assert!(why.text.starts_with(start), "{}", why.text);
        }
    }

    #[test]
    fn names_that_are_not_resolved_are_told_apart() {
        use std::net::ToSocketAddrs as _;
        let error = ("does-not-exist.invalid", 1).to_socket_addrs().unwrap_err();
        let why = Why::from(error);
        assert_eq!(why.trouble, Trouble::NameUnresolved, "{}", why.text);
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(Why::from(refused).trouble, Trouble::Unreachable);
    }
}
