//! Common Event Format, version 0: a header and an extension a line, for SIEMs that know no JSON.
//! An alert is written once for each rule, which is the class of its event.

mod heartbeat;

use std::net::IpAddr;

use monitor_rules::Priority;

use super::{
    Delivery, Document, Finding, Sender,
    printable::{command_line, terminal},
    text::{self, errno_name},
};
use crate::{
    alert::{Alert, Matched, RollUp},
    event::{Action, Address, Container, Event, Outcome, SocketAct, base_name},
    state::StateFinding,
};

/// Characters of a message, at most, and of any other value: what the format's dictionary has room
/// for.
const MESSAGE: usize = 1023;
/// See [`MESSAGE`].
const VALUE: usize = 4000;

/// Writes a document as one line, or as one for each rule.
#[must_use]
pub fn write(document: &Document, sender: &Sender) -> Vec<Vec<u8>> {
    let lines = match document {
        Document::Event(event) => {
            let name = act_name(event);
            let mut line = Line::new(name, name, Priority::Informational);
            line.start("event", event.timestamp_ns, document, sender);
            line.text("msg", &format!("{name} {}", text::act(event)));
            line.event(event);
            vec![line]
        }
        Document::Alert(alert) => of_alert(alert, "alert", document, sender),
        Document::Update(alert) => of_update(alert, document, sender),
        Document::RollUp(rollup) => of_rollup(rollup, document, sender),
        Document::Heartbeat(heartbeat) => vec![heartbeat::of(heartbeat, document, sender)],
        Document::Finding(finding) => vec![of_finding(finding, document, sender)],
        Document::State(finding) => vec![of_state(finding, document, sender)],
    };
    lines.into_iter().map(|line| line.0.into_bytes()).collect()
}

/// Says at the end of a line where it is in what a sink gets.
pub(super) fn numbered(line: &[u8], delivery: Delivery<'_>) -> Vec<u8> {
    let mut said = Line(String::from_utf8_lossy(line).into_owned());
    said.labelled("cn1", "deliveryNumber", &delivery.number.to_string());
    said.labelled("flexString1", "deliveryStream", delivery.stream);
    said.labelled("flexString2", "deliverySink", delivery.sink);
    said.0.into_bytes()
}

/// The value of an extension in a line with a number. In values `=` is escaped, so that no other
/// one can say anything in its place; of two of a name the last counts.
#[must_use]
pub fn extension(line: &[u8], key: &str) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (_, rest) = line.rsplit_once(&format!(" {key}="))?;
    // It ends before the name of the next one, or at the end.
    let equals = rest.match_indices('=').map(|(at, _)| at);
    let mut unescaped = equals.filter(|at| !rest.get(..*at).is_some_and(|it| it.ends_with('\\')));
    let value = match unescaped.next().and_then(|at| rest.get(..at)) {
        Some(and_name) => and_name.rsplit_once(' ').map_or("", |(value, _)| value),
        None => rest,
    };
    Some(plain(value))
}

/// A line whose extensions have other values, where `other` has one for a name and what it holds;
/// None: it is no such line.
#[must_use]
pub fn with_values(line: &[u8], other: impl Fn(&str, &str) -> Option<String>) -> Option<Vec<u8>> {
    let line = String::from_utf8_lossy(line);
    let (header, extensions) = line.split_at_checked(header_end(&line)?)?;
    let mut told = Line(header.to_owned());
    for (key, value) in extensions_of(extensions) {
        let value = plain(value);
        told.text(key, other(key, &value).as_ref().unwrap_or(&value));
    }
    Some(told.0.into_bytes())
}

/// Where the extensions begin: behind the seventh bar that is not escaped.
fn header_end(line: &str) -> Option<usize> {
    let (mut bars, mut is_escaped) = (0, false);
    for (at, byte) in line.bytes().enumerate() {
        bars += usize::from(byte == b'|' && !is_escaped);
        if bars == 7 {
            return Some(at + 1);
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    None
}

/// Names and escaped values.
fn extensions_of(text: &str) -> Vec<(&str, &str)> {
    let (mut names, mut word, mut is_escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' => word = at + 1,
            b'=' if !is_escaped => names.push((word, at)),
            _ => {}
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    let ends = names.iter().skip(1).map(|(word, _)| word.saturating_sub(1)).chain([text.len()]);
    let whole = names.iter().zip(ends).filter_map(|((word, equals), end)| {
        Some((text.get(*word..*equals)?, text.get(equals + 1..end)?))
    });
    whole.collect()
}

fn plain(value: &str) -> String {
    let mut text = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

/// The class of its event: the id of a rule, an act, or what else it is about.
#[must_use]
pub fn class(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    line.split('|').nth(4).unwrap_or_default().to_owned()
}

fn of_alert(alert: &Alert, kind: &str, document: &Document, sender: &Sender) -> Vec<Line> {
    let event = &alert.event;
    let one = |matched: &Matched| {
        let about = &matched.about;
        let mut line = Line::new(&about.id, &about.name, about.priority);
        line.start(kind, event.timestamp_ns, document, sender);
        line.bytes("msg", &matched.output);
        line.event(event);
        // Of repeats it is how many these are.
        if let Some(gathered) = matched.gathered.as_ref().filter(|_| kind != "rollup") {
            line.text("cnt", &gathered.count.to_string());
        }
        line
    };
    alert.matched.iter().map(one).collect()
}

/// An alert with the facts that it lacked, and which one that is.
fn of_update(alert: &Alert, document: &Document, sender: &Sender) -> Vec<Line> {
    let mut lines = of_alert(alert, "update", document, sender);
    for line in &mut lines {
        line.text("externalId", &super::event_id(sender, alert.id()));
    }
    lines
}

/// Repeats: the last of them, how many there were, and which alert they repeat.
fn of_rollup(rollup: &RollUp, document: &Document, sender: &Sender) -> Vec<Line> {
    let mut lines = of_alert(&rollup.alert, "rollup", document, sender);
    for line in &mut lines {
        line.text("cnt", &rollup.count.to_string());
        line.text("start", &milliseconds(rollup.first_ns));
        line.text("end", &milliseconds(rollup.last_ns));
        line.text("externalId", &super::event_id(sender, rollup.first));
    }
    lines
}

fn milliseconds(timestamp_ns: i64) -> String {
    timestamp_ns.div_euclid(1_000_000).to_string()
}

fn of_finding(finding: &Finding, document: &Document, sender: &Sender) -> Line {
    let mut line = Line::new("finding", finding.name, finding.priority);
    line.start("finding", finding.timestamp_ns, document, sender);
    line.text("msg", &finding.text);
    if let Some(container) = &finding.container {
        line.labelled("cs1", "containerId", container);
    }
    line
}

fn of_state(finding: &StateFinding, document: &Document, sender: &Sender) -> Line {
    let mut line = Line::new(finding.check.id, finding.check.title, finding.priority);
    line.start("state", finding.timestamp_ns, document, sender);
    line.text("msg", &finding.text);
    line.text("act", finding.activity.name());
    line.text("outcome", finding.status().name());
    line.text("externalId", &finding.uid);
    line.container(&finding.container);
    line
}

fn act_name(event: &Event) -> &'static str {
    Action::KINDS.get(usize::from(event.action.kind())).unwrap_or(&"act")
}

/// How grave something is, of 0 to 10.
fn severity(priority: Priority) -> u8 {
    match priority {
        Priority::Emergency => 10,
        Priority::Alert => 9,
        Priority::Critical => 8,
        Priority::Error => 7,
        Priority::Warning => 5,
        Priority::Notice => 3,
        Priority::Informational => 1,
        Priority::Debug => 0,
    }
}

/// A line that is being written.
struct Line(String);

impl Line {
    /// The header: class and name of the event.
    fn new(class: &str, name: &str, priority: Priority) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let mut line = Self(format!("CEF:0|runmon|runmon|{version}|"));
        for field in [class, name] {
            line.escaped(field.as_bytes(), MESSAGE, ['\\', '|']);
            line.0.push('|');
        }
        line.0.push_str(&format!("{}|", severity(priority)));
        line
    }

    /// What every document says.
    fn start(&mut self, kind: &str, timestamp_ns: i64, document: &Document, sender: &Sender) {
        self.text("rt", &milliseconds(timestamp_ns));
        self.text("dvchost", sender.node.name());
        self.text("cat", kind);
        self.labelled("cs6", "eventId", &super::id(document, sender));
    }

    /// An extension, as the dictionary names it.
    fn bytes(&mut self, key: &str, value: &[u8]) {
        if !self.0.ends_with('|') {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        let most = if key == "msg" { MESSAGE } else { VALUE };
        self.escaped(value, most, ['\\', '=']);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.bytes(key, value.as_bytes());
    }

    /// One that the dictionary leaves to whoever writes, under a name of ours.
    fn labelled(&mut self, key: &str, label: &str, value: &str) {
        self.text(&format!("{key}Label"), label);
        self.text(key, value);
    }

    /// A value, of so many characters at most. Control characters are shown: a line stays a line.
    fn escaped(&mut self, value: &[u8], most: usize, special: [char; 2]) {
        for c in terminal(value).chars().take(most) {
            if special.contains(&c) {
                self.0.push('\\');
            }
            self.0.push(c);
        }
    }

    /// What was done, by whom and where.
    fn event(&mut self, event: &Event) {
        self.text("act", act_name(event));
        match event.outcome {
            Outcome::Success => self.text("outcome", "success"),
            Outcome::Failure(nix::libc::EINPROGRESS) | Outcome::Unknown => {}
            Outcome::Failure(errno) => {
                self.text("outcome", "failure");
                self.text("reason", &errno_name(errno));
            }
        }
        if !event.is_nobodys() {
            self.process(event);
        }
        self.object(&event.action);
        self.container(&event.container);
    }

    fn process(&mut self, event: &Event) {
        if let Some(path) = &event.process.executable {
            self.bytes("sproc", path);
        }
        self.text("spid", &event.process.key.pid.to_string());
        self.text("suid", &event.credentials.uid.to_string());
        self.text("cs5Label", "commandLine");
        self.bytes("cs5", &command_line(&event.process.args));
    }

    /// What it was done to.
    fn object(&mut self, action: &Action) {
        if let Some(act) = action.socket() {
            return self.socket(act);
        }
        let path = match action {
            Action::FileOpen(act) | Action::FileRead(act) => &act.path,
            Action::Act(act) => &act.path,
            _ => return,
        };
        if !path.is_empty() {
            self.bytes("fname", base_name(path));
            self.bytes("filePath", path);
        }
    }

    fn socket(&mut self, act: &SocketAct) {
        if let Some(source) = act.source {
            self.address("src", ("c6a2", "Source IPv6 Address"), source.ip());
            self.text("spt", &source.port().to_string());
        }
        if let Address::Ip(ip, port) = &act.destination {
            self.address("dst", ("c6a3", "Destination IPv6 Address"), *ip);
            self.text("dpt", &port.to_string());
        }
        if let Some(name) = act.names.known().and_then(|names| names.first()) {
            self.text("dhost", name);
        }
        match act.protocol {
            6 => self.text("proto", "TCP"),
            17 => self.text("proto", "UDP"),
            1 | 58 => self.text("proto", "ICMP"),
            _ => {}
        }
    }

    /// An address. The older members take those of version 4 alone.
    fn address(&mut self, key: &str, (of_six, label): (&str, &str), ip: IpAddr) {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.text(key, &ip.to_string()),
            IpAddr::V6(ip) => self.labelled(of_six, label, &ip.to_string()),
        }
    }

    fn container(&mut self, container: &Container) {
        self.labelled("cs1", "containerId", &container.id);
        let known = [
            ("cs2", "containerName", container.name.known()),
            ("cs3", "containerImage", container.image.known()),
        ];
        for (key, label, value) in known {
            if let Some(value) = value {
                self.labelled(key, label, value);
            }
        }
        if let Some(pod) = container.pod_name.known() {
            let namespace = container.pod_namespace.known().map_or("", |namespace| namespace);
            self.labelled("cs4", "pod", &format!("{namespace}/{pod}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_is_escaped() {
        let mut line = Line::new("a|b\\c=d", "n\n|", Priority::Warning);
        let version = env!("CARGO_PKG_VERSION");
        let header = format!(r"CEF:0|runmon|runmon|{version}|a\|b\\c=d|n\\x0a\||5|");
        assert_eq!(line.0, header);
        line.text("msg", "a=b|c\\d\r\n");
        line.labelled("cs1", "x", "y z=");
        assert_eq!(line.0, header + r"msg=a\=b|c\\d\\x0d\\x0a cs1Label=x cs1=y z\=");
    }

    #[test]
    fn messages_have_an_end() {
        let mut line = Line(String::new());
        line.bytes("msg", &[b'='; 5000]);
        assert_eq!(line.0.len(), " msg=".len() + 2 * MESSAGE);
    }

    #[test]
    fn addresses_are_where_the_dictionary_has_them() {
        let mut line = Line("|".to_owned());
        line.address("src", ("c6a2", "Source"), "::ffff:10.0.0.1".parse().unwrap());
        line.address("dst", ("c6a3", "Destination"), "fe80::1".parse().unwrap());
        assert_eq!(line.0, "|src=10.0.0.1 c6a3Label=Destination c6a3=fe80::1");
    }

    #[test]
    fn the_gravest_is_ten() {
        let all = Priority::ALL.map(severity);
        assert_eq!((all[0], all[7]), (10, 0));
        assert!(all.is_sorted_by(|a, b| a > b));
    }
}
