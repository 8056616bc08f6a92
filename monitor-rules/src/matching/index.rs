//! Which rules of a kind are worth trying on an event.
//!
//! Rules that can hold only for certain values of a field are found by that value. Of what is left,
//! checks that several rules share are done once for all of them.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::eval::Tri;
use crate::matching::Memo;
use crate::matching::graph::{Graph, NodeId};
use crate::matching::guard::{Guard, Guards, Pattern, guards};
use crate::matching::lookup::{Lookup, Place};
use crate::schema::{Arg, Field, Get};
use crate::value::{Unknown, Value};

/// A field is asked for only if it rules out that many rules: to ask costs as much as to try a few.
const GAIN_PER_FIELD: usize = 2;

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
        let mut known = BTreeMap::new();
        let all: Vec<_> = roots.iter().map(|root| guards(graph, *root, &mut known)).collect();
        let mut open: Vec<usize> = (0..roots.len()).collect();
        let mut fields = Vec::new();
        while let Some(name) = most_useful(&all, &open) {
            let mut found: Vec<(Guard<E>, usize)> = Vec::new();
            open.retain(|place| match all.get(*place).and_then(|guards| guards.get(name)) {
                Some(guard) => {
                    found.push((guard.clone(), *place));
                    false
                }
                None => true,
            });
            fields.extend(ByField::new(&found, words));
        }
        let always = mask(words, open.iter().copied());
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

    /// The fields that are looked up.
    pub(super) fn fields(&self) -> Vec<&'static str> {
        self.fields.iter().map(|by_field| by_field.field.name).collect()
    }

    /// Rules that are found by no field.
    pub(super) fn unguarded(&self) -> usize {
        self.always.iter().map(|word| word.count_ones() as usize).sum()
    }
}

impl<E> ByField<E> {
    fn new(found: &[(Guard<E>, usize)], words: usize) -> Option<Self> {
        let (first, _) = found.first()?;
        let place = |place: usize| Place::try_from(place).unwrap_or(Place::MAX);
        let patterns = found.iter().flat_map(|(guard, at)| {
            guard.patterns.iter().map(move |pattern| (pattern, place(*at)))
        });
        let all = mask(words, found.iter().map(|(_, at)| *at));
        Some(Self { field: first.field, lookup: Lookup::new(patterns), all })
    }

    fn find(&self, event: &E, bits: &mut [u64]) {
        let Get::One(get) = self.field.get else { return };
        let mut hit = |place: Place| {
            if let Some(word) = bits.get_mut(place as usize / 64) {
                *word |= 1 << (place % 64);
            }
        };
        match get(event, &Arg::None) {
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

/// How well rules can be found by a field.
#[derive(Default)]
struct Use<'g> {
    rules: usize,
    /// Rules by pattern: those with the same one are not told apart.
    piles: HashMap<&'g Pattern, usize>,
}

impl Use<'_> {
    /// The rules that a value rules out, in the worst case.
    fn gain(&self) -> usize {
        self.rules.saturating_sub(self.piles.values().copied().max().unwrap_or(0))
    }
}

/// The field that rules out most of the open rules, if that is worth asking for.
fn most_useful<E>(all: &[Rc<Guards<E>>], open: &[usize]) -> Option<&'static str> {
    let mut uses: BTreeMap<&'static str, Use<'_>> = BTreeMap::new();
    for guards in open.iter().filter_map(|place| all.get(*place)) {
        for (name, guard) in guards.iter() {
            let of_field = uses.entry(name).or_default();
            of_field.rules += 1;
            for pattern in guard.patterns.iter() {
                *of_field.piles.entry(pattern).or_default() += 1;
            }
        }
    }
    let gains = uses.into_iter().map(|(name, of_field)| (of_field.gain(), name));
    let (gain, name) = gains.max_by_key(|(gain, _)| *gain)?;
    (gain >= GAIN_PER_FIELD).then_some(name)
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
