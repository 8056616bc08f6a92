//! Lines for people: one event or alert each, aligned, coloured where a terminal shows them.

use std::net::SocketAddr;

use monitor_rules::Priority;

use super::{
    Document, Finding, Heartbeat,
    printable::{command_line, terminal},
};
use crate::{
    alert::Alert,
    enrich::process_name,
    event::{Action, Address, Container, Event, Fact, Outcome, Process, Reason, SocketAct, Way},
    state::{Activity, StateFinding},
};

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BLUE: &str = "\x1b[34m";
const CYAN: &str = "\x1b[36m";
const MAGENTA: &str = "\x1b[35m";

/// Ancestors that a line shows.
const CHAIN: usize = 2;
/// Characters of the name of a container that a line shows, and that it is at least wide.
const PLACE: usize = 16;
/// Characters that the process and its ancestors are at least wide.
const PROCESS: usize = 32;
/// Characters of a command line that a line shows.
const COMMAND: usize = 160;

/// Writes a document as one line. A heartbeat is shown only if something was lost.
#[must_use]
pub fn write(document: &Document, colour: bool) -> Option<Vec<u8>> {
    let paint = Paint(colour);
    let line = match document {
        Document::Event(event) => self::event(event, colour, Who::Chain),
        Document::Alert(alert) => of_alert(alert, paint),
        Document::RollUp(rollup) => {
            let again = super::repeated(rollup);
            format!("{} {}", of_alert(&rollup.alert, paint), paint.with(DIM, &again))
        }
        Document::Update(_) => return None,
        Document::Heartbeat(heartbeat) => of_heartbeat(heartbeat, paint)?,
        Document::Finding(finding) => of_finding(finding, paint),
        Document::State(finding) => of_state(finding, paint),
    };
    Some(line.into_bytes())
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, colour: &str, text: &str) -> String {
        if self.0 { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

/// How the process of an event is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// With its nearest ancestors, outermost first.
    Chain,
    /// Alone, so many places to the right as there are processes above it.
    Below(usize),
}

/// An event as one line.
#[must_use]
pub fn event(event: &Event, colour: bool, who: Who) -> String {
    let paint = Paint(colour);
    let who = match who {
        Who::Chain => chain(event),
        Who::Below(depth) => format!("{}{}", "  ".repeat(depth), named_process(&event.process)),
    };
    format!(
        "{} {} {} {} {}{}",
        paint.with(DIM, &clock(event.timestamp_ns)),
        paint.with(CYAN, &format!("{:<PLACE$}", cut(&place(&event.container), PLACE))),
        paint.with(
            BLUE,
            &format!("{:<9}", Action::KINDS.get(usize::from(event.action.kind())).unwrap_or(&"?"))
        ),
        format_args!("{who:<PROCESS$}"),
        act(event),
        outcome(event, paint),
    )
}

fn of_alert(alert: &Alert, paint: Paint) -> String {
    let Some(leader) = alert.leader() else { return String::new() };
    let (event, about) = (&alert.event, &leader.about);
    let priority = priority(about.priority, paint);
    let more = match alert.matched.len() {
        0 | 1 => String::new(),
        count => format!(" (+{} more)", count - 1),
    };
    let place = place(&event.container);
    let image = match &event.container.image {
        Fact::Known(image, _) => format!(" [{}]", terminal(image.as_bytes())),
        Fact::Unknown(Reason::NotApplicable) => String::new(),
        Fact::Unknown(reason) => format!(" [image {}]", reason.name()),
    };
    let way = match event.way() {
        // As most are.
        Ok(Way::Entrypoint) | Err(_) => String::new(),
        Ok(way) => format!(" ({})", way.name()),
    };
    format!(
        "{} {priority} {} {}{}: {}",
        paint.with(DIM, &clock(event.timestamp_ns)),
        paint.with(CYAN, &format!("{place}{image}{way}")),
        paint.with(BOLD, &terminal(about.name.as_bytes())),
        paint.with(DIM, &more),
        terminal(&leader.output),
    )
}

fn of_heartbeat(heartbeat: &Heartbeat, paint: Paint) -> Option<String> {
    let lost = heartbeat.lost();
    (lost > 0).then(|| {
        format!(
            "{} {}",
            paint.with(DIM, &clock(heartbeat.timestamp_ns)),
            paint.with(RED, &format!("{lost} records were lost in the kernel since start")),
        )
    })
}

fn of_finding(finding: &Finding, paint: Paint) -> String {
    format!(
        "{} {} {} {}: {}",
        paint.with(DIM, &clock(finding.timestamp_ns)),
        priority(finding.priority, paint),
        paint.with(CYAN, "runmon"),
        paint.with(BOLD, finding.name),
        terminal(finding.text.as_bytes()),
    )
}

fn of_state(finding: &StateFinding, paint: Paint) -> String {
    let (check, activity) = (finding.check, finding.activity);
    let named = match activity {
        Activity::Create => check.title.to_owned(),
        Activity::Update | Activity::Close => format!("{} [{}]", check.title, activity.name()),
    };
    format!(
        "{} {} {} {}: {}",
        paint.with(DIM, &clock(finding.timestamp_ns)),
        priority(finding.priority, paint),
        paint.with(CYAN, &place(&finding.container)),
        paint.with(BOLD, &named),
        terminal(finding.text.as_bytes()),
    )
}

fn priority(priority: Priority, paint: Paint) -> String {
    paint.with(priority_colour(priority), &format!("{:<8}", short_priority(priority)))
}

fn place(container: &Container) -> String {
    let name = container.name.known().map_or(container.short_id(), |name| name);
    terminal(name.as_bytes()).into_owned()
}

/// Ancestors and the process, outermost first: `sshd(412)─bash(900)─curl(931)`. Of the ancestors
/// only as many as leave what was done where it is in other lines.
fn chain(event: &Event) -> String {
    let mut shown = named_process(&event.process);
    for ancestor in event.ancestors.iter().take(CHAIN) {
        let longer = format!("{}─{shown}", named_process(ancestor));
        if longer.chars().count() > PROCESS {
            break;
        }
        shown = longer;
    }
    shown
}

fn named_process(process: &Process) -> String {
    let name = process_name(process);
    let name = if name.is_empty() { b"?" } else { name };
    format!("{}({})", terminal(name), process.key.pid)
}

/// What was done, in a few words.
pub(super) fn act(event: &Event) -> String {
    match &event.action {
        Action::Exec { .. } => {
            let path = event.process.executable.as_deref().unwrap_or(b"?");
            let script = event.process.script.as_ref();
            let script = script.map_or(String::new(), |s| format!(" (script {})", terminal(s)));
            let line = command_line(&event.process.args);
            format!("{}{script}: {}", terminal(path), shorten(&terminal(&line)))
        }
        Action::Fork { child } => format!("child {}", child.pid),
        Action::Exit { status } => exit_status(*status),
        Action::Connect(act) => format!("→ {}{}", destination(act), named(act)),
        Action::Send(act) if act.repeats > 0 => {
            format!("→ {}{} ({} more before)", destination(act), named(act), act.repeats)
        }
        Action::Send(act) => format!("→ {}{}", destination(act), named(act)),
        Action::FileOpen(act) => {
            let how = if act.created { "created" } else { "for writing" };
            format!("{} {how}", terminal(&act.path))
        }
        Action::FileRead(act) => format!("{} for reading", terminal(&act.path)),
        Action::Accept(act) => match act.source {
            Some(client) => format!("{} ← {client}", destination(act)),
            None => destination(act),
        },
        Action::Listen(act) | Action::Bind(act) => destination(act),
        Action::Dup { socket, descriptor } => {
            format!("{descriptor} is {}", destination(socket))
        }
        Action::DnsQuery(act) => super::dns::query_line(act),
        Action::DnsAnswer(act) => super::dns::answer_line(act),
        Action::Act(act) => super::act::line(act),
    }
}

/// How the destination is called, where that is known.
fn named(act: &SocketAct) -> String {
    let latest = act.names.known().and_then(|names| names.first());
    latest.map_or(String::new(), |name| format!(" ({})", terminal(name.as_bytes())))
}

fn exit_status(status: u32) -> String {
    let signal = status & 0x7f;
    if signal == 0 { format!("code {}", status >> 8 & 0xff) } else { format!("signal {signal}") }
}

/// A destination as people write it: `tcp 10.0.0.1:443`.
#[must_use]
pub fn destination(act: &SocketAct) -> String {
    let protocol = match act.protocol {
        6 => "tcp ",
        17 => "udp ",
        1 | 58 => "icmp ",
        262 => "mptcp ",
        _ => "",
    };
    match &act.destination {
        Address::Ip(ip, port) => {
            let given = act.given.map_or(String::new(), |given| format!(" (as {given})"));
            format!("{protocol}{}{given}", SocketAddr::new(*ip, *port))
        }
        Address::Unix(path) => match path.strip_prefix(b"\0") {
            Some(name) => format!("unix @{}", terminal(name)),
            None => format!("unix {}", terminal(path)),
        },
    }
}

fn outcome(event: &Event, paint: Paint) -> String {
    match event.outcome {
        Outcome::Failure(nix::libc::EINPROGRESS) | Outcome::Success | Outcome::Unknown => {
            String::new()
        }
        Outcome::Failure(errno) => format!(" {}", paint.with(RED, errno_name(errno).as_ref())),
    }
}

/// An errno as `ECONNREFUSED`.
#[must_use]
pub fn errno_name(errno: i32) -> String {
    format!("{:?}", nix::errno::Errno::from_raw(errno))
}

fn short_priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Informational => "INFO",
        Priority::Emergency => "EMERG",
        Priority::Alert => "ALERT",
        Priority::Critical => "CRITICAL",
        Priority::Error => "ERROR",
        Priority::Warning => "WARNING",
        Priority::Notice => "NOTICE",
        Priority::Debug => "DEBUG",
    }
}

fn priority_colour(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => MAGENTA,
        Priority::Error => RED,
        Priority::Warning => YELLOW,
        Priority::Notice | Priority::Informational | Priority::Debug => BLUE,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(COMMAND) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// So many characters at most, the last of which says whether there are more.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Time of day, UTC, with milliseconds.
fn clock(timestamp_ns: i64) -> String {
    let full = rfc3339(timestamp_ns);
    full.get(11..23).unwrap_or(&full).to_owned()
}

/// A time as RFC 3339 writes it, UTC, with nanoseconds.
#[must_use]
pub fn rfc3339(timestamp_ns: i64) -> String {
    match jiff::Timestamp::from_nanosecond(timestamp_ns.into()) {
        Ok(time) => format!("{time:.9}"),
        Err(_) => timestamp_ns.to_string(),
    }
}
