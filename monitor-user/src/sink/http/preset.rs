//! The receivers that are known: where they listen, what they are sent, and what their answers
//! mean.

use super::{
    answer::{HttpAnswer, Verdict, whole},
    body::Sent,
    bulk, hec, loki, otlp,
    parts::Entry,
};
use crate::{config::Format, limits};

/// A sort of receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Whatever takes JSON.
    Webhook,
    /// falcosidekick, and what takes the same.
    Falcosidekick,
    /// Splunk's HTTP Event Collector.
    SplunkHec,
    /// The bulk API of Elasticsearch and OpenSearch.
    ElasticsearchBulk,
    /// Loki's push API.
    Loki,
    /// OTLP over HTTP, in protobuf.
    Otlp,
}

impl Preset {
    /// All of them, as the configuration names them.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Webhook, "webhook"),
        (Self::Falcosidekick, "falcosidekick"),
        (Self::SplunkHec, "splunk-hec"),
        (Self::ElasticsearchBulk, "elasticsearch-bulk"),
        (Self::Loki, "loki"),
        (Self::Otlp, "otlp"),
    ];

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(preset, _)| *preset)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(preset, _)| *preset == self).map_or("", |(_, name)| name)
    }

    /// The form of documents, where none was said.
    #[must_use]
    pub fn format(self) -> Format {
        match self {
            Self::Webhook | Self::Falcosidekick => Format::Falco,
            Self::SplunkHec | Self::ElasticsearchBulk | Self::Loki | Self::Otlp => Format::Ecs,
        }
    }

    /// Whether it takes documents of that form, `documents` of them at most in a request.
    #[must_use]
    pub fn takes(self, format: Format, documents: usize) -> bool {
        let is_json = matches!(format, Format::Ecs | Format::Ocsf | Format::Falco);
        match self {
            Self::Webhook => is_json || documents == 1,
            Self::Falcosidekick => format == Format::Falco,
            Self::ElasticsearchBulk => is_json,
            Self::SplunkHec | Self::Loki | Self::Otlp => true,
        }
    }

    /// The path of requests, where the url has none.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Webhook | Self::Falcosidekick => "/",
            Self::SplunkHec => "/services/collector/event",
            // Of what was taken nothing need be told but that.
            Self::ElasticsearchBulk => "/_bulk?filter_path=errors,items.*.status,items.*.error",
            Self::Loki => "/loki/api/v1/push",
            Self::Otlp => "/v1/logs",
        }
    }

    /// Documents of a request, where nobody said how many.
    #[must_use]
    pub fn documents(self) -> usize {
        match self {
            Self::Webhook | Self::Falcosidekick => 1,
            Self::SplunkHec | Self::ElasticsearchBulk | Self::Loki | Self::Otlp => {
                limits::HTTP_BATCH
            }
        }
    }

    /// What stands before the token in the header.
    #[must_use]
    pub fn token_scheme(self) -> &'static str {
        match self {
            Self::SplunkHec => "Splunk",
            Self::ElasticsearchBulk => "ApiKey",
            Self::Webhook | Self::Falcosidekick | Self::Loki | Self::Otlp => "Bearer",
        }
    }

    pub(super) fn content_type(self, is_json: bool) -> &'static str {
        match self {
            Self::Webhook if !is_json => "text/plain; charset=utf-8",
            Self::ElasticsearchBulk => "application/x-ndjson",
            Self::Otlp => "application/x-protobuf",
            Self::Webhook | Self::Falcosidekick | Self::SplunkHec | Self::Loki => {
                "application/json"
            }
        }
    }

    /// The body of a request.
    pub(super) fn body(self, entries: &[&Entry], sent: &Sent) -> Vec<u8> {
        match self {
            Self::Webhook if sent.is_array => array(entries),
            Self::Webhook | Self::Falcosidekick => {
                entries.first().map(|entry| entry.line.clone()).unwrap_or_default()
            }
            Self::SplunkHec => hec::body(entries, sent),
            Self::ElasticsearchBulk => bulk::body(entries, sent),
            Self::Loki => loki::body(entries, sent),
            Self::Otlp => otlp::body(entries, sent),
        }
    }

    /// What an answer says of so many documents.
    pub(super) fn read(self, answer: &HttpAnswer, count: usize) -> Verdict {
        match self {
            Self::Webhook | Self::Falcosidekick | Self::Loki => whole(answer),
            Self::SplunkHec => hec::read(answer, count),
            Self::ElasticsearchBulk => bulk::read(answer, count),
            Self::Otlp => otlp::read(answer, count),
        }
    }
}

/// The documents as one array of JSON.
fn array(entries: &[&Entry]) -> Vec<u8> {
    let mut body = Vec::with_capacity(entries.iter().map(|entry| entry.line.len() + 1).sum());
    for entry in entries {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&entry.line);
    }
    body.push(b']');
    body
}
