//! A heartbeat in the Elastic Common Schema.

use serde_json::{Value, json};

use super::{ECS_VERSION, host};
use crate::document::{Heartbeat, Sender, beyond, run, text::rfc3339};

/// A heartbeat as a document.
pub(super) fn of(heartbeat: &Heartbeat, sender: &Sender) -> Value {
    json!({
        "@timestamp": rfc3339(heartbeat.timestamp_ns),
        "ecs": { "version": ECS_VERSION },
        "event": {
            "id": format!("{}-heartbeat-{}", run(sender), heartbeat.sequence),
            "kind": "metric", "module": "runmon", "dataset": "runmon.heartbeat",
            "sequence": heartbeat.sequence,
        },
        "host": host(sender),
        "runmon": beyond::heartbeat(heartbeat),
    })
}
