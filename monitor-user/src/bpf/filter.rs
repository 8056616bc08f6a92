//! Brings the filter that was made of the rules into the kernel: beside the one in use, which it
//! then takes the place of.

use std::{collections::BTreeMap, thread, time::Duration};

use aya::{
    Ebpf,
    maps::{Array, HashMap, LpmTrie, MapData, MapError, lpm_trie},
};
use monitor_common::{
    RecordKind,
    filter::{
        DIRECTORY, Entry, FIRST_ENTRY, InUse, MARK_WORDS, Marks, NUMBERS, NameKey, PORT_WORDS,
        PathKey, Ports, mark,
    },
    settings,
};
use monitor_rules::KindSet;

use super::{BpfError, object::refused_map};
use crate::{event::Action, live::boottime_ns, rules::filter::KernelFilter};

/// Which filter is in use.
#[derive(Debug, Default)]
pub(super) struct FilterState {
    number: u8,
    kinds: u64,
    /// When it was put in use, which never comes again.
    since: u64,
    tables: Tables,
}

impl FilterState {
    /// Puts a filter in use. Where that fails there is none: everything is told.
    pub(super) fn set(&mut self, ebpf: &mut Ebpf, filter: &KernelFilter) -> Result<(), BpfError> {
        let before = self.in_use();
        let number = if self.number >= NUMBERS { 1 } else { self.number + 1 };
        self.tables = Tables::of(filter, number);
        let filled = self.fill(ebpf, number);
        self.kinds = if filled.is_ok() { bits(filter.kinds) } else { 0 };
        self.number = number;
        self.put_in_use(ebpf, before)?;
        let emptied = empty(ebpf, number);
        if filled.is_err() || emptied.is_err() {
            // What did not fit is not what another took out.
            let Tables { paths, names, .. } = Tables::read(ebpf)?;
            (self.tables.paths, self.tables.names) = (paths, names);
        }
        filled.and(emptied)
    }

    /// Whether the kernel has what it was given.
    pub(super) fn is_kept(&self, ebpf: &mut Ebpf) -> Result<bool, BpfError> {
        let used: Array<_, InUse> = map(ebpf, settings::FILTER, Array::try_from)?;
        let used = used.get(&0, 0).map_err(refused_map(settings::FILTER))?;
        let is_used = used == self.in_use();
        let marks = marks_of(ebpf)?.get(&self.number.into(), 0);
        let is_marked = marks.map_err(refused_map(settings::FILTER_MARKS))? == self.tables.marks();
        let ports = ports_of(ebpf)?.get(&self.number.into(), 0);
        let are_ports = ports.map_err(refused_map(settings::FILTER_PORTS))? == *self.tables.ports;
        Ok(is_used && is_marked && are_ports && self.tables.are_in(ebpf)?)
    }

    /// Gives the kernel the same once more, and takes out what it was not given: a longer start of
    /// a path that asks for nothing would hide it.
    pub(super) fn put_right(&mut self, ebpf: &mut Ebpf) -> Result<(), BpfError> {
        let found = Tables::read(ebpf)?;
        let mut paths = paths_of(ebpf)?;
        for key in found.paths.keys().filter(|key| !self.tables.paths.contains_key(*key)) {
            let key = lpm_trie::Key::new(key.0, key.1);
            gone(paths.remove(&key)).map_err(refused_map(settings::FILTER_PATHS))?;
        }
        let mut names = names_of(ebpf)?;
        for key in found.names.keys().filter(|key| !self.tables.names.contains_key(*key)) {
            gone(names.remove(key)).map_err(refused_map(settings::FILTER_NAMES))?;
        }
        self.fill(ebpf, self.number)?;
        self.put_in_use(ebpf, self.in_use())
    }

    /// Programs read number and kinds one after the other. So that none reads one of this filter
    /// and the other of that before it, there is no filter in between, for longer than a program
    /// runs. What was remembered by the filter before is not looked at any more.
    fn put_in_use(&mut self, ebpf: &mut Ebpf, before: InUse) -> Result<(), BpfError> {
        self.since = boottime_ns();
        let refused = refused_map(settings::FILTER);
        let mut used: Array<_, InUse> = map(ebpf, settings::FILTER, Array::try_from)?;
        let [number, kinds, since] = before;
        if kinds != 0 {
            used.set(0, [number, 0, since], 0).map_err(&refused)?;
            thread::sleep(LONGEST_RUN);
        }
        let [number, kinds, since] = self.in_use();
        used.set(0, [number, 0, since], 0).map_err(&refused)?;
        used.set(0, [number, kinds, since], 0).map_err(&refused)
    }

    fn in_use(&self) -> InUse {
        [self.number.into(), self.kinds, self.since]
    }

    fn fill(&self, ebpf: &mut Ebpf, number: u8) -> Result<(), BpfError> {
        // First what there is always room for.
        let refused = refused_map(settings::FILTER_PORTS);
        ports_of(ebpf)?.set(number.into(), *self.tables.ports, 0).map_err(refused)?;
        let marks = self.tables.marks();
        let refused = refused_map(settings::FILTER_MARKS);
        marks_of(ebpf)?.set(number.into(), marks, 0).map_err(refused)?;
        let mut paths = paths_of(ebpf)?;
        for ((length, data), entry) in &self.tables.paths {
            let key = lpm_trie::Key::new(*length, *data);
            paths.insert(&key, *entry, 0).map_err(refused_map(settings::FILTER_PATHS))?;
        }
        let mut names = names_of(ebpf)?;
        for (key, entry) in &self.tables.names {
            names.insert(key, *entry, 0).map_err(refused_map(settings::FILTER_NAMES))?;
        }
        Ok(())
    }
}

/// Programs take microseconds, and hardly ever wait for others on the way.
const LONGEST_RUN: Duration = Duration::from_millis(100);

/// What another took out meanwhile is gone as well.
pub(super) fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        removed => removed,
    }
}

/// What the tables in the kernel hold.
#[derive(Debug)]
struct Tables {
    /// By the bits of a key that count, and the key.
    paths: BTreeMap<(u32, PathKey), Entry>,
    names: BTreeMap<NameKey, Entry>,
    ports: Box<Ports>,
}

impl Default for Tables {
    fn default() -> Self {
        let ports = Box::new([0; 2 * PORT_WORDS]);
        Self { paths: BTreeMap::new(), names: BTreeMap::new(), ports }
    }
}

impl Tables {
    fn of(filter: &KernelFilter, number: u8) -> Self {
        let mut entries = FIRST_ENTRY..;
        let mut tables = Self::default();
        // Long ones that start alike share a place, here and below.
        let mut add = |place: &mut Entry, kinds| {
            let [others, _] = *place;
            *place = [bits(kinds) | others, entries.next().unwrap_or(FIRST_ENTRY)];
        };
        let inside = number | DIRECTORY;
        let starts = filter.paths.iter().map(|(start, kinds)| (number, start, kinds));
        let directories = filter.directories.iter().map(|(start, kinds)| (inside, start, kinds));
        for (number, start, kinds) in starts.chain(directories) {
            add(tables.paths.entry(path_key(number, start)).or_default(), *kinds);
        }
        let files = filter.names.iter().map(|(name, kinds)| (number, name, kinds));
        let parents = filter.parents.iter().map(|(name, kinds)| (inside, name, kinds));
        for (number, name, kinds) in files.chain(parents) {
            add(tables.names.entry(name_key(number, name)).or_default(), *kinds);
        }
        for (port, kinds) in &filter.ports {
            let halves = [(0, RecordKind::Connect), (PORT_WORDS, RecordKind::Send)];
            for (first, kind) in halves {
                let is_asked = bits(*kinds) >> kind as u64 & 1 != 0;
                let word = tables.ports.get_mut(first + usize::from(*port) / 64);
                if let Some(word) = word.filter(|_| is_asked) {
                    *word |= 1 << (port % 64);
                }
            }
        }
        tables
    }

    /// Whether the kernel has these paths and names, and no others.
    fn are_in(&self, ebpf: &mut Ebpf) -> Result<bool, BpfError> {
        let found = Self::read(ebpf)?;
        Ok(self.paths == found.paths && self.names == found.names)
    }

    /// The marks of the names of files.
    fn marks(&self) -> Marks {
        let mut marks = [0; MARK_WORDS];
        for [number, name @ ..] in self.names.keys() {
            if number & DIRECTORY != 0 {
                continue;
            }
            let length = name.iter().take_while(|byte| **byte != 0).count();
            let (word, bit) = mark(
                length as u64,
                name.first_chunk().map_or(0, |start| u64::from_ne_bytes(*start)),
            );
            if let Some(word) = marks.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        marks
    }

    /// The paths and names in the kernel.
    fn read(ebpf: &mut Ebpf) -> Result<Self, BpfError> {
        let mut tables = Self::default();
        for entry in paths_of(ebpf)?.iter() {
            let (key, entry) = entry.map_err(refused_map(settings::FILTER_PATHS))?;
            tables.paths.insert((key.prefix_len(), key.data()), entry);
        }
        for entry in names_of(ebpf)?.iter() {
            let (key, entry) = entry.map_err(refused_map(settings::FILTER_NAMES))?;
            tables.names.insert(key, entry);
        }
        Ok(tables)
    }
}

/// Takes out what other filters left behind: numbers come again.
fn empty(ebpf: &mut Ebpf, number: u8) -> Result<(), BpfError> {
    let refused = refused_map(settings::FILTER_PATHS);
    let mut paths = paths_of(ebpf)?;
    let old = |first: Option<&u8>| first.is_none_or(|first| first & !DIRECTORY != number);
    let keys: Vec<_> = paths.keys().flatten().filter(|key| old(key.data().first())).collect();
    for key in keys {
        paths.remove(&key).map_err(&refused)?;
    }
    let refused = refused_map(settings::FILTER_NAMES);
    let mut names = names_of(ebpf)?;
    let keys: Vec<NameKey> = names.keys().flatten().filter(|key| old(key.first())).collect();
    for key in keys {
        names.remove(&key).map_err(&refused)?;
    }
    Ok(())
}

fn paths_of(ebpf: &mut Ebpf) -> Result<LpmTrie<&mut MapData, PathKey, Entry>, BpfError> {
    map(ebpf, settings::FILTER_PATHS, LpmTrie::try_from)
}

fn names_of(ebpf: &mut Ebpf) -> Result<HashMap<&mut MapData, NameKey, Entry>, BpfError> {
    map(ebpf, settings::FILTER_NAMES, HashMap::try_from)
}

fn marks_of(ebpf: &mut Ebpf) -> Result<Array<&mut MapData, Marks>, BpfError> {
    map(ebpf, settings::FILTER_MARKS, Array::try_from)
}

fn ports_of(ebpf: &mut Ebpf) -> Result<Array<&mut MapData, Ports>, BpfError> {
    map(ebpf, settings::FILTER_PORTS, Array::try_from)
}

fn map<'e, M>(
    ebpf: &'e mut Ebpf,
    name: &'static str,
    of: impl FnOnce(&'e mut aya::maps::Map) -> Result<M, aya::maps::MapError>,
) -> Result<M, BpfError> {
    let map = ebpf.map_mut(name).ok_or(BpfError::Absent(name))?;
    of(map).map_err(refused_map(name))
}

/// The start of a path, as much of it as the kernel looks at, and its length in bits.
fn path_key(number: u8, start: &[u8]) -> (u32, PathKey) {
    let mut data: PathKey = [0; size_of::<PathKey>()];
    let length = place(&mut data, number, start);
    (8 * u32::try_from(length).unwrap_or(0), data)
}

fn name_key(number: u8, name: &[u8]) -> NameKey {
    let mut key: NameKey = [0; size_of::<NameKey>()];
    place(&mut key, number, name);
    key
}

/// Writes the number and the text, as far as they fit. Returns how many bytes that were.
fn place(data: &mut [u8], number: u8, text: &[u8]) -> usize {
    let bytes = std::iter::once(&number).chain(text);
    data.iter_mut().zip(bytes).map(|(place, byte)| *place = *byte).count()
}

/// Kinds of events as kinds of records, one bit each.
fn bits(kinds: KindSet) -> u64 {
    let name = |kind: u8| Action::KINDS.get(usize::from(kind)).copied();
    let names: Vec<&str> = kinds.iter().filter_map(name).collect();
    let records = RecordKind::ALL.into_iter().filter(|kind| names.contains(&kind.name()));
    records.fold(0, |bits, kind| bits | 1 << kind as u64)
}
