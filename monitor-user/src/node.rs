//! [`Node`]: the machine that is watched, by the names that people gave it.

use crate::container::Label;

/// The machine, and what was said about it. The same for all events of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name that the machine gives itself; in a pod without the host's, that of the pod.
    pub hostname: String,
    /// Its name as a node, where that was said.
    pub said_name: Option<String>,
    /// Name of the cluster that it is in, where that was said.
    pub cluster: Option<String>,
    /// Labels that every document gets.
    pub labels: Vec<Label>,
}

impl Node {
    /// A machine of which only its own name is known.
    #[must_use]
    pub fn named(hostname: &str) -> Self {
        Self { hostname: hostname.to_owned(), ..Self::default() }
    }

    /// Its name, as far as anybody said one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.said_name.as_deref().unwrap_or(&self.hostname)
    }
}
