//! What an event must say for a condition to hold: values of a few fields, one of which it must
//! have, that can be looked up instead of trying the condition.
//!
//! A guard may let too much through, never too little.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;

use crate::ast::{Function, Op as Compare};
use crate::matcher::Matcher;
use crate::matching::graph::{Graph, NodeId, Op};
use crate::node::{Leaf, Test};
use crate::schema::{Arg, Field, Get};
use crate::term::Term;

/// One thing that a value may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
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
    /// It is true. Events are not looked up by it, nor by those below.
    Yes,
    /// A number from the first to the last.
    Numbers(i64, i64),
    /// An address from the first to the last, both of one family.
    Addresses(IpAddr, IpAddr),
}

/// What is looked up: a field, or its text in lower case.
pub(super) type Key = (&'static str, bool);

/// Values of one field.
pub(crate) struct Values<E: 'static> {
    pub(crate) field: &'static Field<E>,
    /// Of its text in lower case.
    pub(crate) lower: bool,
    pub(crate) patterns: Rc<[Pattern]>,
}

impl<E> Clone for Values<E> {
    fn clone(&self) -> Self {
        Self { field: self.field, lower: self.lower, patterns: Rc::clone(&self.patterns) }
    }
}

impl<E> Values<E> {
    pub(super) fn key(&self) -> Key {
        (self.field.name, self.lower)
    }
}

/// An event must have one of the values of one of the fields.
pub(super) struct Guard<E: 'static> {
    pub(super) values: Vec<Values<E>>,
    /// How little it rules out, roughly: less is better.
    weight: Weight,
}

impl<E> Clone for Guard<E> {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), weight: self.weight }
    }
}

/// The most rules that share a pattern, then how much the patterns let through. What nearly every
/// rule asks for is what nearly every event has.
type Weight = (usize, usize);

/// Finds the guards of the rules of one kind.
pub(super) struct Guards<'g, E: 'static> {
    graph: &'g Graph<E>,
    rules: usize,
    /// How many rules ask for a value.
    popularity: HashMap<(Key, Pattern), usize>,
    known: HashMap<NodeId, Option<Guard<E>>>,
}

impl<'g, E> Guards<'g, E> {
    pub(super) fn new(graph: &'g Graph<E>, roots: &[NodeId]) -> Self {
        let mut popularity = HashMap::new();
        for root in roots {
            let mut seen = HashSet::new();
            let mut asked = HashSet::new();
            ask(graph, *root, &mut seen, &mut asked);
            for value in asked {
                *popularity.entry(value).or_default() += 1;
            }
        }
        Self { graph, rules: roots.len(), popularity, known: HashMap::new() }
    }

    /// The best guard of a node, if it has one that rules anything out.
    pub(super) fn of(&mut self, at: NodeId) -> Option<Guard<E>> {
        if let Some(known) = self.known.get(&at) {
            return known.clone();
        }
        let graph = self.graph;
        let found = match graph.op(at) {
            Some(Op::Leaf(leaf)) => self.of_leaf(leaf),
            // Each term must hold: any of their guards serves.
            Some(Op::And(terms)) => {
                terms.iter().filter_map(|term| self.of(*term)).min_by_key(|guard| guard.weight)
            }
            // One term must hold: all of their guards together.
            Some(Op::Or(terms)) => {
                let each: Option<Vec<Guard<E>>> = terms.iter().map(|term| self.of(*term)).collect();
                each.map(together)
            }
            Some(Op::Constant(_) | Op::Not(_)) | None => None,
        };
        self.known.insert(at, found.clone());
        found
    }

    fn of_leaf(&self, leaf: &Leaf<E>) -> Option<Guard<E>> {
        let values = values(leaf)?;
        let key = values.key();
        let asked = |pattern: &Pattern| {
            self.popularity.get(&(key, pattern.clone())).copied().unwrap_or_default()
        };
        let most = values.patterns.iter().map(asked).max().unwrap_or_default();
        let width = values.patterns.iter().map(width).sum();
        // What most rules ask for rules out nothing.
        let is_common = self.rules >= 4 && most * 2 > self.rules;
        (!is_common).then(|| Guard { values: vec![values], weight: (most, width) })
    }
}

fn together<E>(guards: Vec<Guard<E>>) -> Guard<E> {
    let mut values: Vec<Values<E>> = Vec::new();
    let mut weight = (0, 0);
    for guard in guards {
        weight = (weight.0.max(guard.weight.0), weight.1 + guard.weight.1);
        for more in guard.values {
            match values.iter_mut().find(|known| known.key() == more.key()) {
                Some(known) => {
                    let all = known.patterns.iter().chain(more.patterns.iter());
                    known.patterns = all.cloned().collect();
                }
                None => values.push(more),
            }
        }
    }
    Guard { values, weight }
}

fn width(pattern: &Pattern) -> usize {
    match pattern {
        Pattern::Text(_)
        | Pattern::Number(_)
        | Pattern::Yes
        | Pattern::Numbers(..)
        | Pattern::Addresses(..) => 1,
        Pattern::Start(text) | Pattern::End(text) | Pattern::Part(text) => {
            if text.len() > 3 {
                2
            } else {
                32
            }
        }
    }
}

/// The values that a condition asks for, wherever in it.
fn ask<E>(
    graph: &Graph<E>,
    at: NodeId,
    seen: &mut HashSet<NodeId>,
    asked: &mut HashSet<(Key, Pattern)>,
) {
    if !seen.insert(at) {
        return;
    }
    match graph.op(at) {
        Some(Op::And(terms) | Op::Or(terms)) => {
            terms.iter().for_each(|term| ask(graph, *term, seen, asked));
        }
        Some(Op::Leaf(leaf)) => {
            if let Some(values) = values(leaf) {
                let key = values.key();
                asked.extend(values.patterns.iter().map(|pattern| (key, pattern.clone())));
            }
        }
        Some(Op::Constant(_) | Op::Not(_)) | None => {}
    }
}

/// The values of which a check needs one.
pub(crate) fn values<E>(leaf: &Leaf<E>) -> Option<Values<E>> {
    let (term, lower) = match &leaf.left {
        Term::Call { function: Function::ToLower, args } => (args.first()?, true),
        term => (term, false),
    };
    let Term::Field { field, arg: Arg::None } = term else { return None };
    let (Get::One(_), Test::Matches(matcher)) = (&field.get, &leaf.test) else { return None };
    Some(Values { field, lower, patterns: patterns(matcher)?.into() })
}

fn patterns(matcher: &Matcher) -> Option<Vec<Pattern>> {
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
            let each: Option<Vec<Vec<Pattern>>> = any.iter().map(patterns).collect();
            each.map(|each| each.into_iter().flatten().collect())
        }
        Matcher::AllOf(all) => all.iter().find_map(patterns),
        Matcher::Bool(_)
        | Matcher::Int(..)
        | Matcher::Ip(_)
        | Matcher::Pattern(_)
        | Matcher::Not(_) => None,
    }
}
