//! What rules can speak of: the table of fields and event types, under Falco's names.
//!
//! Each field answers from one event, by itself, without input or output. What an event does not
//! have is absent; what is not known says why.

use std::fmt::Write as _;

use monitor_rules::{ArgRule, Field, Get, KindSet, Schema, Value};

use super::{
    fields,
    kinds::{ALL, OPEN_WRITE},
    types,
};
use crate::event::{Action, Event};

/// Everything that rules can speak of.
pub static SCHEMA: Schema<Event> = Schema {
    fields: &FIELDS,
    kinds: &Action::KINDS,
    kind_of: |event| event.action.kind(),
    time_of: |event| event.timestamp_ns,
    type_field: "evt.type",
    types: &types::TYPES,
    partly: PARTLY,
    both_ends: &["fd.ip", "fd.net", "fd.port"],
    by_kind: &[("evt.is_open_write", |kind| Value::Bool(OPEN_WRITE.contains(kind)))],
    always: &[("evt.dir", "<"), ("evt.source", "syscall")],
    dotted: &["evt.arg", "evt.rawarg", "evt.type.is", "thread.cgroup"],
    untyped: &["evt.rawarg"],
    members: &[("proc.args", fields::process::visit_arguments)],
};

/// Fields that tell less than the name says.
const PARTLY: &[(&str, &str)] =
    &[("proc.stdin.type", STREAM), ("proc.stdout.type", STREAM), ("proc.stderr.type", STREAM)];

const STREAM: &str = "which family a socket is of is not observed, so that it is never `ipv4`, \
                      `ipv6` or `unix`";

/// The families of fields, in the order of the reference.
const FAMILIES: [&[Field<Event>]; 19] = [
    fields::event::FIELDS,
    fields::act::FIELDS,
    fields::process::FIELDS,
    fields::package::FIELDS,
    fields::program::FIELDS,
    fields::ancestors::FIELDS,
    fields::descriptor::FIELDS,
    fields::socket::FIELDS,
    fields::dns::FIELDS,
    fields::way::FIELDS,
    fields::peer::FIELDS,
    fields::user::FIELDS,
    fields::container::FIELDS,
    fields::declared::FIELDS,
    fields::mount::FIELDS,
    fields::pod::FIELDS,
    fields::policy::FIELDS,
    fields::profile::FIELDS,
    fields::unobserved::FIELDS,
];

static FIELDS: [Field<Event>; count()] = joined();

const fn count() -> usize {
    let mut count = 0;
    let mut families: &[&[Field<Event>]] = &FAMILIES;
    while let [family, rest @ ..] = families {
        count += family.len();
        families = rest;
    }
    count
}

/// One array of all families. The compiler runs it: `FIELDS` is part of the binary.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would not compile")]
const fn joined() -> [Field<Event>; count()] {
    let mut all = [const { NO_FIELD }; count()];
    let mut at = 0;
    let mut families: &[&[Field<Event>]] = &FAMILIES;
    while let [family, rest @ ..] = families {
        let mut fields = *family;
        while let [field, rest @ ..] = fields {
            all[at] = same(field);
            at += 1;
            fields = rest;
        }
        families = rest;
    }
    all
}

const NO_FIELD: Field<Event> =
    fields::one("", monitor_rules::Type::Bool, ALL, "", |_, _| Value::Absent);

const fn same(field: &Field<Event>) -> Field<Event> {
    Field {
        name: field.name,
        ty: field.ty,
        arg: field.arg,
        kinds: field.kinds,
        doc: field.doc,
        get: match field.get {
            Get::One(get) => Get::One(get),
            Get::Any(get) => Get::Any(get),
            Get::Set(get) => Get::Set(get),
        },
    }
}

/// Fields whose value is put together for each event that they are asked of; the others are read.
pub(super) const PUT_TOGETHER: &[&str] = &[
    "evt.arg.cmd",
    "evt.arg.domain",
    "evt.arg.flags",
    "evt.arg.mode",
    "evt.arg.nstype",
    "evt.arg.prot",
    "evt.arg.request",
    "evt.arg.sig",
    "evt.arg.type",
    "dns.question.type",
    "dns.response_code",
    "evt.args",
    "evt.datetime",
    "evt.datetime.s",
    "evt.time",
    "evt.time.iso8601",
    "evt.time.s",
    "fd.name",
    "proc.args",
    "proc.cmdline",
    "proc.exeline",
    "proc.tree",
    "thread.cap_effective",
    "thread.cap_permitted",
];

/// Why asking for a field takes longer than for others; None for one that is as quick as any.
#[must_use]
pub fn why_costly(name: &str) -> Option<&'static str> {
    let field = SCHEMA.fields.iter().find(|field| field.name == name)?;
    match field.get {
        _ if name == fields::program::HASH => {
            Some("comes late: the file is read after the start, and what hangs on it waits")
        }
        Get::Any(_) | Get::Set(_) => Some("may have several values, all of which are looked at"),
        Get::One(_) if PUT_TOGETHER.contains(&field.name) => Some("is put together for each event"),
        Get::One(_) => None,
    }
}

/// The name of a field with the argument that it takes: `proc.aname[n]`.
#[must_use]
pub fn written_name(field: &Field<Event>) -> String {
    let arg = match field.arg {
        ArgRule::None => "",
        ArgRule::OptionalIndex | ArgRule::Index => "[n]",
        ArgRule::OptionalKey | ArgRule::Key => "[key]",
    };
    format!("{}{arg}", field.name)
}

/// The names of the kinds in a set; `all` for all of them.
#[must_use]
pub fn kind_names(kinds: KindSet) -> Vec<&'static str> {
    if kinds.intersection(ALL) == ALL {
        return vec!["all"];
    }
    if kinds.is_empty() {
        return vec!["none"];
    }
    kinds.iter().filter_map(|kind| Action::KINDS.get(usize::from(kind)).copied()).collect()
}

/// The reference of all fields as Markdown tables: those that events have, and the others.
#[must_use]
pub fn field_table_markdown() -> String {
    let (seen, unseen): (Vec<_>, Vec<_>) =
        SCHEMA.fields.iter().partition(|field| !field.kinds.is_empty());
    format!(
        "{}\n## Known, and in no event\n\nRule files that use them load, with a warning.\n\n{}",
        table(&seen),
        table(&unseen)
    )
}

fn table(fields: &[&Field<Event>]) -> String {
    let mut table =
        String::from("| field | type | events | meaning |\n| --- | --- | --- | --- |\n");
    for field in fields {
        let (name, kinds) = (written_name(field), kind_names(field.kinds).join(", "));
        // Writing to a string cannot fail.
        writeln!(table, "| `{name}` | {} | {kinds} | {} |", field.ty.name(), field.doc)
            .unwrap_or_default();
    }
    table
}
