//! A profile as a file: YAML that is small, sorted, one thing a line, so that people review it and
//! Git shows what changed.

use serde::Deserialize;

use super::{
    Approval, Behaviour, Coverage, Mode, Part, Profile, Subject,
    net::{Host, Protocol},
    paths::{Order, Put, Route},
    thing::{Destination, EPHEMERAL, OUTSIDE, Program, Thing},
};
use crate::{event::Action, words::CAPABILITIES};

/// Version of the form.
const VERSION: u32 = 1;

/// What a file has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    profile: u32,
    #[serde(default)]
    image: String,
    digest: Option<String>,
    workload: Option<String>,
    #[serde(default)]
    mode: String,
    approved: Option<RawApproval>,
    #[serde(default)]
    coverage: Coverage,
    #[serde(default)]
    programs: Vec<RawProgram>,
    #[serde(default)]
    preloads: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    connections: Vec<String>,
    #[serde(default)]
    listeners: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    acts: Vec<RawAct>,
    #[serde(default)]
    syscalls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApproval {
    by: String,
    on: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProgram {
    path: String,
    script: Option<String>,
    parent: String,
    user: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAct {
    act: String,
    by: String,
}

/// Reads a line of a part.
type Parse = fn(&str) -> Option<Thing>;

/// Reads a profile. `name` is what it is called: the name of its file without its ending.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn read(name: &str, text: &str) -> Result<Profile, String> {
    let raw: Raw = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    if raw.profile != VERSION {
        return Err(format!("it is of version {}, and this program knows {VERSION}", raw.profile));
    }
    let mode = match &*raw.mode {
        "" => Mode::Learn,
        mode => Mode::from_name(mode)
            .ok_or_else(|| format!("`mode: {mode}` is none of learn, shadow and alert"))?,
    };
    let approved = raw.approved.map(|it| Approval { by: it.by.into(), on: it.on.into() });
    let mut behaviour = Behaviour::default();
    let lists: [(Part, &[String], Parse); 8] = [
        (Part::Preloads, &raw.preloads, |text| path(text).map(Thing::Preload)),
        (Part::Files, &raw.files, |text| path(text).map(Thing::File)),
        (Part::Secrets, &raw.secrets, |text| path(text).map(Thing::Secret)),
        (Part::Connections, &raw.connections, connection),
        (Part::Listeners, &raw.listeners, listener),
        (Part::Names, &raw.names, |text| Route::parse(text, Order::Domain).map(Thing::Name)),
        (Part::Capabilities, &raw.capabilities, capability),
        (Part::Syscalls, &raw.syscalls, syscall),
    ];
    let mut put = |part: Part, text: &str, thing: Option<Thing>| -> Result<(), String> {
        let part = part.name();
        let thing = thing.ok_or_else(|| format!("`{text}` is none of {part}"))?;
        match behaviour.put(&thing) {
            Put::Full => Err(format!("there is no room for more {part}")),
            Put::Known | Put::New => Ok(()),
        }
    };
    for (part, texts, parse) in lists {
        for text in texts {
            put(part, text, parse(text))?;
        }
    }
    for program in raw.programs {
        put(Part::Programs, &program.path.clone(), as_program(program))?;
    }
    for RawAct { act, by } in raw.acts {
        let known = Action::KINDS.iter().find(|kind| **kind == act);
        let thing = known.filter(|_| path(&by).is_some()).map(|act| Thing::Act(act, by.into()));
        put(Part::Acts, &act, thing)?;
    }
    let digest = raw.digest.map(Into::into);
    let workload = raw.workload.map(Into::into);
    let subject = Subject { image: raw.image.into(), digest, workload };
    Ok(Profile { name: name.into(), subject, mode, approved, coverage: raw.coverage, behaviour })
}

fn path(text: &str) -> Option<Route> {
    Route::parse(text, Order::Path)
}

fn as_program(raw: RawProgram) -> Option<Thing> {
    let RawProgram { path: program, script, parent, user } = raw;
    let is_path = |text: &str| path(text).is_some();
    let is_one = is_path(&program)
        && script.as_deref().is_none_or(is_path)
        && (parent == OUTSIDE || is_path(&parent));
    let script = script.map(Into::into);
    is_one.then(|| {
        Thing::Program(Program { path: program.into(), script, parent: parent.into(), user })
    })
}

fn connection(text: &str) -> Option<Thing> {
    let (protocol, rest) = text.split_once(' ')?;
    let destination = match protocol {
        "unix" => Destination::Socket(path(rest)?),
        protocol => {
            let (host, port) = rest.rsplit_once(':')?;
            let protocol = protocol.parse().ok()?;
            let port = port.parse().ok()?;
            Destination::Port { protocol, port, hosts: vec![Host::parse(host)?] }
        }
    };
    Some(Thing::Connection(destination))
}

fn listener(text: &str) -> Option<Thing> {
    let (protocol, port) = text.split_once(' ')?;
    let protocol: Protocol = protocol.parse().ok()?;
    let port = if port == EPHEMERAL { None } else { Some(port.parse().ok()?) };
    Some(Thing::Listener(protocol, port))
}

fn capability(text: &str) -> Option<Thing> {
    CAPABILITIES.iter().find(|known| **known == text).map(|known| Thing::Capability(known))
}

fn syscall(text: &str) -> Option<Thing> {
    Thing::syscall(text)
}

/// Writes a profile.
#[must_use]
pub fn write(profile: &Profile) -> String {
    let Profile { name, subject, mode, approved, coverage, behaviour } = profile;
    let mut text = String::new();
    text.push_str(&format!("# What containers of {} are expected to do.\n", comment(name)));
    match coverage.lacks() {
        lacks if lacks.is_empty() => {
            text.push_str("# It is complete as far as that can be told.\n")
        }
        lacks => {
            text.push_str("# It is not complete:\n");
            lacks.iter().for_each(|lack| text.push_str(&format!("# - {}\n", comment(lack))));
        }
    }
    text.push_str(&format!("profile: {VERSION}\nimage: {}\n", quoted(&subject.image)));
    if let Some(digest) = &subject.digest {
        text.push_str(&format!("digest: {}\n", quoted(digest)));
    }
    if let Some(workload) = &subject.workload {
        text.push_str(&format!("workload: {}\n", quoted(workload)));
    }
    text.push_str(&format!("mode: {}\n", mode.name()));
    if let Some(Approval { by, on }) = approved {
        text.push_str(&format!("approved: {{by: {}, on: {}}}\n", quoted(by), quoted(on)));
    }
    text.push_str(&coverage_text(coverage));
    let things = behaviour.things();
    for part in Part::ALL {
        let mut lines: Vec<String> =
            things.iter().filter(|thing| thing.part() == part).map(item).collect();
        lines.sort_unstable();
        if !lines.is_empty() {
            text.push_str(&format!("{}:\n", part.name()));
            lines.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
        }
    }
    text
}

fn coverage_text(coverage: &Coverage) -> String {
    let mut text = String::from("coverage:\n");
    for (key, value) in [
        ("containers", u64::from(coverage.containers)),
        ("from_start", coverage.from_start.into()),
        ("agreed", coverage.agreed.into()),
        ("observed_seconds", coverage.observed_seconds),
        ("quiet_seconds", coverage.quiet_seconds),
        ("events", coverage.events),
        ("alerted", coverage.alerted),
        ("held_back", coverage.held_back),
        ("no_room", coverage.no_room),
        ("lost", coverage.lost),
    ] {
        text.push_str(&format!("  {key}: {value}\n"));
    }
    if !coverage.unseen.is_empty() {
        let kinds: Vec<String> = coverage.unseen.iter().map(|kind| quoted(kind)).collect();
        text.push_str(&format!("  unseen: [{}]\n", kinds.join(", ")));
    }
    text
}

fn item(thing: &Thing) -> String {
    match thing {
        Thing::Program(Program { path, script, parent, user }) => {
            let script = script.iter().map(|script| format!("script: {}, ", quoted(script)));
            let script: String = script.collect();
            let (path, parent) = (quoted(path), quoted(parent));
            format!("{{path: {path}, {script}parent: {parent}, user: {user}}}")
        }
        Thing::Act(act, by) => format!("{{act: {act}, by: {}}}", quoted(by)),
        other => quoted(&other.to_string()),
    }
}

/// A text in double quotes. What is in it can be shown: a shape has everything else escaped, and
/// images and people are shown as a terminal may.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in comment(text).chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// A text that stays on its line.
fn comment(text: &str) -> String {
    crate::document::printable::terminal(text.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# What containers of web are expected to do.
# It is not complete:
# - watched for 30 s, which is less than 600
profile: 1
image: "docker.io/library/web:1"
digest: "sha256:ab"
mode: alert
approved: {by: "shop team", on: "2026-11-29"}
coverage:
  containers: 2
  from_start: 2
  agreed: 1
  observed_seconds: 30
  quiet_seconds: 7
  events: 99
  alerted: 0
  held_back: 0
  no_room: 0
  lost: 0
programs:
- {path: "/bin/sh", script: "/start.sh", parent: "outside", user: 0}
- {path: "/usr/sbin/web", parent: "/bin/sh", user: 33}
preloads:
- "/usr/lib/libjemalloc.so.2"
files:
- "/a\\x1b \\{number\\}"
- "/tmp/tmp.{random}"
secrets:
- "/run/secrets/db"
connections:
- "tcp *:443"
- "tcp 10.0.0.0/24:5432"
- "tcp [2001:db8::1]:80"
- "tcp db.example.com:5432"
- "unix /run/log.sock"
listeners:
- "tcp 80"
- "udp ephemeral"
names:
- "db.example.com"
capabilities:
- "CAP_CHOWN"
acts:
- {act: setuid, by: "/usr/sbin/web"}
syscalls:
- "32-bit"
- "openat2"
"#;

    #[test]
    fn what_is_written_is_what_was_read() {
        let profile = read("web", TEXT).unwrap();
        assert_eq!(profile.behaviour.things().len(), 18);
        assert_eq!(write(&profile), TEXT);
        assert_eq!(read("web", &write(&profile)).unwrap(), profile);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("profile: 2", "version 2"),
            ("profile: 1\nmode: kill", "none of learn, shadow and alert"),
            ("profile: 1\nfiles: [etc]", "`etc` is none of files"),
            ("profile: 1\nfiles: [\"/{word}\"]", "none of files"),
            ("profile: 1\nconnections: [\"tcp db\"]", "none of connections"),
            ("profile: 1\nlisteners: [\"tcp http\"]", "none of listeners"),
            ("profile: 1\ncapabilities: [CAP_FLY]", "none of capabilities"),
            ("profile: 1\nacts: [{act: fly, by: /bin/sh}]", "none of acts"),
            ("profile: 1\nsyscalls: [\"a b\"]", "none of syscalls"),
            ("profile: 1\nfile: []", "file"),
            ("image: x", "profile"),
        ] {
            let why = read("x", text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
