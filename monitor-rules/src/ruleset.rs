//! All rules of a load, indexed by the kind of event that they can match.

use std::collections::HashMap;

use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, Problem, Reports, Severity};
use crate::document;
use crate::eval::Tri;
use crate::kind::KindSet;
use crate::library::Library;
use crate::rule::{self, Rule};
use crate::schema::Schema;
use crate::source::RuleFile;

/// The compiled rules.
pub struct RuleSet<E: 'static> {
    schema: &'static Schema<E>,
    rules: Vec<Rule<E>>,
    /// For each kind, the enabled rules that can match it.
    by_kind: Vec<Vec<usize>>,
}

/// A rule that an event matches, or may match.
pub struct Match<'s, E: 'static> {
    /// The rule.
    pub rule: &'s Rule<E>,
    /// Whether that is still open: the rule hangs on a pending fact.
    pub pending: bool,
}

/// What came of loading rule files.
pub struct Loaded<E: 'static> {
    /// The rules that compiled.
    pub rules: RuleSet<E>,
    /// Everything that was found in the files, in their order.
    pub diagnostics: Vec<Diagnostic>,
}

impl<E> Loaded<E> {
    /// Whether there is an error among the diagnostics: then some rules are missing.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity() == Severity::Error)
    }
}

impl<E> RuleSet<E> {
    /// Loads rule files in order: later definitions replace or override earlier ones. Never fails;
    /// what could not be used is in the diagnostics.
    #[must_use]
    pub fn load(schema: &'static Schema<E>, files: &[RuleFile<'_>]) -> Loaded<E> {
        let mut reports = Reports::default();
        let definitions = document::read_files(files, &mut reports);
        let library = Library::gather(definitions, &mut reports);
        let mut compiler = Compiler::new(schema, &library, &mut reports);
        let mut rules = Vec::new();
        let mut ids: HashMap<String, String> = HashMap::new();
        for definition in &library.rules {
            let Some(rule) = rule::compile(schema, definition, &mut compiler) else { continue };
            let (id, name) = (rule.about.id.clone(), rule.about.name.clone());
            if let Some(other) = ids.get(&id) {
                let message = format!("rule `{name}` has the id `{id}` of rule `{other}`");
                let problem = Problem::new(Code::DuplicateId, message);
                let place = definition.id.as_ref().map_or(definition.name.place, |id| id.place);
                compiler.reports.push(place, problem.help("give one of them another `id`"));
                continue;
            }
            ids.insert(id, name);
            rules.push(rule);
        }
        Loaded { rules: Self::new(schema, rules), diagnostics: reports.finish() }
    }

    fn new(schema: &'static Schema<E>, rules: Vec<Rule<E>>) -> Self {
        let kinds = 0..u8::try_from(schema.kinds.len()).unwrap_or(u8::MAX);
        let can_match = |kind: u8| {
            let of_kind = |(_, rule): &(usize, &Rule<E>)| {
                rule.enabled && rule.condition.kinds().contains(kind)
            };
            rules.iter().enumerate().filter(of_kind).map(|(at, _)| at).collect()
        };
        let by_kind = kinds.map(can_match).collect();
        Self { schema, rules, by_kind }
    }

    /// The rules that the event matches or may match, in the order of the files.
    pub fn matches<'s>(&'s self, event: &'s E) -> impl Iterator<Item = Match<'s, E>> {
        let kind = (self.schema.kind_of)(event);
        let candidates = self.by_kind.get(usize::from(kind)).map(Vec::as_slice).unwrap_or_default();
        candidates.iter().filter_map(move |at| {
            let rule = self.rules.get(*at)?;
            match rule.condition.eval_kind(event, kind) {
                Tri::False => None,
                Tri::Unknown => Some(Match { rule, pending: true }),
                Tri::True => Some(Match { rule, pending: false }),
            }
        })
    }

    /// All rules, in the order of the files.
    #[must_use]
    pub fn rules(&self) -> &[Rule<E>] {
        &self.rules
    }

    /// The kinds of event that the enabled rules need to see.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        let enabled = self.rules.iter().filter(|rule| rule.enabled);
        enabled.map(Rule::kinds).fold(KindSet::EMPTY, KindSet::union)
    }
}
