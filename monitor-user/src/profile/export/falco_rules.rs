//! Rules in Falco's language: one for each part of a profile that the language can say, with tests.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Exported, Form, comments, evidence,
    globs::{Piece, exact, pieces},
    identifier, line, of, quoted,
};
use crate::{
    container::split_image,
    profile::{
        Part, Profile, Thing,
        net::{Host, Protocol},
        paths::Order,
        thing::{Destination, Program},
    },
};

/// A path that is in no profile: a class is written in braces, and none is called so.
const NOWHERE: &str = "/not/in/the/profile";
/// Programs of runtimes, of which what is done in a container before its own starts is not learned.
const RUNTIMES: [&str; 8] = [
    "/usr/bin/runc",
    "/usr/sbin/runc",
    "/usr/local/bin/runc",
    "/usr/local/sbin/runc",
    "/usr/bin/crun",
    "/usr/sbin/crun",
    "/usr/local/bin/crun",
    "/usr/bin/conmon",
];

pub(super) fn write(profile: &Profile) -> Exported {
    let rules = Rules::new(profile);
    let mut text = comments(&evidence(profile, Form::FalcoRules));
    text.push_str(
        "# Of the profile these rules say nothing of: who starts a program and as whom, scripts, \
         preloads,\n# secrets, sockets of the file system, names, capabilities, acts and system \
         calls.\n\n",
    );
    let runtimes: Vec<String> = RUNTIMES.iter().map(|path| quoted(path)).collect();
    text.push_str(&format!(
        "- list: {}_runtimes\n  items: [{}]\n\n- macro: {}_container\n  condition: >-\n    {} and \
         not proc.exepath in ({}_runtimes)\n",
        rules.id,
        runtimes.join(", "),
        rules.id,
        rules.image.condition(),
        rules.id
    ));
    text.push_str(&rules.programs(profile));
    text.push_str(&rules.files(profile));
    text.push_str(&rules.connections(profile));
    text.push_str(&rules.listeners(profile));
    let mut notes = Vec::new();
    if rules.image.facts.is_empty() {
        notes.push("the image of the profile is not known: no container is of it".to_owned());
    }
    Exported { text, notes }
}

/// How rules know the image.
struct Image {
    /// Fields and their values.
    facts: Vec<(&'static str, String)>,
}

impl Image {
    fn of(profile: &Profile) -> Self {
        let mut facts = Vec::new();
        match &profile.subject.digest {
            Some(digest) => facts.push(("container.image.digest", digest.to_string())),
            None => {
                let (repository, tag) = split_image(&profile.subject.image);
                let repository = repository.filter(|it| !it.is_empty());
                facts.extend(repository.map(|it| ("container.image.repository", it.to_owned())));
                facts.extend(tag.map(|it| ("container.image.tag", it.to_owned())));
            }
        }
        Self { facts }
    }

    fn condition(&self) -> String {
        let check = |(field, value): &(&str, String)| format!("{field} = {}", quoted(value));
        match self.facts.iter().map(check).collect::<Vec<_>>() {
            checks if checks.is_empty() => "container.image.repository = \"\"".to_owned(),
            checks => checks.join(" and "),
        }
    }

    /// Lines of a test's event.
    fn said(&self) -> Vec<String> {
        self.facts.iter().map(|(field, value)| format!("{field}: {}", quoted(value))).collect()
    }
}

struct Rules {
    id: String,
    name: String,
    image: Image,
}

/// A rule in the making.
struct Rule<'r> {
    what: &'r str,
    part: &'r str,
    condition: String,
    output: &'r str,
    /// What a test's event has that is not expected, and one that is, if there is one.
    unexpected: Vec<String>,
    expected: Option<Vec<String>>,
}

impl Rules {
    fn new(profile: &Profile) -> Self {
        let id = identifier(&profile.name, '_');
        Self { id, name: line(&profile.name), image: Image::of(profile) }
    }

    /// A rule with its tests.
    fn rule(&self, rule: &Rule<'_>) -> String {
        let Rule { what, part, condition, output, unexpected, expected } = rule;
        let mut text = format!(
            "\n- rule: {}\n  desc: {}\n  condition: >-\n{condition}  output: >-\n    {output} \
             (program=%proc.exepath command=%proc.cmdline container=%container.name \
             image=%container.image)\n  priority: warning\n  tags: [container, profile]\n  \
             tests:\n",
            quoted(&format!("{}: {what}", self.name)),
            quoted(&format!("It is none of `{part}` in the profile {}.", self.name)),
        );
        let mut test = |name: &str, fires: bool, lines: Vec<String>| {
            text.push_str(&format!("    - name: {name}\n      fires: {fires}\n      event:\n"));
            lines.iter().for_each(|line| text.push_str(&format!("        {line}\n")));
        };
        let image = self.image.said();
        if !image.is_empty() {
            test("what is not in the profile", true, [unexpected.clone(), image.clone()].concat());
        }
        let other = vec!["container.image.repository: another/image".to_owned()];
        test("another image", false, [unexpected.clone(), other].concat());
        if let Some(expected) = expected {
            test("what is in the profile", false, [expected.clone(), image].concat());
        }
        text
    }

    fn programs(&self, profile: &Profile) -> String {
        let mut paths = BTreeSet::new();
        for thing in of(profile, Part::Programs) {
            if let Thing::Program(Program { path, .. }) = thing {
                paths.insert(path.to_string());
            }
        }
        let known = Known::of(&paths, Order::Path);
        let list = known.list(&format!("{}_programs", self.id), "programs");
        let event = |path: &str| {
            vec!["evt.type: execve".to_owned(), format!("proc.exepath: {}", quoted(path))]
        };
        list + &self.rule(&Rule {
            what: "a program that is not expected",
            part: "programs",
            condition: format!(
                "    evt.type in (execve, execveat) and {0}_container\n{1}",
                self.id,
                known.unless("proc.exepath", &format!("{}_programs", self.id)),
            ),
            output: "A program that is not expected of the image was started",
            unexpected: event(NOWHERE),
            expected: known.exact.first().map(|path| event(path)),
        })
    }

    fn files(&self, profile: &Profile) -> String {
        let paths = of(profile, Part::Files).iter().map(ToString::to_string).collect();
        let known = Known::of(&paths, Order::Path);
        let list = known.list(&format!("{}_files", self.id), "files");
        let event = |path: &str| {
            let fields = ["evt.type: openat".to_owned(), "evt.is_open_write: true".to_owned()];
            [fields.to_vec(), vec![format!("fd.name: {}", quoted(path))]].concat()
        };
        list + &self.rule(&Rule {
            what: "a file written that is not expected",
            part: "files",
            condition: format!(
                "    evt.type in (open, openat, openat2, creat) and evt.is_open_write = true\n    \
                 and {0}_container and fd.name startswith /\n    and not fd.name in (/dev/null, \
                 /dev/tty, /dev/zero, /dev/full, /dev/ptmx)\n    and not fd.name startswith \
                 /dev/pts/\n{1}",
                self.id,
                known.unless("fd.name", &format!("{}_files", self.id)),
            ),
            output: "A file was opened to be written that is not expected (file=%fd.name)",
            unexpected: event(NOWHERE),
            expected: known.exact.first().map(|path| event(path)),
        })
    }

    fn connections(&self, profile: &Profile) -> String {
        let mut peers = Vec::new();
        let mut ports = BTreeSet::new();
        for thing in of(profile, Part::Connections) {
            let Thing::Connection(Destination::Port { protocol, port, hosts }) = &thing else {
                continue;
            };
            ports.insert(*port);
            let carried = carried(*protocol).map(|it| format!(" and fd.l4proto = {it}"));
            let whom = match hosts.first() {
                Some(Host::Net(net)) => format!(" and fd.snet in ({})", quoted(&net.to_string())),
                Some(Host::Name(name)) => {
                    format!(" and {}", named(&name.text(Order::Domain)))
                }
                Some(Host::Any) | None => String::new(),
            };
            let check = format!("fd.sport = {port}{}{whom}", carried.unwrap_or_default());
            // What follows a `#` in a folded text is no comment, so that the profile's lines are
            // not said here.
            peers.push(format!("    and not ({check})\n"));
        }
        let event = |port: u16| {
            let fields = ["evt.type: connect", "fd.sip: 192.0.2.77", "fd.l4proto: tcp"];
            let fields = fields.iter().map(|field| (*field).to_owned());
            fields.chain([format!("fd.sport: {port}")]).collect()
        };
        self.rule(&Rule {
            what: "a connection that is not expected",
            part: "connections",
            condition: format!(
                "    evt.type in (connect, sendto, sendmsg) and fd.typechar in (4, 6)\n    and \
                 {0}_container\n{1}",
                self.id,
                peers.concat(),
            ),
            output: "Somebody is contacted who is not expected (connection=%fd.name)",
            unexpected: event(unused(&ports)),
            expected: None,
        })
    }

    fn listeners(&self, profile: &Profile) -> String {
        let mut known: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        let mut ports = BTreeSet::new();
        for thing in of(profile, Part::Listeners) {
            let Thing::Listener(Protocol::Tcp, port) = thing else { continue };
            ports.extend(port);
            match port {
                Some(port) => known.entry("fd.sport = ").or_default().insert(port.to_string()),
                None => known.entry("fd.sport >= ").or_default().insert("32768".to_owned()),
            };
        }
        let unless: String = known
            .iter()
            .flat_map(|(check, ports)| ports.iter().map(move |port| format!("{check}{port}")))
            .map(|check| format!("    and not {check}\n"))
            .collect();
        let event = |port: u16| vec!["evt.type: listen".to_owned(), format!("fd.sport: {port}")];
        self.rule(&Rule {
            what: "a port listened at that is not expected",
            part: "listeners",
            condition: format!("    evt.type = listen and {0}_container\n{unless}", self.id),
            output: "A port is listened at that is not expected (socket=%fd.name)",
            unexpected: event(unused(&ports)),
            expected: ports.first().map(|port| event(*port)),
        })
    }
}

/// A port that is none of these, and that nobody is given by the kernel.
fn unused(ports: &BTreeSet<u16>) -> u16 {
    (4444..32_768).find(|port| !ports.contains(port)).unwrap_or_default()
}

fn carried(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("tcp"),
        Protocol::Udp => Some("udp"),
        Protocol::Other(_) => None,
    }
}

/// A check of whose name an address has. That of a service is told by the cluster alone.
fn named(name: &str) -> String {
    let service = name.strip_suffix(".svc").and_then(|rest| rest.rsplit_once('.'));
    match (service, exact(name)) {
        (Some((service, namespace)), Some(_)) => format!(
            "fd.sip.service.name = {} and fd.sip.service.ns = {}",
            quoted(service),
            quoted(namespace)
        ),
        (_, Some(name)) => format!("fd.sip.name = {}", quoted(&name)),
        (_, None) => format!("fd.sip.name regex {}", quoted(&pattern(name, Order::Domain))),
    }
}

/// Paths: those that can be in a list, and patterns of the others.
struct Known {
    exact: Vec<String>,
    patterns: Vec<String>,
}

impl Known {
    fn of(paths: &BTreeSet<String>, order: Order) -> Self {
        let (mut exacts, mut patterns) = (Vec::new(), Vec::new());
        for path in paths {
            let is_plain = |path: &String| {
                path.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@%:~".contains(&byte))
            };
            match exact(path).filter(is_plain) {
                Some(path) => exacts.push(path),
                None => patterns.push(pattern(path, order)),
            }
        }
        Self { exact: exacts, patterns }
    }

    fn list(&self, name: &str, part: &str) -> String {
        let mut text = format!("\n# {part}\n- list: {name}\n  items:");
        if self.exact.is_empty() {
            text.push_str(" []");
        }
        text.push('\n');
        self.exact.iter().for_each(|path| text.push_str(&format!("    - {}\n", quoted(path))));
        text
    }

    fn unless(&self, field: &str, list: &str) -> String {
        let mut text = format!("    and not {field} in ({list})\n");
        for pattern in &self.patterns {
            text.push_str(&format!("    and not {field} regex {}\n", quoted(pattern)));
        }
        text
    }
}

/// A path with what varies as a regular expression that is the whole of it. It has no backslash, of
/// which YAML, Falco and its expressions each think differently.
fn pattern(path: &str, order: Order) -> String {
    let any = match order {
        Order::Path => "[^/]+",
        Order::Domain => "[^.]+",
    };
    let mut pattern = String::new();
    for piece in pieces(path) {
        match piece {
            Piece::Plain(c) if c.is_alphanumeric() || "/_-@%:~, =<>!&;'#".contains(c) => {
                pattern.push(c);
            }
            Piece::Plain(c) if ".+*?(){}|$".contains(c) => pattern.extend(['[', c, ']']),
            Piece::Plain(_) | Piece::Byte => pattern.push('.'),
            Piece::Varies("number") => pattern.push_str("[0-9]+"),
            Piece::Varies("hex") => pattern.push_str("[0-9a-fA-F]+"),
            Piece::Varies("random") => pattern.push_str("[0-9a-zA-Z]+"),
            Piece::Varies("uuid") => pattern.push_str("[0-9a-fA-F-]{36}"),
            Piece::Varies(_) => pattern.push_str(any),
        }
    }
    pattern
}
