//! What can be decided of an event before it is one: texts and numbers of a few fields, one of
//! which it must have for a condition to hold.
//!
//! It may let too much through, never too little: a part of a condition that says nothing of these
//! fields, or that is negated, is taken to hold.

use crate::condition::Condition;
use crate::matcher::Matcher;
use crate::matching::{Pattern, values};
use crate::node::{Leaf, Node, Test};
use crate::term::Term;

/// Texts and numbers of fields, of which an event must have one. None at all: it cannot hold.
pub type Needs = Vec<(&'static str, Pattern)>;

/// Whether a text or a number of a field can be looked for.
type Usable<'u> = &'u dyn Fn(&'static str, &Pattern) -> bool;

impl<E> Condition<E> {
    /// What an event of a kind must have for the condition to hold; None where that cannot be told
    /// by texts that are `usable`.
    #[must_use]
    pub fn needs(&self, kind: u8, usable: Usable<'_>) -> Option<Needs> {
        needs(self.node(), kind, usable)
    }
}

fn needs<E>(node: &Node<E>, kind: u8, usable: Usable<'_>) -> Option<Needs> {
    match node {
        Node::Kinds(test) => (!test.kinds.contains(kind)).then(Vec::new),
        Node::Macro(shared) => needs(&shared.node, kind, usable),
        Node::Leaf(leaf) => of_leaf(leaf, kind, usable),
        // Each must hold: any of them serves, the one that lets least through best.
        Node::And(nodes) => {
            nodes.iter().filter_map(|node| needs(node, kind, usable)).min_by_key(breadth)
        }
        // One must hold: what any of them needs.
        Node::Or(nodes) => {
            let each: Option<Vec<Needs>> =
                nodes.iter().map(|node| needs(node, kind, usable)).collect();
            each.map(|each| {
                let mut all = each.concat();
                all.sort_unstable();
                all.dedup();
                all
            })
        }
        Node::Not(inner) => fails(inner, kind).then(Vec::new),
    }
}

/// Whether the negation of a condition can never hold for a kind.
fn fails<E>(node: &Node<E>, kind: u8) -> bool {
    match node {
        Node::Kinds(test) => test.kinds.contains(kind),
        Node::Macro(shared) => fails(&shared.node, kind),
        Node::And(nodes) => nodes.iter().all(|node| fails(node, kind)),
        Node::Or(nodes) => nodes.iter().any(|node| fails(node, kind)),
        Node::Leaf(_) | Node::Not(_) => false,
    }
}

fn of_leaf<E>(leaf: &Leaf<E>, kind: u8, usable: Usable<'_>) -> Option<Needs> {
    if !leaf.kinds().contains(kind) {
        return Some(Vec::new());
    }
    if let (Term::Field { field, .. }, Test::Matches(Matcher::Bool(all))) = (&leaf.left, &leaf.test)
        && **all == [true]
    {
        let need = (field.name, Pattern::Yes);
        return usable(need.0, &need.1).then(|| vec![need]);
    }
    let values = values(leaf).filter(|values| !values.lower)?;
    let name = values.field.name;
    let all: Needs = values.patterns.iter().map(|pattern| (name, pattern.clone())).collect();
    all.iter().all(|(name, pattern)| usable(name, pattern)).then_some(all)
}

/// How much needs let through, roughly.
fn breadth(needs: &Needs) -> usize {
    let of = |pattern: &Pattern| match pattern {
        Pattern::Text(_) | Pattern::Number(_) | Pattern::Yes => 1,
        Pattern::End(text) if text.len() > 4 => 2,
        Pattern::Start(text) | Pattern::Part(text) | Pattern::End(text) => {
            if text.len() > 4 {
                8
            } else {
                256
            }
        }
    };
    needs.iter().map(|(_, pattern)| of(pattern)).sum()
}
