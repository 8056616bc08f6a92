//! Numbers as Prometheus and what speaks OpenMetrics read them.
//!
//! Both formats are lines of text; what a library would add is a second place where each number is
//! kept.

use std::fmt::Write as _;

use super::metrics::{METRICS, Metric, Moment, Number, Samples};

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus' own text format, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The media type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text";

impl Exposition {
    /// What a client wants that sends this `Accept` header: OpenMetrics where it likes that at
    /// least as much as plain text.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        // Thousandths, as far as HTTP goes; of a range that is listed more than once the best.
        let liked = |range: &str| {
            let listed = header.split(',').filter_map(|item| {
                let mut parts = item.split(';').map(str::trim);
                let is_it = parts.next()?.eq_ignore_ascii_case(range);
                is_it.then(|| quality(parts)).flatten()
            });
            listed.fold(0.0, f32::max)
        };
        let open = liked(OPEN_METRICS);
        if open > 0.0 && open >= liked("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The `Content-Type` of an answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Writes all metrics that have samples.
    #[must_use]
    pub fn write(self, moment: &Moment) -> String {
        let mut text = String::new();
        for metric in METRICS.iter().copied().flatten() {
            let mut samples = Samples::default();
            (metric.read)(moment, &mut samples);
            if !samples.rows.is_empty() {
                self.family(metric, &samples, &mut text);
            }
        }
        if self == Self::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn family(self, metric: &Metric, samples: &Samples<'_>, text: &mut String) {
        let full = metric.full_name();
        // In OpenMetrics a family has the name without the end, in Prometheus' format with it.
        let (family, kind) = match self {
            Self::OpenMetrics => (metric.name, metric.kind.name()),
            Self::Prometheus if metric.kind.name() == "info" => (&*full, "gauge"),
            Self::Prometheus => (&*full, metric.kind.name()),
        };
        let help = self.escaped_help(metric.help);
        push(text, format_args!("# HELP {family} {help}\n# TYPE {family} {kind}\n"));
        if let (Self::OpenMetrics, Some(unit)) = (self, metric.unit) {
            push(text, format_args!("# UNIT {family} {unit}\n"));
        }
        for (values, number) in &samples.rows {
            text.push_str(&full);
            for (at, (name, value)) in metric.labels.iter().zip(values).enumerate() {
                let open = if at == 0 { '{' } else { ',' };
                push(text, format_args!("{open}{name}=\"{}\"", escaped(value)));
            }
            let close = if metric.labels.is_empty() { "" } else { "}" };
            match number {
                Number::Whole(number) => push(text, format_args!("{close} {number}\n")),
                Number::Nanoseconds(ns) => {
                    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
                    push(text, format_args!("{close} {seconds}.{rest:09}\n"));
                }
            }
        }
    }

    /// Only OpenMetrics has quotation marks escaped there.
    fn escaped_help(self, help: &str) -> String {
        match self {
            Self::OpenMetrics => escaped(help),
            Self::Prometheus => help.replace('\\', "\\\\").replace('\n', "\\n"),
        }
    }
}

/// How much an item of an `Accept` header is liked; None: a version that is not written.
fn quality<'a>(parameters: impl Iterator<Item = &'a str>) -> Option<f32> {
    let mut quality = 1.0;
    for parameter in parameters {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => quality = value.parse().ok().filter(|it| (0.0..=1.0).contains(it))?,
            "version" if !["0.0.4", "1.0.0"].contains(&value) => return None,
            _ => {}
        }
    }
    Some(quality)
}

/// A text between quotation marks.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writing to a string does not fail.
fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _written = text.write_fmt(what);
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::example;
