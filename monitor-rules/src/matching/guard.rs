//! What an event must say of one field for a condition to hold: the constants that can be looked
//! up instead of trying the condition.
//!
//! A guard may let too much through, never too little.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ast::Op as Compare;
use crate::matcher::Matcher;
use crate::matching::graph::{Graph, NodeId, Op};
use crate::node::{Leaf, Test};
use crate::schema::{Arg, Field, Get};
use crate::term::Term;

/// One thing that a value may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    /// This text.
    Text(Box<[u8]>),
    /// This number.
    Number(i64),
    /// It starts so.
    Start(Box<[u8]>),
    /// It ends so.
    End(Box<[u8]>),
    /// It holds this.
    Part(Box<[u8]>),
}

/// Everything that a field's value may be, one of which it must be.
pub(super) struct Guard<E: 'static> {
    pub(super) field: &'static Field<E>,
    pub(super) patterns: Rc<Vec<Pattern>>,
}

impl<E> Clone for Guard<E> {
    fn clone(&self) -> Self {
        Self { field: self.field, patterns: Rc::clone(&self.patterns) }
    }
}

impl<E> Guard<E> {
    /// How little the guard lets through, roughly: less is better.
    fn width(&self) -> usize {
        let each =
            self.patterns.iter().map(|pattern| match pattern {
                Pattern::Text(_) | Pattern::Number(_) => 1,
                Pattern::Start(text) | Pattern::End(text) | Pattern::Part(text) => {
                    if text.len() > 4 { 4 } else { 64 }
                }
            });
        each.sum()
    }
}

/// The guards of a node, by field; none is no guard.
pub(super) type Guards<E> = BTreeMap<&'static str, Guard<E>>;

/// The guards of a node. `known` keeps those of shared nodes.
pub(super) fn guards<E>(
    graph: &Graph<E>,
    at: NodeId,
    known: &mut BTreeMap<NodeId, Rc<Guards<E>>>,
) -> Rc<Guards<E>> {
    if let Some(known) = known.get(&at) {
        return Rc::clone(known);
    }
    let found = match graph.op(at) {
        Some(Op::Leaf(leaf)) => of_leaf(leaf),
        Some(Op::And(terms)) => of_all(graph, terms, known),
        Some(Op::Or(terms)) => of_one(graph, terms, known),
        Some(Op::Constant(_) | Op::Not(_)) | None => Guards::new(),
    };
    let found = Rc::new(found);
    known.insert(at, Rc::clone(&found));
    found
}

/// Each term must hold: of several guards over one field the narrowest serves.
fn of_all<E>(
    graph: &Graph<E>,
    terms: &[NodeId],
    known: &mut BTreeMap<NodeId, Rc<Guards<E>>>,
) -> Guards<E> {
    let mut all = Guards::new();
    for term in terms {
        for (name, guard) in guards(graph, *term, known).iter() {
            let narrower = |other: &Guard<E>| guard.width() < other.width();
            if all.get(name).is_none_or(narrower) {
                all.insert(name, guard.clone());
            }
        }
    }
    all
}

/// Any term may hold: a field guards only if it guards every term.
fn of_one<E>(
    graph: &Graph<E>,
    terms: &[NodeId],
    known: &mut BTreeMap<NodeId, Rc<Guards<E>>>,
) -> Guards<E> {
    let Some((first, rest)) = terms.split_first() else { return Guards::new() };
    let mut all = Guards::clone(&guards(graph, *first, known));
    for term in rest {
        let of_term = guards(graph, *term, known);
        all.retain(|name, guard| match of_term.get(name) {
            Some(more) => {
                Rc::make_mut(&mut guard.patterns).extend(more.patterns.iter().cloned());
                true
            }
            None => false,
        });
    }
    all
}

fn of_leaf<E>(leaf: &Leaf<E>) -> Guards<E> {
    let mut all = Guards::new();
    if let Term::Field { field, arg: Arg::None } = &leaf.left
        && matches!(field.get, Get::One(_))
        && let Test::Matches(matcher) = &leaf.test
        && let Some(patterns) = of_matcher(matcher)
    {
        all.insert(field.name, Guard { field, patterns: Rc::new(patterns) });
    }
    all
}

fn of_matcher(matcher: &Matcher) -> Option<Vec<Pattern>> {
    let part = |text: &[u8]| (!text.is_empty()).then(|| Box::<[u8]>::from(text));
    match matcher {
        Matcher::Str(set) => Some(set.iter().map(|text| Pattern::Text(text.into())).collect()),
        Matcher::Int(Compare::Eq, number) => Some(vec![Pattern::Number(*number)]),
        Matcher::IntIn(numbers) => Some(numbers.iter().copied().map(Pattern::Number).collect()),
        Matcher::StartsWith(text) => Some(vec![Pattern::Start(part(text)?)]),
        Matcher::EndsWith(text) => Some(vec![Pattern::End(part(text)?)]),
        Matcher::Contains(finder) => Some(vec![Pattern::Part(part(finder.needle())?)]),
        Matcher::Path(set) => {
            set.plain_only()?.map(|text| part(text).map(Pattern::Start)).collect()
        }
        Matcher::AnyOf(any) | Matcher::OneOf(any) => {
            let each: Option<Vec<Vec<Pattern>>> = any.iter().map(of_matcher).collect();
            each.map(|each| each.into_iter().flatten().collect())
        }
        Matcher::AllOf(all) => all.iter().find_map(of_matcher),
        Matcher::Bool(_)
        | Matcher::Int(..)
        | Matcher::Ip(_)
        | Matcher::Pattern(_)
        | Matcher::Not(_) => None,
    }
}
