//! Syslog messages (RFC 5424): a header, facts as structured data, and the document in another
//! schema. The facility is the sink's: a line begins with the severity alone, as `<4>1`.

use monitor_rules::Priority;

use super::{Delivery, Document, Schema, Sender, printable::terminal, text};
use crate::{
    alert::{Alert, Matched},
    event::{Action, Container, Event},
};

/// The facts' name. The number is the one that IANA keeps for documentation (RFC 5612): runmon has
/// none of its own, and a name without one would claim to be registered.
const STRUCTURED: &str = "runmon@32473";

/// What a text in UTF-8 begins with.
const BOM: &str = "\u{feff}";

/// Characters of a message's id, at most.
const MESSAGE_ID: usize = 32;
/// Characters of the name of a host.
const HOST: usize = 255;

/// The schema of the document that a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Lines for people.
    Text,
    /// Elastic Common Schema.
    Ecs,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
    /// Falco's JSON.
    Falco,
    /// Common Event Format.
    Cef,
}

impl Body {
    /// The schema itself.
    #[must_use]
    pub fn schema(self) -> Schema {
        match self {
            Self::Text => Schema::Text { colour: false },
            Self::Ecs => Schema::Ecs,
            Self::Ocsf => Schema::Ocsf,
            Self::Falco => Schema::Falco,
            Self::Cef => Schema::Cef,
        }
    }

    /// What messages with it are called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "syslog-text",
            Self::Ecs => "syslog-ecs",
            Self::Ocsf => "syslog-ocsf",
            Self::Falco => "syslog-falco",
            Self::Cef => "syslog-cef",
        }
    }

    /// Whether there is a message for a document. A text has one for each: numbers that nobody
    /// sees would be gaps.
    pub(super) fn has_form(self, document: &Document) -> bool {
        self == Self::Text || self.schema().has_form(document)
    }
}

/// Writes a document as one message, or as one for each rule where the body has that form.
#[must_use]
pub fn write(document: &Document, body: Body, sender: &Sender) -> Vec<Vec<u8>> {
    let bodies = match body {
        Body::Text => vec![[BOM.as_bytes(), &for_people(document)].concat()],
        other => other.schema().write(document, sender),
    };
    let messages = bodies.into_iter().enumerate().map(|(index, body)| {
        let mut message = head(document, index, sender).into_bytes();
        message.push(b' ');
        message.extend(body);
        message
    });
    messages.collect()
}

/// Says in a message, and in the document in it, where it is in what a sink gets.
pub(super) fn numbered(line: &[u8], body: Body, delivery: Delivery<'_>) -> Vec<u8> {
    let Some((head, facts, document)) = parts(line) else { return line.to_owned() };
    let mut message = head.to_owned();
    message.extend_from_slice(format!("[{STRUCTURED}").as_bytes());
    let mut facts_of_delivery = String::new();
    fact(&mut facts_of_delivery, "number", delivery.number.to_string().as_bytes());
    fact(&mut facts_of_delivery, "stream", delivery.stream.as_bytes());
    fact(&mut facts_of_delivery, "sink", delivery.sink.as_bytes());
    message.extend_from_slice(facts_of_delivery.as_bytes());
    message.extend_from_slice(facts);
    message.extend_from_slice(b"] ");
    message.extend(body.schema().numbered(document, delivery));
    message
}

/// The parts of a message: up to its structured data, that without name and brackets, and the
/// document. In values a bracket follows a backslash, never a quote.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (at, _) = line.iter().enumerate().filter(|(_, byte)| **byte == b' ').nth(5)?;
    let (head, rest) = line.split_at_checked(at + 1)?;
    let rest = rest.strip_prefix(b"[")?.strip_prefix(STRUCTURED.as_bytes())?;
    let end = memchr::memmem::find(rest, b"\"] ")?;
    Some((head, rest.get(..=end)?, rest.get(end + 3..)?))
}

/// A message with other values of its facts, where `other` has one for a name and what it holds,
/// and with another document; None: it is no message.
#[must_use]
pub fn with_parts(
    line: &[u8],
    other: impl Fn(&str, &str) -> Option<String>,
    told: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let (head, facts, document) = parts(line)?;
    let mut text = String::new();
    for (name, value) in read_facts(facts)? {
        fact(&mut text, &name, other(&name, &value).unwrap_or(value).as_bytes());
    }
    let mut message = head.to_owned();
    message.extend_from_slice(format!("[{STRUCTURED}{text}] ").as_bytes());
    // It marks the text, and is none of it.
    let (mark, document) = match document.strip_prefix(BOM.as_bytes()) {
        Some(text) => (BOM, text),
        None => ("", document),
    };
    message.extend_from_slice(mark.as_bytes());
    message.extend(told(document));
    Some(message)
}

/// The host, and the facts, of a message as a receiver writes it down.
#[must_use]
pub fn read(line: &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let (head, facts, _) = parts(line)?;
    let host = head.split(|byte| *byte == b' ').nth(2)?;
    Some((String::from_utf8_lossy(host).into_owned(), read_facts(facts)?))
}

/// Names and values.
fn read_facts(text: &[u8]) -> Option<Vec<(String, String)>> {
    let mut facts = Vec::new();
    let mut rest = std::str::from_utf8(text).ok()?;
    while let Some((name, after)) = rest.trim_start().split_once("=\"") {
        let (value, after) = unescaped(after)?;
        facts.push((name.to_owned(), value));
        rest = after;
    }
    Some(facts)
}

/// A value up to its quote, and what follows.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, text.get(at + 1..)?)),
            (_, '\\') => value.push(characters.next()?.1),
            (_, other) => value.push(other),
        }
    }
}

/// Up to the end of the structured data. Of an alert that is written once for each rule this is of
/// the so-many-th.
fn head(document: &Document, index: usize, sender: &Sender) -> String {
    let about = About::of(document, index);
    let severity = severity(about.priority);
    let time = match jiff::Timestamp::from_nanosecond(about.timestamp_ns.into()) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => "-".to_owned(),
    };
    let host = field(sender.node.name(), HOST);
    let run = field(&sender.run_id, 128);
    let id = field(about.message_id, MESSAGE_ID);
    let facts = facts(document, &about, sender);
    format!("<{severity}>1 {time} {host} runmon {run} {id} [{STRUCTURED}{facts}]")
}

/// What a message says of its document.
struct About<'a> {
    priority: Priority,
    timestamp_ns: i64,
    message_id: &'a str,
    kind: &'static str,
    rule: Option<&'a Matched>,
}

impl<'a> About<'a> {
    fn of(document: &'a Document, index: usize) -> Self {
        match document {
            Document::Event(event) => Self {
                priority: Priority::Informational,
                timestamp_ns: event.timestamp_ns,
                message_id: act_name(event),
                kind: "event",
                rule: None,
            },
            Document::Alert(alert) => Self::of_alert(alert, index, "alert"),
            Document::Update(alert) => Self::of_alert(alert, index, "update"),
            Document::RollUp(rollup) => Self::of_alert(&rollup.alert, index, "rollup"),
            Document::Heartbeat(heartbeat) => Self {
                priority: Priority::Informational,
                timestamp_ns: heartbeat.timestamp_ns,
                message_id: "heartbeat",
                kind: "heartbeat",
                rule: None,
            },
            Document::Finding(finding) => Self {
                priority: finding.priority,
                timestamp_ns: finding.timestamp_ns,
                message_id: "finding",
                kind: "finding",
                rule: None,
            },
            Document::State(finding) => Self {
                priority: finding.priority,
                timestamp_ns: finding.timestamp_ns,
                message_id: finding.check.id,
                kind: "state",
                rule: None,
            },
        }
    }

    fn of_alert(alert: &'a Alert, index: usize, kind: &'static str) -> Self {
        let rule = alert.matched.get(index);
        Self {
            priority: rule.map_or(Priority::Informational, |rule| rule.about.priority),
            timestamp_ns: alert.event.timestamp_ns,
            message_id: rule.map_or("", |rule| &rule.about.id),
            kind,
            rule,
        }
    }
}

/// The number that syslog has for a priority; both count from the gravest.
fn severity(priority: Priority) -> usize {
    Priority::ALL.iter().position(|known| *known == priority).unwrap_or(Priority::ALL.len() - 1)
}

fn act_name(event: &Event) -> &'static str {
    Action::KINDS.get(usize::from(event.action.kind())).unwrap_or(&"act")
}

/// The facts, each with a space before it.
fn facts(document: &Document, about: &About<'_>, sender: &Sender) -> String {
    let mut facts = String::new();
    fact(&mut facts, "document", about.kind.as_bytes());
    fact(&mut facts, "id", super::id(document, sender).as_bytes());
    fact(&mut facts, "priority", about.priority.name().as_bytes());
    let mut optional = |name: &str, value: Option<&[u8]>| {
        if let Some(value) = value {
            fact(&mut facts, name, value);
        }
    };
    let rule = about.rule.map(|rule| &*rule.about);
    optional("rule", rule.map(|rule| rule.name.as_bytes()));
    match document {
        Document::Event(event) => of_event(event, &mut optional),
        Document::Alert(alert) | Document::Update(alert) => of_event(&alert.event, &mut optional),
        Document::RollUp(rollup) => {
            optional("count", Some(rollup.count.to_string().as_bytes()));
            of_event(&rollup.alert.event, &mut optional);
        }
        Document::Finding(finding) => {
            optional("rule", Some(finding.name.as_bytes()));
            optional("container_id", finding.container.as_deref().map(str::as_bytes));
        }
        Document::State(finding) => {
            optional("rule", Some(finding.check.title.as_bytes()));
            optional("finding", Some(finding.uid.as_bytes()));
            optional("activity", Some(finding.activity.name().as_bytes()));
            of_container(&finding.container, &mut optional);
        }
        Document::Heartbeat(heartbeat) => {
            optional("lost", Some(heartbeat.lost().to_string().as_bytes()));
        }
    }
    facts
}

/// Who did it, and where.
fn of_event(event: &Event, optional: &mut dyn FnMut(&str, Option<&[u8]>)) {
    let container = &event.container;
    optional("act", Some(act_name(event).as_bytes()));
    of_container(container, optional);
    if !event.is_nobodys() {
        optional("exe", event.process.executable.as_deref());
        optional("pid", Some(event.process.key.pid.to_string().as_bytes()));
    }
}

/// Where it is.
fn of_container(container: &Container, optional: &mut dyn FnMut(&str, Option<&[u8]>)) {
    optional("container_id", Some(container.id.as_bytes()));
    for (name, fact) in [
        ("container_name", &container.name),
        ("container_image", &container.image),
        ("k8s_pod", &container.pod_name),
        ("k8s_namespace", &container.pod_namespace),
    ] {
        optional(name, fact.known().map(|known| known.as_bytes()));
    }
}

/// Adds one. In a value quotes, backslashes and closing brackets are escaped; so that a message
/// stays a line control characters are shown, too.
fn fact(facts: &mut String, name: &str, value: &[u8]) {
    facts.push(' ');
    facts.push_str(name);
    facts.push_str("=\"");
    for c in terminal(value).chars() {
        if matches!(c, '"' | '\\' | ']') {
            facts.push('\\');
        }
        facts.push(c);
    }
    facts.push('"');
}

/// A field of the header: printable ASCII without spaces, so many at most; `-` where there is none.
fn field(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    match text {
        "" => "-".to_owned(),
        text => text.chars().take(most).map(shown).collect(),
    }
}

/// A line for people. The header has the time, of which that is the first word.
fn for_people(document: &Document) -> Vec<u8> {
    let alert;
    let document = match document {
        Document::Heartbeat(heartbeat) => return heartbeat.summary().into_bytes(),
        Document::Update(update) => {
            alert = Document::Alert(update.clone());
            &alert
        }
        other => other,
    };
    let line = text::write(document, false).unwrap_or_default();
    let after = memchr::memchr(b' ', &line).and_then(|at| line.get(at + 1..));
    after.map(<[u8]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_quotes() {
        let hostile = b"a\"] [x@1 b=\"\\\n\xff\"]";
        let mut facts = String::new();
        fact(&mut facts, "exe", hostile);
        let escaped = r#" exe="a\"\] [x@1 b=\"\\\\x0a\\xff\"\]""#;
        assert_eq!(facts, escaped);
        let line = format!("<6>1 t host runmon - id [{STRUCTURED}{facts}] text");
        let (host, read) = read(line.as_bytes()).unwrap();
        assert_eq!(host, "host");
        assert_eq!(read, [("exe".to_owned(), r#"a"] [x@1 b="\\x0a\xff"]"#.to_owned())]);
        let delivery = Delivery { sink: "s]", stream: "r", number: 7 };
        let numbered = numbered(line.as_bytes(), Body::Text, delivery);
        let of_delivery = r#" number="7" stream="r" sink="s\]""#;
        let facts = format!("[{STRUCTURED}{of_delivery}{escaped}]");
        let expected = format!("<6>1 t host runmon - id {facts} text");
        assert_eq!(String::from_utf8(numbered).unwrap(), expected);
    }

    #[test]
    fn what_is_no_message_is_left_alone() {
        let delivery = Delivery { sink: "s", stream: "r", number: 7 };
        for line in ["", "<6>1 t h a p m - text", "a b c d e f [x@1 a=\"b\"] text"] {
            assert_eq!(numbered(line.as_bytes(), Body::Text, delivery), line.as_bytes());
            assert_eq!(read(line.as_bytes()), None);
        }
    }

    #[test]
    fn fields_of_the_header_are_words() {
        assert_eq!(field("", 9), "-");
        assert_eq!(field("a rule: \u{e9}\n", 32), "a_rule:___");
        assert_eq!(field(&"x".repeat(99), MESSAGE_ID).len(), MESSAGE_ID);
    }
}
