//! Learns what containers do: a stage behind the judge, since what a rule alerted on is not
//! learned. Time is that of the events, so that a replay learns the same.

use std::collections::HashMap;

use super::{
    Behaviour, Coverage, Profile, Subject, observe, paths::Put, remark::Remark, thing::Thing,
    workload,
};
use crate::{
    event::{Action, Container, Event, Fact, Reason, Way},
    limits::{PROFILE_CONTAINERS, PROFILE_REMARKS, PROFILES},
};

/// How long an image is watched before a burst of new things is one, nanoseconds.
const SETTLED_NS: u64 = 600_000_000_000;
/// So many new things of a settled image ...
const BURST: u32 = 20;
/// ... in that time are a burst.
const BURST_NS: u64 = 60_000_000_000;

/// What is learned of images.
#[derive(Debug, Default)]
pub struct Learner {
    /// By the image, or the container where its image is not known.
    drafts: HashMap<Key, Draft, ahash::RandomState>,
    /// Images of which there was no room to learn anything.
    refused: u64,
    /// Bursts that were not told of yet.
    remarks: Vec<Remark>,
    /// Each workload that runs an image has a profile of its own.
    by_workload: bool,
}

/// Numbers of what is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LearnerStats {
    /// Images of which something is learned.
    pub images: usize,
    /// Events of which nothing was learned since there were too many images.
    pub refused: u64,
    /// Events of which something was not learned since it came in a burst.
    pub held_back: u64,
    /// Events of which something found no room in its profile.
    pub no_room: u64,
}

impl LearnerStats {
    /// By their names in heartbeats.
    #[must_use]
    pub fn named(self) -> [(&'static str, u64); 4] {
        [
            ("learned_images", self.images as u64),
            ("learned_images_refused", self.refused),
            ("learned_held_back", self.held_back),
            ("learned_no_room", self.no_room),
        ]
    }
}

/// What a draft is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The digest of the image, or its name where it has none, and the workload if that counts.
    Image(Box<str>, Option<Box<str>>),
    /// The image of this one is not known: the path of its cgroup, since its id may be found too.
    Container(Box<str>),
}

/// What was learned of an image so far.
#[derive(Debug, Default)]
struct Draft {
    image: Box<str>,
    digest: Option<Box<str>>,
    workload: Option<Box<str>>,
    /// What the container was called where the image is not known.
    container_name: Box<str>,
    /// Which image it is may still come.
    is_open: bool,
    behaviour: Behaviour,
    replicas: HashMap<Box<str>, Replica, ahash::RandomState>,
    /// Containers that found no room among those.
    more: u32,
    events: u64,
    alerted: u64,
    held_back: u64,
    no_room: u64,
    first_ns: u64,
    last_ns: u64,
    news_ns: u64,
    burst_ns: u64,
    burst: u32,
}

/// What was seen of one container.
#[derive(Clone, Copy, Debug, Default)]
struct Replica {
    from_start: bool,
    /// It did something that no other one had done.
    differed: bool,
}

impl Learner {
    /// One with a profile for each image, or for each workload that runs one.
    #[must_use]
    pub fn new(by_workload: bool) -> Self {
        Self { by_workload, ..Self::default() }
    }

    /// Takes an event in. What a rule alerted on is only counted.
    pub fn take(&mut self, event: &Event, is_alerted: bool) {
        if !observe::is_of_interest(event) {
            return;
        }
        let Some(draft) = self.draft(&event.container) else { return };
        let burst = draft.take(event, is_alerted);
        if let (Some(burst), true) = (burst, self.remarks.len() < PROFILE_REMARKS) {
            self.remarks.push(burst);
        }
    }

    /// Bursts that were not told of yet.
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }

    /// Takes in names of system calls that a container makes, with spaces between.
    pub fn take_syscalls(&mut self, container: &Container, names: &str) {
        if let Some(draft) = self.draft(container) {
            draft.introduce(container);
            draft.take_syscalls(&container.id, names);
        }
    }

    /// As [`Self::take_syscalls`], of a container that is gone.
    pub fn take_last_syscalls(&mut self, id: &str, names: &str) {
        let mut drafts = self.drafts.values_mut();
        if let Some(draft) = drafts.find(|draft| draft.replicas.contains_key(id)) {
            draft.take_syscalls(id, names);
        }
    }

    /// The draft that a container belongs to; None for the host, and where there is no room.
    fn draft(&mut self, container: &Container) -> Option<&mut Draft> {
        if container.is_host() || &*container.id == Container::UNKNOWN {
            return None;
        }
        let key = self.key_of(container);
        if !self.drafts.contains_key(&key) {
            if self.drafts.len() >= PROFILES {
                self.refused += 1;
                return None;
            }
            let workload = match &key {
                Key::Image(_, workload) => workload.clone(),
                Key::Container(_) => None,
            };
            self.drafts.insert(key.clone(), Draft { workload, ..Draft::default() });
        }
        self.settle(container, &key);
        self.drafts.get_mut(&key)
    }

    fn key_of(&self, container: &Container) -> Key {
        let unknown = || Key::Container(container.cgroup_path.clone());
        let image = match (&container.image_digest, &container.image) {
            (Fact::Known(digest, _), _) => digest.clone(),
            (Fact::Unknown(Reason::Pending), _) | (_, Fact::Unknown(_)) => return unknown(),
            (_, Fact::Known(image, _)) => image.clone(),
        };
        match workload::of(container) {
            Err(Reason::Pending) if self.by_workload => unknown(),
            Ok(workload) if self.by_workload => Key::Image(image, Some(workload)),
            _ => Key::Image(image, None),
        }
    }

    /// Takes in what became known of a container that may have done all that it does before.
    pub fn know(&mut self, container: &Container) {
        if self.drafts.contains_key(&Key::Container(container.cgroup_path.clone()))
            && let Some(draft) = self.draft(container)
        {
            draft.introduce(container);
        }
    }

    /// Once the image of a container is known what was learned before belongs to it.
    fn settle(&mut self, container: &Container, key: &Key) {
        if matches!(key, Key::Container(_)) {
            return;
        }
        let before = Key::Container(container.cgroup_path.clone());
        let Some(mut before) = self.drafts.remove(&before) else { return };
        let replicas: Vec<Replica> = before.replicas.drain().map(|(_, replica)| replica).collect();
        replicas.into_iter().for_each(|replica| before.join(container.id.clone(), replica));
        if let Some(draft) = self.drafts.get_mut(key) {
            draft.absorb(before);
        }
    }

    /// What is learned so far, in numbers.
    #[must_use]
    pub fn stats(&self) -> LearnerStats {
        let sum = |of: fn(&Draft) -> u64| self.drafts.values().map(of).sum();
        LearnerStats {
            images: self.drafts.len(),
            refused: self.refused,
            held_back: sum(|draft| draft.held_back),
            no_room: sum(|draft| draft.no_room),
        }
    }

    /// What was learned, a profile for each image, sorted by name. `unseen` are the kinds of acts
    /// that nothing tells of, and `lost` says how many records of a container were lost. At the end
    /// also of containers whose image may still become known: until then it may be another's.
    #[must_use]
    pub fn profiles(
        &self,
        unseen: &[String],
        lost: &dyn Fn(&str) -> u64,
        is_end: bool,
    ) -> Vec<Profile> {
        let mut profiles: Vec<Profile> = Vec::new();
        let is_told = |draft: &&Draft| draft.events > 0 && (is_end || !draft.is_open);
        for draft in self.drafts.values().filter(is_told) {
            let mut profile = draft.profile();
            profile.coverage.lost = draft.replicas.keys().map(|id| lost(id)).sum();
            profile.coverage.unseen = unseen.to_vec();
            profiles.push(profile);
        }
        name_apart(&mut profiles);
        profiles.sort_by(|one, other| one.name.cmp(&other.name));
        profiles
    }
}

/// No two are called alike: the digests of images that are follow their names.
fn name_apart(profiles: &mut [Profile]) {
    let names: Vec<Box<str>> = profiles.iter().map(|it| it.name.clone()).collect();
    for profile in profiles {
        let is_alone = names.iter().filter(|name| **name == profile.name).count() == 1;
        let digest = profile.subject.digest.as_deref().unwrap_or_default();
        let digest = digest.rsplit(':').next().and_then(|hex| hex.get(..12));
        if let (false, Some(digest)) = (is_alone, digest) {
            profile.name = format!("{}-{digest}", profile.name).into();
        }
    }
}

impl Draft {
    /// Says what it is about, as far as a container tells.
    fn introduce(&mut self, container: &Container) {
        self.is_open = container.image == Fact::Unknown(Reason::Pending);
        if self.image.is_empty() {
            self.image = container.image.known().cloned().unwrap_or_default();
            self.digest = container.image_digest.known().cloned();
            self.container_name =
                container.name.known().cloned().unwrap_or_else(|| container.short_id().into());
        }
    }

    /// Takes an event in; what is to be told if it is the first of a burst that is not learned.
    fn take(&mut self, event: &Event, is_alerted: bool) -> Option<Remark> {
        let container = &event.container;
        self.introduce(container);
        let now = event.boottime_ns;
        if self.events == 0 {
            (self.first_ns, self.news_ns) = (now, now);
        }
        self.events += 1;
        self.last_ns = self.last_ns.max(now);
        let is_start = matches!(event.action, Action::Exec { .. });
        let from_start = is_start && event.way() == Ok(Way::Entrypoint);
        let id = &container.id;
        if !self.replicas.contains_key(id) && self.replicas.len() >= PROFILE_CONTAINERS {
            self.more = self.more.saturating_add(1);
        } else {
            self.replicas.entry(id.clone()).or_default().from_start |= from_start;
        }
        if is_alerted {
            self.alerted += 1;
            return None;
        }
        let mut burst = None;
        observe::each(event, &mut |thing| {
            if self.learn(&thing, now, id) {
                burst = Some(Remark::burst(event, &thing));
            }
        });
        burst
    }

    fn take_syscalls(&mut self, container: &str, names: &str) {
        let now = self.last_ns;
        for thing in names.split(' ').filter_map(Thing::syscall) {
            // Many at once are no burst: they come as they are read.
            self.put(&thing, now, container);
        }
    }

    /// Learns something; true if it is the first of a burst that is not.
    fn learn(&mut self, thing: &Thing, now: u64, container: &str) -> bool {
        let is_settled = now.saturating_sub(self.first_ns) > SETTLED_NS;
        if is_settled && !self.behaviour.expects(thing) {
            if now.saturating_sub(self.burst_ns) > BURST_NS {
                (self.burst_ns, self.burst) = (now, 0);
            }
            self.burst = self.burst.saturating_add(1);
            if self.burst > BURST {
                self.held_back += 1;
                return self.burst == BURST + 1;
            }
        }
        self.put(thing, now, container);
        false
    }

    fn put(&mut self, thing: &Thing, now: u64, container: &str) {
        match self.behaviour.put(thing) {
            Put::Known => {}
            Put::New => {
                self.news_ns = self.news_ns.max(now);
                if let Some(replica) = self.replicas.get_mut(container) {
                    replica.differed = true;
                }
            }
            Put::Full => self.no_room += 1,
        }
    }

    fn absorb(&mut self, other: Self) {
        let is_first = self.events == 0;
        if !self.behaviour.merge(&other.behaviour) {
            self.no_room += 1;
        }
        other.replicas.into_iter().for_each(|(id, replica)| self.join(id, replica));
        self.events += other.events;
        self.alerted += other.alerted;
        self.held_back += other.held_back;
        self.no_room += other.no_room;
        self.first_ns = if is_first { other.first_ns } else { self.first_ns.min(other.first_ns) };
        self.last_ns = self.last_ns.max(other.last_ns);
        self.news_ns = self.news_ns.max(other.news_ns);
    }

    fn join(&mut self, id: Box<str>, replica: Replica) {
        let own = self.replicas.entry(id).or_default();
        own.from_start |= replica.from_start;
        own.differed |= replica.differed;
    }

    fn profile(&self) -> Profile {
        let seconds = |ns: u64| ns / 1_000_000_000;
        let count = |which: fn(&Replica) -> bool| {
            u32::try_from(self.replicas.values().filter(|it| which(it)).count()).unwrap_or(u32::MAX)
        };
        let coverage = Coverage {
            containers: count(|_| true).saturating_add(self.more),
            from_start: count(|it| it.from_start),
            agreed: count(|it| !it.differed),
            observed_seconds: seconds(self.last_ns.saturating_sub(self.first_ns)),
            quiet_seconds: seconds(self.last_ns.saturating_sub(self.news_ns)),
            events: self.events,
            alerted: self.alerted,
            held_back: self.held_back,
            no_room: self.no_room,
            lost: 0,
            unseen: Vec::new(),
        };
        let (image, digest) = (self.image.clone(), self.digest.clone());
        let subject = Subject { image, digest, workload: self.workload.clone() };
        Profile {
            name: self.name(),
            subject,
            coverage,
            behaviour: self.behaviour.clone(),
            ..Profile::default()
        }
    }

    /// What the file is called: the last part of the image and its tag, or the container.
    fn name(&self) -> Box<str> {
        let (repository, tag) = crate::container::split_image(&self.image);
        let base = repository.and_then(|it| it.rsplit('/').next()).filter(|it| !it.is_empty());
        let base = base.unwrap_or(&self.container_name);
        let mut name = match tag {
            Some(tag) => format!("{base}-{tag}"),
            None => base.to_owned(),
        };
        for part in self.workload.iter().flat_map(|workload| workload.split('/')) {
            name = format!("{name}-{part}");
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let name: String = name.chars().map(plain).collect();
        name.trim_start_matches(['.', '-']).into()
    }
}
