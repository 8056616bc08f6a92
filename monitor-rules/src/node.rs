//! A compiled condition, and what can be said of it without an event.

use std::sync::Arc;

use crate::ast::Op;
use crate::kind::KindSet;
use crate::matcher::Matcher;
use crate::schema::Arg;
use crate::term::Term;

pub(crate) enum Node<E: 'static> {
    And(Box<[Node<E>]>),
    Or(Box<[Node<E>]>),
    Not(Box<Node<E>>),
    /// A macro, compiled once and shared by all its users.
    Macro(Arc<Macro<E>>),
    /// A check of the event's type: a set of kinds.
    Kinds(KindTest),
    /// Shared with the graph in which equal checks are one.
    Leaf(Arc<Leaf<E>>),
}

pub(crate) struct Macro<E: 'static> {
    pub(crate) name: Box<str>,
    pub(crate) node: Node<E>,
    pub(crate) size: usize,
}

pub(crate) struct KindTest {
    pub(crate) kinds: KindSet,
    pub(crate) field: &'static str,
    pub(crate) text: Box<str>,
}

pub(crate) struct Leaf<E: 'static> {
    pub(crate) left: Term<E>,
    pub(crate) test: Test<E>,
    pub(crate) text: Box<str>,
    /// Whether its field has one value in every event, which does not pass.
    pub(crate) never: bool,
}

pub(crate) enum Test<E: 'static> {
    Exists,
    /// One value fits.
    Matches(Matcher),
    /// All values fit, and there is one at least.
    AllMatch(Matcher),
    /// A comparison with what is found at run time.
    Compare {
        op: Op,
        right: Term<E>,
        /// Whether all values of the left side must fit, and there must be one at least.
        all: bool,
    },
}

/// The kinds of event for which a condition may be true, and for which it may be false.
struct Possible {
    yes: KindSet,
    no: KindSet,
}

impl<E> Node<E> {
    /// Checks and connectives, macros counted as often as they are used.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().map(Self::size).fold(1, usize::saturating_add)
            }
            Self::Not(node) => node.size().saturating_add(1),
            Self::Macro(shared) => shared.size,
            Self::Kinds(_) | Self::Leaf(_) => 1,
        }
    }

    /// The kinds for which the condition can be true at all. Sound: a kind is left out only if no
    /// event of it can make the condition true.
    pub(crate) fn kinds(&self) -> KindSet {
        self.possible().yes
    }

    fn possible(&self) -> Possible {
        match self {
            Self::Kinds(test) => Possible { yes: test.kinds, no: test.kinds.complement() },
            // A field without a value makes its check false.
            Self::Leaf(leaf) => Possible { yes: leaf.kinds(), no: KindSet::ALL },
            Self::Macro(shared) => shared.node.possible(),
            Self::Not(node) => {
                let Possible { yes, no } = node.possible();
                Possible { yes: no, no: yes }
            }
            Self::And(nodes) => {
                let mut all = Possible { yes: KindSet::ALL, no: KindSet::EMPTY };
                for node in nodes.iter().map(Self::possible) {
                    all.yes = all.yes.intersection(node.yes);
                    all.no = all.no.union(node.no);
                }
                all
            }
            Self::Or(nodes) => {
                let mut all = Possible { yes: KindSet::EMPTY, no: KindSet::ALL };
                for node in nodes.iter().map(Self::possible) {
                    all.yes = all.yes.union(node.yes);
                    all.no = all.no.intersection(node.no);
                }
                all
            }
        }
    }

    /// Calls `each` with every check that no event that is observed can make true.
    pub(crate) fn unobserved(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().for_each(|node| node.unobserved(each));
            }
            Self::Not(node) => node.unobserved(each),
            Self::Macro(shared) => shared.node.unobserved(each),
            Self::Kinds(test) if test.kinds.is_empty() => each(&test.text),
            Self::Leaf(leaf) if leaf.kinds().is_empty() => each(&leaf.text),
            Self::Kinds(_) | Self::Leaf(_) => {}
        }
    }

    /// Calls `each` with every field in it and its argument, repeats included.
    pub(crate) fn fields(&self, each: &mut dyn FnMut(&'static str, &Arg)) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().for_each(|node| node.fields(each)),
            Self::Not(node) => node.fields(each),
            Self::Macro(shared) => shared.node.fields(each),
            Self::Kinds(test) => each(test.field, &Arg::None),
            Self::Leaf(leaf) => {
                leaf.left.fields(each);
                if let Test::Compare { right, .. } = &leaf.test {
                    right.fields(each);
                }
            }
        }
    }
}

impl<E> Leaf<E> {
    /// The kinds for which the check can be true.
    pub(crate) fn kinds(&self) -> KindSet {
        match &self.test {
            _ if self.never => KindSet::EMPTY,
            Test::Compare { right, .. } => self.left.kinds().intersection(right.kinds()),
            Test::Exists | Test::Matches(_) | Test::AllMatch(_) => self.left.kinds(),
        }
    }
}
