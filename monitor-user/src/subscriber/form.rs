//! The lines that a subscriber gets.

use monitor_rules::{Diagnostic, Template};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Root;
use crate::{
    document::{
        Document, Schema, Sender,
        printable::{lossless, terminal},
        text,
    },
    event::Event,
    limits::SUBSCRIBER_FIELDS,
    rules::SCHEMA,
};

/// The form of the lines of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Form {
    /// For people.
    Text {
        /// With colours.
        colour: bool,
    },
    /// For people, processes below who created them.
    Tree {
        /// With colours.
        colour: bool,
    },
    /// Elastic Common Schema.
    Ecs {},
    /// Fields of the rule language.
    Fields {
        /// Their names, with arguments.
        fields: Vec<String>,
        /// As an object of JSON, and not with tabs between.
        json: bool,
    },
}

impl Default for Form {
    fn default() -> Self {
        Self::Text { colour: false }
    }
}

impl Form {
    /// It, as [`Deserialize`] reads it.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Text { colour } => json!({ "text": { "colour": colour } }),
            Self::Tree { colour } => json!({ "tree": { "colour": colour } }),
            Self::Ecs {} => json!({ "ecs": {} }),
            Self::Fields { fields, json } => {
                json!({ "fields": { "fields": fields, "json": json } })
            }
        }
    }

    /// What writes it; `root` is who stands at the left of a tree.
    ///
    /// # Errors
    ///
    /// A field is none: what is wrong with it, for people.
    pub fn writer(&self, root: Option<Root>) -> Result<Writer, String> {
        Ok(match self {
            Self::Text { colour } => Writer::Schema(Schema::Text { colour: *colour }),
            Self::Ecs {} => Writer::Schema(Schema::Ecs),
            Self::Tree { colour } => {
                Writer::Tree { colour: *colour, root: root.map(|root| root.pid) }
            }
            Self::Fields { fields, json } => {
                Writer::Fields { template: template(fields)?, json: *json }
            }
        })
    }

    /// The fields that it shows, where those are chosen.
    pub(super) fn template(&self) -> Result<Option<Template<Event>>, String> {
        match self {
            Self::Fields { fields, .. } => template(fields).map(Some),
            Self::Text { .. } | Self::Tree { .. } | Self::Ecs {} => Ok(None),
        }
    }
}

fn template(fields: &[String]) -> Result<Template<Event>, String> {
    if fields.is_empty() || fields.len() > SUBSCRIBER_FIELDS {
        return Err(format!("there can be 1 to {SUBSCRIBER_FIELDS} fields"));
    }
    let marked: Vec<String> = fields.iter().map(|field| format!("%{field}")).collect();
    let template =
        Template::parse(&SCHEMA, "fields", &marked.join(" ")).map_err(|diagnostics| {
            let lines: Vec<String> = diagnostics.iter().map(Diagnostic::one_line).collect();
            lines.join("\n")
        })?;
    // Each is one field and nothing else.
    let read: Vec<&str> = template.names().collect();
    match fields.iter().find(|field| !read.contains(&field.as_str())) {
        Some(field) => Err(format!("`{field}` is no field, such as proc.name or proc.aname[2]")),
        None => Ok(template),
    }
}

/// Writes documents in a form.
pub enum Writer {
    /// As sinks get them.
    Schema(Schema),
    /// With processes below who created them.
    Tree {
        /// With colours.
        colour: bool,
        /// Who stands at the left.
        root: Option<u32>,
    },
    /// Fields alone.
    Fields {
        /// They, in order.
        template: Template<Event>,
        /// As JSON.
        json: bool,
    },
}

impl Writer {
    /// The lines of a document, without line ends.
    #[must_use]
    pub fn lines(&self, document: &Document, sender: &Sender) -> Vec<Vec<u8>> {
        match (self, document) {
            (Self::Schema(schema), _) => schema.write(document, sender),
            (Self::Tree { colour, root }, Document::Event(event)) => {
                let who = text::Who::Below(depth(event, *root));
                vec![text::event(event, *colour, who).into_bytes()]
            }
            (Self::Tree { colour, .. }, _) => {
                Schema::Text { colour: *colour }.write(document, sender)
            }
            (Self::Fields { template, json }, _) => {
                event_of(document).map(|event| fields(template, event, *json)).into_iter().collect()
            }
        }
    }
}

fn event_of(document: &Document) -> Option<&Event> {
    match document {
        Document::Event(event) => Some(event),
        Document::Alert(alert) | Document::Update(alert) => Some(&alert.event),
        Document::RollUp(rollup) => Some(&rollup.alert.event),
        Document::Heartbeat(_) | Document::Finding(_) | Document::State(_) => None,
    }
}

/// How many processes are between it and the one at the left, and that one.
fn depth(event: &Event, root: Option<u32>) -> usize {
    let is_root = |pid: u32| root == Some(pid);
    if is_root(event.process.key.pid) {
        return 0;
    }
    let above = event.ancestors.iter().position(|ancestor| is_root(ancestor.key.pid));
    // Of ancestors the last are not kept: it is deep down then.
    above.map_or(event.ancestors.len(), |at| at + 1)
}

fn fields(template: &Template<Event>, event: &Event, json: bool) -> Vec<u8> {
    if json {
        let told = |value: Option<Vec<u8>>| {
            value.map_or(Value::Null, |known| Value::from(lossless(&known)))
        };
        let values = template.known_values(event);
        let members: Map<String, Value> =
            values.map(|(name, value)| (name.to_owned(), told(value))).collect();
        return Value::Object(members).to_string().into_bytes();
    }
    let values = template.values(event);
    let shown: Vec<String> = values.map(|(_, value)| terminal(&value).into_owned()).collect();
    shown.join("\t").into_bytes()
}
