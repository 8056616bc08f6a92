//! The page for a terminal.

use super::{Report, SetUp, Step, Supports};
use crate::{
    commands::{data::moment, rules::table, running::shown},
    logging::count,
    support::words,
};

/// Vulnerabilities and places of a step that are named; JSON names all.
pub(super) const NAMED: usize = 3;

/// Some of a list, and how many more there are.
pub(super) fn some(list: &[String]) -> String {
    let named: Vec<String> = list.iter().take(NAMED).map(|it| shown(it)).collect();
    match list.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// All of it.
pub(super) fn text(report: &Report) -> String {
    let data = report.data.map_or_else(String::new, |(made_on, age_days)| {
        let days = count(usize::try_from(age_days).unwrap_or_default(), "day");
        format!("; data about vulnerabilities of {}, {days} ago", moment(made_on))
    });
    let made = report.made.strftime("%Y-%m-%d %H:%M UTC");
    let mut text = format!("{}, {made}{data}\n", shown(&report.node));
    let lines = |all: &[String]| all.iter().map(|it| format!("  {}\n", shown(it))).collect();
    section(
        &mut text,
        "Update first",
        "nothing that the data know of is vulnerable here",
        plan(&report.steps),
    );
    section(&mut text, "Supported until", "nothing was read", support(&report.supports));
    section(&mut text, "Images", "nothing", lines(&report.images));
    section(
        &mut text,
        "Set up otherwise than it should be",
        "nothing, as far as is looked at",
        set_up(&report.set_up),
    );
    section(&mut text, "Accepted", "nothing", lines(&report.accepted));
    section(&mut text, "Not known", "nothing", lines(&report.unknown));
    text
}

fn section(text: &mut String, title: &str, none: &str, body: String) {
    text.push_str(&format!("\n{title}\n"));
    text.push_str(&if body.is_empty() { format!("  {none}\n") } else { body });
}

fn plan(steps: &[Step]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let head = [
        "  PRIORITY",
        "IN USE",
        "EXPLOITED",
        "EXPOSED",
        "SEVERITY",
        "PACKAGE",
        "INSTALLED",
        "UPDATE TO",
        "WHERE",
        "WHY",
    ]
    .map(str::to_owned);
    let yes = |it: bool| if it { "yes" } else { "-" }.to_owned();
    let row = |it: &Step| {
        [
            format!("  {}", it.priority.name().to_ascii_lowercase()),
            it.in_use.to_owned(),
            yes(it.is_exploited),
            yes(it.is_exposed),
            it.level.to_owned(),
            shown(&it.package),
            shown(&it.installed),
            it.fixed.as_deref().map_or_else(|| "no fix".to_owned(), shown),
            some(&it.places),
            some(&it.vulnerabilities),
        ]
    };
    table(std::iter::once(head).chain(steps.iter().map(row)).collect())
}

fn support(supports: &[Supports]) -> String {
    let row =
        |it: &Supports| [format!("  {}", words(&it.verdict)), shown(&it.system), it.names.clone()];
    table(supports.iter().map(row).collect())
}

fn set_up(all: &[SetUp]) -> String {
    let mut rows = Vec::new();
    for it in all {
        match &it.failed {
            Err(why) => {
                rows.push([format!("  {}", shown(&it.name)), "-".to_owned(), (*why).to_owned()])
            }
            Ok(failed) => rows.extend(failed.iter().map(|one| {
                let priority = one.check.priority.name().to_ascii_lowercase();
                let said = format!("{}: {}", one.check.title, one.text);
                [format!("  {}", shown(&it.name)), priority, said]
            })),
        }
    }
    table(rows)
}
