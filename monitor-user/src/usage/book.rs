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
    /// One that goes on with what an earlier one knew.
    #[must_use]
    pub fn with(images: Vec<ImageUse>) -> Self {
        let mut book = Self::default();
        for image in images.into_iter().take(USAGE_IMAGES) {
            book.keep(image);
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
            Action::Act(act) if matches!(act.kind, ActKind::Map { .. }) => {
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

    /// Takes in how many records of a container were lost so far.
    pub fn set_lost(&mut self, id: &str, lost: u64) {
        for place in self.places.values_mut().filter(|it| &*it.container.id == id) {
            place.lost = place.lost.max(lost);
        }
    }

    /// Goes over the containers: `is_running` says which of them still are, by the paths of their
    /// cgroups. Those that are not go to their image.
    pub fn settle(&mut self, is_running: impl Fn(&str) -> bool) {
        let is_gone = |key: &str| key != HOST && !is_running(key);
        let gone: Vec<Box<str>> = self.places.keys().filter(|key| is_gone(key)).cloned().collect();
        for key in gone {
            let Some(place) = self.places.remove(&key) else { continue };
            self.files = self.files.saturating_sub(place.files.len());
            let image = place.image(place.last_ns);
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
        let mut all: Vec<ImageUse> = all.into_values().collect();
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
mod tests {
    use super::*;
    use crate::{
        fact::{Fact, FactSource, Reason},
        way::{Way, WayIn},
    };

    fn container(path: &str, digest: Option<&str>) -> Arc<Container> {
        let unknown = Container::unknown(path, Reason::Pending);
        let digest = digest.map_or(Fact::Unknown(Reason::Pending), |digest| {
            Fact::Known(digest.into(), FactSource::Containerd)
        });
        let id = path.trim_start_matches('/').into();
        Arc::new(Container { id, image_digest: digest, ..unknown })
    }

    fn used(how: How, at: i64) -> Used {
        Used { how, first_ns: at, last_ns: at, by_root: false }
    }

    fn uses(book: &mut Book, container: &Arc<Container>, path: &str, how: How, at: i64) {
        book.place(container, at);
        book.use_file(container, path.as_bytes(), used(how, at));
    }

    #[test]
    fn containers_of_one_image_are_one() {
        let mut book = Book::default();
        let (one, other) =
            (container("/one", Some("sha256:1")), container("/two", Some("sha256:1")));
        uses(&mut book, &one, "/bin/a", How::Mapped, 1_000_000_000);
        uses(&mut book, &other, "/bin/a", How::Executed, 5_000_000_000);
        uses(&mut book, &other, "/bin/b", How::Opened, 6_000_000_000);
        book.settle(|path| path == "/two");
        let all = book.images(9_000_000_000);
        let [image] = &all[..] else { panic!("{all:?}") };
        assert_eq!((&*image.key, image.coverage.containers), ("sha256:1", 2));
        assert_eq!(image.coverage.observed_seconds, 4);
        let a = image.files[b"/bin/a".as_slice()];
        assert_eq!((a.how, a.first_ns, a.last_ns), (How::Executed, 1_000_000_000, 5_000_000_000));
        assert_eq!(image.files.len(), 2);
        assert_eq!(book.stats().files, 3);
        assert_eq!((book.stats().places, book.stats().images), (1, 1));
    }

    /// What a cgroup is that only may be a container's is looked up while its first program starts.
    #[test]
    fn a_start_counts_that_comes_before_its_container_is_certain() {
        let value = monitor_rules::TestValue::Str("execve".to_owned());
        let kind = monitor_rules::TestField { name: "evt.type".into(), value, line: 1, column: 1 };
        let test = monitor_rules::TestEvent { fields: vec![kind], after_ns: 0, line: 1 };
        let mut event = crate::rules::testing::build(&test).unwrap();
        event.process = Arc::new(Process {
            executable: Some(b"/bin/a".as_slice().into()),
            ..(*event.process).clone()
        });
        event.container = container("/one", None);
        event.way_in = WayIn::of(Way::Entrypoint);
        assert_eq!(event.way(), Err(Reason::Pending));
        let mut book = Book::default();
        book.note(&event);
        assert_eq!(book.images(1)[0].coverage.from_start, 1);
        event.container = container("/two", None);
        event.way_in = WayIn::of(Way::Exec);
        book.note(&event);
        assert_eq!(book.images(1)[1].coverage.from_start, 0);
    }

    #[test]
    fn the_last_use_of_an_image_is_told_without_that_of_who_starts_now() {
        let mut book = Book::default();
        let of = |path: &str, digest: &str| container(path, Some(digest));
        uses(&mut book, &of("/gone", "sha256:1"), "/bin/a", How::Mapped, 5);
        uses(&mut book, &of("/gone", "sha256:1"), "/bin/b", How::Mapped, 7);
        book.settle(|_| false);
        uses(&mut book, &of("/new", "sha256:1"), "/bin/a", How::Mapped, 90);
        uses(&mut book, &of("/old", "sha256:2"), "/bin/a", How::Mapped, 8);
        let mut last: Vec<_> = book
            .last_uses(100, |path| path == "/new")
            .into_iter()
            .map(|it| (it.key, it.files.into_values().map(|used| used.last_ns).collect()))
            .collect();
        last.sort();
        let expected: [(String, Vec<i64>); 2] =
            [("sha256:1".into(), vec![7]), ("sha256:2".into(), vec![100])];
        assert_eq!(last, expected);
    }

    #[test]
    fn what_comes_to_be_known_of_a_container_counts() {
        let mut book = Book::default();
        uses(&mut book, &container("/one", None), "/bin/a", How::Mapped, 1);
        assert_eq!(book.images(1)[0].key, "one");
        uses(&mut book, &container("/one", Some("sha256:1")), "/bin/b", How::Mapped, 2);
        let all = book.images(2);
        assert_eq!((all.len(), &*all[0].key, all[0].files.len()), (1, "sha256:1", 2));
    }

    #[test]
    fn over_the_bounds_it_is_counted() {
        let mut book = Book::default();
        let one = container("/one", Some("sha256:1"));
        for number in 0..=USAGE_FILES {
            uses(&mut book, &one, &format!("/{number}"), How::Mapped, 1);
        }
        uses(&mut book, &one, "memfd:x", How::Executed, 1);
        assert_eq!(book.stats().files, USAGE_FILES);
        let coverage = book.images(1)[0].coverage;
        assert_eq!((coverage.no_room, book.stats().refused), (1, 1));
        book.set_lost("one", 3);
        book.set_lost("two", 4);
        assert_eq!(book.images(1)[0].coverage.lost, 3);
        for number in 0..USAGE_IMAGES + 5 {
            let gone = container(&format!("/c{number}"), Some(&format!("sha256:c{number}")));
            uses(&mut book, &gone, "/a", How::Mapped, i64::try_from(number).unwrap());
            book.settle(|path| path == "/one");
        }
        assert_eq!(book.stats().images, USAGE_IMAGES);
        // Those that made room were used until then.
        assert_eq!(book.whole_since_ns(), 4);
        assert_eq!(book.stats().files, USAGE_FILES + USAGE_IMAGES);
    }

    #[test]
    fn modules_are_told_by_what_each_of_them_opens() {
        for path in [
            "/usr/lib/python3/dist-packages/yaml/__init__.py",
            "/app/site-packages/requests/__pycache__/__init__.cpython-311.pyc",
            "/app/node_modules/express/package.json",
        ] {
            assert!(is_module(path.as_bytes()), "{path}");
        }
        assert!(!is_module(b"/app/main.py") && !is_module(b"/etc/passwd"));
    }
}
