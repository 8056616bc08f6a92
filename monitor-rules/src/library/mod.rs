//! All definitions of a load, by name: later ones replace, change or extend earlier ones.

mod merge;

use std::collections::HashMap;

use crate::definition::{ListDefinition, MacroDefinition, RuleDefinition};
use crate::diagnostic::{Code, Problem, Reports};
use crate::document::Definition;
use crate::limits::DEFINITIONS_MAX;

/// Lists and macros by name, and rules in the order in which their names first appeared.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub(crate) lists: HashMap<String, ListDefinition>,
    pub(crate) macros: HashMap<String, MacroDefinition>,
    pub(crate) rules: Vec<RuleDefinition>,
    rule_index: HashMap<String, usize>,
}

impl Library {
    /// Takes all definitions, in order.
    pub(crate) fn gather(definitions: Vec<Definition>, reports: &mut Reports) -> Self {
        let mut library = Self::default();
        for definition in definitions {
            match definition {
                Definition::List(list) => library.add_list(list, reports),
                Definition::Macro(definition) => library.add_macro(definition, reports),
                Definition::Rule(rule) => library.add_rule(*rule, reports),
            }
        }
        library
    }

    fn add_list(&mut self, mut list: ListDefinition, reports: &mut Reports) {
        let name = list.name.value.clone();
        if let Some(parts) = list.overrides.take() {
            match self.lists.get_mut(&name) {
                Some(earlier) => merge::list(earlier, list, parts, reports),
                None => nothing_to_override("list", &list.name, reports),
            }
        } else if list.items.is_none() {
            missing("list", &list.name, "items", reports);
        } else if has_room(self.lists.len(), "lists", &list.name, reports) {
            self.lists.insert(name, list);
        }
    }

    fn add_macro(&mut self, mut definition: MacroDefinition, reports: &mut Reports) {
        let name = definition.name.value.clone();
        if let Some(parts) = definition.overrides.take() {
            match self.macros.get_mut(&name) {
                Some(earlier) => merge::condition(earlier, definition, parts, reports),
                None => nothing_to_override("macro", &definition.name, reports),
            }
        } else if definition.condition.is_none() {
            missing("macro", &definition.name, "condition", reports);
        } else if has_room(self.macros.len(), "macros", &definition.name, reports) {
            self.macros.insert(name, definition);
        }
    }

    fn add_rule(&mut self, mut rule: RuleDefinition, reports: &mut Reports) {
        let known = self.rule_index.get(&rule.name.value).copied();
        let earlier = known.and_then(|at| self.rules.get_mut(at));
        let only_switch = rule.is_switch();
        match (earlier, rule.overrides.take()) {
            (Some(earlier), Some(parts)) => merge::rule(earlier, rule, parts, reports),
            // A rule of nothing but `enabled` is a switch for the earlier one.
            (Some(earlier), None) if only_switch => {
                earlier.enabled = rule.enabled;
            }
            (Some(earlier), None) => *earlier = rule,
            (None, Some(_)) => nothing_to_override("rule", &rule.name, reports),
            (None, None) => {
                if has_room(self.rules.len(), "rules", &rule.name, reports) {
                    self.rule_index.insert(rule.name.value.clone(), self.rules.len());
                    self.rules.push(rule);
                }
            }
        }
    }
}

type Name = crate::definition::At<String>;

fn nothing_to_override(what: &str, name: &Name, reports: &mut Reports) {
    let message = format!("no earlier {what} `{}` to override", name.value);
    let problem = Problem::new(Code::NothingToOverride, message).help(
        "files are read in the order in which they are given; `builtin` names the rules that \
             runmon brings along",
    );
    reports.push(name.place, problem);
}

fn missing(what: &str, name: &Name, key: &str, reports: &mut Reports) {
    let message = format!("{what} `{}` has no `{key}`", name.value);
    reports.push(name.place, Problem::new(Code::Shape, message));
}

fn has_room(count: usize, what: &str, name: &Name, reports: &mut Reports) -> bool {
    let room = count < DEFINITIONS_MAX;
    if !room {
        let message = format!("more than {DEFINITIONS_MAX} {what}");
        reports.push(name.place, Problem::new(Code::Limit, message));
    }
    room
}
