//! What the kernel can leave out: opens of files that no rule asks for by their paths, connections
//! and datagrams to addresses and ports that none asks for, and all of them by users that none asks
//! for.
//!
//! For each such kind, all rules that can be about it are asked what the path, the address, the
//! port or the user must be for them to hold ([`monitor_rules::Condition::needs`]). If one of them
//! cannot say, or says more than there is room for, all acts of that kind are told of.
//!
//! Paths that rules name are also what noise is told from: each, and each kind, has token buckets
//! of its own in the kernel. For that, other acts on paths have entries as well.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{Ipv4Subnets, Ipv6Net, Ipv6Subnets};
use monitor_rules::{Condition, KindSet, Needs, Pattern, Rule};

use super::{
    Rules,
    kinds::{CONNECT, FILE, PATH, SEND},
};
use crate::event::Event;

/// Entries of each table. Twice as many fit into the kernel's, where two versions meet.
const ENTRIES_MAX: usize = 8000;

/// Ranges of user ids: programs look at all of them.
pub(crate) const USERS_MAX: usize = 8;

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

/// Kinds that have a remote address.
const TO_PEERS: KindSet = CONNECT.union(SEND);

/// Fields that are the remote port where the process is the client.
const PORTS: [&str; 2] = ["fd.sport", "fd.rport"];

/// Fields that are the remote address where the process is the client.
const ADDRESSES: [&str; 4] = ["fd.sip", "fd.rip", "fd.snet", "fd.rnet"];

/// Addresses that lead to others, which are told in their place, as networks: the unspecified to
/// the own host, and those that are translated to IPv4 (RFC 6052 section 2.1).
const LEADING_ELSEWHERE: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 128),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
];

/// Field that is who acts.
const USER: &str = "user.uid";

/// What somebody beside the rules asks for.
#[derive(Clone, Copy)]
pub struct Asks<'a> {
    /// Kinds of event that are to be seen.
    pub kinds: KindSet,
    /// What holds for those that are wanted; None: all are.
    pub condition: Option<&'a Condition<Event>>,
}

impl Asks<'_> {
    /// What must be so for an event of a kind to be wanted; None: that cannot be said. Of a kind
    /// that the condition is not about, something else is to be learned.
    fn needs(&self, kind: u8) -> Option<Needs> {
        let about = self.condition.filter(|condition| condition.kinds().contains(kind));
        about.and_then(|condition| condition.needs(kind, usable(kind)))
    }
}

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
    /// Networks of remote addresses, with the kinds that some rule asks for there, those of wider
    /// networks included. IPv4 is mapped into IPv6 (RFC 4291 section 2.5.5.2).
    pub networks: BTreeMap<Ipv6Net, KindSet>,
    /// User ids, the first and the last of each range.
    pub users: BTreeMap<(u32, u32), KindSet>,
}

impl KernelFilter {
    /// The filter for the rules that are on.
    #[must_use]
    pub fn of(rules: &Rules) -> Self {
        Self::of_all(rules, &[])
    }

    /// The filter for the rules that are on, and for others.
    #[must_use]
    pub fn of_all(rules: &Rules, others: &[Asks<'_>]) -> Self {
        let mut filter = Self::default();
        for kind in PATH.union(TO_PEERS).iter() {
            let about = rules.rules().iter().filter(|rule| rule.kinds().contains(kind));
            let usable = usable(kind);
            let of_rules =
                about.filter(|rule| rule.enabled).map(|rule| rule.condition.needs(kind, usable));
            let asking = others.iter().filter(|asks| asks.kinds.contains(kind));
            let each: Vec<Option<Needs>> =
                of_rules.chain(asking.map(|asks| asks.needs(kind))).collect();
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
    pub fn passes(&self, kind: u8, path: &[u8], uid: u32) -> bool {
        let mut parts = path.rsplit(|byte| *byte == b'/');
        let (name, parent) = (parts.next().unwrap_or(path), parts.next().unwrap_or_default());
        let in_table = |table: &BTreeMap<Box<[u8]>, KindSet>, name: &[u8]| {
            table.get(name).is_some_and(|kinds| kinds.contains(kind))
        };
        let named = in_table(&self.names, name) || in_table(&self.parents, parent);
        let whole = [path, b"\0"].concat();
        let mut asked = self.paths.iter().filter(|(_, kinds)| kinds.contains(kind));
        let starts = asked.any(|(start, _)| whole.starts_with(start));
        self.passes_user(kind, uid) || named || starts
    }

    /// Whether a connection or a datagram passes, as [`Self::passes`].
    #[must_use]
    pub fn passes_peer(&self, kind: u8, address: IpAddr, port: u16, uid: u32) -> bool {
        let is_named = self.ports.get(&port).is_some_and(|kinds| kinds.contains(kind));
        let address = mapped(address);
        let mut networks = self.networks.iter().filter(|(_, kinds)| kinds.contains(kind));
        let is_within = networks.any(|(network, _)| network.contains(&address));
        self.passes_user(kind, uid) || is_named || is_within
    }

    /// Whether an act passes because its kind is not filtered, or by who acts.
    fn passes_user(&self, kind: u8, uid: u32) -> bool {
        let is_asked = |((first, last), kinds): (&(u32, u32), &KindSet)| {
            (*first..=*last).contains(&uid) && kinds.contains(kind)
        };
        !self.kinds.contains(kind) || self.users.iter().any(is_asked)
    }

    fn add(&mut self, kind: u8, field: &str, pattern: &Pattern) {
        match (field, pattern) {
            (_, Pattern::Number(number)) => self.add_numbers(kind, field, *number, *number),
            (_, Pattern::Numbers(first, last)) => self.add_numbers(kind, field, *first, *last),
            (_, Pattern::Addresses(first, last)) => self.add_addresses(kind, *first, *last),
            ("fd.filename", Pattern::Text(name)) => enter(&mut self.names, name.clone(), kind),
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
                enter(&mut self.paths, [path, b"\0".as_slice()].concat(), kind);
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

    /// Ports or users. There are no others than fit: what needs one never holds.
    fn add_numbers(&mut self, kind: u8, field: &str, first: i64, last: i64) {
        let (first, most) = (first.max(0), if field == USER { u32::MAX } else { u16::MAX.into() });
        let last = last.min(most.into());
        if first > last {
            return;
        }
        let within = |number: i64| u32::try_from(number).unwrap_or(most);
        if field == USER {
            enter(&mut self.users, (within(first), within(last)), kind);
            return;
        }
        for port in (within(first)..=within(last)).filter_map(|port| u16::try_from(port).ok()) {
            enter(&mut self.ports, port, kind);
        }
    }

    fn add_addresses(&mut self, kind: u8, first: IpAddr, last: IpAddr) {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                for network in Ipv4Subnets::new(first, last, 0) {
                    let (address, bits) = (network.addr(), network.prefix_len());
                    self.add_network(kind, address.to_ipv6_mapped(), MAPPED_BITS + bits);
                }
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                for network in Ipv6Subnets::new(first, last, 0) {
                    self.add_network(kind, network.addr(), network.prefix_len());
                }
            }
            // There are no ranges from one family to another.
            _ => {}
        }
        for (address, bits) in LEADING_ELSEWHERE {
            self.add_network(kind, address, bits);
        }
    }

    fn add_network(&mut self, kind: u8, address: Ipv6Addr, bits: u8) {
        if let Ok(network) = Ipv6Net::new(address, bits) {
            enter(&mut self.networks, network, kind);
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
            enter(&mut self.directories, [directory, b"\0"].concat(), kind);
        }
    }

    /// Gives up what there is no room for, and makes the rest fit for a look at the longest match.
    fn close(mut self) -> Self {
        let paths = self.paths.len() + self.directories.len();
        if paths > ENTRIES_MAX || self.names.len() + self.parents.len() > ENTRIES_MAX {
            return Self::default();
        }
        if self.networks.len() > ENTRIES_MAX {
            self.kinds = without(self.kinds, &std::mem::take(&mut self.networks));
        }
        if self.users.len() > USERS_MAX {
            self.kinds = without(self.kinds, &std::mem::take(&mut self.users));
        }
        self.close_paths();
        self.close_networks();
        self
    }

    /// Gives each start what the shorter ones ask for: the kernel finds the longest only.
    fn close_paths(&mut self) {
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
    }

    /// The same of networks.
    fn close_networks(&mut self) {
        let all = self.networks.clone();
        for (network, kinds) in &mut self.networks {
            let wider = (0..network.prefix_len())
                .filter_map(|bits| all.get(&Ipv6Net::new(network.addr(), bits).ok()?.trunc()));
            *kinds = wider.fold(*kinds, |kinds, more| kinds.union(*more));
        }
    }
}

/// The kinds that are not in a table.
fn without<K>(kinds: KindSet, table: &BTreeMap<K, KindSet>) -> KindSet {
    let given_up = table.values().fold(KindSet::EMPTY, |all, kinds| all.union(*kinds));
    kinds.intersection(given_up.complement())
}

/// What the kernel leaves out for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing: events of this kind are not filtered there.
    NoFilter,
    /// Nothing: what the rule must find is decided after an act was told of, or in a way that the
    /// kernel cannot look for: in these fields, if there are such. Because of such a rule, all acts
    /// of the kind are told of.
    Everything(Vec<&'static str>),
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
            None => {
                let any = rule.condition.needs(kind, &|_, _| true).unwrap_or_default();
                let mut fields: Vec<&str> = any.into_iter().map(|(field, _)| field).collect();
                fields.sort_unstable();
                fields.dedup();
                Self::Everything(fields)
            }
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
        Pattern::Numbers(first, i64::MAX) => format!("{field} >= {first}"),
        Pattern::Numbers(_, last) => format!("{field} <= {last}"),
        Pattern::Addresses(first, last) if first == last => format!("{field} = {first}"),
        Pattern::Addresses(first, last) => format!("{field} from {first} to {last}"),
        Pattern::Yes => format!("{field} = true"),
    }
}

fn enter<K: Ord>(table: &mut BTreeMap<K, KindSet>, entry: impl Into<K>, kind: u8) {
    let kinds = table.entry(entry.into()).or_default();
    *kinds = kinds.union(KindSet::of(&[kind]));
}

/// An address as the tables have it.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The bits before an IPv4 address that is mapped into IPv6.
const MAPPED_BITS: u8 = 96;

/// Kinds of which the kernel leaves something out.
const FILTERED: KindSet = FILE.union(TO_PEERS);

/// What the kernel can look for in acts of a kind.
fn usable(kind: u8) -> &'static dyn Fn(&'static str, &Pattern) -> bool {
    if FILE.contains(kind) {
        &is_usable
    } else if TO_PEERS.contains(kind) {
        &is_usable_of_peers
    } else {
        &is_usable_of_acts
    }
}

/// Whether the kernel can look for it in a connection or a datagram.
fn is_usable_of_peers(field: &'static str, pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Number(_) | Pattern::Numbers(..) => PORTS.contains(&field) || field == USER,
        Pattern::Addresses(..) => ADDRESSES.contains(&field),
        _ => false,
    }
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
        (field, Pattern::Number(_) | Pattern::Numbers(..)) => field == USER,
        (_, Pattern::Addresses(..)) => false,
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
