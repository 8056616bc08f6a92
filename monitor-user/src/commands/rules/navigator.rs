//! Rules as a layer of the ATT&CK Navigator: every technique that a rule finds, once.

use std::collections::BTreeMap;

use monitor_rules::Rule;
use serde_json::{Value, json};

use super::report;
use crate::event::Event;

/// The form of the file.
const LAYER_VERSION: &str = "4.5";

/// The first Navigator that reads it.
const NAVIGATOR_VERSION: &str = "4.9.0";

/// From one rule to the most that a technique has.
const COLOURS: [&str; 2] = ["#dbe9f6", "#2171b5"];

/// The layer: each technique scores the number of its rules, and names them.
pub(super) fn layer(rules: &[&Rule<Event>]) -> String {
    let mut techniques: BTreeMap<&str, Vec<&Rule<Event>>> = BTreeMap::new();
    for rule in rules {
        for technique in &rule.about.techniques {
            techniques.entry(technique).or_default().push(rule);
        }
    }
    let most = techniques.values().map(Vec::len).max().unwrap_or_default().max(1);
    let techniques: Vec<Value> = techniques.iter().map(technique).collect();
    report::lines(&json!({
        "name": "runmon",
        "description": format!("What is looked for by {}.", report::count(rules.len(), "rule")),
        "domain": "enterprise-attack",
        "versions": { "layer": LAYER_VERSION, "navigator": NAVIGATOR_VERSION },
        "sorting": 3,
        // Sub-techniques are folded away otherwise, and most rules name one.
        "layout": { "layout": "side", "expandedSubtechniques": "annotated" },
        "gradient": { "colors": COLOURS, "minValue": 0, "maxValue": most },
        "techniques": techniques,
    }))
}

fn technique((id, rules): (&&str, &Vec<&Rule<Event>>)) -> Value {
    let name = |rule: &&Rule<Event>| {
        format!("{}{}", rule.about.name, if rule.enabled { "" } else { " (off)" })
    };
    json!({
        "techniqueID": id,
        "score": rules.len(),
        "comment": rules.iter().map(name).collect::<Vec<_>>().join("; "),
        "enabled": true,
    })
}
