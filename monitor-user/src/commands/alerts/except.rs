//! `runmon alerts except`: the narrowest exception that would have kept an alert quiet, written to
//! the user's rules with a test of its own.

mod columns;
mod file;
mod hidden;
mod text;
mod trial;

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use monitor_rules::Rule;

use super::{Place, show::find};
use crate::{
    cli::AlertsExceptArgs,
    commands::{Usage, rules::rule_by_id, say, show},
    document::printable::terminal,
    event::Event,
    rules::stored::Stored,
};
use file::Target;
use text::{Signed, item};

pub(super) fn run(args: &AlertsExceptArgs) -> anyhow::Result<ExitCode> {
    let place = Place::of(&args.past)?;
    let found = find(&place, &args.id)?;
    let short = found.past.short.clone();
    let stored = Stored::of(&found.document, found.past.timestamp_ns);
    let stored = stored.ok_or_else(|| {
        let cure = "a finding is about runmon itself, and of repeats alone too little is kept";
        Usage(format!("no rule can be excepted for {short}\nhint: {cure}"))
    })?;
    let columns = columns::of(&stored, &args.fields)?;
    let target = Target::of(args, &place)?;
    let rules = target.rules_before()?;
    let excepted = rules_of(&found.document, args.rule.as_deref(), &rules)?;
    let name = format!("alert_{short}");
    if let Some(rule) =
        excepted.iter().find(|rule| rule.exceptions.iter().any(|it| it.name == name))
    {
        let cure = "what still raises it differs from the alert, or has another rule: see \
                    `runmon rules explain`";
        let rule = &rule.about.name;
        return Err(
            Usage(format!("`{rule}` has an exception `{name}` already\nhint: {cure}")).into()
        );
    }
    let ids: Vec<&str> = excepted.iter().map(|rule| &*rule.about.id).collect();
    let hidden = hidden::by(&place, &columns, &ids)?;
    // What is asked for on a terminal is answered by who has seen this.
    let mut out = std::io::stderr().lock();
    drop(out.write_all(hidden.as_text(&columns).as_bytes()));
    drop(out);
    let signed = sign(args)?;
    let mut added = String::new();
    for rule in &excepted {
        let trial = trial::of(rule, &stored, &columns);
        if trial.is_none() {
            let rule = terminal(rule.about.name.as_bytes()).into_owned();
            say(&format!("no test is written for `{rule}`: no test can describe this event"));
        }
        added.push_str(&item(&rule.about.name, &name, &columns, &signed, trial.as_ref()));
    }
    let changed = target.with(&added, &short);
    target.check(&changed, &excepted.iter().map(|rule| &*rule.about.id).collect::<Vec<_>>())?;
    if args.dry_run {
        show(&added)?;
        return Ok(ExitCode::SUCCESS);
    }
    target.write(&changed)?;
    show(&format!("added exception `{name}` to {}\n", target.shown()))?;
    target.say_how_it_is_used();
    Ok(ExitCode::SUCCESS)
}

/// The rules that an alert is excepted from: all that matched, or the one that is named.
fn rules_of<'r>(
    document: &serde_json::Value,
    named: Option<&str>,
    rules: &'r crate::rules::Rules,
) -> Result<Vec<&'r Rule<Event>>, Usage> {
    let mut found = Vec::new();
    for matched in super::look::items(document, "/runmon/rules") {
        let (id, name) = (super::look::text(matched, "/id"), super::look::text(matched, "/name"));
        if named.is_some_and(|named| named != id && named != name) {
            continue;
        }
        match rule_by_id(rules, &id) {
            Some(rule) => found.push(rule),
            None => {
                let cure = "it was renamed or removed: name the rules that the daemon uses with \
                            --config";
                return Err(Usage(format!("there is no rule `{id}` any more\nhint: {cure}")));
            }
        }
    }
    if found.is_empty() {
        let named = named.unwrap_or_default();
        return Err(Usage(format!("`{named}` is none of the rules of this alert")));
    }
    Ok(found)
}

/// Who answers for the exception, why and until when; asked for where that was not said.
fn sign(args: &AlertsExceptArgs) -> anyhow::Result<Signed> {
    let owner = said(&args.owner, "--owner", "Who answers for it")?;
    let reason = said(&args.reason, "--reason", "Why is it right")?;
    let expires = said(&args.expires, "--expires", "Until when (2026-12-31, or 90d)")?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let expires = last_day(&expires, today).map_err(Usage)?;
    Ok(Signed { owner, reason, expires: expires.to_string() })
}

fn said(given: &Option<String>, option: &str, question: &str) -> anyhow::Result<String> {
    if let Some(text) = given {
        return if text.trim().is_empty() {
            Err(Usage(format!("{option} says nothing")).into())
        } else {
            Ok(text.trim().to_owned())
        };
    }
    let refused = || {
        let cure = "an exception has an owner, a reason and an end: --owner, --reason, --expires";
        Usage(format!("{option} is missing\nhint: {cure}"))
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused().into());
    }
    let mut out = std::io::stderr().lock();
    write!(out, "{question}? ")?;
    out.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if line.trim().is_empty() { Err(refused().into()) } else { Ok(line.trim().to_owned()) }
}

/// The last day of something, as a date or in how many days.
fn last_day(text: &str, today: Date) -> Result<Date, String> {
    let day = match text.strip_suffix('d').and_then(|days| days.parse::<i32>().ok()) {
        Some(days @ 0..=36_500) => today.checked_add(days.days()).ok(),
        Some(_) => None,
        None => text.parse::<Date>().ok().filter(|_| !text.contains(['T', ' '])),
    };
    let day = day.ok_or("--expires is a day as 2026-12-31, or a number of days as 90d")?;
    if day < today { Err(format!("{day} is over already")) } else { Ok(day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_a_date_or_some_days_away() {
        let today: Date = "2026-11-29".parse().unwrap();
        let day = |text| last_day(text, today).map(|day| day.to_string());
        assert_eq!(day("2027-01-31").unwrap(), "2027-01-31");
        assert_eq!(day("90d").unwrap(), "2027-02-27");
        assert_eq!(day("0d").unwrap(), "2026-11-29");
        for wrong in ["", "soon", "-1d", "99999d", "2026-11-28", "2027-01-31T10:00:00", "90"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }
}
