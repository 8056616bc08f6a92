//! A profile of AppArmor: what programs run and what they write. Reads are not in a profile, so
//! that it lets everything be read.

use std::collections::BTreeSet;

use super::{Exported, Form, comments, evidence, globs::glob, identifier, of};
use crate::profile::{
    Part, Profile, Thing,
    net::Protocol,
    paths::Order,
    thing::{Destination, Program},
};

/// What always holds.
const BEGIN: &str = "
abi <abi/3.0>,
include <tunables/global>

";

/// What no container is without, and what a profile does not tell apart.
const COMMON: &str = "  include <abstractions/base>
  include <abstractions/consoles>

  # Reads, and libraries, are not in the profile: all of them are let.
  \"/\" r,
  \"/**\" mr,
  # The runtime, and the container's own processes, signal and trace one another.
  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (send, receive) peer=@{profile_name},
  ptrace (read, readby, trace, tracedby) peer=@{profile_name},
";

/// Acts that are rules of their own.
const ACTS: [(&str, &str); 4] = [
    ("mount", "mount,"),
    ("umount", "umount,"),
    ("pivot_root", "pivot_root,"),
    ("ptrace", "ptrace,"),
];

pub(super) fn write(profile: &Profile) -> Exported {
    let name = identifier(&profile.name, '-');
    let mut text = comments(&evidence(profile, Form::AppArmor));
    text.push_str(BEGIN);
    text.push_str(&format!("profile {name} flags=(attach_disconnected, mediate_deleted) {{\n"));
    text.push_str(COMMON);
    section(&mut text, "programs: with their scripts, under this same profile", programs(profile));
    section(
        &mut text,
        "files: written, made or named. Removal of others is not learned, and is stopped",
        files(profile),
    );
    section(&mut text, "connections, listeners", network(profile));
    section(
        &mut text,
        "capabilities: those that programs start with, not only those that they use",
        of(profile, Part::Capabilities).iter().map(capability).collect(),
    );
    section(&mut text, "acts", acts(profile));
    text.push_str("}\n");
    let notes = vec![
        format!("load it with `apparmor_parser -r FILE`, and name it to the runtime: {name}"),
        "what varies in a name is wider here: {number} is a digit and whatever follows".to_owned(),
    ];
    Exported { text, notes }
}

fn section(text: &mut String, what: &str, rules: BTreeSet<String>) {
    if rules.is_empty() {
        return;
    }
    text.push_str(&format!("\n  # {what}.\n"));
    rules.iter().for_each(|rule| text.push_str(&format!("  {rule}\n")));
}

fn programs(profile: &Profile) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for thing in of(profile, Part::Programs) {
        let Thing::Program(Program { path, script, .. }) = thing else { continue };
        let paths = std::iter::once(path).chain(script);
        rules.extend(paths.map(|path| format!("\"{}\" mrix,", glob(&path))));
    }
    rules
}

fn files(profile: &Profile) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for thing in of(profile, Part::Files) {
        let Thing::File(path) = thing else { continue };
        let path = glob(&path.text(Order::Path));
        // Whether it is a directory is not learned.
        rules.insert(format!("\"{path}{{,/}}\" rwlk,"));
    }
    rules
}

fn network(profile: &Profile) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    let mut put = |protocol: Protocol| {
        let kind = match protocol {
            Protocol::Tcp => "stream",
            Protocol::Udp => "dgram",
            Protocol::Other(1 | 58) => "raw",
            Protocol::Other(_) => "seqpacket",
        };
        rules.extend(["inet", "inet6"].map(|family| format!("network {family} {kind},")));
    };
    for thing in profile.behaviour.things() {
        match thing {
            Thing::Listener(protocol, _)
            | Thing::Connection(Destination::Port { protocol, .. }) => put(protocol),
            Thing::Name(_) => put(Protocol::Udp),
            _ => {}
        }
    }
    let is_socket = |thing: &Thing| matches!(thing, Thing::Connection(Destination::Socket(_)));
    for thing in of(profile, Part::Connections).iter().filter(|thing| is_socket(thing)) {
        let Thing::Connection(Destination::Socket(path)) = thing else { continue };
        let path = path.text(Order::Path);
        rules.insert("unix,".to_owned());
        if !path.starts_with("/@") {
            rules.insert(format!("\"{}\" rw,", glob(&path)));
        }
    }
    rules
}

fn capability(thing: &Thing) -> String {
    let name = thing.to_string().to_ascii_lowercase();
    format!("capability {},", name.strip_prefix("cap_").unwrap_or(&name))
}

fn acts(profile: &Profile) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for thing in of(profile, Part::Acts) {
        let Thing::Act(act, _) = thing else { continue };
        let rule = ACTS.iter().find(|(known, _)| *known == act);
        rules.extend(rule.map(|(_, rule)| (*rule).to_owned()));
    }
    rules
}
