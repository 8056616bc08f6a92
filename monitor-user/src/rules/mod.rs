//! The rules: what they can speak of, the ones that runmon brings along, and their tests.
//!
//! Bytes of rule files come in, [`Rules`] and test reports go out. Nothing here reads a file or
//! the clock: the commands bring the bytes.

mod embedded;
mod fields;
pub mod names;
pub mod schema;
pub mod sigma;
pub mod testing;
#[cfg(test)]
mod tests;
mod types;

pub use embedded::embedded;
use monitor_rules::{Loaded, ReadValues, RuleFile, RuleSet};
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
