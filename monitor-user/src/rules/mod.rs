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
pub mod testing;
#[cfg(test)]
mod tests;
mod types;

pub use embedded::embedded;
use monitor_rules::{Loaded, ReadValues, Rule, RuleFile, RuleSet, nearest};
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
