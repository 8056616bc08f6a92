//! Which events of a recording are meant: those that a condition holds for, within a time.

use std::{collections::HashSet, path::Path, str::FromStr, sync::Arc, time::Duration};

use monitor_rules::RuleFile;

use super::line_of;
use crate::{
    cli,
    commands::{Usage, compile_filter, explain_recording},
    decode::decode,
    document::Document,
    event::{Event, EventId},
    limits::CHOSEN_EVENTS,
    line::{Input, Outlet},
    raw_event::RawBody,
    rules::{self, Rules},
    source::recording::{Reader, RecordingError},
};

/// A condition as a rule that every event it holds for matches: so that one that hangs on a fact
/// which is still looked for, such as the name of a container that just started, waits for it.
fn as_rule(condition: &str) -> Rules {
    // A string of JSON is one of YAML.
    let condition = serde_json::Value::from(condition);
    let text = format!(
        "- rule: filter\n  desc: filter\n  condition: {condition}\n  output: filter\n  \
         priority: debug\n"
    );
    rules::load(&[RuleFile { name: "filter", bytes: text.as_bytes() }]).rules
}

/// A point in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after its first event.
    After(Duration),
    /// Nanoseconds since 1970.
    At(i64),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(after) = cli::duration(text) {
            return Ok(Self::After(after));
        }
        let at: jiff::Timestamp = text.parse().map_err(|_error| {
            "write how long after the first event, such as 90s or 5m, or a time, such as \
             2026-05-04T12:30:00Z"
        })?;
        i64::try_from(at.as_nanosecond()).map(Self::At).map_err(|error| error.to_string())
    }
}

impl Moment {
    fn since_1970_ns(self, first_ns: i64) -> i64 {
        match self {
            Self::After(time) => {
                let after_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                first_ns.saturating_add_unsigned(after_ns)
            }
            Self::At(at_ns) => at_ns,
        }
    }
}

/// What is asked for.
pub(super) struct Choice {
    condition: Option<String>,
    from: Option<Moment>,
    to: Option<Moment>,
}

impl Choice {
    /// None: everything is.
    pub(super) fn of(
        condition: Option<&str>,
        from: Option<Moment>,
        to: Option<Moment>,
    ) -> Result<Option<Self>, Usage> {
        if let Some(condition) = condition {
            compile_filter(&[condition.to_owned()])?;
        }
        let condition = condition.filter(|it| !it.trim().is_empty()).map(str::to_owned);
        let is_any = condition.is_none() && from.is_none() && to.is_none();
        Ok((!is_any).then_some(Self { condition, from, to }))
    }

    /// Finds the events that are meant, and shows them to `each`. What hangs on a fact that is
    /// still looked for is decided when that is known, as rules are.
    pub(super) fn find(
        &self,
        recording: &Path,
        each: impl FnMut(&Event),
    ) -> anyhow::Result<HashSet<EventId>> {
        let mut reader = Reader::open(recording).map_err(explain_recording)?;
        let rules = match &self.condition {
            Some(condition) => as_rule(condition),
            None => rules::load(&[]).rules,
        };
        let chooser =
            Chooser { choice: self, first_ns: None, found: HashSet::new(), is_full: false, each };
        let mut line = line_of(&reader.preamble, Arc::new(rules), chooser);
        let offset_ns = reader.preamble.clock_offset_ns;
        loop {
            match reader.next() {
                Ok(Some(input)) => {
                    let first_ns = &mut line.outlet().first_ns;
                    *first_ns = first_ns.or_else(|| time_of(&input, offset_ns));
                    line.take(input);
                }
                Ok(None) => break,
                // Told of by who reads it next.
                Err(RecordingError::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            drop((line.take_lookups(), line.take_hash_questions()));
        }
        line.finish();
        let chooser = line.into_outlet();
        if chooser.is_full {
            return Err(Usage(format!(
                "more than {CHOSEN_EVENTS} events are meant\nhint: choose fewer with --where, \
                 --from and --to"
            ))
            .into());
        }
        Ok(chooser.found)
    }
}

/// When an event was, nanoseconds since 1970; None for what is none.
fn time_of(input: &Input<'_>, offset_ns: i64) -> Option<i64> {
    let Input::Record(record) = input else { return None };
    let raw = decode(record).ok()?;
    let is_state =
        matches!(raw.body, RawBody::Task(_) | RawBody::CgroupMkdir(_) | RawBody::CgroupRmdir(_));
    (!is_state).then(|| offset_ns.saturating_add_unsigned(raw.boottime_ns))
}

/// The end of a line that the filter is the only rule of, if there is one.
struct Chooser<'c, F> {
    choice: &'c Choice,
    /// Time of the first event.
    first_ns: Option<i64>,
    found: HashSet<EventId>,
    is_full: bool,
    each: F,
}

impl<F: FnMut(&Event)> Chooser<'_, F> {
    fn take(&mut self, event: &Event) {
        let first_ns = self.first_ns.unwrap_or(event.timestamp_ns);
        let is_meant = |bound: Option<Moment>, holds: fn(&i64, &i64) -> bool| {
            bound.is_none_or(|it| holds(&event.timestamp_ns, &it.since_1970_ns(first_ns)))
        };
        if !is_meant(self.choice.from, i64::ge) || !is_meant(self.choice.to, i64::lt) {
            return;
        }
        if self.found.len() >= CHOSEN_EVENTS {
            self.is_full = true;
            return;
        }
        self.found.insert(event.id);
        (self.each)(event);
    }
}

impl<F: FnMut(&Event)> Outlet for Chooser<'_, F> {
    fn offer(&mut self, document: Document) {
        match (document, &self.choice.condition) {
            (Document::Event(event), None) => self.take(&event),
            (Document::Alert(alert), Some(_)) => self.take(&alert.event),
            _ => {}
        }
    }

    fn wants_events(&self) -> bool {
        self.choice.condition.is_none()
    }
}
