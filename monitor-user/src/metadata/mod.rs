//! The metadata task: finds out about containers, off the line. Questions come in, facts go out;
//! both queues are bounded, and what found no room is answered `too_many`.

pub mod bundle;
pub mod cgroups;
#[cfg(feature = "containerd")]
pub mod containerd;

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use crate::{
    enrich::container::{ContainerFacts, Lookup},
    event::{Container, Fact, Reason},
    limits::LOOKUPS,
    raw_event::CgroupKey,
};
use cgroups::CgroupTree;

/// A place where a runtime keeps its running containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeRoot {
    /// containerd's state directory (`/run/containerd`), or one that is laid out alike.
    pub state: PathBuf,
    /// Its socket.
    pub socket: PathBuf,
}

impl RuntimeRoot {
    /// Where containerd keeps them unless it is told otherwise.
    #[must_use]
    pub fn containerd() -> Self {
        Self { state: "/run/containerd".into(), socket: "/run/containerd/containerd.sock".into() }
    }
}

/// What the task found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// About a container.
    Facts(ContainerFacts),
    /// The path of a cgroup that was never told of.
    Cgroup(CgroupKey, String),
}

/// The task, as the line sees it. It ends when this is dropped.
pub struct Metadata {
    questions: SyncSender<Lookup>,
    answers: Receiver<Answer>,
    refused: u64,
}

impl Metadata {
    /// Starts the task. `wake` is called after each answer.
    pub fn start(
        roots: Vec<RuntimeRoot>,
        controller: Option<&'static str>,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel::<Lookup>(LOOKUPS);
        let (answer, answers) = sync_channel(LOOKUPS);
        let mut finder = Finder::new(roots, controller);
        std::thread::Builder::new().name("metadata".into()).spawn(move || {
            while let Ok(lookup) = asked.recv() {
                if answer.send(finder.find(&lookup)).is_err() {
                    return; // the line is gone
                }
                wake();
            }
        })?;
        Ok(Self { questions, answers, refused: 0 })
    }

    /// Asks; answers at once where there is no room.
    pub fn ask(&mut self, lookup: Lookup) -> Option<ContainerFacts> {
        match self.questions.try_send(lookup) {
            Ok(()) => None,
            Err(TrySendError::Full(lookup) | TrySendError::Disconnected(lookup)) => {
                self.refused += 1;
                Some(unknown(&lookup, Reason::TooMany))
            }
        }
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Questions that found no room.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// A container of which only the path is known.
fn unknown(lookup: &Lookup, reason: Reason) -> ContainerFacts {
    let id = lookup.id.clone();
    let container = Container { id, ..Container::unknown(&lookup.cgroup_path, reason) };
    ContainerFacts { cgroup_path: lookup.cgroup_path.clone(), container: Some(container) }
}

/// Looks where runtimes keep what they know.
struct Finder {
    roots: Vec<RuntimeRoot>,
    tree: CgroupTree,
    #[cfg(feature = "containerd")]
    containerd: containerd::Clients,
}

impl Finder {
    fn new(roots: Vec<RuntimeRoot>, controller: Option<&'static str>) -> Self {
        Self {
            roots,
            tree: CgroupTree::new(controller),
            #[cfg(feature = "containerd")]
            containerd: containerd::Clients::default(),
        }
    }

    fn find(&mut self, lookup: &Lookup) -> Answer {
        match lookup.unseen {
            None => Answer::Facts(self.facts(lookup)),
            Some(key) => match self.tree.path(key) {
                Some(path) => Answer::Cgroup(key, path),
                None => Answer::Facts(unknown(lookup, Reason::Gone)),
            },
        }
    }

    fn facts(&mut self, lookup: &Lookup) -> ContainerFacts {
        for root in &self.roots {
            let Some(bundle) = bundle::find(&root.state, lookup) else { continue };
            let mut container = bundle.container(lookup);
            #[cfg(feature = "containerd")]
            self.containerd.complete(&root.socket, &bundle.namespace, &mut container);
            close(&mut container);
            let cgroup_path = lookup.cgroup_path.clone();
            return ContainerFacts { cgroup_path, container: Some(container) };
        }
        let certain = crate::enrich::cgroup_path::container(&lookup.cgroup_path)
            .is_some_and(|named| named.shape == crate::enrich::cgroup_path::Shape::Certain);
        if certain {
            return unknown(lookup, Reason::NoBundle);
        }
        ContainerFacts { cgroup_path: lookup.cgroup_path.clone(), container: None }
    }
}

/// Whatever is still pending when all sources were asked is in none of them.
fn close(container: &mut Container) {
    let facts = [
        &mut container.runtime,
        &mut container.name,
        &mut container.image,
        &mut container.image_digest,
        &mut container.pod_name,
        &mut container.pod_namespace,
        &mut container.pod_uid,
    ];
    for fact in facts {
        if *fact == Fact::Unknown(Reason::Pending) {
            *fact = Fact::Unknown(Reason::NotInBundle);
        }
    }
}
