//! [`Node`]: the machine that is watched, by the names that people gave it.

use std::path::Path;

use crate::container::Label;

/// The variable by which the manifests tell a pod its node.
const NODE_NAME: &str = "NODE_NAME";

/// The name of this machine as a node, where one was said: by the configuration, or to this pod.
#[must_use]
pub fn said_name(configured: Option<&str>) -> Option<String> {
    let of_pod = || std::env::var(NODE_NAME).ok().filter(|name| !name.is_empty());
    configured.map(str::to_owned).or_else(of_pod)
}

/// The name that this machine gives itself.
#[must_use]
pub fn hostname() -> String {
    kernels("hostname")
}

/// What the kernel says below `/proc/sys/kernel`; empty if it says nothing.
#[must_use]
pub fn kernels(name: &str) -> String {
    let path = Path::new("/proc/sys/kernel").join(name);
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

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
