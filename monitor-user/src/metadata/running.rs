//! The containers that run now, for who asks once: the cgroups of this host, and what the runtimes
//! keep about those that can be a container's.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    Answer, Finder, RuntimeRoot, Sources,
    again::is_unanswered,
    cgroups::{hierarchies, v1_controller, walk},
    finder::Before,
};
use crate::{
    container::Container,
    enrich::{cgroup_path, container::Lookup},
};

/// A container that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// It.
    pub container: Arc<Container>,
    /// The cgroups of all others, except those that it is in.
    pub others: Vec<String>,
}

impl Running {
    /// The cgroups of the containers inside of it.
    #[must_use]
    pub fn inner(&self) -> Vec<String> {
        let own = &self.container.cgroup_path;
        self.others.iter().filter(|other| is_in(other, own)).cloned().collect()
    }
}

/// All that have a cgroup.
#[must_use]
pub fn running(sources: Sources, roots: Vec<RuntimeRoot>) -> Vec<Running> {
    let mut finder = Finder::new(sources, roots, v1_controller());
    let mut found: BTreeMap<String, Arc<Container>> = BTreeMap::new();
    let mut late = Vec::new();
    // In their order a cgroup comes behind those that it is in.
    for (path, id) in candidates() {
        let is_nested = found.keys().any(|known| is_in(&path, known));
        let (cgroup_path, id) = (path.as_str().into(), id.as_str().into());
        let lookup = Lookup { cgroup_path, id, is_nested, unseen: None };
        // What is not there at once is only a container if its path says so for certain.
        let answer = match finder.find(&lookup, Before::default()) {
            None if cgroup_path::is_certain(&path) => finder.find(&lookup, Before::ALL),
            answer => answer,
        };
        if let Some(Answer::Facts(facts)) = answer
            && let Some(container) = facts.container
        {
            if is_unanswered(&container) {
                late.push(lookup);
            }
            found.insert(path, container);
        }
    }
    // Who was busy before may answer now.
    for lookup in late {
        if let Some(Answer::Facts(facts)) = finder.find(&lookup, Before::ALL)
            && let Some(container) = facts.container.filter(|it| !is_unanswered(it))
        {
            found.insert(lookup.cgroup_path.into(), container);
        }
    }
    let is_other = |path: &str, other: &str| other != path && !is_in(path, other);
    let others = |path: &str| {
        found.keys().filter(|other| is_other(path, other)).cloned().collect::<Vec<_>>()
    };
    let all = found.iter().map(|(path, container)| Running {
        container: Arc::clone(container),
        others: others(path),
    });
    all.collect()
}

fn is_in(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// The cgroups that can be a container's, with its id.
fn candidates() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for hierarchy in hierarchies(v1_controller()) {
        let mut each = |_, path: &str| {
            if !has_processes(&hierarchy.root, path) {
                return;
            }
            if let Some(named) = cgroup_path::container(path) {
                found.insert(named.path.to_owned(), named.id.to_owned());
            }
        };
        if !walk(&hierarchy, &mut each) {
            let root = hierarchy.root.display();
            tracing::warn!(%root, "not all cgroups are looked at: containers can be missing");
        }
    }
    found
}

/// Whether a cgroup has processes of its own. What one left behind is no container that runs.
fn has_processes(root: &Path, path: &str) -> bool {
    let list = root.join(path.trim_start_matches('/')).join("cgroup.procs");
    std::fs::read(list).is_ok_and(|list| !list.is_empty())
}
