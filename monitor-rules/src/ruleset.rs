//! All rules of a load, indexed by the kind of event that they can match.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, Problem, Reports, Severity, Subject};
use crate::document;
use crate::eval::Tri;
use crate::indicators::{self, ReadValues};
use crate::kind::KindSet;
use crate::library::Library;
use crate::matching::{Finding, Matching, Scratch};
use crate::rule::{self, Rule};
use crate::schema::Schema;
use crate::source::RuleFile;

/// The compiled rules.
pub struct RuleSet<E: 'static> {
    schema: &'static Schema<E>,
    rules: Vec<Rule<E>>,
    /// The conditions of the enabled rules, arranged for speed.
    matching: Matching<E>,
    version: Box<str>,
}

/// What a rule says of an event that its condition holds for, or may hold for.
pub struct Match<'s, E: 'static> {
    /// The rule.
    pub rule: &'s Rule<E>,
    /// Its number in [`RuleSet::rules`].
    pub number: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a rule whose condition holds, or may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It matches.
    Matches,
    /// That hangs on a pending fact: of the condition, or of an exception.
    Pending,
    /// This exception of it, by number, keeps it quiet.
    Excepted(usize),
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
        Self::load_with(schema, files, &|_, _| Err("files of values are not read here".to_owned()))
    }

    /// Loads rule files that may have lists whose values stand in files of their own; `read` gets
    /// those.
    #[must_use]
    pub fn load_with(
        schema: &'static Schema<E>,
        files: &[RuleFile<'_>],
        read: ReadValues<'_>,
    ) -> Loaded<E> {
        let mut reports = Reports::default();
        let mut definitions = document::read_files(files, &mut reports);
        indicators::fill(&mut definitions, read, &mut reports);
        let library = Library::gather(definitions, &mut reports);
        let mut compiler = Compiler::new(schema, &library, &mut reports);
        let mut rules = Vec::new();
        let mut ids: HashMap<String, String> = HashMap::new();
        for definition in &library.rules {
            compiler.reports.subject = Some(Subject::Rule(definition.name.value.as_str().into()));
            let Some(mut rule) = rule::compile(schema, definition, &mut compiler) else { continue };
            if definition.id.is_none() {
                make_unique(&mut rule, &ids);
            }
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
        let enabled = rules.iter().enumerate().filter(|(_, rule)| rule.enabled);
        let conditions =
            enabled.map(|(at, rule)| (at, rule.condition.kinds(), rule.condition.node()));
        let matching = Matching::new(schema.kinds.len(), conditions);
        Self { schema, rules, matching, version: Box::default() }
    }

    /// Calls `found` with each rule that the event matches, may match, or would match but for an
    /// exception, in the order of the files. Allocates nothing once `scratch` has been used.
    pub fn each_match<'s>(
        &'s self,
        event: &E,
        scratch: &mut Scratch,
        mut found: impl FnMut(Match<'s, E>),
    ) {
        let kind = (self.schema.kind_of)(event);
        self.matching.each(event, kind, scratch, |number, truth| {
            let Some(rule) = self.rules.get(number) else { return };
            if let Some(outcome) = rule.with_exceptions(truth, event) {
                found(Match { rule, number, outcome });
            }
        });
    }

    /// Calls `tried` with the number of each rule that is not ruled out by what is looked up
    /// beforehand: [`RuleSet::each_match`] evaluates these. To measure with.
    pub fn each_tried(&self, event: &E, scratch: &mut Scratch, tried: impl FnMut(usize)) {
        self.matching.each_tried(event, (self.schema.kind_of)(event), scratch, tried);
    }

    /// What one rule, by number, says of an event, as [`RuleSet::each_match`] would: the work of
    /// that rule alone, without what is looked up beforehand. To measure with.
    #[must_use]
    pub fn try_one(&self, number: usize, event: &E, scratch: &mut Scratch) -> Option<Outcome> {
        let kind = (self.schema.kind_of)(event);
        let rule = self.rules.get(number)?;
        match self.matching.alone(number, event, kind, scratch) {
            Tri::False => None,
            truth => rule.with_exceptions(truth, event),
        }
    }

    /// How the rules of a kind are found: the fields that are looked up, the rules that are tried
    /// on every event, and all rules of the kind.
    #[must_use]
    pub fn plan(&self, kind: u8) -> (Vec<&'static str>, usize, usize) {
        self.matching.plan(kind)
    }

    /// How a rule, by number, is found for each kind of event that it can match; none for one that
    /// is off.
    #[must_use]
    pub fn findings(&self, number: usize) -> Vec<Finding> {
        self.matching.findings(number)
    }

    /// All rules, in the order of the files.
    #[must_use]
    pub fn rules(&self) -> &[Rule<E>] {
        &self.rules
    }

    /// What tells these rules from others, as whoever read them says.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Says what tells these rules from others.
    pub fn set_version(&mut self, version: impl Into<Box<str>>) {
        self.version = version.into();
    }

    /// Lets go of what only running the rules' tests needs: most of the text of a rule file.
    pub fn forget_tests(&mut self) {
        self.rules.iter_mut().for_each(|rule| rule.tests = Vec::new());
    }

    /// The kinds of event that the enabled rules need to see.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        let enabled = self.rules.iter().filter(|rule| rule.enabled);
        enabled.map(Rule::kinds).fold(KindSet::EMPTY, KindSet::union)
    }
}

/// Numbers an id that was made from a name, where another name came to the same: names may differ
/// in signs alone.
fn make_unique<E>(rule: &mut Rule<E>, taken: &HashMap<String, String>) {
    if !taken.contains_key(&rule.about.id) {
        return;
    }
    let made = |number: usize| format!("{}_{number}", rule.about.id);
    // As many numbers as there are ids, and one more: one of them is free.
    let free = (2..taken.len() + 3).map(made).find(|id| !taken.contains_key(id));
    if let (Some(id), Some(about)) = (free, Arc::get_mut(&mut rule.about)) {
        about.id = id;
    }
}
