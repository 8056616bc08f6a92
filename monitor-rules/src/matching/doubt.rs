//! Why a rule that compiled may never fire, as far as that can be seen without an event.
//!
//! Nothing here is a guess: what is told of holds for every event. Much that never fires is not
//! told of.

use crate::kind::KindSet;
use crate::matching::graph::{Graph, GraphBuilder, NodeId, Op};
use crate::matching::guard::{Pattern, values};
use crate::matching::plan::text;
use crate::node::{Leaf, Node, Test};
use crate::schema::{Arg, Get};
use crate::term::Term;
use crate::value::Value;

/// Terms of a condition that are compared with one another: all of them, but in a condition that no
/// person wrote.
const TERMS_COMPARED: usize = 256;

/// Why a rule can never fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Two checks that must both hold and cannot.
    Contradiction(String, String),
    /// The exception, by number, holds whenever the condition does.
    Swallowed(usize),
}

/// What makes a condition with these exceptions never fire.
pub(crate) fn doubts<E>(node: &Node<E>, kinds: KindSet, exceptions: &[&Node<E>]) -> Vec<Doubt> {
    let mut found: Option<Vec<Doubt>> = None;
    for kind in kinds.iter() {
        let mut builder = GraphBuilder::new(kind);
        let root = builder.add(node);
        if !builder.can_hold(root) {
            continue;
        }
        let others: Vec<NodeId> = exceptions.iter().map(|node| builder.add(node)).collect();
        let roots: Vec<NodeId> = std::iter::once(root).chain(others.iter().copied()).collect();
        let graph = builder.finish(&roots);
        let mut terms = graph.terms(root);
        terms.truncate(TERMS_COMPARED);
        let swallowed = (0..).zip(&others).filter(|(_, other)| follows(&graph, **other, &terms));
        let mut here: Vec<Doubt> = swallowed.map(|(number, _)| Doubt::Swallowed(number)).collect();
        here.extend(contradiction(&graph, &terms));
        // What holds for one kind only does not keep the rule from firing on another.
        found = Some(match found {
            None => here,
            Some(before) => before.into_iter().filter(|doubt| here.contains(doubt)).collect(),
        });
    }
    found.unwrap_or_default()
}

/// Whether a node holds wherever all these terms do.
fn follows<E>(graph: &Graph<E>, at: NodeId, terms: &[NodeId]) -> bool {
    if terms.contains(&at) {
        return true;
    }
    match graph.op(at) {
        Some(Op::Constant(yes)) => *yes,
        Some(Op::And(parts)) => parts.iter().all(|part| follows(graph, *part, terms)),
        Some(Op::Or(parts)) => parts.iter().any(|part| follows(graph, *part, terms)),
        Some(Op::Leaf(leaf)) => terms.iter().any(|term| match graph.op(*term) {
            Some(Op::Leaf(known)) => implies(known, leaf),
            _ => false,
        }),
        Some(Op::Not(_)) | None => false,
    }
}

/// Whether all values that one check lets through pass the other.
fn implies<E>(known: &Leaf<E>, leaf: &Leaf<E>) -> bool {
    let Term::Field { field, arg: Arg::None } = &leaf.left else { return false };
    let (Get::One(_), Some(known), Test::Matches(matcher)) =
        (&field.get, values(known), &leaf.test)
    else {
        return false;
    };
    let passes = |pattern: &Pattern| match pattern {
        Pattern::Text(text) => matcher.matches(&Value::str(&**text)),
        Pattern::Number(number) => matcher.matches(&Value::Int(*number)),
        _ => false,
    };
    known.key() == (field.name, false) && known.patterns.iter().all(passes)
}

/// The first two terms that cannot hold together.
fn contradiction<E>(graph: &Graph<E>, terms: &[NodeId]) -> Option<Doubt> {
    let pairs = terms
        .iter()
        .enumerate()
        .flat_map(|(at, one)| terms.iter().skip(at + 1).map(move |other| (*one, *other)));
    let mut pairs = pairs.filter(|(one, other)| excludes(graph, *one, *other));
    pairs.next().map(|(one, other)| Doubt::Contradiction(text(graph, one), text(graph, other)))
}

fn excludes<E>(graph: &Graph<E>, one: NodeId, other: NodeId) -> bool {
    match (graph.op(one), graph.op(other)) {
        (Some(Op::Not(inner)), _) => *inner == other,
        (_, Some(Op::Not(inner))) => *inner == one,
        (Some(Op::Leaf(left)), Some(Op::Leaf(right))) => {
            let (Some(left), Some(right)) = (values(left), values(right)) else { return false };
            let exact = |patterns: &[Pattern]| {
                patterns.iter().all(|p| matches!(p, Pattern::Text(_) | Pattern::Number(_)))
            };
            left.key() == right.key()
                && exact(&left.patterns)
                && exact(&right.patterns)
                && !left.patterns.iter().any(|pattern| right.patterns.contains(pattern))
        }
        _ => false,
    }
}
