//! What is installed in the roots of containers and of the host, read once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use monitor_inventory::{Inventory, root::Root};

use crate::{
    container::Container,
    event::Reason,
    limits::{UPKEEP_PACKAGES, UPKEEP_PATHS, UPKEEP_ROOTS},
    packages::{RootTold, Roots, inventory},
    usage::FileIndex,
};

/// Databases of packages: when one of them changed, packages did.
const DATABASES: [&str; 4] = [
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
];

/// Bytes of a database that tell that it changed; of a larger one its size and its head do, where
/// SQLite counts changes.
const WHOLE_BYTES: u64 = 8 << 20;
const HEAD_BYTES: usize = 128;

/// How long what was read of a root that can be written to counts: programs come without a package,
/// too.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// How long what nobody has is kept: what ends is often started anew.
const LINGER: Duration = Duration::from_secs(10 * 60);

/// What tells one root from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum RootKey {
    /// By the layers of an image.
    Layers(u64),
    /// One that is its own, by the cgroup of who has it; that of the host is empty.
    Own(Box<str>),
}

/// What is installed in a root.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) inventory: Inventory,
    pub(super) files: Option<FileIndex>,
    /// When it was read.
    pub(super) read: Instant,
    /// Of the databases of a root that can be written to.
    mark: u64,
}

/// All that was read.
#[derive(Default)]
pub(super) struct Shelf {
    /// Each with when somebody had it last.
    roots: HashMap<RootKey, (Arc<Installed>, Instant)>,
    /// By cgroup, of those that run.
    of: HashMap<Box<str>, RootKey>,
    reads: u64,
    refused: u64,
}

impl Shelf {
    /// What is installed in the root of a container, or of the host. `inner` are the cgroups of the
    /// containers inside of it.
    ///
    /// # Errors
    ///
    /// Its root cannot be opened, or there is no room.
    pub(super) fn of(
        &mut self,
        roots: &mut dyn Roots,
        container: &Container,
        inner: &[String],
    ) -> Result<(RootKey, Arc<Installed>), Reason> {
        let place = if container.is_host() { "" } else { &container.cgroup_path };
        // The layers of a container stay the same for as long as it runs.
        if let Some(key @ RootKey::Layers(_)) = self.of.get(place)
            && let Some((known, _)) = self.roots.get(key)
        {
            return Ok((key.clone(), Arc::clone(known)));
        }
        let told = match container.is_host() {
            true => roots.open(None)?,
            false => inventory::open(roots, container, inner)?,
        };
        let key = key_of(told, place);
        let mark = if matches!(key, RootKey::Own(_)) { mark(roots.root()) } else { 0 };
        let is_good = |it: &Installed| told.fingerprint.is_some() || it.is_good(mark);
        let installed = match self.roots.get(&key) {
            Some((known, _)) if is_good(known) => Arc::clone(known),
            _ => self.read(roots, &key, mark)?,
        };
        self.of.insert(place.into(), key.clone());
        Ok((key, installed))
    }

    fn read(
        &mut self,
        roots: &dyn Roots,
        key: &RootKey,
        mark: u64,
    ) -> Result<Arc<Installed>, Reason> {
        // What it was before makes room first.
        self.roots.remove(key);
        let is_host = *key == RootKey::Own("".into());
        let skip: Vec<PathBuf> = if is_host { inventory::other_file_systems() } else { Vec::new() };
        let inventory = inventory::read(roots, &skip);
        let files = FileIndex::of(roots.root(), &inventory.packages).ok();
        self.reads += 1;
        let installed = Arc::new(Installed { inventory, files, read: Instant::now(), mark });
        if !self.has_room(&installed) {
            // Those that nobody has make room.
            self.forget(Duration::ZERO);
        }
        if !self.has_room(&installed) {
            self.refused += 1;
            return Err(Reason::TooMany);
        }
        self.roots.insert(key.clone(), (Arc::clone(&installed), Instant::now()));
        Ok(installed)
    }

    fn has_room(&self, for_it: &Installed) -> bool {
        let sums = self.sums();
        sums.roots < UPKEEP_ROOTS
            && sums.packages + for_it.inventory.packages.len() <= UPKEEP_PACKAGES
            && sums.paths + for_it.paths() <= UPKEEP_PATHS
    }

    /// Forgets what nobody has had for a while: of these cgroups it is said whether they are there.
    pub(super) fn keep(&mut self, is_running: impl Fn(&str) -> bool) {
        self.of.retain(|place, _| place.is_empty() || is_running(place));
        let now = Instant::now();
        for key in self.of.values() {
            if let Some((_, had)) = self.roots.get_mut(key) {
                *had = now;
            }
        }
        self.forget(LINGER);
    }

    /// Forgets what nobody has, and nobody had for so long.
    fn forget(&mut self, since: Duration) {
        let of = &self.of;
        let is_had = |key: &RootKey| of.values().any(|it| it == key);
        self.roots.retain(|key, (_, had)| had.elapsed() < since || is_had(key));
    }

    pub(super) fn sums(&self) -> Sums {
        let (mut packages, mut paths) = (0, 0);
        for (it, _) in self.roots.values() {
            packages += it.inventory.packages.len();
            paths += it.paths();
        }
        let (roots, reads, refused) = (self.roots.len(), self.reads, self.refused);
        Sums { roots, packages, paths, reads, refused }
    }
}

/// Numbers of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) roots: usize,
    pub(super) packages: usize,
    pub(super) paths: usize,
    /// Roots that were read.
    pub(super) reads: u64,
    /// Roots that found no room, counted at each try.
    pub(super) refused: u64,
}

impl Installed {
    fn is_good(&self, mark: u64) -> bool {
        self.mark == mark && self.read.elapsed() < FRESH
    }

    /// Files whose package is known.
    fn paths(&self) -> usize {
        self.files.as_ref().map_or(0, FileIndex::len)
    }
}

fn key_of(told: RootTold, place: &str) -> RootKey {
    told.fingerprint.map_or_else(|| RootKey::Own(place.into()), RootKey::Layers)
}

/// What changes with the databases of a root.
fn mark(root: &dyn Root) -> u64 {
    let mut state = DefaultHasher::new();
    for path in DATABASES.map(Path::new) {
        let Ok(stat) = root.stat(path) else { continue };
        (path, stat.size).hash(&mut state);
        let bytes = match stat.size {
            size if size <= WHOLE_BYTES => root.read(path, WHOLE_BYTES),
            _ => root.read_at(path, 0, HEAD_BYTES),
        };
        bytes.ok().hash(&mut state);
    }
    state.finish()
}
