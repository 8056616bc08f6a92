//! Requests and answers, and the lines of JSON that they are.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{limits::RULE_OFF_SECONDS, subscriber::Wish};

/// What may be asked of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Switch a rule off for a time.
    DisableRule {
        /// Name or id.
        rule: String,
        /// For how long.
        seconds: u64,
    },
    /// Switch it on again.
    EnableRule {
        /// Name or id.
        rule: String,
    },
    /// Tell how it is.
    Status,
    /// Tell which rules there are, and what each did.
    Rules,
    /// Show what happens from now on: after the answer come lines that begin with [`SHOWN`] or
    /// [`LOST`], until the client hangs up.
    Watch {
        /// What is to be shown, and how.
        wish: Wish,
    },
}

/// Begins a line that is shown.
pub const SHOWN: u8 = b'+';

/// Begins a line that is the number of documents which found no room on their way so far.
pub const LOST: u8 = b'-';

/// What comes of a request.
pub type Answer = Result<Reply, Refusal>;

/// What is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// What was done to a rule.
    Rule(Done),
    /// How the daemon is; see [`crate::document::status`].
    Status(Value),
    /// The rules; see [`crate::document::rules`].
    Rules(Value),
    /// What is asked for is shown from now on.
    Watching(Watching),
}

/// What is to be known of what is shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Watching {
    /// Kinds that are asked for and have no hook.
    pub unseen: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Done {
    /// Name of the rule.
    pub rule: String,
    /// Until when it is off.
    pub until: Option<String>,
    /// Whether anything is another than before.
    pub changed: bool,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// Why, for people.
    pub error: String,
    /// Whether who asks can mend it.
    pub usage: bool,
}

impl Refusal {
    /// A mistake of who asks.
    pub(super) fn usage(error: impl Into<String>) -> Self {
        Self { error: error.into(), usage: true }
    }

    /// The daemon cannot do it now.
    pub(crate) fn failure(error: impl Into<String>) -> Self {
        Self { error: error.into(), usage: false }
    }
}

impl Request {
    /// Reads the line of a request.
    ///
    /// # Errors
    ///
    /// What is no request, or asks for more than may be: a mistake of who asks.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let request: Self = serde_json::from_slice(line)
            .map_err(|error| Refusal::usage(format!("this is no request: {error}")))?;
        match request {
            Self::DisableRule { seconds, .. } if !RULE_OFF_SECONDS.contains(&seconds) => {
                let (least, most) = (RULE_OFF_SECONDS.start(), RULE_OFF_SECONDS.end() / 3600);
                let error = format!("a rule can be off for {least} s to {most} h");
                Err(Refusal::usage(error))
            }
            request => Ok(request),
        }
    }

    /// The line that [`Request::parse`] reads.
    #[must_use]
    pub fn line(&self) -> String {
        let request = match self {
            Self::DisableRule { rule, seconds } => {
                json!({ "command": "disable_rule", "rule": rule, "seconds": seconds })
            }
            Self::EnableRule { rule } => json!({ "command": "enable_rule", "rule": rule }),
            Self::Status => json!({ "command": "status" }),
            Self::Rules => json!({ "command": "rules" }),
            Self::Watch { wish } => json!({ "command": "watch", "wish": wish.value() }),
        };
        format!("{request}\n")
    }
}

/// The line of an answer.
#[must_use]
pub fn line(answer: &Answer) -> String {
    let answer = match answer {
        Ok(Reply::Rule(Done { rule, until, changed })) => {
            json!({ "rule": rule, "until": until, "changed": changed })
        }
        Ok(Reply::Status(status)) => json!({ "status": status }),
        Ok(Reply::Rules(rules)) => json!({ "rules": rules }),
        Ok(Reply::Watching(Watching { unseen })) => json!({ "watching": { "unseen": unseen } }),
        Err(Refusal { error, usage }) => json!({ "error": error, "usage": usage }),
    };
    format!("{answer}\n")
}

/// Reads the line of an answer; None if it is none.
#[must_use]
pub fn parse_answer(line: &[u8]) -> Option<Answer> {
    let answer: Value = serde_json::from_slice(line).ok()?;
    if answer.get("error").is_some() {
        return serde_json::from_value(answer).ok().map(Err);
    }
    let Value::Object(mut members) = answer else { return None };
    if let Some(status) = members.remove("status") {
        return Some(Ok(Reply::Status(status)));
    }
    if let Some(rules) = members.remove("rules") {
        return Some(Ok(Reply::Rules(rules)));
    }
    if let Some(watching) = members.remove("watching") {
        return serde_json::from_value(watching).ok().map(|it| Ok(Reply::Watching(it)));
    }
    serde_json::from_value(Value::Object(members)).ok().map(|it| Ok(Reply::Rule(it)))
}
