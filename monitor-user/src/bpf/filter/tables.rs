//! What the tables of the filter hold, and how they come into the kernel.

use std::collections::BTreeMap;

use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, LpmTrie, Map, MapData, MapError, lpm_trie},
};
use monitor_common::{
    RecordKind,
    filter::{
        DIRECTORY, Entry, FIRST_ENTRY, MARK_WORDS, Marks, NameKey, NetworkKey, PORT_WORDS, PathKey,
        Ports, USER_RANGES, Users, mark,
    },
    settings,
};
use monitor_rules::KindSet;

use super::gone;
use crate::{
    bpf::{BpfError, object::refused_map},
    event::Action,
    rules::filter::{KernelFilter, USERS_MAX},
};

/// Entries of a trie, by the bits of a key that count, and the key.
type Prefixes<K, V> = BTreeMap<(u32, K), V>;

const _: () = assert!(USERS_MAX <= USER_RANGES, "users that programs do not look at");

/// The tables of one filter.
#[derive(Debug, PartialEq)]
pub(super) struct Tables {
    paths: Prefixes<PathKey, Entry>,
    names: BTreeMap<NameKey, Entry>,
    networks: Prefixes<NetworkKey, u64>,
    ports: Box<Ports>,
    users: Users,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            paths: BTreeMap::new(),
            names: BTreeMap::new(),
            networks: BTreeMap::new(),
            ports: Box::new([0; 2 * PORT_WORDS]),
            users: [[0; 3]; USER_RANGES],
        }
    }
}

impl Tables {
    /// The tables for a filter of that number.
    pub(super) fn of(filter: &KernelFilter, number: u8) -> Self {
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
        for (network, kinds) in &filter.networks {
            let mut key: NetworkKey = [0; size_of::<NetworkKey>()];
            place(&mut key, number, &network.addr().octets());
            tables.networks.insert((8 + u32::from(network.prefix_len()), key), bits(*kinds));
        }
        for (port, kinds) in &filter.ports {
            tables.add_port(*port, bits(*kinds));
        }
        for (range, ((first, last), kinds)) in tables.users.iter_mut().zip(&filter.users) {
            *range = [(*first).into(), (*last).into(), bits(*kinds)];
        }
        tables
    }

    fn add_port(&mut self, port: u16, kinds: u64) {
        for (first, kind) in [(0, RecordKind::Connect), (PORT_WORDS, RecordKind::Send)] {
            let is_asked = kinds >> kind as u64 & 1 != 0;
            let word = self.ports.get_mut(first + usize::from(port) / 64);
            if let Some(word) = word.filter(|_| is_asked) {
                *word |= 1 << (port % 64);
            }
        }
    }

    /// The kinds for which there are networks, and users, one bit each.
    pub(super) fn kinds(&self) -> [u64; 2] {
        let of_networks = self.networks.values().fold(0, |all, kinds| all | kinds);
        [of_networks, self.users.iter().fold(0, |all, [_, _, kinds]| all | kinds)]
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

    /// Puts all into the kernel, as the filter of that number.
    pub(super) fn fill(&self, ebpf: &mut Ebpf, number: u8) -> Result<(), BpfError> {
        // First what there is always room for.
        set(ebpf, settings::FILTER_PORTS, number, *self.ports)?;
        set(ebpf, settings::FILTER_MARKS, number, self.marks())?;
        set(ebpf, settings::FILTER_USERS, number, self.users)?;
        fill_trie(ebpf, settings::FILTER_NETWORKS, &self.networks)?;
        fill_trie(ebpf, settings::FILTER_PATHS, &self.paths)?;
        let mut names = names_of(ebpf)?;
        for (key, entry) in &self.names {
            names.insert(key, *entry, 0).map_err(refused_map(settings::FILTER_NAMES))?;
        }
        Ok(())
    }

    /// Takes out of the kernel what is not in these tables: a longer start of a path, or a narrower
    /// network, that asks for nothing would hide what is.
    pub(super) fn take_out_rest(&self, ebpf: &mut Ebpf) -> Result<(), BpfError> {
        take_out_rest_of_trie(ebpf, settings::FILTER_NETWORKS, &self.networks)?;
        take_out_rest_of_trie(ebpf, settings::FILTER_PATHS, &self.paths)?;
        let found = read_names(ebpf)?;
        let mut names = names_of(ebpf)?;
        for key in found.keys().filter(|key| !self.names.contains_key(*key)) {
            gone(names.remove(key)).map_err(refused_map(settings::FILTER_NAMES))?;
        }
        Ok(())
    }

    /// Whether the kernel has these tables, as the filter of that number, and no others.
    pub(super) fn are_in(&self, ebpf: &mut Ebpf, number: u8) -> Result<bool, BpfError> {
        let marks: Marks = get(ebpf, settings::FILTER_MARKS, number)?;
        Ok(marks == self.marks() && *self == Self::read(ebpf, number)?)
    }

    /// What the kernel has, with ports and users of the filter of that number.
    pub(super) fn read(ebpf: &mut Ebpf, number: u8) -> Result<Self, BpfError> {
        Ok(Self {
            paths: read_trie(ebpf, settings::FILTER_PATHS)?,
            names: read_names(ebpf)?,
            networks: read_trie(ebpf, settings::FILTER_NETWORKS)?,
            ports: Box::new(get(ebpf, settings::FILTER_PORTS, number)?),
            users: get(ebpf, settings::FILTER_USERS, number)?,
        })
    }
}

fn set<V: Pod>(ebpf: &mut Ebpf, name: &'static str, number: u8, value: V) -> Result<(), BpfError> {
    let mut all: Array<_, V> = map(ebpf, name, Array::try_from)?;
    all.set(number.into(), value, 0).map_err(refused_map(name))
}

fn get<V: Pod>(ebpf: &mut Ebpf, name: &'static str, number: u8) -> Result<V, BpfError> {
    let all: Array<_, V> = map(ebpf, name, Array::try_from)?;
    all.get(&number.into(), 0).map_err(refused_map(name))
}

fn names_of(ebpf: &mut Ebpf) -> Result<HashMap<&mut MapData, NameKey, Entry>, BpfError> {
    map(ebpf, settings::FILTER_NAMES, HashMap::try_from)
}

fn read_names(ebpf: &mut Ebpf) -> Result<BTreeMap<NameKey, Entry>, BpfError> {
    let all: Result<_, MapError> = names_of(ebpf)?.iter().collect();
    all.map_err(refused_map(settings::FILTER_NAMES))
}

fn trie<'e, K: Pod, V: Pod>(
    ebpf: &'e mut Ebpf,
    name: &'static str,
) -> Result<LpmTrie<&'e mut MapData, K, V>, BpfError> {
    map(ebpf, name, LpmTrie::try_from)
}

fn read_trie<K: Pod + Ord, V: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<Prefixes<K, V>, BpfError> {
    let trie = trie(ebpf, name)?;
    let entries = trie.iter().map(|entry| {
        let (key, value) = entry?;
        Ok(((key.prefix_len(), key.data()), value))
    });
    entries.collect::<Result<_, MapError>>().map_err(refused_map(name))
}

fn fill_trie<K: Pod, V: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
    entries: &Prefixes<K, V>,
) -> Result<(), BpfError> {
    let mut trie = trie(ebpf, name)?;
    for ((bits, key), value) in entries {
        trie.insert(&lpm_trie::Key::new(*bits, *key), *value, 0).map_err(refused_map(name))?;
    }
    Ok(())
}

fn take_out_rest_of_trie<K: Pod + Ord, V: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
    entries: &Prefixes<K, V>,
) -> Result<(), BpfError> {
    let found: Prefixes<K, V> = read_trie(ebpf, name)?;
    let mut trie = trie::<K, V>(ebpf, name)?;
    for (bits, key) in found.keys().filter(|key| !entries.contains_key(key)) {
        gone(trie.remove(&lpm_trie::Key::new(*bits, *key))).map_err(refused_map(name))?;
    }
    Ok(())
}

/// A map of the filter, typed.
pub(super) fn map<'e, M>(
    ebpf: &'e mut Ebpf,
    name: &'static str,
    of: impl FnOnce(&'e mut Map) -> Result<M, MapError>,
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
pub(super) fn bits(kinds: KindSet) -> u64 {
    let name = |kind: u8| Action::KINDS.get(usize::from(kind)).copied();
    let names: Vec<&str> = kinds.iter().filter_map(name).collect();
    let records = RecordKind::ALL.into_iter().filter(|kind| names.contains(&kind.name()));
    records.fold(0, |bits, kind| bits | 1 << kind as u64)
}
