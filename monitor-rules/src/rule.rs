//! A rule that is ready to match.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::aggregate::{self, Aggregate};
use crate::attack::{self, Attack, Tactic};
use crate::compile::Compiler;
use crate::condition::{self, Condition, Decision};
use crate::definition::{At, Exception, RuleDefinition, RuleTest};
use crate::diagnostic::{Code, Problem};
use crate::eval::Tri;
use crate::exception::RuleException;
use crate::explain::{Explained, Part};
use crate::kind::KindSet;
use crate::matching::{self, Doubt};
use crate::node::Node;
use crate::priority::Priority;
use crate::ruleset::Outcome;
use crate::schema::{Arg, Schema};
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::template::Template;
use crate::time;

/// What a rule says about itself.
#[derive(Clone, Debug)]
pub struct About {
    /// The name.
    pub name: String,
    /// The id: as given, or made from the name.
    pub id: String,
    /// The version of the rule, if it has one.
    pub version: Option<String>,
    /// What the rule finds.
    pub desc: String,
    /// How much its alerts matter.
    pub priority: Priority,
    /// The tags, as written.
    pub tags: Vec<String>,
    /// ATT&CK tactics, from `mitre` and from the tags.
    pub tactics: Vec<Tactic>,
    /// ATT&CK technique ids, from `mitre` and from the tags.
    pub techniques: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// What makes it fire without harm.
    pub false_positives: Vec<String>,
    /// What to look at when it fires.
    pub triage: Vec<String>,
    /// How often it fires on a healthy host, as its author expects.
    pub expected_rate: Option<Rate>,
    /// The file in which it first stands.
    pub file: String,
    /// The line there, from 1.
    pub line: usize,
}

/// A number of alerts in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long, nanoseconds.
    pub per_ns: u64,
}

impl Rate {
    /// Reads a rate such as `5/day`.
    fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        Some(Self { count: count.trim().parse().ok()?, per_ns: time::unit_ns(unit.trim())? })
    }

    /// Whether that many in that time are more than the rate allows.
    #[must_use]
    pub fn is_exceeded(self, count: u64, in_ns: u64) -> bool {
        // A short time is taken for a whole unit: one alert in the first second is no rate.
        let units = u128::from(in_ns.max(self.per_ns));
        u128::from(count) * u128::from(self.per_ns) > u128::from(self.count) * units
    }
}

/// What comes of a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// An alert.
    #[default]
    Alert,
    /// Nothing: it is counted, to see how often the rule would fire.
    Shadow,
}

/// A rule that is ready to match.
pub struct Rule<E: 'static> {
    /// What the rule says about itself.
    pub about: Arc<About>,
    /// Whether it is switched on. [`RuleSet`](crate::RuleSet) never matches one that is not.
    pub enabled: bool,
    /// What comes of a match.
    pub mode: Mode,
    /// When it fires, exceptions left aside.
    pub condition: Condition<E>,
    /// What keeps it quiet all the same.
    pub exceptions: Vec<RuleException<E>>,
    /// What must come together for an alert, if one event does not do.
    pub aggregate: Option<Aggregate<E>>,
    /// What its alerts say.
    pub output: Template<E>,
    /// Its own tests.
    pub tests: Vec<RuleTest>,
}

impl<E> Rule<E> {
    /// The kinds of event that it needs to see.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        self.condition.kinds()
    }

    /// The fields that its condition and its output use.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<&'static str> {
        condition::fields(|each| self.visit_fields(each))
    }

    /// The words in brackets that the rule uses a field with: `A` of `proc.env[A]`.
    #[must_use]
    pub fn keys_of(&self, field: &str) -> BTreeSet<String> {
        condition::keys_of(field, |each| self.visit_fields(each))
    }

    fn visit_fields(&self, each: &mut dyn FnMut(&'static str, &Arg)) {
        self.condition.visit_fields(each);
        self.exceptions.iter().for_each(|exception| exception.condition.visit_fields(each));
        if let Some(aggregate) = &self.aggregate {
            aggregate.fields(each);
        }
        self.output.fields(each);
    }

    /// Whether the rule matches when the waiting is over: its condition holds, and no exception
    /// does. `excepted` names the one that does.
    #[must_use]
    pub fn decide(&self, event: &E) -> Decision {
        let mut decision = self.condition.decide(event);
        if !decision.fires {
            return decision;
        }
        for (number, exception) in self.active_exceptions(event) {
            let quiet = exception.condition.decide(event);
            if quiet.fires {
                return Decision { fires: false, excepted: Some(number), ..decision };
            }
            decision.undecided.extend(quiet.undecided);
        }
        decision
    }

    /// Why it can never fire, exceptions that have ended by `time_ns` left aside.
    #[must_use]
    pub fn doubts(&self, time_ns: i64) -> Vec<Doubt> {
        let active = self.exceptions.iter().enumerate();
        let active: Vec<_> = active.filter(|(_, it)| it.is_active(time_ns)).collect();
        let nodes: Vec<&Node<E>> = active.iter().map(|(_, it)| it.condition.node()).collect();
        let mut found = matching::doubts(self.condition.node(), self.kinds(), &nodes);
        for doubt in &mut found {
            if let Doubt::Swallowed(at) = doubt {
                *at = active.get(*at).map_or(*at, |(number, _)| *number);
            }
        }
        found
    }

    /// Why the rule matches or not: every check with the values that it saw.
    #[must_use]
    pub fn explain(&self, event: &E) -> Explained {
        let mut parts = vec![self.condition.explain(event)];
        for (_, exception) in self.active_exceptions(event) {
            let inner = exception.condition.explain(event);
            let name = format!("exception `{}`", exception.name);
            let named = Explained { truth: inner.truth, part: Part::Macro(name, Box::new(inner)) };
            let truth = named.truth.not();
            parts.push(Explained { truth, part: Part::Not(Box::new(named)) });
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                let truth = parts.iter().map(|part| part.truth).min().unwrap_or(Tri::True);
                Explained { truth, part: Part::And(parts) }
            }
        }
    }

    /// What comes of a condition that holds or may hold, with the exceptions; `None` if the rule
    /// does not match for sure.
    pub(crate) fn with_exceptions(&self, truth: Tri, event: &E) -> Option<Outcome> {
        let aggregate = self.aggregate.as_ref();
        let mut pending =
            truth == Tri::Unknown || aggregate.is_some_and(|aggregate| aggregate.is_pending(event));
        for (number, exception) in self.active_exceptions(event) {
            match exception.condition.eval(event) {
                Tri::True => return (truth == Tri::True).then_some(Outcome::Excepted(number)),
                Tri::Unknown => pending = true,
                Tri::False => {}
            }
        }
        Some(if pending { Outcome::Pending } else { Outcome::Matches })
    }

    fn active_exceptions(&self, event: &E) -> impl Iterator<Item = (usize, &RuleException<E>)> {
        let time_ns = if self.exceptions.is_empty() { 0 } else { self.condition.time_of(event) };
        let all = self.exceptions.iter().enumerate();
        all.filter(move |(_, exception)| exception.is_active(time_ns))
    }
}

/// Compiles a rule; `None` after reports.
pub(crate) fn compile<E>(
    schema: &'static Schema<E>,
    definition: &RuleDefinition,
    compiler: &mut Compiler<'_, E>,
) -> Option<Rule<E>> {
    let name = &definition.name;
    if let Some(source) = &definition.source
        && source.value != "syscall"
    {
        let message = format!("rule `{}` is left out: source `{}`", name.value, source.value);
        let problem = Problem::new(Code::RuleSkipped, message)
            .help("only rules for the source `syscall` are used");
        compiler.reports.push(source.place, problem);
        return None;
    }
    let mark = compiler.reports.mark();
    let condition = condition(definition, compiler);
    if condition.is_none() && definition.skip_unknown == Some(true) {
        // A macro that fails here must be reported to its next user again.
        compiler.forget_failures();
        if compiler.reports.take_unknown_fields(mark) {
            let message = format!("rule `{}` is left out: it uses unknown fields", name.value);
            compiler.reports.push(name.place, Problem::new(Code::RuleSkipped, message));
            return None;
        }
    }
    let about = about(definition, compiler);
    let mode = mode(definition.mode.as_ref(), compiler);
    let exceptions = exceptions(schema, definition, compiler);
    let aggregate = match &definition.aggregate {
        Some(aggregate) => aggregate::compile(schema, aggregate, compiler).map(Some),
        None => Some(None),
    };
    let output = required(definition.output.as_ref(), "output", name, compiler)
        .and_then(|text| Template::compile(schema, text, compiler.reports));
    let condition = Condition::new(schema, condition?);
    let (about, output, mode) = (about?, output?, mode?);
    let (exceptions, aggregate) = (exceptions?, aggregate?);
    warn_of_kinds(schema, &condition, aggregate.as_ref(), name, compiler);
    Some(Rule {
        about,
        enabled: definition.enabled.unwrap_or(true),
        mode,
        condition,
        exceptions,
        aggregate,
        output,
        tests: definition.tests.clone(),
    })
}

fn condition<E>(definition: &RuleDefinition, compiler: &mut Compiler<'_, E>) -> Option<Node<E>> {
    // The steps of a sequence say what events it is about.
    let steps = definition.aggregate.as_ref().and_then(|aggregate| aggregate.sequence.as_ref());
    if let (None, Some(steps)) = (&definition.condition, steps) {
        let nodes: Vec<Option<_>> = steps.iter().map(|step| compiler.condition(step)).collect();
        return nodes.into_iter().collect::<Option<Box<[_]>>>().map(Node::Or);
    }
    let text = required(definition.condition.as_ref(), "condition", &definition.name, compiler)?;
    compiler.condition(text)
}

/// All exceptions are compiled, also behind one that fails, so that all errors are seen.
fn exceptions<E>(
    schema: &'static Schema<E>,
    definition: &RuleDefinition,
    compiler: &mut Compiler<'_, E>,
) -> Option<Vec<RuleException<E>>> {
    let all = definition.exceptions.iter().flatten();
    let all: Vec<Option<_>> = all.map(|one| exception(schema, one, compiler)).collect();
    all.into_iter().collect()
}

fn exception<E>(
    schema: &'static Schema<E>,
    definition: &Exception,
    compiler: &mut Compiler<'_, E>,
) -> Option<RuleException<E>> {
    let node = compiler.exception(definition);
    let expires_ns = match &definition.expires {
        None => None,
        Some(text) => {
            let end = time::end_of(&text.value);
            if end.is_none() {
                let message = format!("`{}` is no date", text.value);
                let problem = Problem::new(Code::BadValue, message)
                    .help("write a day such as `2030-01-31`, or an instant with its time zone");
                compiler.reports.push(text.place, problem);
            }
            Some(end?)
        }
    };
    Some(RuleException {
        name: definition.name.value.clone(),
        owner: definition.owner.clone(),
        reason: definition.reason.clone(),
        expires_ns,
        condition: Condition::new(schema, node?),
    })
}

fn mode<E>(word: Option<&At<String>>, compiler: &mut Compiler<'_, E>) -> Option<Mode> {
    match word.map(|word| (word.value.as_str(), word.place)) {
        None | Some(("alert", _)) => Some(Mode::Alert),
        Some(("shadow", _)) => Some(Mode::Shadow),
        Some((other, place)) => {
            let problem = Problem::new(Code::BadValue, format!("unknown mode `{other}`"))
                .help("a mode is `alert`, or `shadow`: matches are counted and not alerted");
            compiler.reports.push(place, problem);
            None
        }
    }
}

/// The expected rate; the outer `None` is a report.
fn expected_rate<E>(
    word: Option<&At<String>>,
    compiler: &mut Compiler<'_, E>,
) -> Option<Option<Rate>> {
    let Some(word) = word else { return Some(None) };
    let rate = Rate::parse(&word.value);
    if rate.is_none() {
        let problem = Problem::new(Code::BadValue, format!("`{}` is no rate", word.value))
            .help("write a number of alerts in a time, such as `5/day` or `1/hour`");
        compiler.reports.push(word.place, problem);
    }
    rate.map(Some)
}

fn required<'d, T, E>(
    part: Option<&'d T>,
    key: &str,
    name: &At<String>,
    compiler: &mut Compiler<'_, E>,
) -> Option<&'d T> {
    if part.is_none() {
        let message = format!("rule `{}` has no `{key}`", name.value);
        compiler.reports.push(name.place, Problem::new(Code::Shape, message));
    }
    part
}

fn about<E>(definition: &RuleDefinition, compiler: &mut Compiler<'_, E>) -> Option<Arc<About>> {
    let name = &definition.name;
    let desc = required(definition.desc.as_ref(), "desc", name, compiler);
    let priority = required(definition.priority.as_ref(), "priority", name, compiler)
        .and_then(|word| priority(word, compiler));
    let expected_rate = expected_rate(definition.expected_rate.as_ref(), compiler);
    let tags: Vec<String> = definition.tags.iter().flatten().map(|tag| tag.value.clone()).collect();
    let (tactics, techniques) = attack(definition, compiler);
    let line = compiler.reports.sources.line(name.place);
    let file = compiler.reports.sources.get(name.place.source);
    Some(Arc::new(About {
        name: name.value.clone(),
        id: definition.id.as_ref().map_or_else(|| slug(&name.value), |id| id.value.clone()),
        version: definition.version.as_ref().map(|version| version.value.clone()),
        desc: desc?.value.trim().to_owned(),
        priority: priority?,
        tags,
        tactics,
        techniques,
        references: definition.references.clone(),
        false_positives: definition.false_positives.clone(),
        triage: definition.triage.clone(),
        expected_rate: expected_rate?,
        file: file.map(|source| source.name.to_string()).unwrap_or_default(),
        line,
    }))
}

fn priority<E>(word: &At<String>, compiler: &mut Compiler<'_, E>) -> Option<Priority> {
    let priority = Priority::from_name(&word.value);
    if priority.is_none() {
        let names: Vec<String> =
            Priority::ALL.iter().map(|p| p.name().to_ascii_lowercase()).collect();
        let help = did_you_mean(&word.value, names.iter().map(String::as_str))
            .unwrap_or_else(|| format!("priorities: {}", names.join(", ")));
        let problem = Problem::new(Code::BadValue, format!("unknown priority `{}`", word.value));
        compiler.reports.push(word.place, problem.help(help));
    }
    priority
}

fn attack<E>(
    definition: &RuleDefinition,
    compiler: &mut Compiler<'_, E>,
) -> (Vec<Tactic>, Vec<String>) {
    let mut tactics = Vec::new();
    let mut techniques = Vec::new();
    let tags = definition.tags.iter().flatten().filter_map(|tag| attack::parse_tag(&tag.value));
    let mut found: Vec<Attack> = Vec::new();
    for word in &definition.mitre {
        match attack::parse(&word.value) {
            Some(attack) => found.push(attack),
            None => {
                let message = format!("`{}` is no ATT&CK tactic or technique", word.value);
                let problem = Problem::new(Code::BadValue, message)
                    .help("write an id such as `TA0002`, `T1059` or `T1059.004`");
                compiler.reports.push(word.place, problem);
            }
        }
    }
    for attack in found.into_iter().chain(tags) {
        match attack {
            Attack::Tactic(tactic) if !tactics.contains(&tactic) => tactics.push(tactic),
            Attack::Technique(id) if !techniques.contains(&id) => techniques.push(id),
            Attack::Tactic(_) | Attack::Technique(_) => {}
        }
    }
    (tactics, techniques)
}

fn warn_of_kinds<E>(
    schema: &'static Schema<E>,
    condition: &Condition<E>,
    aggregate: Option<&Aggregate<E>>,
    name: &At<String>,
    compiler: &mut Compiler<'_, E>,
) {
    let place: Place = name.place;
    if let Some(why) = never(schema, condition, aggregate) {
        let message = format!("rule `{}` can never fire here: {why}", name.value);
        compiler.reports.push(place, Problem::new(Code::NeverMatches, message));
    } else if condition.kinds() == schema.all_kinds() {
        let message = format!("rule `{}` is tried on events of every kind", name.value);
        let problem = Problem::new(Code::AllKinds, message)
            .help(format!("say which, as in `{} = …`", schema.type_field));
        compiler.reports.push(place, problem);
    }
}

/// Why no kind of event can make a rule fire.
fn never<E>(
    schema: &'static Schema<E>,
    condition: &Condition<E>,
    aggregate: Option<&Aggregate<E>>,
) -> Option<String> {
    if condition.kinds().is_empty() {
        return Some(why_false(schema, condition.node()));
    }
    let steps = aggregate.map(Aggregate::steps).unwrap_or_default();
    // A step sees only what meets the condition.
    let (number, step) = (1..)
        .zip(steps)
        .find(|(_, step)| step.kinds().intersection(condition.kinds()).is_empty())?;
    let why = if step.kinds().is_empty() {
        why_false(schema, step.node())
    } else {
        "no kind of event meets both it and the condition".to_owned()
    };
    Some(format!("step {number} of its sequence never matches: {why}"))
}

fn why_false<E>(schema: &'static Schema<E>, node: &Node<E>) -> String {
    let mut unseen = BTreeSet::new();
    node.unobserved(&mut |check| unseen.extend([format!("`{check}`")]));
    if unseen.is_empty() {
        let of = schema.type_field;
        return format!("no kind of event has the `{of}` and all the fields that it asks for");
    }
    let checks: Vec<String> = unseen.into_iter().collect();
    format!("nothing that is observed can make this true: {}", checks.join(", "))
}

/// Lower-case words joined with `_`.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}
