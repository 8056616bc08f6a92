//! The structure of a condition without an event: what people are shown of a rule.

use crate::matching::leaf_cost;
use crate::node::{Leaf, Node, Test};

/// A part of a condition, macros and lists resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// All must hold.
    All(Vec<Outline>),
    /// One must hold.
    One(Vec<Outline>),
    /// The part must not hold.
    Not(Box<Outline>),
    /// A macro and what it stands for.
    Macro(String, Box<Outline>),
    /// One comparison.
    Check {
        /// The comparison as written.
        text: String,
        /// What it compares with, where lists are named in it.
        values: Vec<String>,
        /// The fields that it asks for.
        fields: Vec<&'static str>,
        /// What it costs, roughly: 1 is the comparison of a number.
        cost: u32,
    },
}

impl Outline {
    /// The macros in it, each once, in the order of their use.
    #[must_use]
    pub fn macros(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |part| {
            if let Self::Macro(name, _) = part
                && !names.contains(&&**name)
            {
                names.push(name);
            }
        });
        names
    }

    /// Calls `each` with every part, outer ones first.
    pub fn visit<'o>(&'o self, each: &mut dyn FnMut(&'o Self)) {
        each(self);
        match self {
            Self::All(parts) | Self::One(parts) => parts.iter().for_each(|part| part.visit(each)),
            Self::Not(inner) | Self::Macro(_, inner) => inner.visit(each),
            Self::Check { .. } => {}
        }
    }
}

impl<E> Node<E> {
    pub(crate) fn outline(&self) -> Outline {
        let all = |nodes: &[Self]| nodes.iter().map(Self::outline).collect();
        match self {
            Self::And(nodes) => Outline::All(all(nodes)),
            Self::Or(nodes) => Outline::One(all(nodes)),
            Self::Not(inner) => Outline::Not(Box::new(inner.outline())),
            Self::Macro(shared) => {
                Outline::Macro(shared.name.to_string(), Box::new(shared.node.outline()))
            }
            Self::Kinds(test) => Outline::Check {
                text: test.text.to_string(),
                values: Vec::new(),
                fields: vec![test.field],
                cost: 0,
            },
            Self::Leaf(leaf) => leaf.outline(),
        }
    }
}

impl<E> Leaf<E> {
    fn outline(&self) -> Outline {
        let mut fields = Vec::new();
        let mut add = |name: &'static str, _: &_| {
            if !fields.contains(&name) {
                fields.push(name);
            }
        };
        self.left.fields(&mut add);
        if let Test::Compare { right, .. } = &self.test {
            right.fields(&mut add);
        }
        let text = self.text.to_string();
        let mut values = match &self.test {
            Test::Matches(matcher) | Test::AllMatch(matcher) => matcher.items(),
            Test::Exists | Test::Compare { .. } => Vec::new(),
        };
        // What stands in the text need not be said again.
        if values.iter().all(|value| text.contains(value)) {
            values.clear();
        }
        values.sort_unstable();
        Outline::Check { text, values, fields, cost: leaf_cost(self) }
    }
}
