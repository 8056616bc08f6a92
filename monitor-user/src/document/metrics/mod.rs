//! [`METRICS`]: what the monitor tells of itself in numbers. The numbers of a heartbeat, what the
//! metrics endpoint answers, and the reference of both come from this one table.

mod kernel;
mod line;
mod monitor;
mod rules;
mod tables;
#[cfg(test)]
mod tests;

use super::{Heartbeat, heartbeat::Degraded};

/// A moment as the endpoint tells of it.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// The numbers.
    pub heartbeat: Heartbeat,
    /// What does not work without which the monitor is not ready, for people; empty: it is ready.
    pub missing: Vec<String>,
    /// When it was started, nanoseconds since 1970.
    pub started_ns: u64,
    /// What became of requests to the endpoint.
    pub served: Served,
}

/// What became of requests to the metrics endpoint, since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Requests that were answered, by [`CODES`].
    pub answered: [u64; CODES.len()],
    /// Connections that were sent away because as many as may be were open.
    pub too_many: u64,
    /// Connections that were ended because they took too long.
    pub slow: u64,
    /// Connections that ended with an error, as where what came was no request.
    pub broken: u64,
}

/// The codes of answers.
pub const CODES: [&str; 4] = ["200", "404", "405", "503"];

/// What sort of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It counts since start, and never falls.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Always 1: its labels say something.
    Info,
}

/// One of the numbers, as Prometheus knows it.
pub struct Metric {
    /// Its name, without the end that its kind gives it.
    pub name: &'static str,
    /// What sort of number it is.
    pub kind: Kind,
    /// The unit, with which the name ends; None: a plain number.
    pub unit: Option<&'static str>,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts, in one sentence or more.
    pub help: &'static str,
    /// The numbers of a heartbeat that are the same, each with what it is where that is not `help`:
    /// their places below `runmon.` in the document, where `*` stands for a kind or a reason.
    pub places: &'static [(&'static str, &'static str)],
    /// Reads it.
    pub read: Read,
}

/// Reads the samples of a metric out of a moment.
pub type Read = for<'a> fn(&'a Moment, &mut Samples<'a>);

/// All metrics, in the order in which they are told.
pub const METRICS: &[&[Metric]] =
    &[monitor::METRICS, kernel::METRICS, line::METRICS, tables::METRICS, rules::METRICS];

/// Numbers that a heartbeat alone tells, with their meaning: a series for each container that ever
/// was would grow without end.
pub const HEARTBEAT_ONLY: &[(&str, &str)] =
    &[("kernel.losses.dropped.*", "Records of one container that were lost, by reason.")];

impl Metric {
    /// A plain counter.
    const fn counter(name: &'static str, help: &'static str, read: Read) -> Self {
        Self { name, kind: Kind::Counter, unit: None, labels: &[], help, places: &[], read }
    }

    /// A plain number that rises and falls.
    const fn gauge(name: &'static str, help: &'static str, read: Read) -> Self {
        Self { kind: Kind::Gauge, ..Self::counter(name, help, read) }
    }

    /// With labels.
    const fn by(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    /// In a unit, with which the name must end.
    const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// The same as these numbers of a heartbeat.
    const fn at(self, places: &'static [(&'static str, &'static str)]) -> Self {
        Self { places, ..self }
    }

    /// The name as a query has it.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}{}", self.name, self.kind.suffix())
    }
}

impl Kind {
    /// What samples have behind the name.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge => "",
            Self::Info => "_info",
        }
    }

    /// As OpenMetrics calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
        }
    }
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A whole one.
    Whole(u64),
    /// Nanoseconds, which are told as seconds.
    Nanoseconds(u64),
}

/// The samples of one metric.
#[derive(Debug, Default)]
pub struct Samples<'a> {
    /// Values of the labels, and the number.
    pub rows: Vec<(Vec<&'a str>, Number)>,
}

impl<'a> Samples<'a> {
    /// The one sample of a metric without labels.
    fn one(&mut self, number: u64) {
        self.with(&[], number);
    }

    /// A sample with the values of its labels.
    fn with(&mut self, labels: &[&'a str], number: u64) {
        self.rows.push((labels.to_vec(), Number::Whole(number)));
    }

    /// A time in nanoseconds.
    fn nanoseconds(&mut self, labels: &[&'a str], number: u64) {
        self.rows.push((labels.to_vec(), Number::Nanoseconds(number)));
    }

    /// One number among several that have names; none where it could not be read.
    fn named(&mut self, numbers: &[(&'static str, u64)], name: &str) {
        let found = numbers.iter().find(|(known, _)| *known == name);
        found.iter().for_each(|(_, number)| self.one(*number));
    }
}
