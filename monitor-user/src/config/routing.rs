//! What a sink gets of what there is, and what is kept back of it.

use std::sync::Arc;

use monitor_rules::{Condition, Diagnostic};

use super::{Format, RawSink, SinkConfig, Wrong, wrong};
use crate::{
    event::Event,
    limits,
    rules::schema::SCHEMA,
    sink::redaction::{Redaction, pattern},
};

impl SinkConfig {
    /// What holds for events and alerts that it gets; None: it gets all.
    #[must_use]
    pub fn condition(&self) -> Option<Arc<Condition<Event>>> {
        // It was compiled before.
        compile(self.condition.as_deref()?).ok().map(Arc::new)
    }
}

fn compile(text: &str) -> Result<Condition<Event>, String> {
    Condition::compile(&SCHEMA, "condition", text).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(Diagnostic::one_line).collect();
        lines.join("; ")
    })
}

/// A rule condition that can be used.
pub(super) fn condition(
    sink: &RawSink,
    at: &dyn Fn(&str) -> String,
) -> Result<Option<String>, Wrong> {
    let Some(text) = &sink.condition else { return Ok(None) };
    match compile(text) {
        Ok(_) => Ok(Some(text.clone())),
        Err(what) => wrong(at("condition"), what),
    }
}

/// What is kept back.
pub(super) fn redaction(
    sink: &RawSink,
    format: Option<Format>,
    at: &dyn Fn(&str) -> String,
) -> Result<Redaction, Wrong> {
    let RawSink { redact, leave_out, only, .. } = sink;
    for (key, list) in [("redact", redact), ("leave_out", leave_out), ("only", only)] {
        let most = limits::REDACTIONS;
        if list.len() > most {
            return wrong(at(key), format!("there are more than {most}"));
        }
        if list.iter().any(|text| text.is_empty() || text.len() > limits::LABEL_BYTES) {
            return wrong(at(key), format!("each has 1 to {} bytes", limits::LABEL_BYTES));
        }
    }
    let is_text = matches!(format, Some(Format::Text | Format::Cef))
        || format.is_none() && sink.kind == "stdout"
        || sink.kind == "syslog";
    for (key, list) in [("leave_out", leave_out), ("only", only)] {
        if is_text && !list.is_empty() {
            let what = "there are members in documents of the formats ecs, ocsf and falco only, \
                        and not in messages of syslog; `redact` hides parts of any text";
            return wrong(at(key), what);
        }
    }
    let patterns: Result<_, String> = redact.iter().map(|text| pattern(text)).collect();
    let patterns = patterns.or_else(|what| wrong(at("redact"), what))?;
    Ok(Redaction::new(patterns, leave_out.clone(), only.clone()))
}
