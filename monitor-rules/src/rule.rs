//! A rule that is ready to match.

use std::collections::BTreeSet;

use crate::attack::{self, Attack, Tactic};
use crate::compile::Compiler;
use crate::condition::Condition;
use crate::definition::{At, RuleDefinition, RuleTest};
use crate::diagnostic::{Code, Problem};
use crate::kind::KindSet;
use crate::node::Node;
use crate::priority::Priority;
use crate::schema::Schema;
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::template::Template;

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
    /// The file in which it first stands.
    pub file: String,
    /// The line there, from 1.
    pub line: usize,
}

/// A rule that is ready to match.
pub struct Rule<E: 'static> {
    /// What the rule says about itself.
    pub about: About,
    /// Whether it is switched on. [`RuleSet`](crate::RuleSet) never matches one that is not.
    pub enabled: bool,
    /// When it fires.
    pub condition: Condition<E>,
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
        let mut all = self.condition.fields();
        self.output.fields(&mut |name| all.extend([name]));
        all
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
    let output = required(definition.output.as_ref(), "output", name, compiler)
        .and_then(|text| Template::compile(schema, text, compiler.reports));
    let condition = Condition::new(schema, condition?);
    let (about, output) = (about?, output?);
    warn_of_kinds(schema, &condition, name, compiler);
    Some(Rule {
        about,
        enabled: definition.enabled.unwrap_or(true),
        condition,
        output,
        tests: definition.tests.clone(),
    })
}

fn condition<E>(definition: &RuleDefinition, compiler: &mut Compiler<'_, E>) -> Option<Node<E>> {
    let text = required(definition.condition.as_ref(), "condition", &definition.name, compiler)?;
    let node = compiler.condition(text)?;
    match &definition.exceptions {
        Some(exceptions) => compiler.with_exceptions(node, exceptions),
        None => Some(node),
    }
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

fn about<E>(definition: &RuleDefinition, compiler: &mut Compiler<'_, E>) -> Option<About> {
    let name = &definition.name;
    let desc = required(definition.desc.as_ref(), "desc", name, compiler);
    let priority = required(definition.priority.as_ref(), "priority", name, compiler)
        .and_then(|word| priority(word, compiler));
    let tags: Vec<String> = definition.tags.iter().flatten().map(|tag| tag.value.clone()).collect();
    let (tactics, techniques) = attack(definition, compiler);
    let (line, _) = compiler.reports.sources.line_column(name.place);
    let file = compiler.reports.sources.get(name.place.source);
    Some(About {
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
        file: file.map(|source| source.name.to_string()).unwrap_or_default(),
        line,
    })
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
    name: &At<String>,
    compiler: &mut Compiler<'_, E>,
) {
    let place: Place = name.place;
    if condition.kinds().is_empty() {
        let message = format!("rule `{}` can never match", name.value);
        let problem = Problem::new(Code::NeverMatches, message).help(format!(
            "no kind of event has the `{}` and all the fields that it asks for",
            schema.type_field
        ));
        compiler.reports.push(place, problem);
    } else if condition.kinds() == schema.all_kinds() {
        let message = format!("rule `{}` is tried on events of every kind", name.value);
        let problem = Problem::new(Code::AllKinds, message)
            .help(format!("say which, as in `{} = …`", schema.type_field));
        compiler.reports.push(place, problem);
    }
}

/// Lower-case words joined with `_`.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}
