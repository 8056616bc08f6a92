//! How the daemon is, for who asks it on its host: what a heartbeat says, and whether it is ready.

use serde_json::{Value, json};

use super::{Heartbeat, beyond};

/// All of it; `missing` is what does not work without which the monitor is not ready.
#[must_use]
pub fn status(heartbeat: &Heartbeat, missing: &[String], up_ns: u64) -> Value {
    let mut status = beyond::heartbeat(heartbeat);
    let more = [
        ("document", json!("status")),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("pid", json!(std::process::id())),
        ("up_seconds", json!(up_ns / 1_000_000_000)),
        ("ready", json!(missing.is_empty())),
        ("missing", json!(missing)),
    ];
    if let Value::Object(members) = &mut status {
        members.remove("last");
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    status
}
