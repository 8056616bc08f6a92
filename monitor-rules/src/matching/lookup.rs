//! From one value to the patterns that it fits, without trying them one by one.

use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::HashMap;

use crate::matching::guard::Pattern;

/// A rule of the kind, by its place there.
pub(super) type Place = u32;

/// Which rules each pattern stands for.
#[derive(Default)]
pub(super) struct Lookup {
    texts: HashMap<Box<[u8]>, Vec<Place>, ahash::RandomState>,
    numbers: HashMap<i64, Vec<Place>, ahash::RandomState>,
    starts: Trie,
    ends: Trie,
    parts: Parts,
}

impl Lookup {
    pub(super) fn new<'p>(patterns: impl Iterator<Item = (&'p Pattern, Place)>) -> Self {
        let mut lookup = Self::default();
        let mut parts: HashMap<Box<[u8]>, Vec<Place>> = HashMap::new();
        for (pattern, place) in patterns {
            match pattern {
                Pattern::Text(text) => lookup.texts.entry(text.clone()).or_default().push(place),
                Pattern::Number(number) => lookup.numbers.entry(*number).or_default().push(place),
                Pattern::Start(text) => lookup.starts.add(text.iter(), place),
                Pattern::End(text) => lookup.ends.add(text.iter().rev(), place),
                Pattern::Part(text) => parts.entry(text.clone()).or_default().push(place),
                Pattern::Yes | Pattern::Numbers(..) | Pattern::Addresses(..) => {}
            }
        }
        lookup.parts = Parts::new(parts);
        lookup
    }

    pub(super) fn text(&self, text: &[u8], hit: &mut impl FnMut(Place)) {
        if let Some(places) = self.texts.get(text) {
            places.iter().copied().for_each(&mut *hit);
        }
        self.starts.walk(text.iter(), hit);
        self.ends.walk(text.iter().rev(), hit);
        self.parts.find(text, hit);
    }

    pub(super) fn number(&self, number: i64, hit: &mut impl FnMut(Place)) {
        if let Some(places) = self.numbers.get(&number) {
            places.iter().copied().for_each(hit);
        }
    }
}

/// Beginnings, byte by byte: most values leave it after a few.
#[derive(Default)]
struct Trie {
    nodes: Vec<TrieNode>,
}

#[derive(Default)]
struct TrieNode {
    /// Sorted by byte.
    next: Vec<(u8, u32)>,
    places: Vec<Place>,
}

impl Trie {
    fn add<'b>(&mut self, bytes: impl Iterator<Item = &'b u8>, place: Place) {
        if self.nodes.is_empty() {
            self.nodes.push(TrieNode::default());
        }
        let mut at = 0;
        for byte in bytes {
            let new = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
            let Some(node) = self.nodes.get_mut(at as usize) else { return };
            at = match node.next.binary_search_by_key(byte, |(byte, _)| *byte) {
                Ok(found) => node.next.get(found).map_or(0, |(_, node)| *node),
                Err(before) => {
                    node.next.insert(before, (*byte, new));
                    self.nodes.push(TrieNode::default());
                    new
                }
            };
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.places.push(place);
        }
    }

    fn walk<'b>(&self, bytes: impl Iterator<Item = &'b u8>, hit: &mut impl FnMut(Place)) {
        let Some(mut node) = self.nodes.first() else { return };
        for byte in bytes {
            let Ok(found) = node.next.binary_search_by_key(byte, |(byte, _)| *byte) else { return };
            let next = node.next.get(found).and_then(|(_, at)| self.nodes.get(*at as usize));
            let Some(next) = next else { return };
            node = next;
            node.places.iter().copied().for_each(&mut *hit);
        }
    }
}

/// Texts that may stand anywhere in a value, found in one pass over it.
#[derive(Default)]
struct Parts {
    search: Option<AhoCorasick>,
    places: Vec<Vec<Place>>,
}

impl Parts {
    fn new(parts: HashMap<Box<[u8]>, Vec<Place>>) -> Self {
        let (texts, mut places): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        if texts.is_empty() {
            return Self::default();
        }
        // All matches are wanted, also those that overlap.
        let search = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&texts).ok();
        if search.is_none() {
            // Too large to build: then every value may fit each of them.
            places = vec![places.concat()];
        }
        Self { search, places }
    }

    fn find(&self, text: &[u8], hit: &mut impl FnMut(Place)) {
        let Some(search) = &self.search else {
            self.places.iter().flatten().copied().for_each(hit);
            return;
        };
        for found in search.find_overlapping_iter(text) {
            if let Some(places) = self.places.get(found.pattern().as_usize()) {
                places.iter().copied().for_each(&mut *hit);
            }
        }
    }
}
