//! What a process and its children did, in short: programs, files, hosts.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use crate::{
    act::ActKind,
    document::{
        printable::{lossless, terminal},
        text::destination,
    },
    event::{Action, Address, Event, Outcome, ProcessKey, SocketAct},
    limits::SUMMARY_ENTRIES,
    logging::count,
};

/// Lines of each list that people are shown.
const LINES: usize = 40;

/// Where files are no files: what is written there is kept nowhere.
const NOWHERE: [&[u8]; 3] = [b"/dev/", b"/proc/", b"/memfd:"];

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Summary {
    processes: HashSet<ProcessKey>,
    /// Starts of each program.
    programs: BTreeMap<Box<[u8]>, u64>,
    /// Files that were opened for writing, or cut.
    written: BTreeSet<Box<[u8]>>,
    /// What was made that is no file with content: directories, links, devices.
    made: BTreeSet<Box<[u8]>>,
    /// Names that were moved, and where to, in order.
    renamed: Vec<Moved>,
    removed: BTreeSet<Box<[u8]>>,
    /// Of those, the ones that were neither written nor made before.
    removed_old: BTreeSet<Box<[u8]>>,
    /// Of what was written or made, what is still there.
    left: BTreeSet<Box<[u8]>>,
    hosts: BTreeMap<String, Contact>,
    /// Sockets of this host.
    local: BTreeMap<String, Contact>,
    refused: u64,
    /// What found no room in a list.
    left_out: u64,
}

/// A name that was moved.
#[derive(Debug)]
struct Moved {
    from: Box<[u8]>,
    to: Box<[u8]>,
}

/// How often somebody was contacted.
#[derive(Debug, Default)]
struct Contact {
    count: u64,
    failed: u64,
    /// Those that were begun, and not told of again yet: one that fails then is no further one.
    begun: u64,
}

impl Summary {
    /// Takes an event in.
    pub fn note(&mut self, event: &Event) {
        if self.processes.len() < SUMMARY_ENTRIES {
            self.processes.insert(event.process.key);
        }
        let is_begun = event.outcome == Outcome::Failure(nix::libc::EINPROGRESS);
        let is_done = is_begun || !matches!(event.outcome, Outcome::Failure(_));
        self.refused += u64::from(!is_done);
        match &event.action {
            Action::Connect(act) | Action::Send(act) => self.contact(act, is_done, is_begun),
            _ if !is_done => {}
            Action::Exec { .. } => {
                let path = event.process.executable.clone().unwrap_or_default();
                let is_known = self.programs.contains_key(&path);
                if is_known || self.programs.len() < SUMMARY_ENTRIES {
                    *self.programs.entry(path).or_default() += 1;
                } else {
                    self.left_out += 1;
                }
            }
            Action::FileOpen(act) => self.wrote(&act.path),
            Action::Act(act) => match act.kind {
                ActKind::Truncate { .. } => self.wrote(&act.path),
                ActKind::Mkdir { .. } | ActKind::Mknod { .. } | ActKind::Symlink => {
                    self.make(&act.path);
                }
                ActKind::Link => self.make(&act.other),
                ActKind::Rename { flags } if flags & nix::libc::RENAME_EXCHANGE != 0 => {
                    self.exchange(&act.path, &act.other);
                }
                ActKind::Rename { .. } => self.rename(&act.path, &act.other),
                ActKind::Unlink | ActKind::Rmdir => self.remove(&act.path),
                _ => {}
            },
            _ => {}
        }
    }

    fn contact(&mut self, act: &SocketAct, is_done: bool, is_begun: bool) {
        let mut name = destination(act);
        let contacts = match act.destination {
            Address::Ip(..) => &mut self.hosts,
            Address::Unix(_) => &mut self.local,
        };
        if let Some(known) = act.names.known().and_then(|names| names.first()) {
            name = format!("{name} ({})", terminal(known.as_bytes()));
        }
        if !contacts.contains_key(&name) && contacts.len() >= SUMMARY_ENTRIES {
            self.left_out += 1;
            return;
        }
        let contact = contacts.entry(name).or_default();
        let is_new = is_done || contact.begun == 0;
        contact.begun = contact.begun.saturating_sub(u64::from(!is_done)) + u64::from(is_begun);
        contact.count += u64::from(act.repeats) + u64::from(is_new);
        contact.failed += u64::from(!is_done);
    }

    fn wrote(&mut self, path: &[u8]) {
        if NOWHERE.iter().any(|start| path.starts_with(start)) {
            return;
        }
        if enter(&mut self.written, path) {
            self.left.insert(path.into());
        } else {
            self.left_out += 1;
        }
    }

    fn make(&mut self, path: &[u8]) {
        if enter(&mut self.made, path) {
            self.left.insert(path.into());
        } else {
            self.left_out += 1;
        }
    }

    fn rename(&mut self, from: &[u8], to: &[u8]) {
        if self.renamed.len() >= SUMMARY_ENTRIES {
            self.left_out += 1;
            return;
        }
        self.renamed.push(Moved { from: from.into(), to: to.into() });
        self.left.remove(from);
        self.left.insert(to.into());
        // What is below a directory goes with it.
        let below = [from, b"/"].concat();
        let from_there = self.left.range(Box::from(below.as_slice())..);
        let moved: Vec<_> = from_there.take_while(|it| it.starts_with(&below)).cloned().collect();
        for path in moved {
            self.left.remove(&path);
            let rest = path.get(from.len()..).unwrap_or_default();
            self.left.insert([to, rest].concat().into());
        }
    }

    /// Both names stay.
    fn exchange(&mut self, one: &[u8], other: &[u8]) {
        self.rename(one, other);
        self.left.insert(one.into());
    }

    fn remove(&mut self, path: &[u8]) {
        let is_new = self.left.remove(path);
        if !enter(&mut self.removed, path) {
            self.left_out += 1;
        } else if !is_new {
            self.removed_old.insert(path.into());
        }
    }

    /// All of it, for programs. Paths are as they were given by the kernel.
    #[must_use]
    pub fn value(&self) -> Value {
        let paths = |paths: &BTreeSet<Box<[u8]>>| -> Vec<Value> {
            paths.iter().map(|path| lossless(path).into()).collect()
        };
        let programs: Vec<Value> = self
            .programs
            .iter()
            .map(|(path, count)| json!({ "path": lossless(path), "count": count }))
            .collect();
        let renamed: Vec<Value> = self
            .renamed
            .iter()
            .map(|Moved { from, to }| json!({ "from": lossless(from), "to": lossless(to) }))
            .collect();
        json!({
            "processes": self.processes.len(),
            "programs": programs,
            "files_written": paths(&self.written),
            "files_left": paths(&self.left),
            "made": paths(&self.made),
            "renamed": renamed,
            "removed": paths(&self.removed),
            "hosts": contacts(&self.hosts),
            "local_sockets": contacts(&self.local),
            "failed": self.refused,
            "left_out": self.left_out,
        })
    }

    /// The most important of it, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}, {}, {} written, {} contacted; {} failed\n",
            count_of(self.processes.len(), "process", "processes"),
            count(self.programs.len(), "program"),
            count(self.written.len(), "file"),
            count(self.hosts.len(), "host"),
            count(usize::try_from(self.refused).unwrap_or(usize::MAX), "act"),
        );
        let programs = self.programs.iter();
        let programs = programs.map(|(path, count)| format!("{count:>6} × {}", terminal(path)));
        list(&mut text, "programs run", programs.collect());
        let shown = |paths: &BTreeSet<Box<[u8]>>| -> Vec<String> {
            paths.iter().map(|path| format!("  {}", terminal(path))).collect()
        };
        list(&mut text, "files written or made that are still there", shown(&self.left));
        let gone = self.written.difference(&self.left).count();
        if gone > 0 {
            line(&mut text, &format!("{gone} more were written, and moved or removed"));
        }
        list(&mut text, "removed that were there before", shown(&self.removed_old));
        list(&mut text, "hosts contacted", lines_of(&self.hosts));
        list(&mut text, "sockets of this host", lines_of(&self.local));
        if self.left_out > 0 {
            line(&mut text, &format!("{} more found no room here", self.left_out));
        }
        text
    }
}

fn count_of(number: usize, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {several}") }
}

/// False where there is no room for one more.
fn enter(paths: &mut BTreeSet<Box<[u8]>>, path: &[u8]) -> bool {
    if paths.contains(path) {
        return true;
    }
    let has_room = paths.len() < SUMMARY_ENTRIES;
    if has_room {
        paths.insert(path.into());
    }
    has_room
}

fn contacts(contacts: &BTreeMap<String, Contact>) -> Vec<Value> {
    let mut all = Vec::with_capacity(contacts.len());
    for (address, Contact { count, failed, .. }) in contacts {
        all.push(json!({ "address": address, "count": count, "failed": failed }));
    }
    all
}

fn lines_of(contacts: &BTreeMap<String, Contact>) -> Vec<String> {
    let one = |(name, Contact { count, failed, .. }): (&String, &Contact)| match failed {
        0 => format!("{count:>6} × {name}"),
        failed => format!("{count:>6} × {name}, {failed} failed"),
    };
    contacts.iter().map(one).collect()
}

fn list(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    line(text, &format!("{title}:"));
    let more = lines.len().saturating_sub(LINES);
    lines.iter().take(LINES).for_each(|one| line(text, one));
    if more > 0 {
        line(text, &format!("  … and {more} more: --summary FILE writes all"));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    writeln!(text, "{line}").unwrap_or_default();
}
