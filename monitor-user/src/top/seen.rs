//! Lines of a subscriber, as far as they are shown.

use serde_json::Value;

use crate::document::printable::terminal;

/// What is asked of events.
pub const FIELDS: [&str; 18] = [
    "evt.rawtime",
    "evt.type",
    "evt.failed",
    "evt.res",
    "container.id",
    "container.name",
    "container.image",
    "k8s.ns.name",
    "k8s.pod.name",
    "proc.pid",
    "proc.name",
    "proc.cmdline",
    "proc.apid",
    "proc.aname",
    "fd.name",
    "fd.rip",
    "fd.rport",
    "fd.rip.name",
];

/// Which events are asked for.
pub const FILTER: &str = "evt.type in (execve, procexit, connect, sendto, accept, listen) or \
                          evt.is_open_write = true";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A program was started.
    Exec,
    /// A process ended.
    Exit,
    /// Somebody was contacted.
    Connect,
    /// Somebody made contact, or is waited for.
    Serve,
    /// A file was opened for writing.
    Write,
}

/// What came of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was begun; if it fails that is told of once more.
    Begun,
    /// It was refused, or did not work.
    Failed,
}

/// A process and its program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Process id.
    pub pid: u32,
    /// Name of the program.
    pub name: String,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// What was done.
    pub act: Act,
    /// What came of it.
    pub outcome: Outcome,
    /// Where it was done.
    pub place: Where,
    /// Who did it.
    pub who: Who,
    /// Its command line.
    pub command: String,
    /// Its ancestors, nearest first.
    pub ancestors: Vec<Who>,
    /// What it was done to.
    pub object: String,
}

/// A container, or the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Where {
    /// Id of the container, or `host`.
    pub id: String,
    /// Its name, if that is known.
    pub name: Option<String>,
    /// Its image, if that is known.
    pub image: Option<String>,
    /// Namespace and name of its pod, if it is of one.
    pub pod: Option<String>,
}

/// An alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// When, nanoseconds since 1970.
    pub timestamp_ns: i64,
    /// Where.
    pub place: Where,
    /// Its id.
    pub id: String,
    /// Priority of the rule.
    pub priority: String,
    /// Name of the rule.
    pub rule: String,
    /// What the rule says it looks for.
    pub description: String,
    /// What the rule says of this event.
    pub output: String,
    /// Techniques of ATT&CK.
    pub techniques: Vec<String>,
    /// How often it was repeated, for one that gathers repeats.
    pub repeats: u64,
}

impl Seen {
    /// Reads the line of an event; None where it is none that is shown.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let shown = |name: &str| text(name).map(inert);
        let act = match text("evt.type")? {
            "execve" | "execveat" => Act::Exec,
            "procexit" => Act::Exit,
            "connect" | "sendto" | "sendmsg" | "sendmmsg" => Act::Connect,
            "accept" | "accept4" | "listen" => Act::Serve,
            _ => Act::Write,
        };
        let object = match act {
            Act::Connect => remote(&value).or_else(|| shown("fd.name")),
            _ => shown("fd.name"),
        };
        let known = |name: &str| shown(name).filter(|text| !text.is_empty() && text != UNKNOWN);
        let id = shown("container.id")?;
        let mut ancestors = ancestors(
            text("proc.apid").unwrap_or_default(),
            &shown("proc.aname").unwrap_or_default(),
        );
        if id != crate::event::Container::HOST {
            leave_out_host(&mut ancestors);
        }
        let pod = known("k8s.pod.name");
        Some(Self {
            timestamp_ns: text("evt.rawtime")?.parse().ok()?,
            act,
            outcome: match (text("evt.res"), text("evt.failed")) {
                (Some("EINPROGRESS"), _) => Outcome::Begun,
                (_, Some("true")) => Outcome::Failed,
                _ => Outcome::Done,
            },
            place: Where {
                id,
                name: known("container.name"),
                image: known("container.image"),
                pod: pod.map(|pod| match known("k8s.ns.name") {
                    Some(namespace) => format!("{namespace}/{pod}"),
                    None => pod,
                }),
            },
            who: Who {
                pid: text("proc.pid")?.parse().ok()?,
                name: shown("proc.name").unwrap_or_else(|| "?".to_owned()),
            },
            command: shown("proc.cmdline").unwrap_or_default(),
            ancestors,
            object: object.unwrap_or_default(),
        })
    }
}

/// Where a contact leads: a name, where one is known.
fn remote(value: &Value) -> Option<String> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (address, port) = (text("fd.rip")?, text("fd.rport")?);
    let at = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    Some(match text("fd.rip.name").and_then(|names| names.split(',').next()) {
        Some(name) if !name.is_empty() => format!("{at}:{port} {}", inert(name)),
        _ => format!("{at}:{port}"),
    })
}

/// What stands where a field has no value yet.
const UNKNOWN: &str = "<NA>";

/// What starts the first program of a container, and is on the host.
const RUNTIMES: [&str; 8] = [
    "conmon",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "crun",
    "runc",
    "runsc",
    "buildkit-runc",
    "youki",
];

/// Leaves out the ancestors of a process in a container that are not in it.
fn leave_out_host(ancestors: &mut Vec<Who>) {
    let is_outside = |who: &Who| RUNTIMES.contains(&&*who.name) || who.name.starts_with("runc:[");
    if let Some(at) = ancestors.iter().position(is_outside) {
        ancestors.truncate(at);
    }
}

/// Lists with commas between. A name may have one in it: then names are not told.
fn ancestors(pids: &str, names: &str) -> Vec<Who> {
    let commas = |text: &str| text.matches(',').count();
    let names = if commas(names) == commas(pids) { names } else { "" };
    let names = names.split(',').chain(std::iter::repeat("?"));
    let known = pids.split(',').zip(names).map_while(|(pid, name)| {
        Some(Who { pid: pid.trim().parse().ok()?, name: name.trim().to_owned() })
    });
    known.collect()
}

impl Raised {
    /// Reads the document of an alert (Elastic Common Schema); None where it is none.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |at: &str| value.pointer(at).and_then(Value::as_str);
        let shown = |at: &str| text(at).map(inert).unwrap_or_default();
        if text("/event/kind") != Some("alert") {
            return None;
        }
        let time: jiff::Timestamp = text("/@timestamp")?.parse().ok()?;
        let techniques = value.pointer("/threat/technique/id").and_then(Value::as_array);
        let known = |at: &str| text(at).map(inert);
        Some(Self {
            timestamp_ns: i64::try_from(time.as_nanosecond()).ok()?,
            place: Where {
                id: short(&shown("/container/id")),
                name: known("/container/name"),
                image: known("/container/image/name"),
                pod: None,
            },
            id: shown("/event/id"),
            priority: shown("/rule/priority"),
            rule: shown("/rule/name"),
            description: shown("/rule/description"),
            output: shown("/message"),
            techniques: techniques
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(inert)
                .collect(),
            repeats: value.pointer("/runmon/rollup/count").and_then(Value::as_u64).unwrap_or(0),
        })
    }
}

/// As fields tell it.
fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

fn inert(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}
