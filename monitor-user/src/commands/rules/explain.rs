//! `runmon rules explain`: what one rule looks for, how it is found among the others, and why it
//! may never fire.

mod event;
mod json;
mod text;

use std::process::ExitCode;

use monitor_rules::{Doubt, Expect, Finding, KindSet, Loaded, Mode, Outline, Rule, Subject};

use super::{compile, now_ns, read, refuse_errors, rule_named, show, show_diagnostics};
use crate::{
    bpf::{
        attach_point::attach_point,
        hooks::{Candidate, HOOKS},
    },
    cli::RulesExplainArgs,
    daemon::record_kinds,
    event::Event,
    rules::{filter::Pushed, schema::why_costly},
};

/// Explains a rule; without paths one of the embedded ones.
pub(super) fn run(args: &RulesExplainArgs) -> anyhow::Result<ExitCode> {
    let files = read(&args.rules)?;
    files.tell_unread();
    let loaded = compile(&files.sources);
    if loaded.has_errors() {
        show_diagnostics(&loaded);
    }
    refuse_errors(&loaded)?;
    let named = args.name.as_deref().map(|name| rule_named(&loaded.rules, name)).transpose()?;
    if let Some(event) = event::of(args)? {
        let told = event::Told { event: &event, rules: &loaded.rules, named };
        show(&if args.json { told.as_json() } else { told.as_text() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some((number, rule)) = named else { return Ok(ExitCode::SUCCESS) };
    let story = Story::of(&loaded, number, rule, now_ns());
    show(&if args.json { json::of(&story) } else { text::of(&story) })?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that is told of a rule.
struct Story<'r> {
    rule: &'r Rule<Event>,
    now_ns: i64,
    condition: Outline,
    /// Kinds of event that it must see.
    kinds: Vec<Kind>,
    /// The fields that it asks for, and why some of them cost more.
    fields: Vec<(&'static str, Option<&'static str>)>,
    /// Tests that must fire, and that must keep quiet.
    tests: (usize, usize),
    doubts: Vec<String>,
}

/// A kind of event that a rule must see.
struct Kind {
    name: &'static str,
    /// Where it is seen: the name of a family of hooks, and its attach points; best first.
    hooks: Vec<(&'static str, Vec<String>)>,
    /// What the kernel leaves out of it for this rule.
    pushed: Pushed,
    /// How the rule is found; None for one that is off.
    finding: Option<Finding>,
}

impl<'r> Story<'r> {
    fn of(loaded: &Loaded<Event>, number: usize, rule: &'r Rule<Event>, now_ns: i64) -> Self {
        let condition = rule.condition.outline();
        let findings = loaded.rules.findings(number);
        let kind = |number: u8| Kind {
            name: crate::event::Action::KINDS.get(usize::from(number)).copied().unwrap_or("?"),
            hooks: hooks(number),
            pushed: Pushed::of(rule, number),
            finding: findings.iter().find(|finding| finding.kind == number).cloned(),
        };
        let fires = rule.tests.iter().filter(|test| test.expect == Expect::Fires).count();
        let doubts = doubts(loaded, rule, &condition, now_ns);
        Self {
            rule,
            now_ns,
            condition,
            kinds: rule.kinds().iter().map(kind).collect(),
            fields: rule.fields().into_iter().map(|name| (name, why_costly(name))).collect(),
            tests: (fires, rule.tests.len() - fires),
            doubts,
        }
    }
}

/// Where a kind of event is seen.
fn hooks(kind: u8) -> Vec<(&'static str, Vec<String>)> {
    let records = record_kinds(KindSet::of(&[kind]));
    let hooks = HOOKS.iter().filter(|hook| records.contains(&hook.kind));
    let points = |way: &Candidate| {
        let points = way.programs.iter().map(|program| attach_point(*program).label());
        (way.backend.name(), points.collect())
    };
    hooks.flat_map(|hook| hook.candidates).map(points).collect()
}

/// Why the rule may never alert.
fn doubts(
    loaded: &Loaded<Event>,
    rule: &Rule<Event>,
    condition: &Outline,
    now_ns: i64,
) -> Vec<String> {
    let mut found = Vec::new();
    if !rule.enabled {
        found.push("it is off: `enabled: true` in a later file switches it on".to_owned());
    }
    if rule.mode == Mode::Shadow {
        found.push("it is in shadow mode: matches are counted and raise no alert".to_owned());
    }
    let exception = |number: usize| rule.exceptions.get(number).map_or("", |it| &it.name);
    found.extend(rule.doubts(now_ns).into_iter().map(|doubt| match doubt {
        Doubt::Contradiction(one, other) => format!("`{one}` and `{other}` never hold together"),
        Doubt::Swallowed(number) => {
            format!("exception `{}` holds whenever the condition does", exception(number))
        }
    }));
    let macros = condition.macros();
    let concerns = |subject: &Subject| match subject {
        Subject::Rule(name) => **name == *rule.about.name,
        Subject::Macro(name) => macros.contains(&&**name),
    };
    let about_it = loaded.diagnostics.iter().filter(|it| it.subject.as_ref().is_some_and(concerns));
    found.extend(about_it.map(|diagnostic| {
        let help = diagnostic.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
        let (file, line) = (&diagnostic.file, diagnostic.line);
        format!("{}{help} ({file}:{line})", diagnostic.message)
    }));
    found
}
