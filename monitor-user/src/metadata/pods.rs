//! What the cluster's API told of this node's pods, and the containers that it is about: whichever
//! comes later completes the other. What is told anew of a pod is told of its containers.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    files::{fill_labels, fill_text, lacks},
    owner,
};
use crate::{
    container::Container,
    enrich::container::ContainerFacts,
    event::{Fact, FactSource, Reason},
    kubernetes::told::{Pod, Stats, count},
    limits::{POD_CONTAINERS, PODS},
};

const SOURCE: FactSource = FactSource::Kubernetes;

/// How long a pod is waited for that was not told of. The API tells of it before its node starts
/// it, unless it cannot be reached.
const PATIENCE: Duration = Duration::from_secs(5);

/// A container of a pod, as it was answered.
struct Known {
    uid: Box<str>,
    facts: ContainerFacts,
    /// Until when its pod is waited for.
    until: Option<Instant>,
}

/// Pods and their containers.
pub(super) struct Pods {
    pods: HashMap<Box<str>, Pod>,
    /// The oldest first.
    containers: VecDeque<Known>,
    stats: Arc<Stats>,
}

impl Pods {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        Self { pods: HashMap::new(), containers: VecDeque::new(), stats }
    }

    /// Adds what was told to what was found of a container, or says that it may come.
    pub(super) fn complete(&mut self, facts: ContainerFacts, now: Instant) -> ContainerFacts {
        let Some(container) = &facts.container else { return facts };
        let Some(uid) = container.pod_uid.known().cloned() else { return facts };
        let mut container = Container::clone(container);
        let until = match self.pods.get(&uid) {
            Some(pod) => {
                fill(&mut container, pod);
                None
            }
            None => {
                container.service_account = Fact::Unknown(Reason::Pending);
                Some(now + PATIENCE)
            }
        };
        let facts = ContainerFacts { container: Some(Arc::new(container)), ..facts };
        self.remember(Known { uid, facts: facts.clone(), until });
        facts
    }

    /// Takes in what was told of a pod; what that changes of its containers.
    pub(super) fn learn(&mut self, pod: Pod) -> Vec<ContainerFacts> {
        if self.pods.len() >= PODS && !self.pods.contains_key(&pod.uid) {
            count(&self.stats.refused);
            return Vec::new();
        }
        let mut changed = Vec::new();
        for known in self.containers.iter_mut().filter(|known| known.uid == pod.uid) {
            known.until = None;
            let Some(before) = &known.facts.container else { continue };
            let mut container = Container::clone(before);
            fill(&mut container, &pod);
            if container != **before {
                known.facts.container = Some(Arc::new(container));
                changed.push(known.facts.clone());
            }
        }
        self.pods.insert(pod.uid.clone(), pod);
        changed
    }

    /// A pod is gone; its containers stay known to the line as they were.
    pub(super) fn forget(&mut self, uid: &str) {
        self.pods.remove(uid);
        self.containers.retain(|known| *known.uid != *uid);
    }

    /// When the first pod is not waited for any more.
    pub(super) fn due(&self) -> Option<Instant> {
        self.containers.iter().filter_map(|known| known.until).min()
    }

    /// Gives up what was not told in time. It may still be told later.
    pub(super) fn give_up(&mut self, now: Instant) -> Vec<ContainerFacts> {
        let mut late = Vec::new();
        for known in &mut self.containers {
            if known.until.is_none_or(|until| until > now) {
                continue;
            }
            known.until = None;
            let Some(before) = &known.facts.container else { continue };
            let mut container = Container::clone(before);
            lacks(&mut container.service_account, Reason::NoAnswer);
            known.facts.container = Some(Arc::new(container));
            late.push(known.facts.clone());
        }
        late
    }

    /// Keeps a container in place of one of the same name in its pod, which it follows.
    fn remember(&mut self, new: Known) {
        let name = |known: &Known| known.facts.container.as_ref()?.name.known().cloned();
        let (path, of) = (new.facts.cgroup_path.clone(), name(&new));
        self.containers.retain(|known| {
            let is_before = of.is_some() && name(known) == of;
            known.facts.cgroup_path != path && !(known.uid == new.uid && is_before)
        });
        if self.containers.len() >= POD_CONTAINERS {
            self.containers.pop_front();
            count(&self.stats.containers_evicted);
        }
        self.containers.push_back(new);
    }
}

/// Fills in what was told, in place of what the node's own files say: labels can be changed while
/// a pod runs.
fn fill(container: &mut Container, pod: &Pod) {
    if !is_of(container, pod) {
        container.service_account = Fact::Unknown(Reason::Ambiguous);
        return;
    }
    container.service_account = match &pod.service_account {
        Some(name) => Fact::Known(name.clone(), SOURCE),
        None => Fact::Unknown(Reason::NotApplicable),
    };
    container.pod_labels = Fact::Unknown(Reason::Pending);
    match &pod.labels {
        Some(labels) => fill_labels(&mut container.pod_labels, labels, SOURCE),
        None => container.pod_labels = Fact::Unknown(Reason::TooLarge),
    }
    owner::by_controller(container, pod.controller.as_ref(), pod.labels.as_ref());
    for (fact, told) in
        [(&mut container.pod_name, &pod.name), (&mut container.pod_namespace, &pod.namespace)]
    {
        if fact.known().is_none() {
            *fact = Fact::Unknown(Reason::Pending);
            fill_text(fact, Some(told), SOURCE);
        }
    }
}

/// Whether a container is of a pod of that name, as far as the node knows its name.
fn is_of(container: &Container, pod: &Pod) -> bool {
    let is = |fact: &Fact<Box<str>>, name: &str| fact.known().is_none_or(|known| **known == *name);
    is(&container.pod_name, &pod.name) && is(&container.pod_namespace, &pod.namespace)
}

#[cfg(test)]
mod tests;
