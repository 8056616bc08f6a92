//! All conditions of a rule set, arranged so that an event meets few of them.
//!
//! For each kind of event there is one [`Graph`] in which equal parts of conditions are one node
//! and what the kind decides is worked out beforehand, and one [`Index`] that finds, from a few
//! values of the event, the rules that can match at all. What both leave open is evaluated in full,
//! so that the answer is the one that each rule's own condition would give.

mod doubt;
mod graph;
mod guard;
mod index;
mod lookup;
mod plan;

use crate::eval::Tri;
use crate::kind::KindSet;
use crate::matching::graph::{Graph, GraphBuilder, NodeId};
use crate::matching::index::Index;
use crate::node::Node;

pub use doubt::Doubt;
pub(crate) use doubt::doubts;
pub(crate) use graph::leaf_cost;
pub use guard::Pattern;
pub(crate) use guard::values;
pub use plan::Finding;

/// What matching one event needs beside the rules. Made once, used for every event.
#[derive(Debug, Default)]
pub struct Scratch {
    memo: Memo,
    /// One bit a rule of the event's kind: it is still in question.
    bits: Vec<u64>,
}

/// What shared parts came to for the present event.
#[derive(Debug, Default)]
struct Memo {
    /// Number of the present event; results of other events do not count.
    epoch: u32,
    results: Vec<(u32, Tri)>,
}

impl Memo {
    fn next_event(&mut self, slots: usize) {
        if self.results.len() < slots {
            self.results.resize(slots, (0, Tri::False));
        }
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.results.fill((0, Tri::False));
            self.epoch = 1;
        }
    }

    fn get(&self, slot: u32) -> Option<Tri> {
        let (epoch, tri) = self.results.get(slot as usize)?;
        (*epoch == self.epoch).then_some(*tri)
    }

    fn set(&mut self, slot: u32, tri: Tri) {
        if let Some(result) = self.results.get_mut(slot as usize) {
            *result = (self.epoch, tri);
        }
    }
}

/// The conditions of all enabled rules, by kind.
pub(crate) struct Matching<E: 'static> {
    kinds: Vec<OfKind<E>>,
}

/// The rules that can match one kind of event.
struct OfKind<E: 'static> {
    /// Their numbers in the rule set, in order, with their conditions.
    rules: Vec<(usize, NodeId)>,
    graph: Graph<E>,
    index: Index<E>,
}

impl<E> Matching<E> {
    /// Arranges conditions; each comes with its rule's number and the kinds it can match.
    pub(crate) fn new<'n>(
        kinds: usize,
        conditions: impl Iterator<Item = (usize, KindSet, &'n Node<E>)> + Clone,
    ) -> Self {
        let kinds = (0..u8::try_from(kinds).unwrap_or(u8::MAX)).map(|kind| {
            let mut builder = GraphBuilder::new(kind);
            let of_kind = conditions.clone().filter(|(_, kinds, _)| kinds.contains(kind));
            let mut rules: Vec<_> = of_kind.map(|(at, _, node)| (at, builder.add(node))).collect();
            rules.retain(|(_, root)| builder.can_hold(*root));
            let roots: Vec<NodeId> = rules.iter().map(|(_, root)| *root).collect();
            let graph = builder.finish(&roots);
            let index = Index::new(&graph, &roots);
            OfKind { rules, graph, index }
        });
        Self { kinds: kinds.collect() }
    }

    /// Calls `found` with each rule whose condition holds, or hangs on a pending fact, in order.
    pub(crate) fn each(
        &self,
        event: &E,
        kind: u8,
        scratch: &mut Scratch,
        mut found: impl FnMut(usize, Tri),
    ) {
        let Some(of_kind) = self.kinds.get(usize::from(kind)) else { return };
        let Scratch { memo, bits } = scratch;
        memo.next_event(of_kind.graph.slots());
        of_kind.index.candidates(&of_kind.graph, event, memo, bits);
        for (at, word) in bits.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = at * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let Some((rule, root)) = of_kind.rules.get(bit) else { return };
                match of_kind.graph.eval(*root, event, memo) {
                    Tri::False => {}
                    truth => found(*rule, truth),
                }
            }
        }
    }

    /// Calls `tried` with each rule that the index leaves in question for an event.
    pub(crate) fn each_tried(
        &self,
        event: &E,
        kind: u8,
        scratch: &mut Scratch,
        mut tried: impl FnMut(usize),
    ) {
        let Some(of_kind) = self.kinds.get(usize::from(kind)) else { return };
        let Scratch { memo, bits } = scratch;
        memo.next_event(of_kind.graph.slots());
        of_kind.index.candidates(&of_kind.graph, event, memo, bits);
        let is_set =
            |place: usize| bits.get(place / 64).is_some_and(|word| word & 1 << (place % 64) != 0);
        let places = of_kind.rules.iter().enumerate();
        places.filter(|(place, _)| is_set(*place)).for_each(|(_, (rule, _))| tried(*rule));
    }

    /// One rule alone, nothing being known from other rules; false for one that cannot match.
    pub(crate) fn alone(&self, rule: usize, event: &E, kind: u8, scratch: &mut Scratch) -> Tri {
        let Some(of_kind) = self.kinds.get(usize::from(kind)) else { return Tri::False };
        let place = of_kind.rules.binary_search_by_key(&rule, |(number, _)| *number);
        let found = place.ok().and_then(|place| of_kind.rules.get(place));
        let Some((_, root)) = found else { return Tri::False };
        scratch.memo.next_event(of_kind.graph.slots());
        of_kind.graph.eval(*root, event, &mut scratch.memo)
    }

    /// How the rules of a kind are found, for people: what is looked up, and how many rules are
    /// tried on each event.
    pub(crate) fn plan(&self, kind: u8) -> (Vec<&'static str>, usize, usize) {
        let Some(of_kind) = self.kinds.get(usize::from(kind)) else { return (Vec::new(), 0, 0) };
        (of_kind.index.fields(), of_kind.index.unguarded(), of_kind.rules.len())
    }
}
