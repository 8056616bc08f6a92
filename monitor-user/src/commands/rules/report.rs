//! What `runmon rules` says, as text or JSON.

use miette::Diagnostic as _;
use monitor_rules::{
    Diagnostic, Expect, Explained, Part, Severity, Tri, Undecided, Unknown, Value,
};
use serde_json::json;

pub(super) use crate::logging::count;
use crate::{
    document::{explained::value, printable::terminal},
    event::Event,
    rules::{
        SCHEMA,
        schema::{kind_names, written_name},
        testing::{TestOutcome, TestReport},
    },
};

const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BLUE: &str = "\x1b[34m";

/// How diagnostics look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// One line each.
    Lines,
    /// With the place in the file drawn.
    Drawn {
        /// In colour.
        colour: bool,
    },
}

pub(super) fn diagnostics(found: &[Diagnostic], look: Look) -> String {
    let Look::Drawn { colour } = look else {
        return found.iter().map(|d| format!("{}\n", terminal(d.one_line().as_bytes()))).collect();
    };
    found.iter().map(|diagnostic| draw(diagnostic, colour)).collect()
}

/// A diagnostic with its line of the file, the place marked below.
fn draw(diagnostic: &Diagnostic, colour: bool) -> String {
    let paint = |code: &str, text: &str| match colour {
        true => format!("{code}{text}{RESET}"),
        false => text.to_owned(),
    };
    let Diagnostic { code, message, help, file, line, column, .. } = diagnostic;
    let (severity, shade) = match diagnostic.severity() {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
    };
    let show = |text: &str| terminal(text.as_bytes()).into_owned();
    let (number, bar) = (line.to_string(), paint(BLUE, "|"));
    let margin = " ".repeat(number.len());
    let head = paint(&format!("{BOLD}{shade}"), &format!("{severity}[{code}]"));
    let mut text = format!("{head}: {}\n", paint(BOLD, &show(message)));
    text.push_str(&format!("{margin}{} {}:{line}:{column}\n", paint(BLUE, "-->"), show(file)));
    if let Some((written, length)) = written_line(diagnostic) {
        // The mark stands below the text as shown: what is not printable is shown longer.
        let before: String = written.chars().take(column.saturating_sub(1)).collect();
        let marked: String =
            written.chars().skip(column.saturating_sub(1)).take(length.max(1)).collect();
        let blank = " ".repeat(show(&before).chars().count());
        let mark = "^".repeat(show(&marked).chars().count().max(1));
        text.push_str(&format!("{} {bar} {}\n", paint(BLUE, &number), show(&written)));
        text.push_str(&format!("{margin} {bar} {blank}{}\n", paint(shade, &mark)));
    }
    if let Some(help) = help {
        text.push_str(&format!("{margin} {} help: {}\n", paint(BLUE, "="), show(help)));
    }
    text.push('\n');
    text
}

/// The line that a diagnostic points into, and how much of it is meant, in bytes.
fn written_line(diagnostic: &Diagnostic) -> Option<(String, usize)> {
    let label = diagnostic.labels()?.next()?;
    // Without a line around it the text would start at the place itself.
    let contents = diagnostic.source_code()?.read_span(label.inner(), 1, 1).ok()?;
    let text = String::from_utf8_lossy(contents.data());
    let at = diagnostic.line.checked_sub(contents.line() + 1)?;
    Some((text.lines().nth(at)?.to_owned(), label.len()))
}

/// A test that failed, and why; nothing for one that passed.
pub(super) fn test(report: &TestReport) -> String {
    let TestReport { rule, file, line, test, expect, outcome } = report;
    let head = format!("{file}:{line}: `{rule}`, test `{test}`");
    match outcome {
        TestOutcome::Passed => String::new(),
        TestOutcome::Broken(mistakes) => {
            let mistakes: String =
                mistakes.iter().map(|mistake| format!("{file}:{mistake}\n")).collect();
            format!("{head}: describes no event\n{mistakes}\n")
        }
        TestOutcome::Unreadable(why) => format!("{head}: {why}\n\n"),
        TestOutcome::Silent { events } => {
            let events = count(*events, "event");
            format!("{head}: expected to fire, was quiet on {events}\n\n")
        }
        TestOutcome::Failed { why, undecided } => {
            let (said, wanted) = match expect {
                Expect::Fires => ("expected to fire, was quiet", Tri::True),
                Expect::Quiet => ("expected to be quiet, fired", Tri::False),
            };
            let mut text = format!("{head}: {said}\n");
            explain(&mut text, why, wanted, 1);
            text.extend(undecided.iter().map(unknown_field));
            text.push('\n');
            text
        }
    }
}

fn unknown_field(undecided: &Undecided) -> String {
    let why = match undecided.why {
        Unknown::Pending => "pending",
        Unknown::Never(reason) => reason,
    };
    format!("  `{}` was not known: {why}\n", undecided.field)
}

/// The parts that made the result another than the wanted one; the rest as one line each.
fn explain(text: &mut String, explained: &Explained, wanted: Tri, depth: usize) {
    let truth = truth(explained.truth);
    let (indent, blamed) = ("  ".repeat(depth), explained.truth != wanted);
    let mut line = |what: &str| text.push_str(&format!("{indent}{truth} {what}\n"));
    match &explained.part {
        Part::And(parts) => {
            line(if blamed { "all of:" } else { "all of …" });
            explain_all(text, parts, (wanted, blamed), depth);
        }
        Part::Or(parts) => {
            line(if blamed { "one of:" } else { "one of …" });
            explain_all(text, parts, (wanted, blamed), depth);
        }
        Part::Not(inner) => {
            line("not:");
            let inner_wanted = if wanted == Tri::True { Tri::False } else { Tri::True };
            explain(text, inner, inner_wanted, depth + 1);
        }
        Part::Macro(name, inner) => {
            line(name);
            if blamed {
                explain(text, inner, wanted, depth + 1);
            }
        }
        Part::Check { text: check, values } => line(&format!("{check}   ({})", saw(values))),
    }
}

fn explain_all(
    text: &mut String,
    parts: &[Explained],
    (wanted, blamed): (Tri, bool),
    depth: usize,
) {
    for part in parts.iter().filter(|_| blamed) {
        explain(text, part, wanted, depth + 1);
    }
}

/// Whether something holds, as wide as its opposite.
pub(super) fn truth(truth: Tri) -> &'static str {
    match truth {
        Tri::True => "yes",
        Tri::False => "no ",
        Tri::Unknown => "?  ",
    }
}

/// The values that a check saw.
pub(super) fn saw(values: &[Value<'_>]) -> String {
    if values.is_empty() {
        return "nothing there".to_owned();
    }
    let shown = values.iter().map(|found| match found {
        Value::Unknown(_) => value(found),
        found => format!("`{}`", value(found)),
    });
    format!("is {}", shown.collect::<Vec<_>>().join(", "))
}

pub(super) fn fields_as_table() -> String {
    let head = ["FIELD", "TYPE", "EVENTS", "MEANING"].map(str::to_owned);
    let rows = SCHEMA.fields.iter().map(|field| {
        let (ty, doc) = (field.ty.name().to_owned(), field.doc.to_owned());
        [written_name(field), ty, kind_names(field.kinds).join(","), doc]
    });
    table(std::iter::once(head).chain(rows).collect())
}

pub(super) fn fields_as_json() -> String {
    let one = |field: &monitor_rules::Field<Event>| {
        json!({
            "name": field.name,
            "written": written_name(field),
            "type": field.ty.name(),
            "events": kind_names(field.kinds),
            "description": field.doc,
        })
    };
    lines(&json!(SCHEMA.fields.iter().map(one).collect::<Vec<_>>()))
}

/// JSON for people: indented, with a line feed.
pub(super) fn lines(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// Columns, each as wide as its widest entry; the last one is not filled up.
pub(super) fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let mut widths = [0; N];
    for row in &rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = (*width).max(entry.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(entry, width)| format!("{entry:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
