//! Which rules of a kind are worth trying on an event.
//!
//! Rules that can hold only for certain values of a field are found by that value. Of what is left,
//! checks that several rules share are done once for all of them.

use std::collections::{BTreeMap, HashMap};

use crate::eval::Tri;
use crate::matching::Memo;
use crate::matching::graph::{Graph, NodeId};
use crate::matching::guard::{Guard, Guards, Key, Values};
use crate::matching::lookup::{Lookup, Place};
use crate::schema::{Arg, Field, Get};
use crate::value::{Unknown, Value};

/// A field is asked for only if that many rules are found by it: asking costs as much as trying.
const RULES_PER_FIELD: usize = 2;

/// A check is done beforehand only if that many rules need it.
const RULES_PER_GATE: usize = 3;

/// A check is done beforehand only if it costs no more: it is done for every event, and the rules
/// that need it may have been ruled out by something else.
const GATE_COST: u32 = 4;

/// Checks that are done beforehand, at most.
const GATES: usize = 24;

/// The index of one kind.
pub(super) struct Index<E: 'static> {
    /// Rules that no value rules out.
    always: Box<[u64]>,
    fields: Vec<ByField<E>>,
    gates: Vec<Gate>,
}

/// Rules that are found by the value of a field.
struct ByField<E: 'static> {
    field: &'static Field<E>,
    lower: bool,
    lookup: Lookup,
    /// All of them: for a value that is pending.
    all: Box<[u64]>,
}

/// A check that several rules need.
struct Gate {
    check: NodeId,
    /// Those rules.
    rules: Box<[u64]>,
}

impl<E> Index<E> {
    /// Arranges the rules with these conditions; a rule is known by its place among them.
    pub(super) fn new(graph: &Graph<E>, roots: &[NodeId]) -> Self {
        let words = roots.len().div_ceil(64);
        let found = guards(graph, roots);
        let mut by_field: BTreeMap<Key, Vec<(Values<E>, usize)>> = BTreeMap::new();
        for (place, guard) in found.iter().enumerate() {
            for values in guard.iter().flat_map(|guard| &guard.values) {
                by_field.entry(values.key()).or_default().push((values.clone(), place));
            }
        }
        let fields = by_field.values().filter_map(|found| ByField::new(found, words)).collect();
        let open = found.iter().enumerate().filter(|(_, guard)| guard.is_none());
        let always = mask(words, open.map(|(place, _)| place));
        Self { always, fields, gates: gates(graph, roots, words) }
    }

    /// Sets the bits of the rules that may match the event.
    pub(super) fn candidates(
        &self,
        graph: &Graph<E>,
        event: &E,
        memo: &mut Memo,
        bits: &mut Vec<u64>,
    ) {
        bits.clear();
        bits.extend_from_slice(&self.always);
        for by_field in &self.fields {
            by_field.find(event, bits);
        }
        for gate in &self.gates {
            let asked = bits.iter().zip(&gate.rules).any(|(bits, rules)| bits & rules != 0);
            if asked && graph.eval(gate.check, event, memo) == Tri::False {
                bits.iter_mut().zip(&gate.rules).for_each(|(bits, rules)| *bits &= !rules);
            }
        }
    }

    /// The checks that are done beforehand for a rule and others.
    pub(super) fn shared_by(&self, place: usize) -> impl Iterator<Item = NodeId> {
        let has = move |gate: &&Gate| {
            gate.rules.get(place / 64).is_some_and(|word| word & 1 << (place % 64) != 0)
        };
        self.gates.iter().filter(has).map(|gate| gate.check)
    }

    /// The fields that are looked up.
    pub(super) fn fields(&self) -> Vec<&'static str> {
        self.fields.iter().map(|by_field| by_field.field.name).collect()
    }

    /// Rules that are found by no field.
    pub(super) fn unguarded(&self) -> usize {
        self.always.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// What each rule is found by; None for one that is tried on every event.
pub(super) fn guards<E>(graph: &Graph<E>, roots: &[NodeId]) -> Vec<Option<Guard<E>>> {
    let mut guards = Guards::new(graph, roots);
    let mut found: Vec<Option<Guard<E>>> = roots.iter().map(|root| guards.of(*root)).collect();
    drop_lonely_fields(&mut found);
    found
}

impl<E> ByField<E> {
    fn new(found: &[(Values<E>, usize)], words: usize) -> Option<Self> {
        let (first, _) = found.first()?;
        let place = |place: usize| Place::try_from(place).unwrap_or(Place::MAX);
        let patterns = found.iter().flat_map(|(guard, at)| {
            guard.patterns.iter().map(move |pattern| (pattern, place(*at)))
        });
        let all = mask(words, found.iter().map(|(_, at)| *at));
        let (field, lower) = (first.field, first.lower);
        Some(Self { field, lower, lookup: Lookup::new(patterns), all })
    }

    fn find(&self, event: &E, bits: &mut [u64]) {
        let Get::One(get) = self.field.get else { return };
        let mut hit = |place: Place| {
            if let Some(word) = bits.get_mut(place as usize / 64) {
                *word |= 1 << (place % 64);
            }
        };
        match get(event, &Arg::None) {
            Value::Str(text) if self.lower => {
                self.lookup.text(&text.to_ascii_lowercase(), &mut hit);
            }
            Value::Str(text) => self.lookup.text(&text, &mut hit),
            Value::Int(number) => self.lookup.number(number, &mut hit),
            Value::Unknown(Unknown::Pending) => {
                bits.iter_mut().zip(&self.all).for_each(|(bits, all)| *bits |= all);
            }
            // The check is false, and the rule with it.
            Value::Absent | Value::Unknown(_) | Value::Bool(_) | Value::Ip(_) => {}
        }
    }
}

/// Takes guards away that ask for a field which hardly any other rule asks for: those rules are
/// tried instead.
fn drop_lonely_fields<E>(guards: &mut [Option<Guard<E>>]) {
    loop {
        let mut users: HashMap<Key, usize> = HashMap::new();
        for values in guards.iter().flatten().flat_map(|guard| &guard.values) {
            *users.entry(values.key()).or_default() += 1;
        }
        let is_lonely = |guard: &Guard<E>| {
            let few = |values: &Values<E>| {
                users.get(&values.key()).is_none_or(|users| *users < RULES_PER_FIELD)
            };
            guard.values.iter().any(few)
        };
        let Some(lonely) = guards.iter_mut().find(|guard| guard.as_ref().is_some_and(is_lonely))
        else {
            return;
        };
        *lonely = None;
    }
}

/// The checks that most rules need, the most needed first.
fn gates<E>(graph: &Graph<E>, roots: &[NodeId], words: usize) -> Vec<Gate> {
    let mut users: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
    for (place, root) in roots.iter().enumerate() {
        for term in graph.terms(*root) {
            users.entry(term).or_default().push(place);
        }
    }
    let mut gates: Vec<(NodeId, Vec<usize>)> = users
        .into_iter()
        .filter(|(term, users)| users.len() >= RULES_PER_GATE && graph.cost(*term) <= GATE_COST)
        .collect();
    gates.sort_by_key(|(term, users)| (graph.cost(*term), std::cmp::Reverse(users.len())));
    gates.truncate(GATES);
    let gate = |(check, users): (NodeId, Vec<usize>)| Gate { check, rules: mask(words, users) };
    gates.into_iter().map(gate).collect()
}

/// A bit for each place.
fn mask(words: usize, places: impl IntoIterator<Item = usize>) -> Box<[u64]> {
    let mut mask = vec![0; words];
    for place in places {
        if let Some(word) = mask.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
    mask.into()
}
