//! What JetStream answers to a message.

use serde::Deserialize;

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// A stream has it, perhaps from before.
    Stored,
    /// No stream will ever take it.
    Refused(String),
    /// One may take it later.
    Later(String),
}

/// The number of the error that a message is longer than the stream's take.
const TOO_LONG: u64 = 10_054;

/// What says that a stream has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    stream: String,
    seq: u64,
    error: Option<Wrong>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrong {
    code: u64,
    err_code: u64,
    description: String,
}

/// Reads one; `status` stands in its headers where the server itself answers.
pub(super) fn read(status: &str, payload: &[u8]) -> Ack {
    if status.starts_with("503") {
        return Ack::Later("no stream takes messages of this subject".to_owned());
    }
    match serde_json::from_slice(payload) {
        Ok(Answer { error: Some(Wrong { code, err_code, description }), .. }) => {
            let why = format!("JetStream says: {description} ({code}, {err_code})");
            if err_code == TOO_LONG { Ack::Refused(why) } else { Ack::Later(why) }
        }
        Ok(Answer { stream, seq, error: None }) if !stream.is_empty() && seq > 0 => Ack::Stored,
        Ok(_) | Err(_) => Ack::Later("something answers that is no stream of JetStream".to_owned()),
    }
}
