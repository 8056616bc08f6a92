//! What a receiver answers, and what that means for the documents of the request.

use std::time::Duration;

use super::secrets::Secrets;
use crate::limits;

pub(super) use crate::sink::parts::{Fate, Verdict};

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    /// How long the receiver wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// Why there is not all of it, if there is not.
    pub(super) cut: Option<String>,
    /// What the request had that is not told if this repeats it.
    pub(super) secrets: Secrets,
}

/// What the status says, where that is all that is said.
pub(super) fn whole(answer: &HttpAnswer) -> Verdict {
    Verdict::All(of_status(answer.status, &answer.said()))
}

/// 4xx is the document's fault, except where the receiver asks for time, or one of both sides is
/// set up wrongly: by that no document should be lost.
pub(super) fn of_status(status: u16, said: &str) -> Fate {
    let why = match said {
        "" => format!("status {status}"),
        said => format!("status {status}: {said}"),
    };
    match status {
        200..=299 => Fate::Taken,
        401 | 403..=405 | 407 | 408 | 415 | 425 | 429 | 503 => Fate::Later(why),
        400..=499 => Fate::Refused(why),
        500..=599 => Fate::Failed(why),
        _ => Fate::Later(why),
    }
}

impl HttpAnswer {
    /// The beginning of what it says, for people. What is cut off is no part of a secret.
    pub(super) fn said(&self) -> String {
        let text = self.secrets.hide(&String::from_utf8_lossy(&self.body));
        let end = text.floor_char_boundary(limits::HTTP_SAID_BYTES);
        text.get(..end).unwrap_or(&text).trim().to_owned()
    }
}

/// What a header says of when to come again: seconds, or a date.
pub(super) fn retry_after(text: &str, now_seconds: i64) -> Option<Duration> {
    let seconds = match text.trim().parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
            let left = date.timestamp().as_second().saturating_sub(now_seconds);
            u64::try_from(left).unwrap_or_default()
        }
    };
    Some(Duration::from_secs(seconds.min(limits::HTTP_RETRY_AFTER_SECONDS)))
}
