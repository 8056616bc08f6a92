//! `runmon alerts show`: the whole story of one alert.

mod kept;
mod page;

use std::process::ExitCode;

use monitor_rules::Rule;
use serde_json::json;

use super::{
    Place,
    look::{Paint, texts},
};
use crate::{
    cli::AlertsShowArgs,
    commands::{Usage, rules::load_quietly, show},
    event::Event,
    past::{
        Past,
        found::{Found, Search},
        story::Teller,
    },
    rules::Rules,
};

/// Related rules that are named.
const RELATED: usize = 6;

pub(super) fn run(args: &AlertsShowArgs) -> anyhow::Result<ExitCode> {
    let place = Place::of(&args.past)?;
    let found = find(&place, &args.id)?;
    let mut teller = Teller::of(&found);
    place.read(&mut |record| teller.take(record))?;
    let story = teller.end();
    let rules = place.config.as_ref().and_then(|config| load_quietly(&config.rules));
    let related = rules.as_ref().map(|rules| related(&found, rules)).unwrap_or_default();
    let text = if args.json {
        let document = &found.document;
        let value = json!({
            "id": found.past.id, "short_id": found.past.short, "repeats": found.past.repeats,
            "alert": document, "roll_ups": found.rollups, "related_rules": related,
            "story": story.documents(), "kept_executable": kept::value(document),
        });
        format!("{value:#}\n")
    } else {
        let ways = page::Ways {
            alerts: place.arguments(&args.past),
            explain: place.arguments_of_rules(),
            disable: place.arguments_of_daemon(&args.past),
        };
        page::of(&found, &story, &related, &ways, Paint::of_output())
    };
    show(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The alert that an id means, or the beginning of one.
///
/// # Errors
///
/// None has it, or several do: these are listed.
pub(super) fn find(place: &Place, id: &str) -> anyhow::Result<Found> {
    let mut search = Search::new(id);
    place.read(&mut |record| search.take(record))?;
    search.end().map_err(|alerts| {
        if alerts.is_empty() {
            place.say_none("such alert");
            let cure = "`runmon alerts` lists them; what is old has made room for what is new";
            return Usage(format!("no alert `{id}`\nhint: {cure}")).into();
        }
        ambiguous(id, &alerts).into()
    })
}

/// Alerts that are listed where a beginning means several.
const LISTED: usize = 20;

fn ambiguous(id: &str, alerts: &[Past]) -> Usage {
    let mut text = format!("`{id}` is the beginning of {} alerts:\n", alerts.len());
    for Past { short, rule, timestamp_ns, .. } in alerts.iter().take(LISTED) {
        text.push_str(&format!("  {short}  {}  {rule}\n", super::look::when(*timestamp_ns)));
    }
    Usage(format!("{text}hint: write more of it"))
}

/// Rules in use that are about the same technique.
fn related(found: &Found, rules: &Rules) -> Vec<String> {
    let own: Vec<String> = super::look::items(&found.document, "/runmon/rules")
        .map(|rule| super::look::text(rule, "/id"))
        .collect();
    let techniques = texts(&found.document, "/threat/technique/id");
    let is_about = |rule: &&Rule<Event>| {
        rule.enabled
            && !own.contains(&rule.about.id)
            && rule.about.techniques.iter().any(|id| techniques.contains(id))
    };
    let named = |rule: &Rule<Event>| format!("{} ({})", rule.about.name, rule.about.id);
    rules.rules().iter().filter(is_about).take(RELATED).map(named).collect()
}
