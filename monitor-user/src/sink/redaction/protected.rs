//! What is told in any case, since documents are missed and found by it.

use serde_json::{Map, Value};

use crate::document::Schema;

/// The members of a schema's documents that are told as they are.
pub(super) struct Protected {
    /// What every document needs to be one, and to be missed: it is not left out, and patterns do
    /// not touch it.
    needed: &'static [&'static str],
    /// What patterns do not touch besides.
    untouched: &'static [&'static str],
    /// Ends of the paths of ids that stand in several places; patterns do not touch them.
    ids: &'static [&'static str],
    /// What a heartbeat counts: it is told whole.
    counters: &'static [&'static str],
}

const ECS: Protected = Protected {
    needed: &[
        "@timestamp",
        "ecs",
        "event.action",
        "event.category",
        "event.code",
        "event.dataset",
        "event.end",
        "event.id",
        "event.kind",
        "event.module",
        "event.outcome",
        "event.sequence",
        "event.severity",
        "event.start",
        "event.type",
        "host.name",
        "runmon.delivery",
        "runmon.document",
    ],
    untouched: &["container.id", "host.boot.id", "runmon.rollup", "runmon.update"],
    ids: &[".entity_id"],
    counters: &["runmon"],
};

const OCSF: Protected = Protected {
    needed: &[
        "activity_id",
        "category_uid",
        "class_uid",
        "device.hostname",
        "device.name",
        "device.type_id",
        "metadata",
        "severity_id",
        "time",
        "type_uid",
    ],
    untouched: &[
        "device.boot_uid",
        "finding_info.uid",
        "resources.uid",
        "unmapped.document",
        "unmapped.rollup",
    ],
    ids: &["process.uid", "container.uid"],
    counters: &["message", "unmapped"],
};

const FALCO: Protected = Protected {
    needed: &[
        "hostname",
        "output_fields.runmon.delivery",
        "output_fields.runmon.document",
        "priority",
        "rule",
        "source",
        "time",
        "uuid",
    ],
    untouched: &[
        "output_fields.container.id",
        "output_fields.runmon.rollup",
        "output_fields.runmon.update",
    ],
    ids: &[],
    counters: &["output", "output_fields"],
};

impl Protected {
    /// Those of a schema; None: its documents have no members.
    pub(super) fn of(schema: Schema) -> Option<&'static Self> {
        match schema {
            Schema::Ecs => Some(&ECS),
            Schema::Ocsf => Some(&OCSF),
            Schema::Falco => Some(&FALCO),
            Schema::Text { .. } | Schema::Cef | Schema::Syslog(_) => None,
        }
    }

    /// Whether a member is told in any case.
    pub(super) fn is_needed(&self, path: &str, own: Option<Own>) -> bool {
        is_in_one(path, self.needed)
            || own == Some(Own::Heartbeat) && is_in_one(path, self.counters)
    }

    /// Whether patterns do not touch it.
    pub(super) fn is_untouched(&self, path: &str, own: Option<Own>) -> bool {
        self.is_needed(path, own)
            || is_in_one(path, self.untouched)
            || self.ids.iter().any(|end| path.ends_with(end))
    }
}

/// What the monitor tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Heartbeat,
    Finding,
}

/// Whether a document is of the monitor itself. What says so is written by no one else.
pub(super) fn own(members: &Map<String, Value>, schema: Schema) -> Option<Own> {
    let member = |table: &str, name: &str| members.get(table).and_then(|table| table.get(name));
    let kind = match schema {
        Schema::Ecs => member("runmon", "document"),
        Schema::Ocsf => member("metadata", "event_code"),
        Schema::Falco => {
            let is_own = members.get("source").is_some_and(|source| source == "internal");
            let is_heartbeat = member("output_fields", "runmon.heartbeat").is_some();
            return is_own.then_some(if is_heartbeat { Own::Heartbeat } else { Own::Finding });
        }
        Schema::Text { .. } | Schema::Cef | Schema::Syslog(_) => None,
    };
    match kind?.as_str()? {
        "heartbeat" => Some(Own::Heartbeat),
        "finding" => Some(Own::Finding),
        _ => None,
    }
}

/// Whether patterns leave an extension of CEF alone: ids, times, numbers, and what says which
/// document this is.
pub(super) fn is_cef_fact(key: &str) -> bool {
    const FACTS: &[&str] = &[
        "cat",
        "cn1",
        "cn2",
        "cnt",
        "cs1",
        "cs6",
        "dpt",
        "dvchost",
        "end",
        "externalId",
        "flexString1",
        "flexString2",
        "rt",
        "spid",
        "spt",
        "start",
    ];
    FACTS.contains(&key) || key.ends_with("Label")
}

/// The same of a fact in a message of syslog.
pub(super) fn is_syslog_fact(name: &str) -> bool {
    const FACTS: &[&str] = &[
        "container_id",
        "count",
        "document",
        "id",
        "lost",
        "number",
        "pid",
        "priority",
        "sink",
        "stream",
    ];
    FACTS.contains(&name)
}

/// Whether a text is nothing but a time as documents have them: receivers that want one there
/// would refuse anything else.
pub(super) fn is_time(text: &str) -> bool {
    const LENGTH: usize = "2000-01-01T00:00:00.000000000Z".len();
    text.len() == LENGTH && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_in_one(path: &str, members: &[&str]) -> bool {
    members.iter().any(|member| is_in(path, member))
}

/// Whether a path is a member, or below it.
pub(super) fn is_in(path: &str, member: &str) -> bool {
    path.strip_prefix(member).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
