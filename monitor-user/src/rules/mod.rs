//! The rules: what they can speak of, the ones that runmon brings along, and their tests.
//!
//! Bytes of rule files come in, [`Rules`] and test reports go out. Nothing here reads a file or
//! the clock: the commands bring the bytes.

mod embedded;
mod fields;
pub mod filter;
mod kinds;
pub mod names;
pub mod schema;
pub mod sigma;
pub mod stored;
pub mod testing;
#[cfg(test)]
mod tests;
mod types;
pub mod values;

use std::collections::BTreeSet;

pub use embedded::{Word, embedded};
use monitor_rules::{Condition, KindSet, Loaded, ReadValues, Rule, RuleFile, RuleSet, nearest};
pub use schema::SCHEMA;

use crate::event::Event;

/// Compiled rules.
pub type Rules = RuleSet<Event>;

/// The environment variables that enabled rules ask for.
#[must_use]
pub fn env_keys(rules: &Rules) -> Vec<String> {
    let enabled = rules.rules().iter().filter(|rule| rule.enabled);
    enabled.flat_map(|rule| rule.keys_of("proc.env")).collect()
}

/// Whether an enabled rule names the SHA-256 of the executed file.
#[must_use]
pub fn asks_hash(rules: &Rules) -> bool {
    let mut enabled = rules.rules().iter().filter(|rule| rule.enabled);
    enabled.any(|rule| rule.fields().contains(fields::program::HASH))
}

/// Whether an enabled rule names the package of the executed file.
#[must_use]
pub fn asks_package(rules: &Rules) -> bool {
    let mut enabled = rules.rules().iter().filter(|rule| rule.enabled);
    enabled.any(|rule| fields::package::PACKAGE.iter().any(|name| rule.fields().contains(name)))
}

/// The kinds of event that have to be seen for enabled rules: those that they can match, and those
/// that tell what they ask of them.
#[must_use]
pub fn needed_kinds(rules: &Rules) -> KindSet {
    let enabled = rules.rules().iter().filter(|rule| rule.enabled);
    let needs = enabled.map(|rule| with_names(rule.kinds(), &rule.fields()));
    needs.fold(rules.kinds(), KindSet::union)
}

/// Whether the SHA-256 of the executed file is among these fields.
#[must_use]
pub fn has_hash(of: &BTreeSet<&'static str>) -> bool {
    of.contains(fields::program::HASH)
}

/// The kinds of event that have to be seen for a condition.
#[must_use]
pub fn needed_kinds_of(condition: &Condition<Event>) -> KindSet {
    with_names(condition.kinds(), &condition.fields())
}

/// The kinds of event that have to be seen for these fields of events of these kinds. The names of
/// addresses are what name servers answered; whom, is known of the question. Whose an address is,
/// is told by what its owner does.
pub(crate) fn with_names(kinds: KindSet, fields: &BTreeSet<&'static str>) -> KindSet {
    // Profiles name destinations.
    let is_by_name =
        |name: &&'static str| fields::socket::NAMES.contains(name) || name.starts_with("profile.");
    let asks_names = fields.iter().any(is_by_name);
    let is_named = !kinds.intersection(kinds::NAMED).is_empty();
    let is_told = !kinds.intersection(kinds::DNS_ANSWER).is_empty();
    let asks_peers = fields::peer::PEERS.iter().any(|name| fields.contains(name));
    let names = if asks_names && is_named || is_told { kinds::DNS } else { KindSet::EMPTY };
    let peers = if asks_peers && is_named { kinds::ADDRESSED } else { KindSet::EMPTY };
    kinds.union(names).union(peers)
}

/// Compiles rule files in order: later definitions replace or override earlier ones. Never fails;
/// what could not be used is in the diagnostics.
#[must_use]
pub fn load(files: &[RuleFile<'_>]) -> Loaded<Event> {
    RuleSet::load(&SCHEMA, files)
}

/// The same; `read` gets the values of lists that stand in files of their own.
#[must_use]
pub fn load_with(files: &[RuleFile<'_>], read: ReadValues<'_>) -> Loaded<Event> {
    RuleSet::load_with(&SCHEMA, files, read)
}

/// The rule of that name or id, with its number.
///
/// # Errors
///
/// There is none; the nearest is suggested.
pub fn named<'r>(rules: &'r Rules, name: &str) -> Result<(usize, &'r Rule<Event>), String> {
    let all = rules.rules();
    let mut numbered = all.iter().enumerate();
    let found = numbered.find(|(_, rule)| rule.about.id == name || rule.about.name == name);
    found.ok_or_else(|| {
        let words = |rule: &'r Rule<Event>| [rule.about.name.as_str(), rule.about.id.as_str()];
        let part = name.to_lowercase();
        let near = nearest(name, all.iter().flat_map(words)).or_else(|| {
            let mut names = all.iter().map(|rule| rule.about.name.as_str());
            names.find(|known| !part.is_empty() && known.to_lowercase().contains(&part))
        });
        let hint = near.map_or_else(
            || "`runmon rules list` shows all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        format!("no rule has the name or id `{name}`\nhint: {hint}")
    })
}
