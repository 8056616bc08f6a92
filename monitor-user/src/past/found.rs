//! One alert of the past, with all that was said of it.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Gathered, Past, document, is_alert,
    look::{items, text, texts},
};
use crate::{
    limits::PAST_ALERTS,
    store::record::{Kind, Record},
};

/// Where a reader finds what a technique or tactic is.
const ATTACK: &str = "https://attack.mitre.org";

/// An alert with all that was said of it.
pub struct Found {
    /// What it is.
    pub past: Past,
    /// Its document, as it was last.
    pub document: Value,
    /// Those of its repeats.
    pub rollups: Vec<Value>,
}

/// A tactic or technique, and where it is explained.
#[derive(PartialEq, Eq)]
pub struct Reference {
    /// Its id.
    pub id: String,
    /// What it is called, where that is known.
    pub name: String,
    /// The page about it.
    pub url: String,
}

impl Found {
    /// Who did it, and from whom it came: the one that did it is the last.
    #[must_use]
    pub fn processes(&self) -> Vec<&Value> {
        let mut chain: Vec<&Value> = items(&self.document, "/runmon/history/ancestors").collect();
        if chain.is_empty() {
            chain.extend(self.document.pointer("/process/parent"));
        }
        chain.reverse();
        chain.extend(self.document.pointer("/process"));
        chain
    }

    /// Tactics and techniques, each once.
    #[must_use]
    pub fn attack(&self) -> Vec<Reference> {
        let tactic = |it: &Value| {
            let (id, name) = (text(it, "/id"), text(it, "/name"));
            Reference { url: format!("{ATTACK}/tactics/{id}/"), id, name }
        };
        let technique = |id: String| {
            let url = format!("{ATTACK}/techniques/{}/", id.replace('.', "/"));
            Reference { id, name: String::new(), url }
        };
        let mut told: Vec<Reference> = Vec::new();
        for rule in items(&self.document, "/runmon/history/rules") {
            let tactics = items(rule, "/tactics").map(tactic);
            let techniques = texts(rule, "/techniques").into_iter().map(technique);
            for reference in tactics.chain(techniques) {
                if !told.contains(&reference) {
                    told.push(reference);
                }
            }
        }
        told
    }

    /// What its rules say for who looks at it, each once.
    #[must_use]
    pub fn of_rules(&self, what: &str) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for rule in items(&self.document, "/runmon/history/rules") {
            for said in texts(rule, &format!("/{what}")) {
                if !told.contains(&said) {
                    told.push(said);
                }
            }
        }
        told
    }
}

/// A search for the alert that an id means, or the beginning of a short one.
pub struct Search<'i> {
    id: &'i str,
    gathered: Gathered,
    rollups: Vec<(String, Value)>,
    /// The document that says most, by id.
    documents: HashMap<String, (Kind, Value)>,
}

/// Documents that are held while it is searched, of different alerts and of repeats of one: many
/// only where the beginning of an id is short, or an alert is repeated for days.
const MOST: usize = 1_000;

impl<'i> Search<'i> {
    /// Nothing is found yet.
    #[must_use]
    pub fn new(id: &'i str) -> Self {
        let gathered = Gathered::new(PAST_ALERTS);
        Self { id, gathered, rollups: Vec::new(), documents: HashMap::new() }
    }

    /// Takes what a record says of it.
    pub fn take(&mut self, record: &Record) {
        if !is_alert(record) {
            return;
        }
        let Some((_, document)) = document(record) else { return };
        let past = Past::of(record, &document, Vec::new());
        if !past.short.starts_with(self.id) && past.id != self.id {
            return;
        }
        self.gathered.take(record, &document, past.clone());
        if record.kind == Kind::RollUp && self.rollups.len() < MOST {
            self.rollups.push((past.id.clone(), document.clone()));
        }
        let known = self.documents.get(&past.id).map(|(kind, _)| rank(*kind));
        let is_more = known.map_or(self.documents.len() < MOST, |known| rank(record.kind) < known);
        if is_more {
            self.documents.insert(past.id, (record.kind, document));
        }
    }

    /// What was found.
    ///
    /// # Errors
    ///
    /// Not one alert: none, or several of which none has just this id.
    pub fn end(self) -> Result<Found, Vec<Past>> {
        let Self { id, gathered, mut rollups, mut documents } = self;
        let mut alerts: Vec<Past> = gathered.alerts.into_iter().collect();
        let exact = alerts.iter().position(|past| past.id == id || past.short == id);
        let past = match (alerts.len(), exact) {
            (_, Some(at)) => alerts.swap_remove(at),
            (1, None) => alerts.swap_remove(0),
            (_, None) => return Err(alerts),
        };
        rollups.retain(|(of, _)| *of == past.id);
        let document = documents.remove(&past.id).map(|(_, document)| document);
        let rollups = rollups.into_iter().map(|(_, document)| document).collect();
        Ok(Found { past, document: document.unwrap_or_default(), rollups })
    }
}

/// An update says more than the alert, and repeats less.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Update => 0,
        Kind::Alert | Kind::Finding | Kind::State => 1,
        Kind::RollUp | Kind::Event | Kind::Heartbeat => 2,
    }
}
