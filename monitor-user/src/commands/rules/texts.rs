//! Rule files as texts, for who changes one and wants to know first what comes of that.

use std::path::PathBuf;

use monitor_rules::Rule;

use super::{Source, compile, files::read, refuse_errors, report, show_diagnostics, test::run_one};
use crate::{event::Event, rules::Rules};

/// A rule file.
#[derive(Clone, Debug)]
pub(in crate::commands) struct RuleText {
    /// Its path, or the name of an embedded one.
    pub(in crate::commands) name: String,
    pub(in crate::commands) bytes: Vec<u8>,
}

/// The files that these paths stand for, in order; without paths the embedded ones.
pub(in crate::commands) fn rule_texts(paths: &[PathBuf]) -> anyhow::Result<Vec<RuleText>> {
    let text = |Source { name, bytes }: Source| RuleText { name, bytes };
    Ok(read(paths)?.sources.into_iter().map(text).collect())
}

/// The rules of these files; what is wrong with them is shown on standard error.
pub(in crate::commands) fn load_texts(texts: &[RuleText]) -> anyhow::Result<Rules> {
    let source = |text: &RuleText| Source { name: text.name.clone(), bytes: text.bytes.clone() };
    let sources: Vec<Source> = texts.iter().map(source).collect();
    let loaded = compile(&sources);
    if loaded.has_errors() {
        show_diagnostics(&loaded);
    }
    refuse_errors(&loaded)?;
    Ok(loaded.rules)
}

/// The rule of an id.
pub(in crate::commands) fn rule_by_id<'r>(rules: &'r Rules, id: &str) -> Option<&'r Rule<Event>> {
    rules.rules().iter().find(|rule| rule.about.id == id)
}

/// The tests of these rules that fail, for people.
pub(in crate::commands) fn tests_fail(rules: &Rules, ids: &[&str]) -> String {
    let rules = ids.iter().filter_map(|id| rule_by_id(rules, id));
    rules.flat_map(run_one).map(|report| report::test(&report)).collect()
}
