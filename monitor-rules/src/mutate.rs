//! Rules with one thing changed, to see whether their tests notice.

use crate::ast::Expr;
use crate::diagnostic::Reports;
use crate::document::{self, Definition};
use crate::parse;
use crate::source::RuleFile;

/// A rule's condition with one of its main terms negated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The name of the rule.
    pub rule: String,
    /// The term, as it was.
    pub term: String,
    /// The whole condition, with the term negated.
    pub condition: String,
}

/// Every rule of a file with each main term of its condition negated in turn. The main terms are
/// what stands between the outermost `and`s. What cannot be parsed has none.
#[must_use]
pub fn mutants(file: RuleFile<'_>) -> Vec<Mutant> {
    let definitions = document::read_files(&[file], &mut Reports::default());
    let of_rule = |definition: &Definition| match definition {
        Definition::Rule(rule) => {
            let expr = parse::parse(rule.condition.as_ref()?.as_str()).ok()?;
            Some(negated(&rule.name.value, expr))
        }
        Definition::List(_) | Definition::Macro(_) => None,
    };
    definitions.iter().filter_map(of_rule).flatten().collect()
}

fn negated(rule: &str, condition: Expr) -> Vec<Mutant> {
    let terms = match condition {
        Expr::And(terms) => terms,
        single => vec![single],
    };
    let one = |at: usize| {
        let mut mutated = terms.clone();
        let term = mutated.get_mut(at)?;
        let text = term.to_string();
        *term = match std::mem::replace(term, Expr::Or(Vec::new())) {
            Expr::Not(inner) => *inner,
            other => Expr::Not(Box::new(other)),
        };
        let condition = Expr::And(mutated).to_string();
        Some(Mutant { rule: rule.to_owned(), term: text, condition })
    };
    (0..terms.len()).filter_map(one).collect()
}
