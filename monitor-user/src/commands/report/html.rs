//! The page for a browser: one file, without scripts and without anything from elsewhere. Nothing
//! that a container can write is markup in it.

use std::fmt::Write as _;

use monitor_inventory::lifecycle::State;

use super::{Report, Step, Supports, page::some};
use crate::{
    commands::{data::moment, running::shown},
    support::words,
};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;\
color:#1b1f24;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;\
padding:.3rem .6rem;border-bottom:1px solid #d0d7de;overflow-wrap:anywhere}\
th{font-weight:600;white-space:nowrap}.word{white-space:nowrap}\
.bad{color:#a40e26;font-weight:600}.dim{color:#57606a}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}\
th,td{border-color:#30363d}.bad{color:#ff7b72}.dim{color:#8b949e}}\
@media print{body{margin:0;max-width:none}}";

/// A text that is no markup.
fn inert(text: &str) -> String {
    shown(text).chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

/// A table of cells, each with its class; a text where there is no row.
fn table(head: &[&str], rows: &[Row], none: &str) -> String {
    if rows.is_empty() {
        return format!("<p class=dim>{none}</p>");
    }
    let mut out = String::from("<table><thead><tr>");
    for name in head {
        // Writing to a text does not fail.
        let _written = write!(out, "<th scope=col>{name}</th>");
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (class, cell) in row {
            let class = if class.is_empty() { String::new() } else { format!(" class={class}") };
            let _written = write!(out, "<td{class}>{}</td>", inert(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}

/// A row: cells with their classes.
type Row = Vec<(&'static str, String)>;

fn steps(report: &Report) -> Vec<Row> {
    let yes = |it: bool| if it { ("bad", "yes".to_owned()) } else { ("dim", "no".to_owned()) };
    let row = |it: &Step| {
        vec![
            ("word", it.priority.name().to_ascii_lowercase()),
            ("word", it.in_use.to_owned()),
            yes(it.is_exploited),
            yes(it.is_exposed),
            ("word", it.level.to_owned()),
            ("", it.package.clone()),
            ("", it.installed.clone()),
            ("", it.fixed.clone().unwrap_or_else(|| "no fix".to_owned())),
            ("", some(&it.places)),
            ("", some(&it.vulnerabilities)),
        ]
    };
    report.steps.iter().map(row).collect()
}

fn supports(report: &Report) -> Vec<Row> {
    let row = |it: &Supports| {
        let class = if it.verdict.state == State::Eol { "bad" } else { "" };
        vec![(class, words(&it.verdict)), ("", it.system.clone()), ("", it.names.clone())]
    };
    report.supports.iter().map(row).collect()
}

fn set_up(report: &Report) -> Vec<Row> {
    let mut rows = Vec::new();
    for it in &report.set_up {
        match &it.failed {
            Err(why) => {
                rows.push(vec![("", it.name.clone()), ("dim", "-".into()), ("dim", (*why).into())]);
            }
            Ok(failed) => rows.extend(failed.iter().map(|one| {
                let priority = one.check.priority.name().to_ascii_lowercase();
                let said = format!("{}: {} \u{2014} {}", one.check.title, one.text, one.check.cure);
                vec![("", it.name.clone()), ("", priority), ("", said)]
            })),
        }
    }
    rows
}

/// All of it.
pub(super) fn page(report: &Report) -> String {
    let list = |all: &[String]| all.iter().map(|it| format!("<li>{}</li>", inert(it))).collect();
    let [images, accepted, unknown]: [String; 3] =
        [&report.images, &report.accepted, &report.unknown].map(|all| list(all));
    let data = report.data.map_or_else(String::new, |(made_on, age_days)| {
        format!("; data about vulnerabilities of {}, {age_days} days ago", moment(made_on))
    });
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width\"><meta http-equiv=Content-Security-Policy \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>{node}: report</title>\
         <style>{STYLE}</style></head><body><h1>{node}</h1><p class=dim>{made}{data}</p>\
         <h2>Update first</h2>{steps}<h2>Supported until</h2>{supports}\
         <h2>Images</h2><ul>{images}</ul>\
         <h2>Set up otherwise than it should be</h2>{set_up}<h2>Accepted</h2>\
         <ul>{accepted}</ul><h2>Not known</h2><ul>{unknown}</ul>\
         </body></html>\n",
        node = inert(&report.node),
        made = report.made.strftime("%Y-%m-%d %H:%M UTC"),
        steps = table(
            &[
                "Priority",
                "In use",
                "Exploited",
                "Exposed",
                "Severity",
                "Package",
                "Installed",
                "Update to",
                "Where",
                "Why"
            ],
            &steps(report),
            "nothing that the data know of is vulnerable here",
        ),
        supports = table(&["Support", "System", "Where"], &supports(report), "nothing was read"),
        set_up = table(
            &["Container", "Priority", "What, and what to do"],
            &set_up(report),
            "nothing, as far as is looked at",
        ),
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use monitor_rules::Priority;
    use monitor_vulns::severity::Level;

    use super::*;
    use crate::commands::report::SetUp;

    #[test]
    fn nothing_of_others_is_markup() {
        let hostile = "<script>alert(1)</script>&\"'\u{1b}[31m\u{202e}".to_owned();
        let step = Step {
            package: hostile.clone(),
            installed: hostile.clone(),
            fixed: Some(hostile.clone()),
            places: vec![hostile.clone()],
            vulnerabilities: vec![hostile.clone()],
            in_use: "mapped",
            rank: 1,
            is_exploited: true,
            is_exposed: false,
            is_out_of_support: false,
            priority: Priority::Debug,
            severity: Level::Unknown,
            tenths: 0,
            level: "high",
        };
        let report = Report {
            node: hostile.clone(),
            made: Timestamp::UNIX_EPOCH,
            data: Some((0, 3)),
            steps: vec![step],
            supports: Vec::new(),
            set_up: vec![SetUp {
                name: hostile.clone(),
                failed: Err("why"),
                accepted: vec![("what", hostile.clone())],
            }],
            images: vec![hostile.clone()],
            accepted: vec![hostile.clone()],
            unknown: vec![hostile],
        };
        let page = page(&report);
        assert!(
            !page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}')
        );
        assert_eq!(page.matches("&lt;script&gt;").count(), 11, "{page}");
        let plain = super::super::page::text(&report);
        assert!(!plain.contains('\u{1b}') && plain.contains("Update first\n"));
    }
}
