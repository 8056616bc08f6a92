//! What the kernel can leave out: opens of files that no rule asks for by their paths, connections
//! and datagrams to ports that none asks for.
//!
//! For each such kind, all rules that can be about it are asked what the path, or the port, must be
//! for them to hold ([`monitor_rules::Condition::needs`]). If one of them cannot say, or says more
//! than there is room for, all acts of that kind are told of.
//!
//! Paths that rules name are also what noise is told from: each, and each kind, has token buckets
//! of its own in the kernel. For that, other acts on paths have entries as well.

use std::collections::BTreeMap;

use monitor_rules::{KindSet, Needs, Pattern, Rule};

use super::{
    Rules,
    kinds::{CONNECT, FILE, PATH, SEND},
};
use crate::event::Event;

/// Entries of each table. Twice as many fit into the kernel's, where two versions meet.
const ENTRIES_MAX: usize = 8000;

/// Fields that are the path of a file that was opened.
const PATHS: [&str; 7] = [
    "fd.name",
    "fd.nameraw",
    "fs.path.name",
    "fs.path.nameraw",
    "evt.arg.name",
    "evt.arg.path",
    "evt.arg.pathname",
];

/// What the kernel passes whatever the path: block devices, and files that an open creates and that
/// may be executed.
const ALWAYS: [&str; 2] = ["fd.is_block_device", "evt.is_open_exec"];

/// Fields that are a path of another act.
const PATHS_OF_ACTS: [&str; 6] = [
    "fs.path.source",
    "fs.path.target",
    "fs.path.sourceraw",
    "fs.path.targetraw",
    "evt.arg.oldpath",
    "evt.arg.newpath",
];

/// Kinds that have a remote port.
const TO_PORTS: KindSet = CONNECT.union(SEND);

/// Fields that are the remote port where the process is the client.
const PORTS: [&str; 2] = ["fd.sport", "fd.rport"];

/// Which opens, connections and datagrams are told of, and which paths rules name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelFilter {
    /// The kinds that are filtered; of others everything is told.
    pub kinds: KindSet,
    /// Starts of paths, with the kinds that some rule asks for there, those of shorter starts
    /// included. A whole path ends in a zero byte.
    pub paths: BTreeMap<Box<[u8]>, KindSet>,
    /// Directories, each with its final slash and a zero byte, of which a rule asks for some files.
    pub directories: BTreeMap<Box<[u8]>, KindSet>,
    /// Names of files, wherever they are.
    pub names: BTreeMap<Box<[u8]>, KindSet>,
    /// Names of the directories that files are in, wherever these are.
    pub parents: BTreeMap<Box<[u8]>, KindSet>,
    /// Remote ports.
    pub ports: BTreeMap<u16, KindSet>,
}

impl KernelFilter {
    /// The filter for the rules that are on.
    #[must_use]
    pub fn of(rules: &Rules) -> Self {
        let mut filter = Self::default();
        for kind in PATH.union(TO_PORTS).iter() {
            let about = rules.rules().iter().filter(|rule| rule.kinds().contains(kind));
            let usable = usable(kind);
            let each: Vec<Option<Needs>> = about
                .filter(|rule| rule.enabled)
                .map(|rule| rule.condition.needs(kind, usable))
                .collect();
            if FILTERED.contains(kind) && each.iter().all(Option::is_some) {
                filter.kinds = filter.kinds.union(KindSet::of(&[kind]));
            }
            let named = each.iter().flatten().flatten();
            named.for_each(|(field, pattern)| filter.add(kind, field, pattern));
        }
        filter.close()
    }

    /// The same, only to tell noise by: everything passes.
    #[must_use]
    pub fn passing_all(self) -> Self {
        Self { kinds: KindSet::EMPTY, ..self }
    }

    /// Whether an open of a kind passes: for tests, and as the meaning of the tables.
    #[must_use]
    pub fn passes(&self, kind: u8, path: &[u8]) -> bool {
        let mut parts = path.rsplit(|byte| *byte == b'/');
        let (name, parent) = (parts.next().unwrap_or(path), parts.next().unwrap_or_default());
        let in_table = |table: &BTreeMap<Box<[u8]>, KindSet>, name: &[u8]| {
            table.get(name).is_some_and(|kinds| kinds.contains(kind))
        };
        let named = in_table(&self.names, name) || in_table(&self.parents, parent);
        let whole = [path, b"\0"].concat();
        let mut asked = self.paths.iter().filter(|(_, kinds)| kinds.contains(kind));
        let starts = asked.any(|(start, _)| whole.starts_with(start));
        !self.kinds.contains(kind) || named || starts
    }

    /// Whether a connection or a datagram to a port passes, as [`Self::passes`].
    #[must_use]
    pub fn passes_port(&self, kind: u8, port: u16) -> bool {
        let is_named = self.ports.get(&port).is_some_and(|kinds| kinds.contains(kind));
        !self.kinds.contains(kind) || is_named
    }

    fn add(&mut self, kind: u8, field: &str, pattern: &Pattern) {
        match (field, pattern) {
            (_, Pattern::Number(number)) => {
                // There are no others: what needs one never holds.
                if let Ok(port) = u16::try_from(*number) {
                    let kinds = self.ports.entry(port).or_default();
                    *kinds = kinds.union(KindSet::of(&[kind]));
                }
            }
            ("fd.filename", Pattern::Text(name)) => enter(&mut self.names, name, kind),
            // Files in a directory, and those below, which is more than is asked for.
            ("fd.directory", Pattern::Text(directory)) => {
                let slash: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
                self.add_start(kind, &[directory, slash].concat());
            }
            ("fd.directory", Pattern::End(end)) => {
                if let Some(name) = name_of_end(end) {
                    enter(&mut self.parents, name, kind);
                }
            }
            (_, Pattern::Start(start)) => self.add_start(kind, start),
            (_, Pattern::Text(path)) => {
                enter(&mut self.paths, &[path, b"\0".as_slice()].concat(), kind);
                self.add_directory(kind, path);
            }
            (_, Pattern::End(end)) => {
                if let Some(name) = name_of_end(end) {
                    enter(&mut self.names, name, kind);
                }
            }
            // The kernel passes all of the one: they are few. There are none of the others.
            (_, Pattern::Yes | Pattern::Part(_)) => {}
        }
    }

    fn add_start(&mut self, kind: u8, start: &[u8]) {
        enter(&mut self.paths, start, kind);
        self.add_directory(kind, start);
    }

    /// The directory of what is asked for.
    fn add_directory(&mut self, kind: u8, path: &[u8]) {
        if let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            let directory = path.get(..=slash).unwrap_or(path);
            enter(&mut self.directories, &[directory, b"\0"].concat(), kind);
        }
    }

    /// Gives each start what the shorter ones ask for: the kernel finds the longest only.
    fn close(mut self) -> Self {
        let starts: Vec<(Box<[u8]>, KindSet)> =
            self.paths.iter().map(|(start, kinds)| (start.clone(), *kinds)).collect();
        for (longer, kinds) in &mut self.paths {
            for end in 0..longer.len() {
                let shorter = longer.get(..end).unwrap_or_default();
                if let Ok(at) = starts.binary_search_by(|(start, _)| (**start).cmp(shorter))
                    && let Some((_, more)) = starts.get(at)
                {
                    *kinds = kinds.union(*more);
                }
            }
        }
        let most = self.paths.len() + self.directories.len();
        let names = self.names.len() + self.parents.len();
        if most > ENTRIES_MAX || names > ENTRIES_MAX { Self::default() } else { self }
    }
}

/// What the kernel leaves out for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing: events of this kind are not filtered there.
    NoFilter,
    /// Nothing: the rule may be about any path, or port, or says which in a way that the kernel
    /// cannot look for. Because of such a rule, all acts of the kind are told of.
    Everything,
    /// All but these, in words.
    Only(Vec<String>),
}

impl Pushed {
    /// What the kernel leaves out of a kind, as far as it goes by one rule.
    #[must_use]
    pub fn of(rule: &Rule<Event>, kind: u8) -> Self {
        if !FILTERED.contains(kind) {
            return Self::NoFilter;
        }
        match rule.condition.needs(kind, usable(kind)) {
            None => Self::Everything,
            Some(needs) => Self::Only(needs.iter().map(in_words).collect()),
        }
    }
}

fn in_words((field, pattern): &(&'static str, Pattern)) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match pattern {
        Pattern::Text(is) => format!("{field} = {}", text(is)),
        Pattern::Start(start) => format!("{field} startswith {}", text(start)),
        Pattern::End(end) => format!("{field} endswith {}", text(end)),
        Pattern::Part(part) => format!("{field} contains {}", text(part)),
        Pattern::Number(number) => format!("{field} = {number}"),
        Pattern::Yes => format!("{field} = true"),
    }
}

fn enter(table: &mut BTreeMap<Box<[u8]>, KindSet>, entry: &[u8], kind: u8) {
    let kinds = table.entry(entry.into()).or_default();
    *kinds = kinds.union(KindSet::of(&[kind]));
}

/// Kinds of which the kernel leaves something out.
const FILTERED: KindSet = FILE.union(TO_PORTS);

/// What the kernel can look for in acts of a kind.
fn usable(kind: u8) -> &'static dyn Fn(&'static str, &Pattern) -> bool {
    if FILE.contains(kind) {
        &is_usable
    } else if TO_PORTS.contains(kind) {
        &is_usable_port
    } else {
        &is_usable_of_acts
    }
}

/// Whether the kernel can look for it in a connection or a datagram.
fn is_usable_port(field: &'static str, pattern: &Pattern) -> bool {
    PORTS.contains(&field) && matches!(pattern, Pattern::Number(_))
}

/// Whether the kernel can look for it in an open.
fn is_usable(field: &'static str, pattern: &Pattern) -> bool {
    match (field, pattern) {
        ("fd.filename", Pattern::Text(_)) => true,
        ("fd.directory", Pattern::Text(_) | Pattern::Start(_)) => true,
        (field, Pattern::Text(_) | Pattern::Start(_)) => PATHS.contains(&field),
        (field, Pattern::End(end)) => {
            (PATHS.contains(&field) || field == "fd.directory") && name_of_end(end).is_some()
        }
        (field, Pattern::Yes) => ALWAYS.contains(&field),
        (field, Pattern::Part(part)) => PATHS.contains(&field) && climbs(part),
        (_, Pattern::Number(_)) => false,
    }
}

/// Whether the kernel can look for it in an act that is no open.
fn is_usable_of_acts(field: &'static str, pattern: &Pattern) -> bool {
    let is_path = PATHS.contains(&field) || PATHS_OF_ACTS.contains(&field);
    is_path && matches!(pattern, Pattern::Text(_) | Pattern::Start(_))
}

/// Whether a text is in no path that the kernel filters: it filters files that were reached, and
/// their paths do not climb. Names as they were passed, of opens that were refused, always pass.
fn climbs(part: &[u8]) -> bool {
    part.windows(4).any(|window| window == b"/../")
}

/// The name of a file, where the end of its path holds all of it.
fn name_of_end(end: &[u8]) -> Option<&[u8]> {
    let slash = end.iter().rposition(|byte| *byte == b'/')?;
    end.get(slash + 1..).filter(|name| !name.is_empty())
}
