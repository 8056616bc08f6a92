//! The filter of a command line: a rule condition.

use monitor_rules::Condition;

use super::Usage;
use crate::{event::Event, rules::SCHEMA};

/// The condition of these words; none where there are no words.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn compile_filter(words: &[String]) -> Result<Option<Condition<Event>>, Usage> {
    let text = words.join(" ");
    if text.trim().is_empty() {
        return Ok(None);
    }
    Condition::compile(&SCHEMA, "filter", &text).map(Some).map_err(|diagnostics| {
        let lines: Vec<String> =
            diagnostics.iter().map(monitor_rules::Diagnostic::one_line).collect();
        no_filter(&lines.join("\n"))
    })
}

/// What is wrong with a filter, and where it stands what one can ask.
pub(super) fn no_filter(what: &str) -> Usage {
    Usage(format!("{what}\nhint: `runmon rules fields` lists what a filter can ask"))
}
