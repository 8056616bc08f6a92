//! Cgroups and the containers that they belong to.
//!
//! The kernel tells of a container's cgroup before its first program starts. The path names the
//! container; the rest is asked of the metadata task, which answers with facts.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    event::{Container, Fact, FactSource, Reason},
    limits::{CGROUPS, CONTAINERS, GONE_CONTAINERS, REMOVED_CGROUPS},
    raw_event::CgroupKey,
};

use super::cgroup_path::{self, Shape};

mod history;
mod judged;
mod kind;
mod numbers;
mod shares;

use shares::{Owner, Shares};

/// A container in the registry.
pub type ContainerIndex = u32;

/// A question to the metadata task: what is the container of this cgroup?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Path of the cgroup that names it.
    pub cgroup_path: Box<str>,
    /// The id that the path suggests.
    pub id: Box<str>,
    /// It is inside of a known container. Whoever may make cgroups there can name them after any
    /// container of the host.
    pub is_nested: bool,
    /// The kernel never told of this cgroup: its path must be found first. `cgroup_path` then only
    /// stands for it.
    pub unseen: Option<CgroupKey>,
}

/// The answer to a [`Lookup`]. It is also what a recording holds of containers.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerFacts {
    /// Path of the cgroup that was asked about.
    pub cgroup_path: Box<str>,
    /// The container, or None: it is none.
    pub container: Option<Arc<Container>>,
}

/// Where a cgroup is.
struct Place {
    /// None for the host.
    container: Option<ContainerIndex>,
    /// Of whose share it is.
    owner: Option<Owner>,
}

struct Entry {
    container: Arc<Container>,
    /// Path of the cgroup that names it.
    path: Box<str>,
    /// Whether it is certain that this is a container at all.
    state: State,
    /// Cgroups of it that are there now.
    cgroups: u32,
    /// Of whose share it is.
    owner: Option<Owner>,
    /// A process was in it.
    is_entered: bool,
    /// It was judged by the policy of what may run.
    is_judged: bool,
    /// It stood for a cgroup that was never told of, and this is what that turned out to be.
    found: Option<Option<ContainerIndex>>,
}

/// kernfs id of the root of a hierarchy, where only the host's processes are.
const ROOT_ID: u64 = 1;

/// The container of processes that found no room in the tables.
const OVERFLOW: ContainerIndex = ContainerIndex::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The path does not tell; asked.
    Candidate,
    /// A container.
    Container,
    /// Not a container, but inside one: its processes are that one's.
    Part,
    /// Not a container: its processes are the host's.
    Host,
    /// All containers in one that found no room. It stays for as long as that one.
    Crowd,
}

/// What happened to the registry, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryStats {
    /// Containers known now.
    pub containers: usize,
    /// Of these, the ones that this kernel sees nothing of.
    pub blind: usize,
    /// Cgroups known now.
    pub cgroups: usize,
    /// Cgroups and containers that found no room.
    pub refused: u64,
    /// Cgroups and containers that were over the share of their container or user.
    pub over_share: u64,
    /// Cgroups that the kernel never told of: a record was lost, or came late.
    pub unseen: u64,
}

/// What came of entering a cgroup.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// What must be asked about its container, if anything.
    pub lookup: Option<Lookup>,
    /// Whoever is in the first is really in the second: that only stood for the cgroup.
    pub moved: Option<(ContainerIndex, Option<ContainerIndex>)>,
}

/// All cgroups and containers that are known.
pub struct Registry {
    cgroups: HashMap<CgroupKey, Place, ahash::RandomState>,
    containers: HashMap<ContainerIndex, Entry, ahash::RandomState>,
    by_path: HashMap<Box<str>, ContainerIndex>,
    /// Containers without cgroups, oldest first: their last events may still be on the way.
    gone: VecDeque<ContainerIndex>,
    /// Cgroups that went, oldest first, with the ids of their containers: losses may still be told
    /// of them.
    removed: VecDeque<(CgroupKey, Box<str>)>,
    next: ContainerIndex,
    host: Arc<Container>,
    overflow: Arc<Container>,
    shares: Shares,
    refused: u64,
    unseen: u64,
    /// Cgroups that were looked for and not found, and whose end may never be told of.
    not_found: u64,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            cgroups: HashMap::default(),
            containers: HashMap::default(),
            by_path: HashMap::new(),
            gone: VecDeque::new(),
            removed: VecDeque::new(),
            next: 0,
            host: Arc::new(Container::host()),
            overflow: Arc::new(Container::unknown("", Reason::TooMany)),
            shares: Shares::default(),
            refused: 0,
            unseen: 0,
            not_found: 0,
        }
    }
}

impl Registry {
    /// Enters a cgroup.
    pub fn add_cgroup(&mut self, key: CgroupKey, path: &str) -> Added {
        let placeholder = match self.cgroups.get(&key).map(|place| place.container) {
            Some(Some(index)) if self.is_placeholder(index) => Some(index),
            Some(_) => return Added::default(),
            None => None,
        };
        if placeholder.is_none() && self.cgroups.len() >= CGROUPS {
            self.refused += 1;
            return Added::default();
        }
        let outermost = self.owner(path);
        let Some(owner) = self.shares.take_cgroup(outermost) else {
            self.cgroups.remove(&key);
            let moved = placeholder.map(|placeholder| {
                let index = outermost.map(|owner| self.crowd(owner));
                self.settle(placeholder, index);
                (placeholder, index)
            });
            return Added { lookup: None, moved };
        };
        let named = cgroup_path::container(path);
        let known = named.as_ref().and_then(|named| self.live(named.path));
        let before = self.next;
        let index = known.or_else(|| match &named {
            // A container inside a container.
            Some(named) if named.shape == Shape::Certain => Some(self.enter(named, &owner)),
            Some(named) => self.enclosing(path).or_else(|| Some(self.enter(named, &owner))),
            None => self.enclosing(path),
        });
        self.cgroups.insert(key, Place { container: index, owner });
        let was_entered = placeholder.is_some_and(|placeholder| self.settle(placeholder, index));
        let mut is_asked = false;
        if let Some(entry) = index.and_then(|index| self.containers.get_mut(&index)) {
            entry.cgroups += 1;
            entry.is_entered |= was_entered;
            is_asked = self.next != before && entry.state != State::Crowd;
        }
        let lookup = |named: cgroup_path::Named<'_>| Lookup {
            cgroup_path: named.path.into(),
            id: named.id.into(),
            is_nested: self.enclosing(named.path).is_some(),
            unseen: None,
        };
        let moved = placeholder.map(|placeholder| (placeholder, index));
        Added { lookup: named.filter(|_| is_asked).map(lookup), moved }
    }

    /// Says what a cgroup is that was never told of; whether a process was in it.
    fn settle(&mut self, placeholder: ContainerIndex, index: Option<ContainerIndex>) -> bool {
        let Some(entry) = self.containers.get_mut(&placeholder) else { return false };
        entry.found = Some(index);
        let (was_entered, was_judged) = (entry.is_entered, entry.is_judged);
        self.set_judged(index, was_judged);
        self.is_gone(placeholder);
        was_entered
    }

    /// Forgets a cgroup. Its container is forgotten some containers after its last cgroup.
    pub fn remove_cgroup(&mut self, key: CgroupKey) {
        let Some(Place { container: index, owner }) = self.cgroups.remove(&key) else { return };
        self.shares.give_cgroup(owner.as_ref());
        if self.removed.len() >= REMOVED_CGROUPS {
            self.removed.pop_front();
        }
        self.removed.push_back((key, self.get(index).id.clone()));
        let Some(index) = index else { return };
        let Some(entry) = self.containers.get_mut(&index) else { return };
        entry.cgroups = entry.cgroups.saturating_sub(1);
        if entry.cgroups == 0 && entry.state != State::Crowd {
            self.is_gone(index);
        }
    }

    /// Forgets a container some containers later.
    fn is_gone(&mut self, index: ContainerIndex) {
        self.gone.push_back(index);
        while self.gone.len() > GONE_CONTAINERS {
            let Some(oldest) = self.gone.pop_front() else { return };
            let Some(entry) = self.containers.remove(&oldest) else { continue };
            self.shares.give_container(entry.owner.as_ref());
            if self.by_path.get(&entry.path) == Some(&oldest) {
                self.by_path.remove(&entry.path);
                if let Some(crowd) = self.by_path.remove(&shares::crowd_path(&entry.path)) {
                    self.containers.remove(&crowd);
                }
            }
        }
    }

    /// Takes in what the metadata task found. Returns whether it was about a known container.
    pub fn learn(&mut self, facts: ContainerFacts) -> bool {
        let above =
            self.enclosing(&facts.cgroup_path).and_then(|index| self.containers.get(&index));
        let above = above.map(|entry| Arc::clone(&entry.container));
        let Some(index) = self.by_path.get(&facts.cgroup_path).copied() else { return false };
        self.not_found += u64::from(self.is_placeholder(index));
        let Some(entry) = self.containers.get_mut(&index) else { return false };
        match facts.container {
            Some(container) => {
                entry.container = container;
                entry.state = State::Container;
            }
            None if entry.state == State::Candidate => {
                entry.state = if above.is_some() { State::Part } else { State::Host };
                entry.container = above.unwrap_or_else(|| Arc::clone(&self.host));
            }
            // The path says that it is one; nothing else could be found about it.
            None => {}
        }
        true
    }

    /// The container of a cgroup; None for the host. Of a cgroup that was never told of it is
    /// unknown, until the metadata task has answered the question that then comes along.
    pub fn of_cgroup(&mut self, key: CgroupKey) -> (Option<ContainerIndex>, Option<Lookup>) {
        if let Some(known) = self.cgroups.get(&key) {
            return (known.container, None);
        }
        if key.id == ROOT_ID {
            return (None, None);
        }
        self.unseen += 1;
        if self.cgroups.len() >= CGROUPS || !self.has_room() {
            self.refused += 1;
            return (Some(OVERFLOW), None);
        }
        let path = unseen_path(key);
        let container = Arc::new(Container::unknown(&path, Reason::Pending));
        let id = container.id.clone();
        let index = self.insert(container, path.clone(), State::Candidate, None);
        if let Some(entry) = self.containers.get_mut(&index) {
            entry.cgroups = 1;
        }
        self.cgroups.insert(key, Place { container: Some(index), owner: None });
        let unseen = Some(key);
        (Some(index), Some(Lookup { cgroup_path: path, id, is_nested: false, unseen }))
    }

    /// Id of the container that a cgroup belongs to, or belonged to when it was removed.
    #[must_use]
    pub fn id_of(&self, key: CgroupKey) -> &str {
        let removed = || self.removed.iter().rev().find(|(removed, _)| *removed == key);
        let known = self.at(key).map(|known| &known.id);
        known.or_else(|| removed().map(|(_, id)| id)).map_or(Container::UNKNOWN, |id| id)
    }

    /// The container that a cgroup belongs to, as it is known now.
    pub fn at(&self, key: CgroupKey) -> Option<&Container> {
        Some(self.get(self.cgroups.get(&key)?.container))
    }

    /// The container that the cgroup of this path names, as it is known now.
    #[must_use]
    pub fn at_path(&self, path: &str) -> Option<&Arc<Container>> {
        let index = self.by_path.get(path)?;
        Some(self.get(Some(*index)))
    }

    /// A container as it is known now; None is the host, and so is one that was forgotten.
    #[must_use]
    pub fn get(&self, index: Option<ContainerIndex>) -> &Arc<Container> {
        match self.current(index) {
            Some(OVERFLOW) => &self.overflow,
            Some(index) => self.containers.get(&index).map_or(&self.host, |entry| &entry.container),
            None => &self.host,
        }
    }

    /// What a container turned out to be, if it only stood for a cgroup.
    fn current(&self, index: Option<ContainerIndex>) -> Option<ContainerIndex> {
        let entry = self.containers.get(&index?);
        entry.and_then(|entry| entry.found).unwrap_or(index)
    }

    /// A process entered a container; whether it is the first one.
    pub fn enter_first(&mut self, index: ContainerIndex) -> bool {
        let entry = self.current(Some(index)).and_then(|index| self.containers.get_mut(&index));
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.is_entered, true))
    }

    /// The container that the cgroup of this path names, if it still has cgroups.
    fn live(&self, path: &str) -> Option<ContainerIndex> {
        let index = self.by_path.get(path).copied()?;
        self.containers.get(&index).is_some_and(|entry| entry.cgroups > 0).then_some(index)
    }

    /// Whether the container that the cgroup of this path names still has cgroups.
    #[must_use]
    pub fn is_live(&self, path: &str) -> bool {
        self.live(path).is_some()
    }

    /// The innermost known container whose cgroup is above `path`.
    fn enclosing(&self, path: &str) -> Option<ContainerIndex> {
        let mut rest = path;
        while let Some((above, _)) = rest.rsplit_once('/') {
            if let Some(index) = self.by_path.get(above)
                && self.containers.get(index).is_some_and(|e| e.state == State::Container)
            {
                return Some(*index);
            }
            rest = above;
        }
        None
    }

    fn enter(&mut self, named: &cgroup_path::Named<'_>, owner: &Option<Owner>) -> ContainerIndex {
        let owner = owner.as_ref().filter(|owner| ***owner != *named.path);
        if !self.has_room() {
            self.refused += 1;
            return OVERFLOW;
        }
        if let Some(owner) = owner
            && !self.shares.take_container(owner)
        {
            return self.crowd(owner);
        }
        let state = match named.shape {
            Shape::Certain => State::Container,
            Shape::Possible => State::Candidate,
        };
        let mut container = first_facts(named);
        // Whoever makes cgroups below its own can name them after any pod.
        if self.enclosing(named.path).is_some() || !cgroup_path::is_usual(named.path) {
            container.pod_uid = Fact::Unknown(Reason::Pending);
        }
        let container = Arc::new(container);
        self.insert(container, named.path.into(), state, owner.cloned())
    }

    /// Whether there is room for a container, if need be that of cgroups that were never found.
    fn has_room(&mut self) -> bool {
        if self.containers.len() < CONTAINERS {
            return true;
        }
        if std::mem::take(&mut self.not_found) > 0 {
            let is_unknown = |entry: &Entry| &*entry.container.id == Container::UNKNOWN;
            self.containers.retain(|_, entry| !is_unknown(entry));
            let containers = &self.containers;
            self.by_path.retain(|_, index| containers.contains_key(index));
            let is_known = |index| containers.contains_key(&index);
            self.cgroups.retain(|_, place| place.container.is_none_or(is_known));
        }
        self.containers.len() < CONTAINERS
    }

    fn insert(
        &mut self,
        container: Arc<Container>,
        path: Box<str>,
        state: State,
        owner: Option<Owner>,
    ) -> ContainerIndex {
        let index = self.next;
        self.next = self.next.wrapping_add(1) % OVERFLOW;
        self.by_path.insert(path.clone(), index);
        self.containers.insert(
            index,
            Entry {
                container,
                path,
                state,
                cgroups: 0,
                owner,
                is_entered: false,
                is_judged: false,
                found: None,
            },
        );
        index
    }
}

/// What stands for the path of a cgroup that the kernel never told of.
pub(super) fn unseen_path(key: CgroupKey) -> Box<str> {
    format!("?{}:{}", key.hierarchy, key.id).into()
}

/// What the path alone tells; the rest is pending.
fn first_facts(named: &cgroup_path::Named<'_>) -> Container {
    let known = |text: &str| Fact::Known(text.into(), FactSource::CgroupPath);
    let pending = Container::unknown(named.path, Reason::Pending);
    Container {
        id: Container::chosen_id(named.id),
        runtime: named.runtime.map_or(Fact::Unknown(Reason::Pending), known),
        pod_uid: named.pod_uid.as_deref().map_or(Fact::Unknown(Reason::Pending), known),
        ..pending
    }
}
