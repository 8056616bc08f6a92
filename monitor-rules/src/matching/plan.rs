//! What is made of one rule when all are arranged, for people.

use crate::matching::graph::{Graph, NodeId, Op};
use crate::matching::guard::Pattern;
use crate::matching::{Matching, OfKind, index};

/// How a rule is found among all that can match one kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: u8,
    /// The rule is tried only where one of these, each a field or its text in lower case, has one
    /// of these values; without any it is tried on every event of the kind.
    pub lookups: Vec<(String, Vec<String>)>,
    /// Checks that are done beforehand, for this rule and others at once.
    pub shared: Vec<String>,
    /// All rules that can match the kind.
    pub rules: usize,
}

impl<E> Matching<E> {
    /// How a rule is found, for each kind that it can match.
    pub(crate) fn findings(&self, rule: usize) -> Vec<Finding> {
        let of = |(kind, of_kind): (u8, &OfKind<E>)| of_kind.finding(rule, kind);
        (0..).zip(&self.kinds).filter_map(of).collect()
    }
}

impl<E> OfKind<E> {
    fn finding(&self, rule: usize, kind: u8) -> Option<Finding> {
        let place = self.rules.binary_search_by_key(&rule, |(number, _)| *number).ok()?;
        let roots: Vec<NodeId> = self.rules.iter().map(|(_, root)| *root).collect();
        let guards = index::guards(&self.graph, &roots);
        let values = guards.get(place)?.iter().flat_map(|guard| &guard.values);
        let lookups = values.map(|values| {
            let patterns = values.patterns.iter().map(show).collect();
            let name = values.field.name;
            (if values.lower { format!("tolower({name})") } else { name.to_owned() }, patterns)
        });
        let shared = self.index.shared_by(place).map(|check| text(&self.graph, check)).collect();
        Some(Finding { kind, lookups: lookups.collect(), shared, rules: roots.len() })
    }
}

fn show(pattern: &Pattern) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match pattern {
        Pattern::Text(bytes) => text(bytes),
        Pattern::Number(number) => number.to_string(),
        Pattern::Start(bytes) => format!("{}…", text(bytes)),
        Pattern::End(bytes) => format!("…{}", text(bytes)),
        Pattern::Part(bytes) => format!("…{}…", text(bytes)),
        Pattern::Yes => "true".to_owned(),
        Pattern::Numbers(first, last) => format!("{first}-{last}"),
        Pattern::Addresses(first, last) => format!("{first}-{last}"),
    }
}

/// A node as a condition.
pub(super) fn text<E>(graph: &Graph<E>, at: NodeId) -> String {
    let join = |terms: &[NodeId], word: &str| {
        let terms: Vec<String> = terms.iter().map(|term| text(graph, *term)).collect();
        format!("({})", terms.join(word))
    };
    match graph.op(at) {
        Some(Op::Leaf(leaf)) => leaf.text.to_string(),
        Some(Op::Not(inner)) => format!("not {}", text(graph, *inner)),
        Some(Op::And(terms)) => join(terms, " and "),
        Some(Op::Or(terms)) => join(terms, " or "),
        Some(Op::Constant(yes)) => yes.to_string(),
        None => String::new(),
    }
}
