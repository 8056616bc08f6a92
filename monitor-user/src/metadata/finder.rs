//! Asks every place where a runtime may keep what it knows about a container. Each fills in what
//! those before it left open.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    Answer, buildkit, bundle,
    cgroups::CgroupTree,
    containerd::{self, Ask},
    docker,
    files::{Look, fill_text, is_runtimes, lacks},
    node::Nodes,
    owner, probes,
    roots::{self, RuntimeKind, RuntimeRoot},
    runc, sandbox, storage,
};
use crate::{
    container::Container,
    enrich::{
        cgroup_path::{self, Shape},
        container::{ContainerFacts, Lookup},
    },
    event::{Fact, FactSource, Reason},
    reach::Reach,
};

/// For how long a container is looked for again whose files are on their way. Its first program
/// does not start before they are there.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is where only the path says that there is a container.
const TRIES_OF_PATH: u32 = 2;

/// What came before a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// Looks.
    pub(super) tries: u32,
    /// Time since the first of them.
    pub(super) waited: Duration,
}

impl Before {
    /// As much as makes a look the last one.
    pub(super) const ALL: Self = Self { tries: u32::MAX, waited: PATIENCE };
}

/// Who opens the files of runtimes, and who asks containerd.
pub struct Sources {
    /// Opens files.
    pub reach: Box<dyn Reach>,
    /// Asks.
    pub containerd: Box<dyn Ask>,
}

/// Looks where runtimes keep what they know.
pub(super) struct Finder {
    reach: Box<dyn Reach>,
    containerd: Box<dyn Ask>,
    roots: Vec<RuntimeRoot>,
    tree: CgroupTree,
    nodes: Nodes,
}

/// A container of which only the path is known.
pub(super) fn unknown(lookup: &Lookup, reason: Reason) -> ContainerFacts {
    let mut container = of_lookup(lookup);
    // Elsewhere nothing says that a cgroup is of the pod that its path names.
    if !is_runtimes(lookup) {
        container.pod_uid = Fact::Unknown(reason);
    }
    fill_from_path(lookup, &mut container);
    container.give_up(reason);
    facts(lookup, Some(container))
}

fn of_lookup(lookup: &Lookup) -> Container {
    let id = Container::chosen_id(&lookup.id);
    Container { id, ..Container::unknown(&lookup.cgroup_path, Reason::Pending) }
}

fn facts(lookup: &Lookup, container: Option<Container>) -> ContainerFacts {
    ContainerFacts { cgroup_path: lookup.cgroup_path.clone(), container: container.map(Arc::new) }
}

fn fill_from_path(lookup: &Lookup, container: &mut Container) {
    let Some(named) = cgroup_path::container(&lookup.cgroup_path) else { return };
    fill_text(&mut container.runtime, named.runtime, FactSource::CgroupPath);
    fill_text(&mut container.pod_uid, named.pod_uid.as_deref(), FactSource::CgroupPath);
}

impl Finder {
    pub(super) fn new(
        Sources { reach, containerd }: Sources,
        roots: Vec<RuntimeRoot>,
        controller: Option<&'static str>,
    ) -> Self {
        let (tree, nodes) = (CgroupTree::new(controller), Nodes::default());
        Self { reach, containerd, roots, tree, nodes }
    }

    /// The answer; None if it is too early for one.
    pub(super) fn find(&mut self, lookup: &Lookup, before: Before) -> Option<Answer> {
        match lookup.unseen {
            None => self.facts(lookup, before).map(Answer::Facts),
            Some(key) => Some(match self.tree.path(key) {
                Some(path) => Answer::Cgroup(key, path),
                None => Answer::Facts(unknown(lookup, Reason::Gone)),
            }),
        }
    }

    fn facts(&mut self, lookup: &Lookup, before: Before) -> Option<ContainerFacts> {
        let mut container = of_lookup(lookup);
        let look = self.look_around(lookup, &mut container);
        let is_unanswered = self.reach.take_unanswered();
        let shape = cgroup_path::container(&lookup.cgroup_path).map(|named| named.shape);
        // Who has the id of a container, and may not be it, is not the host for that.
        let shape = match look {
            Look::Unsure if !lookup.is_nested => Some(Shape::Certain),
            _ => shape,
        };
        match (look, shape) {
            (Look::Found, _) => {
                if is_unanswered {
                    container.give_up(Reason::NoAnswer);
                }
                close(lookup, &mut container);
                Some(facts(lookup, Some(container)))
            }
            _ if is_unanswered => Some(unknown(lookup, Reason::NoAnswer)),
            (Look::TooLarge, _) => Some(unknown(lookup, Reason::TooLarge)),
            (Look::NotYet, _) if before.waited < PATIENCE => None,
            (_, Some(Shape::Certain)) if before.tries < TRIES_OF_PATH => None,
            (_, Some(Shape::Certain)) => Some(unknown(lookup, Reason::NoBundle)),
            (_, Some(Shape::Possible)) if !lookup.is_nested => Some(self.missed(lookup, before)),
            (_, Some(Shape::Possible) | None) => Some(facts(lookup, None)),
        }
    }

    /// Nothing was found of what may be a container. If it was being made, or its cgroup is gone,
    /// it is one that was too fast, and not the host.
    fn missed(&self, lookup: &Lookup, before: Before) -> ContainerFacts {
        match self.tree.is_there(&lookup.cgroup_path) {
            false => unknown(lookup, Reason::Gone),
            true if before.tries > 0 => unknown(lookup, Reason::NoBundle),
            true => facts(lookup, None),
        }
    }

    /// Looks where this container can be: what users run is not among what root runs.
    fn look_around(&mut self, lookup: &Lookup, container: &mut Container) -> Look {
        let Some(roots) = roots::of_user(&lookup.cgroup_path) else {
            let roots = self.roots.clone();
            return self.look(&roots, lookup, container);
        };
        let look = self.look(&roots, lookup, container);
        // Users can write there that they are any pod.
        let Container { pod_name, pod_namespace, pod_uid, sandbox_id, .. } = container;
        [pod_name, pod_namespace, pod_uid, sandbox_id]
            .into_iter()
            .for_each(|fact| *fact = Fact::Unknown(Reason::NotApplicable));
        container.pod_labels = Fact::Unknown(Reason::NotApplicable);
        look
    }

    /// Asks the engines first, then what they run containers with.
    fn look(&mut self, roots: &[RuntimeRoot], lookup: &Lookup, container: &mut Container) -> Look {
        let of = |kind| roots.iter().filter(move |root| root.kind == kind);
        let mut best = Look::Nothing;
        for root in of(RuntimeKind::Docker) {
            best = best.max(docker::look(&*self.reach, &root.state, lookup, container));
            let builder = root.state.join(buildkit::OF_DOCKER);
            best = best.max(buildkit::look(&*self.reach, &builder, lookup, container));
        }
        let storage: Vec<PathBuf> = of(RuntimeKind::Podman).map(|it| it.state.clone()).collect();
        if best < Look::Found {
            let places = storage::Places { reach: &*self.reach, paths: &storage };
            best = best.max(storage::look(places, lookup, container));
            // Nobody else runs what is podman's or CRI-O's: Docker's are also containerd's.
            if best == Look::Found {
                return best;
            }
        }
        for root in of(RuntimeKind::Containerd) {
            let sight = (&*self.reach, &self.tree);
            let mut is_node = |cgroup: &str| {
                let socket = root.socket.as_deref();
                socket.is_some_and(|socket| self.nodes.is_in(sight, socket, cgroup))
            };
            match bundle::find(&*self.reach, &root.state, lookup, &mut is_node) {
                Ok(bundle) => {
                    if best < Look::Found && bundle.is_dockers(lookup) {
                        of(RuntimeKind::Docker).for_each(|root| {
                            docker::complete(&*self.reach, &root.state, lookup, container);
                        });
                    }
                    bundle.fill(&*self.reach, container);
                    self.ask_containerd(root, &bundle.namespace, container);
                    // Only its id names it where nobody else does.
                    fill_text(&mut container.name, Some(&lookup.id), FactSource::Bundle);
                    best = Look::Found;
                    break;
                }
                Err(look) => best = best.max(look),
            }
        }
        for root in of(RuntimeKind::Buildkit) {
            if best < Look::Found {
                best = best.max(buildkit::look(&*self.reach, &root.state, lookup, container));
            }
        }
        for root in of(RuntimeKind::Runc) {
            if best == Look::Found {
                break;
            }
            best = best.max(runc::look(&*self.reach, &root.state, lookup, container));
        }
        best
    }

    fn ask_containerd(&mut self, root: &RuntimeRoot, namespace: &str, container: &mut Container) {
        if let Some(socket) = &root.socket {
            containerd::complete(&mut *self.containerd, socket, namespace, container);
        }
    }
}

/// All sources were asked: what is still pending is in none of them.
fn close(lookup: &Lookup, container: &mut Container) {
    fill_from_path(lookup, container);
    let Container { pod_name, pod_namespace, pod_uid, sandbox_id, .. } = container;
    let of_pod = [pod_name, pod_namespace, pod_uid, sandbox_id];
    if of_pod.iter().all(|fact| fact.known().is_none()) {
        of_pod.into_iter().for_each(|fact| lacks(fact, Reason::NotApplicable));
        lacks(&mut container.pod_labels, Reason::NotApplicable);
        lacks(&mut container.service_account, Reason::NotApplicable);
    }
    lacks(&mut container.service_account, Reason::NotAsked);
    lacks(&mut container.pod_labels, Reason::NotInBundle);
    sandbox::close(container);
    owner::fill(container);
    probes::close(container);
    container.give_up(Reason::NotInBundle);
}
