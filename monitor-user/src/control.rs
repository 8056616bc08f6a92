//! The daemon's control socket: what may be asked of it while it runs, by whom, and how.
//!
//! A request is one line of JSON, an answer another; then the connection ends, but for who looks
//! on and gets line after line. A thread of its own reads the requests and passes them on through a
//! bounded queue; the line carries them out between two events, so that it never waits for a
//! client.

pub mod client;
mod inside;
pub mod request;
mod server;
#[cfg(test)]
mod tests;
mod watching;

pub use inside::Inside;
pub use request::{Answer, Done, Refusal, Reply, Request, Watching};
pub use server::{Asked, Control};

use crate::{
    document::{self, text::rfc3339},
    judge::Judge,
};

/// The user and the process that ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User id.
    pub uid: u32,
    /// Process id.
    pub pid: i32,
}

/// Does what is asked for; nothing, where it is a question only. Times are those of events.
pub fn carry_out(request: &Request, peer: Peer, judge: &mut Judge, now_ns: i64) -> Option<Answer> {
    let done = match request {
        Request::DisableRule { rule, seconds } => disable(rule, *seconds, peer, judge, now_ns),
        Request::EnableRule { rule } => enable(rule, peer, judge, now_ns),
        Request::Rules => return Some(Ok(Reply::Rules(document::rules(judge, now_ns)))),
        Request::Status | Request::Watch { .. } => return None,
    };
    Some(done.map(Reply::Rule))
}

fn disable(
    rule: &str,
    seconds: u64,
    Peer { uid, pid }: Peer,
    judge: &mut Judge,
    now_ns: i64,
) -> Result<Done, Refusal> {
    let until_ns = now_ns.saturating_add_unsigned(seconds.saturating_mul(1_000_000_000));
    let rule = judge.switch_off(rule, until_ns).map_err(Refusal::usage)?;
    let until = rfc3339(until_ns);
    tracing::warn!(rule, uid, pid, until, "a rule is switched off");
    Ok(Done { rule, until: Some(until), changed: true })
}

fn enable(
    rule: &str,
    Peer { uid, pid }: Peer,
    judge: &mut Judge,
    now_ns: i64,
) -> Result<Done, Refusal> {
    let (rule, changed) = judge.switch_on(rule, now_ns).map_err(Refusal::usage)?;
    if changed {
        tracing::warn!(rule, uid, pid, "a rule is switched on again");
    }
    Ok(Done { rule, until: None, changed })
}
