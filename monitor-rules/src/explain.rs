//! Why a condition is true or not: every check with what it saw. Not for the hot path.

use std::ops::ControlFlow;

use crate::eval::{Tri, Waiting};
use crate::node::{Leaf, Node, Test};
use crate::term::Term;
use crate::value::Value;

/// What a part of a condition came to, with its own parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The truth of this part. Parts that a decision does not need are evaluated all the same.
    pub truth: Tri,
    /// What this part is.
    pub part: Part,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// All must hold.
    And(Vec<Explained>),
    /// One must hold.
    Or(Vec<Explained>),
    /// The part must not hold.
    Not(Box<Explained>),
    /// A macro and what it stands for.
    Macro(String, Box<Explained>),
    /// One comparison.
    Check {
        /// The comparison as text.
        text: String,
        /// The values of the left side: none if the event has no such thing.
        values: Vec<Value<'static>>,
    },
}

impl<E> Node<E> {
    pub(crate) fn explain(&self, event: &E, kind: u8, kind_name: &str) -> Explained {
        let down = |node: &Node<E>| node.explain(event, kind, kind_name);
        match self {
            Self::And(nodes) => {
                let parts: Vec<_> = nodes.iter().map(down).collect();
                let truth = parts.iter().map(|p| p.truth).min().unwrap_or(Tri::True);
                Explained { truth, part: Part::And(parts) }
            }
            Self::Or(nodes) => {
                let parts: Vec<_> = nodes.iter().map(down).collect();
                let truth = parts.iter().map(|p| p.truth).max().unwrap_or(Tri::False);
                Explained { truth, part: Part::Or(parts) }
            }
            Self::Not(node) => {
                let inner = down(node);
                Explained { truth: inner.truth.not(), part: Part::Not(Box::new(inner)) }
            }
            Self::Macro(shared) => {
                let inner = down(&shared.node);
                let truth = inner.truth;
                Explained { truth, part: Part::Macro(shared.name.to_string(), Box::new(inner)) }
            }
            Self::Kinds(test) => {
                let values = vec![Value::owned(kind_name)];
                let part = Part::Check { text: test.text.to_string(), values };
                Explained { truth: test.kinds.contains(kind).into(), part }
            }
            Self::Leaf(leaf) => {
                let mut values = values(&leaf.left, event);
                if let Test::Compare { right, .. } = &leaf.test {
                    values.extend(self::values(right, event));
                }
                let part = Part::Check { text: leaf.text.to_string(), values };
                Explained { truth: Leaf::eval(leaf, event, &mut Waiting), part }
            }
        }
    }
}

fn values<E>(term: &Term<E>, event: &E) -> Vec<Value<'static>> {
    let mut all = Vec::new();
    term.visit(event, &mut |value| {
        if value != Value::Absent {
            all.push(value.into_owned());
        }
        ControlFlow::Continue(())
    });
    all
}
