//! How what is shown of the past looks on a terminal.

use std::io::IsTerminal as _;

use monitor_rules::Priority;

pub(super) use crate::past::look::{image, items, place, pod, shorten, text, texts};

pub(super) const DIM: &str = "\x1b[2m";
pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const YELLOW: &str = "\x1b[33m";
pub(super) const BLUE: &str = "\x1b[34m";
pub(super) const CYAN: &str = "\x1b[36m";
pub(super) const MAGENTA: &str = "\x1b[35m";
const RESET: &str = "\x1b[0m";

/// With colours, or without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// As standard output takes it.
    pub(super) fn of_output() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self(wanted && std::io::stdout().is_terminal())
    }

    pub(super) fn with(self, colour: &str, text: &str) -> String {
        if self.0 { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

pub(super) fn colour_of(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => MAGENTA,
        Priority::Error => RED,
        Priority::Warning => YELLOW,
        Priority::Notice | Priority::Informational | Priority::Debug => BLUE,
    }
}

/// A time of day and day, UTC, with milliseconds.
pub(super) fn when(timestamp_ns: i64) -> String {
    let full = crate::document::text::rfc3339(timestamp_ns);
    match (full.get(..10), full.get(11..23)) {
        (Some(day), Some(time)) => format!("{day} {time}"),
        _ => full,
    }
}
