//! What the bodies of all requests of a sink have in common.

use crate::{
    document::{Delivery, Schema, Sender},
    sink::About,
};

/// Who sends, and how.
pub(super) struct Sent {
    /// Name of the machine.
    pub(super) host: String,
    /// The name that it gives itself.
    pub(super) hostname: String,
    /// What was said of its place.
    pub(super) node: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) schema: Schema,
    /// Documents are sent as an array, even one alone.
    pub(super) is_array: bool,
    /// Where they go at the receiver.
    pub(super) index: Option<String>,
    pub(super) source: String,
    pub(super) sourcetype: Option<String>,
    /// What ids of deliveries begin with.
    pub(super) stream: String,
}

/// What the configuration says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelling {
    /// The index, data stream or the like that documents go to.
    pub index: Option<String>,
    /// What they are said to come from.
    pub source: String,
    /// And of what sort they are.
    pub sourcetype: Option<String>,
}

impl Default for Labelling {
    fn default() -> Self {
        Self { index: None, source: "runmon".to_owned(), sourcetype: None }
    }
}

impl Sent {
    pub(super) fn new(
        sender: &Sender,
        stream: Delivery<'_>,
        schema: Schema,
        labelling: &Labelling,
    ) -> Self {
        let node = &sender.node;
        let pair =
            |label: &crate::container::Label| (label.key.to_string(), label.value.to_string());
        Self {
            host: node.name().to_owned(),
            hostname: node.hostname.clone(),
            node: node.said_name.clone(),
            cluster: node.cluster.clone(),
            labels: node.labels.iter().map(pair).collect(),
            schema,
            is_array: false,
            index: labelling.index.clone(),
            source: labelling.source.clone(),
            sourcetype: labelling.sourcetype.clone(),
            // Two sinks number documents alike.
            stream: format!("{}-{:08x}", stream.stream, crc32fast::hash(stream.sink.as_bytes())),
        }
    }

    /// The id of what a receiver gets: it has that again if it is sent again, and nothing else has.
    pub(super) fn delivery_id(&self, about: &About, place: usize) -> String {
        match place {
            0 => format!("{}-{}", self.stream, about.number),
            place => format!("{}-{}-{place}", self.stream, about.number),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.schema.is_json()
    }
}
