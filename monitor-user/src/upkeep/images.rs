//! What engines keep of the images that run: whether their names mean newer ones by now, and
//! whether one that is started lay about for long.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use monitor_inventory::lifecycle::Annotated;

use super::{Looked, Round, checks};
use crate::{
    container::Container,
    images::{Image, Store, Superseded, Witness, end_of_life, find, stale_at_start, superseded},
    metadata::{
        RuntimeRoot, Sources,
        images::{stores, told},
        running::Running,
    },
    state::Observation,
    support::Support,
};

/// How long what was listed counts where nothing new was started.
const LISTED: Duration = Duration::from_secs(10 * 60);

/// How long it counts in any case.
const AT_LEAST: Duration = Duration::from_secs(10);

/// Who lists images, and what was listed last.
pub(super) struct Images {
    sources: Sources,
    roots: Vec<RuntimeRoot>,
    unused_days: u32,
    at: Option<Instant>,
    /// Something was started since they were listed.
    is_behind: bool,
    stores: Vec<Store>,
    superseded: Vec<Superseded>,
    /// When images were used before they were started, by image, until they are listed.
    started: HashMap<String, Witness>,
    /// What is told of images that were started after they lay about, by image.
    stale: HashMap<String, Observation>,
}

impl Images {
    pub(super) fn new(sources: Sources, roots: Vec<RuntimeRoot>, unused_days: u32) -> Self {
        Self {
            sources,
            roots,
            unused_days,
            at: None,
            is_behind: false,
            stores: Vec::new(),
            superseded: Vec::new(),
            started: HashMap::new(),
            stale: HashMap::new(),
        }
    }

    /// Lists them, if something was started since, or long ago.
    pub(super) fn list(&mut self, round: &Round) {
        self.is_behind |= round.containers.iter().any(|it| it.is_new);
        let rest = if self.is_behind { AT_LEAST } else { LISTED };
        if self.at.is_some_and(|at| at.elapsed() < rest) {
            return;
        }
        let one = |it: &Looked| Running { container: it.container.clone(), others: Vec::new() };
        let running: Vec<Running> = round.containers.iter().map(one).collect();
        let listed = told(&mut *self.sources.containerd, &self.roots);
        self.stores = stores(&*self.sources.reach, &self.roots, listed, &running);
        self.superseded = superseded(&self.stores);
        (self.at, self.is_behind) = (Some(Instant::now()), false);
    }

    /// Forgets what is told of images that nobody has any more.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.stale.retain(|key, _| is_there(key));
        self.started.retain(|key, _| is_there(key));
    }

    /// What is to be told of the image of these containers.
    pub(super) fn of(
        &mut self,
        key: &str,
        group: &[&Looked],
        round: &Round,
        support: &Support,
    ) -> Vec<Observation> {
        let Some(first) = group.first() else { return Vec::new() };
        let image = find(&self.stores, &first.container);
        let mut told: Vec<Observation> =
            last_day(image, &first.container, support).into_iter().collect();
        let now_ns = round.now_ns;
        // Only one that nobody had is one that lay about.
        if group.iter().all(|it| it.is_new) {
            let witness = Witness::of(&round.before, round.whole_since_ns, now_ns, now_ns);
            self.started.insert(key.to_owned(), witness);
        }
        if let (Some(image), false) = (image, self.is_behind)
            && let Some(witness) = self.started.remove(key)
        {
            let last = witness.last_use(image);
            if let Some(why) = stale_at_start(None, &last, self.unused_days, now_ns) {
                let text = format!("{} was started: {why}", image.title());
                let observation = Observation::of(&checks::STALE, text, Vec::new());
                self.stale.insert(key.to_owned(), observation);
            }
        }
        told.extend(self.stale.get(key).cloned());
        let is_own =
            |it: &&Superseded| group.iter().any(|own| *own.container.id == it.container_id);
        told.extend(self.superseded.iter().find(is_own).map(|it| {
            let evidence = vec![("runs", it.runs.clone()), ("now", it.now.clone())];
            Observation::of(&checks::SUPERSEDED, it.to_string(), evidence)
        }));
        told
    }
}

/// That the last day of an image is over, as its publisher says.
#[must_use]
pub fn last_day(
    image: Option<&Image>,
    container: &Container,
    support: &Support,
) -> Option<Observation> {
    let said = match image {
        Some(image) => end_of_life(image, &support.dates),
        // What no engine lists can be in the map all the same.
        None => support.image(container).map(|(said, _)| said.clone()),
    };
    match said {
        Some(Annotated::Date(day)) if day < support.today => {
            let text = format!("its publisher says that its support ended on {day}");
            Some(Observation::of(&checks::IMAGE, text, Vec::new()))
        }
        _ => None,
    }
}
