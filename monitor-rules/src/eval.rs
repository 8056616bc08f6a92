//! A compiled condition and an event to true, false or unknown, by Kleene's logic.

use std::ops::ControlFlow;

use crate::ast::Op;
use crate::matcher::{self, Matcher};
use crate::node::{Leaf, Node, Test};
use crate::schema::Get;
use crate::term::Term;
use crate::value::{Unknown, Value};

/// A truth value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tri {
    /// It does not hold.
    False,
    /// It hangs on a fact that may still arrive.
    Unknown,
    /// It holds.
    True,
}

impl Tri {
    pub(crate) fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Tri {
    fn from(yes: bool) -> Self {
        if yes { Self::True } else { Self::False }
    }
}

/// A field whose value was not known when its check had to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Undecided {
    /// The field.
    pub field: &'static str,
    /// Why its value is not known.
    pub why: Unknown,
}

/// What happens to unknown values: a stage of evaluation.
pub(crate) trait Watch {
    /// The truth of a check that has no known value and may have this unknown one.
    fn unknown(&mut self, field: &'static str, why: Unknown) -> Tri;
}

/// Facts may still arrive.
pub(crate) struct Waiting;

impl Watch for Waiting {
    #[inline]
    fn unknown(&mut self, _: &'static str, why: Unknown) -> Tri {
        match why {
            Unknown::Pending => Tri::Unknown,
            Unknown::Never(_) => Tri::False,
        }
    }
}

/// The waiting is over: unknown is false, and remembered.
#[derive(Default)]
pub(crate) struct Final {
    pub(crate) undecided: Vec<Undecided>,
}

impl Watch for Final {
    fn unknown(&mut self, field: &'static str, why: Unknown) -> Tri {
        let found = Undecided { field, why };
        if !self.undecided.contains(&found) {
            self.undecided.push(found);
        }
        Tri::False
    }
}

impl<E> Node<E> {
    pub(crate) fn eval(&self, event: &E, kind: u8, watch: &mut impl Watch) -> Tri {
        match self {
            Self::Kinds(test) => test.kinds.contains(kind).into(),
            Self::Leaf(leaf) => leaf.eval(event, watch),
            Self::Not(node) => node.eval(event, kind, watch).not(),
            Self::Macro(shared) => shared.node.eval(event, kind, watch),
            Self::And(nodes) => {
                let mut all = Tri::True;
                for node in nodes {
                    all = all.min(node.eval(event, kind, watch));
                    if all == Tri::False {
                        break;
                    }
                }
                all
            }
            Self::Or(nodes) => {
                let mut any = Tri::False;
                for node in nodes {
                    any = any.max(node.eval(event, kind, watch));
                    if any == Tri::True {
                        break;
                    }
                }
                any
            }
        }
    }
}

impl<E> Leaf<E> {
    pub(crate) fn eval(&self, event: &E, watch: &mut impl Watch) -> Tri {
        // The usual case: one value, compared with constants.
        if let (Term::Field { field, arg }, Test::Matches(matcher)) = (&self.left, &self.test)
            && let Get::One(get) = field.get
        {
            return match get(event, arg) {
                Value::Absent => Tri::False,
                Value::Unknown(why) => watch.unknown(field.name, why),
                value => matcher.matches(&value).into(),
            };
        }
        let seen = match &self.test {
            Test::Exists => any(&self.left, event, |_| true),
            Test::Matches(matcher) => any(&self.left, event, |value| matcher.matches(value)),
            Test::AllMatch(matcher) => all(&self.left, event, matcher),
            Test::Compare { op, right, all } => self.compare(event, *op, right, *all),
        };
        match seen {
            Seen::Decided(yes) => yes.into(),
            Seen::Unknown(field, why) => watch.unknown(field, why),
        }
    }

    fn compare(&self, event: &E, op: Op, right: &Term<E>, all: bool) -> Seen {
        let fits =
            |left: &Value<'_>| any(right, event, |right| matcher::values_hold(op, left, right));
        if all {
            return fold_all(&self.left, event, fits);
        }
        fold_any(&self.left, event, fits)
    }
}

/// What the values of one check say.
#[derive(Clone, Copy)]
enum Seen {
    Decided(bool),
    Unknown(&'static str, Unknown),
}

impl Seen {
    /// Of two unknowns the one that may still be resolved counts.
    fn or_keep(self, earlier: Option<Self>) -> Option<Self> {
        match (self, earlier) {
            (Self::Unknown(_, Unknown::Pending), _) | (Self::Unknown(..), None) => Some(self),
            (_, earlier) => earlier,
        }
    }
}

fn any<E>(term: &Term<E>, event: &E, fits: impl Fn(&Value<'_>) -> bool) -> Seen {
    fold_any(term, event, |value| Seen::Decided(fits(value)))
}

fn all<E>(term: &Term<E>, event: &E, matcher: &Matcher) -> Seen {
    fold_all(term, event, |value| Seen::Decided(matcher.matches(value)))
}

/// True if one value fits; else unknown if one is unknown.
fn fold_any<E>(term: &Term<E>, event: &E, fits: impl Fn(&Value<'_>) -> Seen) -> Seen {
    let mut unknown = None;
    let mut found = false;
    term.visit(event, &mut |value| {
        let seen = match value {
            Value::Absent => return ControlFlow::Continue(()),
            Value::Unknown(why) => Seen::Unknown(term.first_field(), why),
            value => fits(&value),
        };
        found = matches!(seen, Seen::Decided(true));
        unknown = seen.or_keep(unknown);
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if found { Seen::Decided(true) } else { unknown.unwrap_or(Seen::Decided(false)) }
}

/// False if one value does not fit or there is none; else unknown if one is unknown.
fn fold_all<E>(term: &Term<E>, event: &E, fits: impl Fn(&Value<'_>) -> Seen) -> Seen {
    let mut unknown = None;
    let mut failed = false;
    let mut some = false;
    term.visit(event, &mut |value| {
        let seen = match value {
            Value::Absent => return ControlFlow::Continue(()),
            Value::Unknown(why) => Seen::Unknown(term.first_field(), why),
            value => fits(&value),
        };
        some = true;
        failed = matches!(seen, Seen::Decided(false));
        unknown = seen.or_keep(unknown);
        if failed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match (failed, unknown) {
        (true, _) => Seen::Decided(false),
        (false, Some(unknown)) => unknown,
        (false, None) => Seen::Decided(some),
    }
}
