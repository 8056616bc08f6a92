//! What is told of the monitor itself, where alerts go.

use std::sync::Arc;

use monitor_rules::Priority;

use super::{CountedOutlet, Daemon, now_ns};
use crate::{
    document::{Document, Finding},
    line::Outlet as _,
};

impl<O: CountedOutlet> Daemon<O> {
    /// Tells of something that is wrong with the monitor itself.
    pub(super) fn find(&mut self, name: &'static str, text: String) {
        self.find_in(name, text, None);
    }

    pub(super) fn find_in(&mut self, name: &'static str, text: String, container: Option<String>) {
        self.find_as(Priority::Error, name, text, container);
    }

    pub(super) fn find_as(
        &mut self,
        priority: Priority,
        name: &'static str,
        text: String,
        container: Option<String>,
    ) {
        self.findings += 1;
        let (sequence, timestamp_ns) = (self.findings, now_ns());
        let finding = Finding { sequence, timestamp_ns, name, priority, text, container };
        self.line.outlet().offer(Document::Finding(Arc::new(finding)));
    }
}
