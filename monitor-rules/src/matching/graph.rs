//! The conditions of one kind as a graph in which equal parts are one node.
//!
//! What the kind of event decides is worked out when the graph is made: checks of the type, and
//! checks of fields that events of this kind do not have. Results of nodes with several users are
//! kept for the rest of the event.

use std::collections::HashMap;
use std::sync::Arc;

use crate::eval::{Tri, Waiting};
use crate::matching::Memo;
use crate::node::{Leaf, Node, Test};
use crate::term::Term;

/// A node of a [`Graph`].
pub(super) type NodeId = u32;

/// What a node is.
pub(super) enum Op<E: 'static> {
    Constant(bool),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    Leaf(Arc<Leaf<E>>),
}

struct Entry<E: 'static> {
    op: Op<E>,
    /// What it costs, roughly: see [`GraphBuilder::cost`].
    cost: u32,
    /// Where its result is kept, if it has several users.
    memo: Option<u32>,
}

/// The conditions of one kind.
pub(super) struct Graph<E: 'static> {
    entries: Vec<Entry<E>>,
    slots: usize,
}

impl<E> Graph<E> {
    /// Results to keep for each event.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    pub(super) fn op(&self, at: NodeId) -> Option<&Op<E>> {
        self.entries.get(at as usize).map(|entry| &entry.op)
    }

    /// What a node costs, roughly.
    pub(super) fn cost(&self, at: NodeId) -> u32 {
        self.entries.get(at as usize).map_or(0, |entry| entry.cost)
    }

    /// What must hold for a node to hold: its terms, or itself.
    pub(super) fn terms(&self, root: NodeId) -> Vec<NodeId> {
        match self.op(root) {
            Some(Op::And(terms)) => terms.to_vec(),
            _ => vec![root],
        }
    }

    pub(super) fn eval(&self, at: NodeId, event: &E, memo: &mut Memo) -> Tri {
        let Some(entry) = self.entries.get(at as usize) else { return Tri::False };
        let Some(slot) = entry.memo else { return self.eval_op(&entry.op, event, memo) };
        if let Some(known) = memo.get(slot) {
            return known;
        }
        let result = self.eval_op(&entry.op, event, memo);
        memo.set(slot, result);
        result
    }

    #[inline]
    fn eval_op(&self, op: &Op<E>, event: &E, memo: &mut Memo) -> Tri {
        match op {
            Op::Constant(yes) => (*yes).into(),
            Op::Leaf(leaf) => leaf.eval(event, &mut Waiting),
            Op::Not(inner) => self.eval(*inner, event, memo).not(),
            Op::And(terms) => {
                let mut all = Tri::True;
                for term in terms {
                    all = all.min(self.eval(*term, event, memo));
                    if all == Tri::False {
                        break;
                    }
                }
                all
            }
            Op::Or(terms) => {
                let mut any = Tri::False;
                for term in terms {
                    any = any.max(self.eval(*term, event, memo));
                    if any == Tri::True {
                        break;
                    }
                }
                any
            }
        }
    }
}

/// What makes two nodes the same.
#[derive(PartialEq, Eq, Hash)]
enum Shape {
    Constant(bool),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    /// The text of the check: within one load, the same text means the same.
    Leaf(Box<str>),
}

/// Makes the graph of one kind.
pub(super) struct GraphBuilder<E: 'static> {
    kind: u8,
    ops: Vec<Op<E>>,
    known: HashMap<Shape, NodeId>,
    /// Macros that are in the graph, by address: they are shared, and expanding one for each of its
    /// uses could take long.
    macros: HashMap<usize, NodeId>,
}

impl<E> GraphBuilder<E> {
    pub(super) fn new(kind: u8) -> Self {
        Self { kind, ops: Vec::new(), known: HashMap::new(), macros: HashMap::new() }
    }

    /// Adds a condition; its nodes may be there already.
    pub(super) fn add(&mut self, node: &Node<E>) -> NodeId {
        match node {
            Node::Kinds(test) => self.constant(test.kinds.contains(self.kind)),
            Node::Leaf(leaf) if !leaf.kinds().contains(self.kind) => self.constant(false),
            Node::Leaf(leaf) => {
                self.enter(Shape::Leaf(leaf.text.clone()), || Op::Leaf(Arc::clone(leaf)))
            }
            Node::Macro(shared) => {
                let address = Arc::as_ptr(shared) as usize;
                if let Some(known) = self.macros.get(&address) {
                    return *known;
                }
                let added = self.add(&shared.node);
                self.macros.insert(address, added);
                added
            }
            Node::Not(inner) => {
                let inner = self.add(inner);
                match self.ops.get(inner as usize) {
                    Some(Op::Constant(yes)) => self.constant(!*yes),
                    Some(Op::Not(again)) => *again,
                    _ => self.enter(Shape::Not(inner), || Op::Not(inner)),
                }
            }
            Node::And(nodes) => self.join(nodes, true),
            Node::Or(nodes) => self.join(nodes, false),
        }
    }

    /// Whether a node can hold for an event of this kind at all.
    pub(super) fn can_hold(&self, at: NodeId) -> bool {
        !matches!(self.ops.get(at as usize), Some(Op::Constant(false)))
    }

    fn constant(&mut self, yes: bool) -> NodeId {
        self.enter(Shape::Constant(yes), || Op::Constant(yes))
    }

    /// A conjunction (`and`) or disjunction: those within it are taken apart, what decides it or
    /// does not matter is left out, and what costs little comes first. None of this changes the
    /// result, which is the least or the greatest of the parts.
    fn join(&mut self, nodes: &[Node<E>], and: bool) -> NodeId {
        let mut terms = Vec::with_capacity(nodes.len());
        for node in nodes {
            let term = self.add(node);
            match self.ops.get(term as usize) {
                Some(Op::Constant(yes)) if *yes == and => {}
                Some(Op::Constant(_)) => return self.constant(!and),
                Some(Op::And(inner)) if and => terms.extend_from_slice(inner),
                Some(Op::Or(inner)) if !and => terms.extend_from_slice(inner),
                _ => terms.push(term),
            }
        }
        terms.sort_by_key(|term| (self.cost(*term), *term));
        terms.dedup();
        match terms.as_slice() {
            [] => self.constant(and),
            [only] => *only,
            _ => {
                let terms: Box<[NodeId]> = terms.into();
                let shape = if and { Shape::And(terms.clone()) } else { Shape::Or(terms.clone()) };
                self.enter(shape, || if and { Op::And(terms) } else { Op::Or(terms) })
            }
        }
    }

    fn enter(&mut self, shape: Shape, op: impl FnOnce() -> Op<E>) -> NodeId {
        let ops = &mut self.ops;
        *self.known.entry(shape).or_insert_with(|| {
            ops.push(op());
            NodeId::try_from(ops.len() - 1).unwrap_or(NodeId::MAX)
        })
    }

    /// How much a node costs, roughly: comparisons of numbers first, patterns last.
    fn cost(&self, at: NodeId) -> u32 {
        match self.ops.get(at as usize) {
            Some(Op::Leaf(leaf)) => leaf_cost(leaf),
            Some(Op::Not(inner)) => self.cost(*inner),
            Some(Op::And(terms) | Op::Or(terms)) => {
                terms.iter().fold(2, |sum, term| sum.saturating_add(self.cost(*term)))
            }
            Some(Op::Constant(_)) | None => 0,
        }
    }

    /// The graph. Nodes with several users get a place for their result.
    pub(super) fn finish(self, roots: &[NodeId]) -> Graph<E> {
        let mut uses = vec![0_u32; self.ops.len()];
        let mut count = |id: &NodeId| {
            if let Some(uses) = uses.get_mut(*id as usize) {
                *uses += 1;
            }
        };
        roots.iter().for_each(&mut count);
        for op in &self.ops {
            match op {
                Op::And(terms) | Op::Or(terms) => terms.iter().for_each(&mut count),
                Op::Not(inner) => count(inner),
                Op::Constant(_) | Op::Leaf(_) => {}
            }
        }
        let costs: Vec<u32> = (0..).zip(&self.ops).map(|(at, _)| self.cost(at)).collect();
        let mut slots = 0;
        let entries = self.ops.into_iter().zip(uses).zip(costs).map(|((op, uses), cost)| {
            let keeps = uses > 1 && !matches!(op, Op::Constant(_) | Op::Not(_));
            let memo = keeps.then_some(slots);
            slots += u32::from(keeps);
            Entry { op, cost, memo }
        });
        let entries = entries.collect();
        Graph { entries, slots: slots as usize }
    }
}

/// What a check costs, roughly: see [`GraphBuilder::cost`].
pub(crate) fn leaf_cost<E>(leaf: &Leaf<E>) -> u32 {
    use crate::matcher::Matcher;
    let several = leaf.left.is_any() || leaf.left.is_set();
    let test = match &leaf.test {
        Test::Matches(
            Matcher::Bool(_) | Matcher::Int(..) | Matcher::IntIn(_) | Matcher::StartsWith(_),
        )
        | Test::Exists => 1,
        Test::Matches(Matcher::Str(_) | Matcher::EndsWith(_)) => 2,
        Test::Matches(_) | Test::AllMatch(_) => 8,
        Test::Compare { .. } => 16,
    };
    let term = if matches!(leaf.left, Term::Field { .. }) { 1 } else { 8 };
    test * term * if several { 8 } else { 1 }
}
