//! What is used, as the line sees it.

use std::{collections::HashMap, sync::Arc};

use super::{Coverage, How, ImageUse, Used};
use crate::{
    act::ActKind,
    container::Container,
    event::{Action, Event, Outcome, Process, base_name},
    limits::{USAGE_FILES, USAGE_IMAGES, USAGE_PATH_BYTES, USAGE_PLACES, USAGE_TOTAL},
    policy::is_of_runtime,
};

/// What the host's files are kept under.
const HOST: &str = "";

/// The kernel programs that know whether memory is that of a file; others see a call, and which
/// memory it is about they cannot say.
const SEE_MEMORY: [&str; 2] = ["rm_mprotect", "rk_mprotect"];

/// Programs that open whatever there is: that is no use of it.
const READ_ALL: [&[u8]; 16] = [
    b"apk",
    b"apt",
    b"apt-get",
    b"cp",
    b"dnf",
    b"dpkg",
    b"find",
    b"grep",
    b"ldconfig",
    b"pip",
    b"npm",
    b"rpm",
    b"rsync",
    b"tar",
    b"updatedb",
    b"yum",
];

/// What is used of containers.
#[derive(Debug, Default)]
pub struct Book {
    /// By the path of the cgroup that names the container.
    places: HashMap<Box<str>, Place>,
    /// What containers used that are gone, by image.
    images: HashMap<String, ImageUse>,
    files: usize,
    refused: u64,
    /// Since when it knows every image that was used.
    whole_since_ns: i64,
    /// Since when this daemon watches: what ran before, nobody may have seen.
    since_ns: i64,
}

/// What is used of one container.
#[derive(Debug)]
struct Place {
    container: Arc<Container>,
    from_start: bool,
    first_ns: i64,
    last_ns: i64,
    lost: u64,
    no_room: u64,
    unnamed: u64,
    files: HashMap<Box<[u8]>, Used, ahash::RandomState>,
}

/// Numbers of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookStats {
    /// Containers of which is known what they use.
    pub places: usize,
    /// Images whose containers are gone.
    pub images: usize,
    /// Files of which is known that they are used.
    pub files: usize,
    /// Uses that found no room.
    pub refused: u64,
}

impl Book {
    /// One that goes on with what an earlier one knew to be used. How much is seen is counted anew:
    /// containers may have run while nobody watched.
    #[must_use]
    pub fn with(images: Vec<ImageUse>, now_ns: i64) -> Self {
        let mut book = Self { since_ns: now_ns, ..Self::default() };
        for image in images.into_iter().take(USAGE_IMAGES) {
            book.keep(ImageUse { coverage: Coverage::default(), ..image });
        }
        book
    }

    /// Says since when everything was watched.
    pub fn watched_since(&mut self, at_ns: i64) {
        self.whole_since_ns = self.whole_since_ns.max(at_ns);
    }

    /// Since when it knows every image that was used.
    #[must_use]
    pub fn whole_since_ns(&self) -> i64 {
        self.whole_since_ns
    }

    /// Numbers of it.
    #[must_use]
    pub fn stats(&self) -> BookStats {
        BookStats {
            places: self.places.len(),
            images: self.images.len(),
            files: self.files,
            refused: self.refused,
        }
    }

    /// Takes what an event tells of used files.
    pub fn note(&mut self, event: &Event) {
        if matches!(event.outcome, Outcome::Failure(_)) {
            return;
        }
        let process = &event.process;
        // What a runtime maps before the container's program runs is the host's.
        if is_of_runtime(process) || process.executable.as_deref() == Some(b"/") {
            return;
        }
        let (how, path) = match &event.action {
            Action::Exec { .. } => {
                let starts = event.way_in.is_with_first();
                if let Some(script) = process.script.as_deref() {
                    self.put(event, How::Executed, script, starts);
                }
                (How::Executed, process.executable.as_deref().unwrap_or_default())
            }
            // What is read into memory and made code later has no file.
            Action::Act(act)
                if matches!(act.kind, ActKind::Protect { .. })
                    && act.path.is_empty()
                    && SEE_MEMORY.contains(&event.hook) =>
            {
                return;
            }
            Action::Act(act)
                if matches!(act.kind, ActKind::Map { .. } | ActKind::Protect { .. }) =>
            {
                (How::Mapped, &*act.path)
            }
            Action::FileRead(act) if is_module(&act.path) && !reads_all(process) => {
                (How::Opened, &*act.path)
            }
            _ => return,
        };
        // That its cgroup is a container's may come to be known later.
        let starts = how == How::Executed && event.way_in.is_with_first();
        self.put(event, how, path, starts);
    }

    fn put(&mut self, event: &Event, how: How, path: &[u8], starts: bool) {
        let at = event.timestamp_ns;
        let by_root = event.credentials.euid == 0;
        let used = Used { how, first_ns: at, last_ns: at, by_root };
        let container = &event.container;
        if let Some(place) = self.place(container, at) {
            place.from_start |= starts;
            if event.path_truncated || path.is_empty() && how == How::Mapped {
                place.unnamed += 1;
            }
        }
        self.use_file(container, path, used);
    }

    /// Takes what a look at the processes of a container found mapped.
    pub fn note_mapped(
        &mut self,
        container: &Arc<Container>,
        mapped: &[(Vec<u8>, How)],
        now_ns: i64,
    ) {
        if self.place(container, now_ns).is_none() {
            return;
        }
        for (path, how) in mapped {
            let used = Used { how: *how, first_ns: now_ns, last_ns: now_ns, by_root: false };
            self.use_file(container, path, used);
        }
    }

    /// The place of a container, which is made if there is room.
    fn place(&mut self, container: &Arc<Container>, now_ns: i64) -> Option<&mut Place> {
        let key = key(container);
        if !self.places.contains_key(key) {
            if self.places.len() >= USAGE_PLACES {
                self.refused += 1;
                self.whole_since_ns = self.whole_since_ns.max(now_ns);
                return None;
            }
            let place = Place {
                container: Arc::clone(container),
                from_start: false,
                first_ns: now_ns,
                last_ns: now_ns,
                lost: 0,
                no_room: 0,
                unnamed: 0,
                files: HashMap::default(),
            };
            self.places.insert(key.into(), place);
        }
        let place = self.places.get_mut(key)?;
        place.last_ns = place.last_ns.max(now_ns);
        // What is known of it grows.
        if !Arc::ptr_eq(&place.container, container) {
            place.container = Arc::clone(container);
        }
        Some(place)
    }

    fn use_file(&mut self, container: &Container, path: &[u8], used: Used) {
        let Some(place) = self.places.get_mut(key(container)) else { return };
        if path.is_empty() || !path.starts_with(b"/") {
            return; // in memory
        }
        if let Some(known) = place.files.get_mut(path) {
            *known = known.and(used);
            return;
        }
        let has_room = place.files.len() < USAGE_FILES && self.files < USAGE_TOTAL;
        if !has_room || path.len() > USAGE_PATH_BYTES {
            place.no_room += 1;
            self.refused += 1;
            return;
        }
        self.files += 1;
        place.files.insert(path.into(), used);
    }

    /// Takes in which containers run: also those of which nothing was seen yet.
    pub fn attend(&mut self, running: &[Arc<Container>], now_ns: i64) {
        for container in running {
            self.place(container, now_ns);
        }
    }

    /// Takes in how many records of a container were lost so far.
    pub fn set_lost(&mut self, id: &str, lost: u64) {
        for place in self.places.values_mut().filter(|it| &*it.container.id == id) {
            place.lost = place.lost.max(lost);
        }
    }

    /// Goes over the containers: `is_running` says which of them still are, by the paths of their
    /// cgroups. Those that are not go to their image. What one of them did unseen bears on nothing
    /// that is said of the time since then.
    pub fn settle(&mut self, is_running: impl Fn(&str) -> bool, now_ns: i64) {
        let is_gone = |key: &str| key != HOST && !is_running(key);
        let gone: Vec<Box<str>> = self.places.keys().filter(|key| is_gone(key)).cloned().collect();
        for key in gone {
            let Some(place) = self.places.remove(&key) else { continue };
            self.files = self.files.saturating_sub(place.files.len());
            let mut image = place.image(place.last_ns);
            if !image.coverage.is_whole() {
                image.coverage = Coverage { since_ns: Some(now_ns), ..Coverage::default() };
            }
            self.keep(image);
        }
    }

    /// Keeps what containers used that are gone.
    fn keep(&mut self, image: ImageUse) {
        if !self.images.contains_key(&image.key) && self.images.len() >= USAGE_IMAGES {
            // The one that was used longest ago makes room.
            let last = |it: &ImageUse| it.files.values().map(|used| used.last_ns).max();
            let oldest = self.images.iter().min_by_key(|(_, it)| last(it));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            if let Some(gone) = self.images.remove(&oldest) {
                self.files = self.files.saturating_sub(gone.files.len());
                self.whole_since_ns = self.whole_since_ns.max(last(&gone).unwrap_or_default());
            }
        }
        let known = self
            .images
            .entry(image.key.clone())
            .or_insert_with(|| ImageUse { key: image.key.clone(), ..ImageUse::default() });
        let before = known.files.len();
        known.join(image, USAGE_FILES);
        self.files += known.files.len() - before;
    }

    /// When each image was used last, but for what these containers did, which are named by the
    /// paths of their cgroups: of each image the file that was used last.
    #[must_use]
    pub fn last_uses(&self, now_ns: i64, but_for: impl Fn(&str) -> bool) -> Vec<ImageUse> {
        let last = |key: &str, image: &str, used: Option<(&[u8], Used)>| ImageUse {
            key: key.to_owned(),
            image: image.to_owned(),
            files: used.into_iter().map(|(path, used)| (path.to_vec(), used)).collect(),
            ..ImageUse::default()
        };
        let gone = self.images.values().map(|it| {
            let files = it.files.iter().map(|(path, used)| (path.as_slice(), *used));
            last(&it.key, &it.image, files.max_by_key(|(_, used)| used.last_ns))
        });
        let others = self.places.iter().filter(|(path, _)| ***path != *HOST && !but_for(path));
        // Who runs uses it now.
        let now = Used { how: How::Executed, first_ns: now_ns, last_ns: now_ns, by_root: false };
        let others = others.map(|(_, place)| {
            let image = place.container.image.known().map(|it| &**it).unwrap_or_default();
            last(place.container.image_key(), image, Some((b"", now)))
        });
        gone.chain(others).collect()
    }

    /// What is used of each image and of the host, in the order of their keys.
    #[must_use]
    pub fn images(&self, now_ns: i64) -> Vec<ImageUse> {
        let mut all = self.images.clone();
        for (path, place) in &self.places {
            let until = if **path == *HOST { place.last_ns } else { now_ns };
            let image = place.image(until);
            let known = all
                .entry(image.key.clone())
                .or_insert_with(|| ImageUse { key: image.key.clone(), ..ImageUse::default() });
            known.join(image, USAGE_FILES);
        }
        // What found no room was in use, too.
        let since_ns = Some(self.since_ns.max(self.whole_since_ns));
        let mut all: Vec<ImageUse> = all.into_values().collect();
        for image in &mut all {
            image.coverage.since_ns = image.coverage.since_ns.max(since_ns);
        }
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    }
}

impl Place {
    /// What it used, as that of its image.
    fn image(&self, until_ns: i64) -> ImageUse {
        let container = &self.container;
        let known = |fact: &crate::fact::Fact<Box<str>>| fact.known().map(|it| it.to_string());
        let is_host = container.is_host();
        let image =
            if is_host { Some(Container::HOST.to_owned()) } else { known(&container.image) };
        let seconds = until_ns.saturating_sub(self.first_ns) / 1_000_000_000;
        ImageUse {
            image: image.unwrap_or_default(),
            key: container.image_key().to_owned(),
            coverage: Coverage {
                containers: 1,
                // The host was there before who watches it.
                from_start: u64::from(self.from_start && !is_host),
                observed_seconds: u64::try_from(seconds).unwrap_or_default(),
                lost: self.lost,
                no_room: self.no_room,
                unnamed: self.unnamed,
                since_ns: None,
                is_over: false,
            },
            files: self.files.iter().map(|(path, used)| (path.to_vec(), *used)).collect(),
        }
    }
}

fn key(container: &Container) -> &str {
    if container.is_host() { HOST } else { &container.cgroup_path }
}

/// Whether a file is one that shows that a module of an interpreter is used.
pub(crate) fn is_module(path: &[u8]) -> bool {
    let name = base_name(path);
    name == b"package.json" || name == b"__init__.py" || name.starts_with(b"__init__.cpython-")
}

fn reads_all(process: &Process) -> bool {
    let program = process.executable.as_deref().unwrap_or_default();
    READ_ALL.contains(&base_name(program))
        || process.script.as_deref().is_some_and(|script| READ_ALL.contains(&base_name(script)))
}

#[cfg(test)]
mod tests;
