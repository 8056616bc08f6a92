//! The events of a recording, decoded and enriched, that no rule was asked about.

use std::{path::Path, sync::Arc};

use crate::{
    commands::{explain_recording, replay::line_of},
    document::Document,
    event::Event,
    line::Outlet,
    logging::say,
    rules,
    source::recording::Reader,
};

/// Calls `each` with one event after another until it says false. What a rule would wait for may be
/// unknown in them: they are as they left the line first.
pub(super) fn each_event(
    recording: &Path,
    each: impl FnMut(Arc<Event>) -> bool,
) -> anyhow::Result<()> {
    let mut reader = Reader::open(recording).map_err(explain_recording)?;
    let none = Arc::new(rules::load(&[]).rules);
    let mut line = line_of(&reader.preamble, none, Events { each, goes_on: true });
    while let Some(input) = reader.next()? {
        line.take(input);
        // Containers were asked about when this was recorded; the answers are in it.
        drop(line.take_lookups());
        if !line.outlet().goes_on {
            return Ok(());
        }
    }
    if reader.was_cut() {
        say("the recording was cut in the middle of an entry: only what came before it is taken");
    }
    Ok(())
}

/// The end of a line that only events are wanted of.
struct Events<F> {
    each: F,
    goes_on: bool,
}

impl<F: FnMut(Arc<Event>) -> bool> Outlet for Events<F> {
    fn offer(&mut self, document: Document) {
        if let Document::Event(event) = document {
            self.goes_on = self.goes_on && (self.each)(event);
        }
    }

    fn wants_events(&self) -> bool {
        true
    }
}
