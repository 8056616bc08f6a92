//! What can be decided of an event before it is one: texts, numbers and addresses of a few fields,
//! one of which it must have for a condition to hold.
//!
//! It may let too much through, never too little: a part of a condition that says nothing of these
//! fields, or that is negated, is taken to hold.

use std::net::IpAddr;

use crate::ast::Op;
use crate::condition::Condition;
use crate::matcher::Matcher;
use crate::matching::{Pattern, values};
use crate::node::{Leaf, Node, Test};
use crate::schema::Arg;
use crate::term::Term;

/// Texts, numbers and addresses of fields, of which an event must have one. None at all: it cannot
/// hold.
pub type Needs = Vec<(&'static str, Pattern)>;

/// Whether a text, a number or an address of a field can be looked for.
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
    let all = match ranges(leaf) {
        Some(ranges) => ranges,
        None => {
            let values = values(leaf).filter(|values| !values.lower)?;
            let name = values.field.name;
            values.patterns.iter().map(|pattern| (name, pattern.clone())).collect()
        }
    };
    all.iter().all(|(name, pattern)| usable(name, pattern)).then_some(all)
}

/// What a check asks for, where it is nothing that events are looked up by.
fn ranges<E>(leaf: &Leaf<E>) -> Option<Needs> {
    let (Term::Field { field, arg: Arg::None }, Test::Matches(matcher)) = (&leaf.left, &leaf.test)
    else {
        return None;
    };
    let numbers = |first: Option<i64>, last: Option<i64>| match (first, last) {
        (Some(first), Some(last)) => vec![Pattern::Numbers(first, last)],
        // Below the least number, or above the greatest, is none.
        _ => Vec::new(),
    };
    let patterns = match matcher {
        Matcher::Bool(all) if **all == [true] => vec![Pattern::Yes],
        Matcher::Ip(set) => {
            set.ranges().map(|(first, last)| Pattern::Addresses(first, last)).collect()
        }
        Matcher::Int(Op::Lt, number) => numbers(Some(i64::MIN), number.checked_sub(1)),
        Matcher::Int(Op::Le, number) => numbers(Some(i64::MIN), Some(*number)),
        Matcher::Int(Op::Gt, number) => numbers(number.checked_add(1), Some(i64::MAX)),
        Matcher::Int(Op::Ge, number) => numbers(Some(*number), Some(i64::MAX)),
        _ => return None,
    };
    Some(patterns.into_iter().map(|pattern| (field.name, pattern)).collect())
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
        // Often all that there is.
        Pattern::Numbers(..) => 2048,
        Pattern::Addresses(first, last) => free_bits(*first, *last),
    };
    // Whatever a user does.
    let of_actor = |field: &str| if field.starts_with("user.") { 1024 } else { 0 };
    needs.iter().map(|(field, pattern)| of_actor(field) + of(pattern)).sum()
}

/// In how many of the last bits a range of addresses differs.
fn free_bits(first: IpAddr, last: IpAddr) -> usize {
    let bits = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            32 - (first.to_bits() ^ last.to_bits()).leading_zeros()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            128 - (first.to_bits() ^ last.to_bits()).leading_zeros()
        }
        _ => 128,
    };
    1 + bits as usize
}
