//! The reference in `docs/` is made from the code: no text in it is written twice.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use runmon::{
    bpf::{
        attach_point::attach_point,
        counters::Reading,
        hooks::{Candidate, HOOKS},
    },
    cli,
    config::{
        Key, RawConfig, RawKubernetes, RawMetrics, RawPostureException, RawRuntimeRoot, RawSink,
        RawUpkeepException, RawWeb,
    },
    daemon,
    document::{
        Document, Heartbeat, Schema, Sender,
        heartbeat::{
            Degraded, HookState, Loss, ProgramState, RuleState, SinkCounters, StoreCounters,
            WebCounters,
        },
        metrics::{HEARTBEAT_ONLY, METRICS},
    },
    enrich::Enricher,
    env::EnvKeys,
    judge::RuleTally,
    kubernetes::told::Stats,
    rules::schema,
};
use serde_json::Value;

use crate::golden;

const MADE: &str = "<!-- Made from the code: `UPDATE_REFERENCE=1 cargo test` writes it. -->\n";

fn compare(file: &str, text: &str) {
    golden::compare(&format!("../docs/{file}"), text.as_bytes());
}

#[test]
fn the_command_line() {
    let mut text = format!("# Command line\n\n{MADE}");
    let mut cli = cli::command().term_width(100);
    cli.build();
    describe(&cli, &mut text);
    compare("cli.md", &text);
}

/// A command with its help, then the ones below it.
fn describe(command: &clap::Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("runmon").to_owned();
    let help = command.clone().term_width(100).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()).unwrap();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        if below.get_name() != "help" {
            describe(below, text);
        }
    }
}

#[test]
fn the_configuration() {
    let mut text = format!(
        "# Configuration\n\n{MADE}\n`/etc/runmon/config.yaml`, or the file that `--config` names. \
         Every key may be left out.\nAn example with all of them is `deploy/config.example.yaml`.\n"
    );
    keys("Keys", RawConfig::KEYS, &mut text);
    keys("`kubernetes`", RawKubernetes::KEYS, &mut text);
    keys("`posture_exceptions`, a list", RawPostureException::KEYS, &mut text);
    keys("`upkeep_exceptions`, a list", RawUpkeepException::KEYS, &mut text);
    keys("`runtime_roots`, a list", RawRuntimeRoot::KEYS, &mut text);
    keys("`metrics`", RawMetrics::KEYS, &mut text);
    keys("`web`", RawWeb::KEYS, &mut text);
    keys("`sinks`, a list", RawSink::KEYS, &mut text);
    compare("config.md", &text);
}

fn keys(title: &str, keys: &[Key], text: &mut String) {
    write!(text, "\n## {title}\n\n| key | default | meaning |\n| --- | --- | --- |\n").unwrap();
    for Key { name, doc, default } in keys {
        let default = default.map_or(String::new(), |default| format!("`{default}`"));
        writeln!(text, "| `{name}` | {default} | {} |", doc.trim()).unwrap();
    }
}

#[test]
fn the_fields() {
    let text = format!(
        "# Fields of rules\n\n{MADE}\nWhat conditions, outputs and filters can ask of an event.\n\n{}",
        schema::field_table_markdown()
    );
    compare("fields.md", &text);
}

#[test]
fn the_metrics() {
    let mut text = format!(
        "# Numbers\n\n{MADE}\nWhat runmon tells of itself in numbers: at `/metrics`, where \
         `metrics.listen` says, and in every heartbeat.\nA counter counts since start.\n\
         A heartbeat's number stands below `runmon.` in its document; `*` stands for a kind or a \
         reason.\n\n## Metrics\n\n\
         | metric | type | unit | labels | the same in a heartbeat | meaning |\n\
         | --- | --- | --- | --- | --- | --- |\n"
    );
    for metric in METRICS.iter().copied().flatten() {
        let quoted = |names: Vec<&str>| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let places = metric.places.iter().map(|(place, _)| *place).collect();
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            metric.full_name(),
            metric.kind.name(),
            metric.unit.unwrap_or_default(),
            quoted(metric.labels.to_vec()),
            quoted(places),
            metric.help
        )
        .unwrap();
    }
    text += "\n## Reasons of `runmon_degraded`\n\nA heartbeat names those that hold in `degraded`.\n\n\
             | reason | meaning |\n| --- | --- |\n";
    for reason in Degraded::ALL {
        writeln!(text, "| `{}` | {} |", reason.name(), reason.meaning()).unwrap();
    }
    text += "\n## Numbers of a heartbeat\n\n| number | metric | meaning |\n| --- | --- | --- |\n";
    for metric in METRICS.iter().copied().flatten() {
        for (place, meaning) in metric.places {
            let meaning = if meaning.is_empty() { metric.help } else { meaning };
            writeln!(text, "| `{place}` | `{}` | {meaning} |", metric.full_name()).unwrap();
        }
    }
    for (place, meaning) in HEARTBEAT_ONLY {
        writeln!(text, "| `{place}` |  | {meaning} |").unwrap();
    }
    compare("metrics.md", &text);
}

const STATE_COUNTERS: [&str; 2] = ["state_findings_refused", "state_findings_unwritten"];

/// Every number of a heartbeat has a line in the reference, and no line is without its number.
#[test]
fn every_counter_is_described() {
    let mut heartbeat = Heartbeat::default();
    daemon::kernel_counters(&mut heartbeat, &Reading::default());
    heartbeat.kernel.push(("recursion_misses", 0));
    let enricher = Enricher::new(0, 0, EnvKeys::default());
    heartbeat.tables =
        daemon::tables(&enricher, (0, 0), (0, 0), daemon::Refused::default(), &Stats::default());
    heartbeat.sinks = vec![SinkCounters::default()];
    heartbeat.tables.extend(runmon::recorder::RecorderStats::default().named());
    heartbeat.tables.extend(runmon::executables::ExecutablesState::default().named(0));
    let learned = runmon::profile::learner::LearnerStats::default().named();
    heartbeat.tables.extend(learned.into_iter().chain([("learned_written_late", 0)]));
    let posture = ["posture_containers", "posture_looks", "posture_refused", "state_findings"];
    heartbeat.tables.extend(posture.into_iter().chain(STATE_COUNTERS).map(|it| (it, 0)));
    let usage = ["usage_containers", "usage_images", "usage_files", "usage_refused"];
    heartbeat.tables.extend(usage.map(|name| (name, 0)));
    heartbeat.tables.extend(daemon::upkeep::NUMBERS.map(|name| (name, 0)));
    heartbeat.profiles = vec![runmon::profile::differences::Difference::default()];
    heartbeat.store = Some(StoreCounters::default());
    heartbeat.web = Some(WebCounters::default());
    let tally = RuleTally { excepted: vec![(String::new(), 1)], ..RuleTally::default() };
    heartbeat.rule_states = vec![RuleState { tally, ..RuleState::default() }];
    heartbeat.losses = vec![Loss { container: "host".to_owned(), dropped: vec![("ring_full", 1)] }];
    let program = ProgramState { attach: String::new(), fires: None, cost: None };
    heartbeat.hooks =
        vec![HookState { kind: "exec", backend: None, programs: vec![program], blind: Vec::new() }];
    let sender = Sender {
        node: Default::default(),
        boot_id: String::new(),
        run_id: String::new(),
        instance: String::new(),
        history: false,
    };
    let written = Schema::Ecs.write(&Document::Heartbeat(heartbeat.into()), &sender).remove(0);
    let document: Value = serde_json::from_slice(&written).unwrap();
    let mut found = BTreeSet::new();
    numbers(&document["runmon"], "", &mut found);
    let metrics = METRICS.iter().copied().flatten().flat_map(|metric| metric.places);
    let known: BTreeSet<String> =
        metrics.chain(HEARTBEAT_ONLY).map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(found, known);
}

fn numbers(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let any = ["kernel.kinds", "line.events", "kernel.losses.dropped"].contains(&at);
                let name = if any { "*" } else { name };
                let dot = if at.is_empty() { "" } else { "." };
                numbers(value, &format!("{at}{dot}{name}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| numbers(item, at, found)),
        Value::Number(_) => {
            found.insert(at.to_owned());
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn the_hooks() {
    let mut text = format!(
        "# Hooks\n\n{MADE}\nThe ways to see each kind of record, best first: the first that loads, \
         attaches and fires is taken.\n`runmon doctor` says which ones this host allows.\n"
    );
    for hook in HOOKS {
        write!(text, "\n## {}\n", hook.kind.name()).unwrap();
        hook.candidates.iter().for_each(|candidate| way(candidate, &mut text));
    }
    compare("hooks.md", &text);
}

fn way(candidate: &Candidate, text: &mut String) {
    let label = |program| format!("`{}`", attach_point(program).label());
    let programs: Vec<String> = candidate.programs.iter().map(|program| label(*program)).collect();
    write!(text, "\n- **{}**: {}\n", candidate.backend.name(), programs.join(", ")).unwrap();
    for (program, gap) in candidate.optional {
        writeln!(text, "  - with {}, which adds {gap}", label(*program)).unwrap();
    }
    for gap in candidate.blind {
        writeln!(text, "  - cannot see: {gap}").unwrap();
    }
}

/// Nothing is left over in `docs/`.
#[test]
fn nothing_else_is_there() {
    if golden::updating() {
        return;
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut found: Vec<String> = std::fs::read_dir(docs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let written = ["drift.md", "performance.md", "pictures", "schemas.md", "siem.md", "sinks.md"];
    let generated = ["cli.md", "config.md", "fields.md", "hooks.md", "metrics.md"];
    found.retain(|name| !written.contains(&name.as_str()));
    assert_eq!(found, generated);
}
