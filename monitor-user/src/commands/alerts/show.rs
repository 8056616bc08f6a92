//! `runmon alerts show`: the whole story of one alert.

mod kept;
mod page;
mod story;

use std::process::ExitCode;

use monitor_rules::Rule;
use serde_json::{Value, json};

use super::{
    Place,
    look::{Paint, texts},
    past::{Gathered, Past, document, is_alert},
};
use crate::{
    cli::AlertsShowArgs,
    commands::{Usage, rules::load_quietly, show},
    event::Event,
    limits::PAST_ALERTS,
    rules::Rules,
    store::record::Kind,
};
use story::Story;

/// Related rules that are named.
const RELATED: usize = 6;

pub(super) fn run(args: &AlertsShowArgs) -> anyhow::Result<ExitCode> {
    let place = Place::of(&args.past)?;
    let found = find(&place, &args.id)?;
    let story = Story::of(&place, &found)?;
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

/// An alert with all that was said of it.
pub(super) struct Found {
    pub(super) past: Past,
    /// Its document, as it was last.
    pub(super) document: Value,
    pub(super) rollups: Vec<Value>,
}

/// The alert that an id means, or the beginning of one.
///
/// # Errors
///
/// None has it, or several do: these are listed.
pub(super) fn find(place: &Place, id: &str) -> anyhow::Result<Found> {
    let mut gathered = Gathered::new(PAST_ALERTS);
    let (mut rollups, mut documents) = (Vec::new(), Vec::new());
    place.read(&mut |record| {
        if !is_alert(record) {
            return;
        }
        let Some((_, document)) = document(record) else { return };
        let past = Past::of(record, &document, Vec::new());
        if !past.short.starts_with(id) && past.id != id {
            return;
        }
        gathered.take(record, &document, past.clone());
        if record.kind == Kind::RollUp {
            rollups.push((past.id.clone(), document.clone()));
        }
        // Documents of several alerts are many only where the beginning is short.
        if documents.len() < PAST_ALERTS / 100 {
            documents.push((past.id, record.kind, document));
        }
    })?;
    let mut alerts: Vec<Past> = gathered.alerts.into_iter().collect();
    let exact = alerts.iter().position(|past| past.id == id || past.short == id);
    let past = match (alerts.len(), exact) {
        (0, _) => {
            place.say_none("such alert");
            let cure = "`runmon alerts` lists them; what is old has made room for what is new";
            return Err(Usage(format!("no alert `{id}`\nhint: {cure}")).into());
        }
        (_, Some(at)) => alerts.swap_remove(at),
        (1, None) => alerts.swap_remove(0),
        (_, None) => return Err(ambiguous(id, &alerts).into()),
    };
    rollups.retain(|(of, _)| *of == past.id);
    // An update says more than the alert, and repeats less.
    let rank = |kind: Kind| match kind {
        Kind::Update => 0,
        Kind::Alert | Kind::Finding => 1,
        Kind::RollUp | Kind::Event | Kind::Heartbeat => 2,
    };
    documents.retain(|(of, ..)| *of == past.id);
    documents.sort_by_key(|(_, kind, _)| rank(*kind));
    let document = documents.into_iter().next().map(|(.., document)| document);
    let rollups = rollups.into_iter().map(|(_, document)| document).collect();
    Ok(Found { past, document: document.unwrap_or_default(), rollups })
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
