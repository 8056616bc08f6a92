//! What is installed in the roots of containers and of the host, read once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use monitor_inventory::{Inventory, Problem, ProblemKind, root::Root};

use crate::{
    container::Container,
    event::Reason,
    limits::{
        UPKEEP_PACKAGES, UPKEEP_PACKAGES_OF_ONE, UPKEEP_PATHS, UPKEEP_PATHS_OF_ONE, UPKEEP_PLACES,
        UPKEEP_ROOTS,
    },
    packages::{RootTold, Roots, inventory},
    usage::FileIndex,
};

/// Databases of packages: when one of them changed, packages did.
const DATABASES: [&str; 9] = [
    "var/lib/dpkg/status",
    "var/lib/dpkg/diversions",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Index.db",
];

/// Bytes of a database that tell that it changed; of a larger one its size and its head do, where
/// SQLite counts changes.
const WHOLE_BYTES: u64 = 8 << 20;
const HEAD_BYTES: usize = 128;

/// How long what was read of a root that can be written to counts: programs come without a package,
/// too.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// How long what was not read whole counts: what was late may be in time the next time.
const RETRY: Duration = Duration::from_secs(10 * 60);

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
    /// A database was not read: not all packages of the system are known.
    pub(super) is_partial: bool,
    /// Not all of the root was looked through: not all packages of languages are known.
    pub(super) is_cut: bool,
    /// It can be written to by who has it.
    is_own: bool,
    /// Of its databases, then.
    mark: u64,
}

/// All that was read.
#[derive(Default)]
pub(super) struct Shelf {
    /// Each with when somebody had it last.
    roots: HashMap<RootKey, (Arc<Installed>, Instant)>,
    /// By cgroup, of those that run.
    of: HashMap<Box<str>, RootKey>,
    /// By image, of those that have layers.
    of_image: HashMap<String, RootKey>,
    /// Roots that found no room, and when that was.
    full: HashMap<RootKey, Instant>,
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
        image: &str,
        container: &Container,
        inner: &[String],
    ) -> Result<(RootKey, Arc<Installed>), Reason> {
        let place = if container.is_host() { "" } else { &container.cgroup_path };
        // The layers of a container stay the same for as long as it runs.
        if let Some(key @ RootKey::Layers(_)) = self.of.get(place)
            && let Some((known, _)) = self.roots.get(key)
            && known.is_good(0)
        {
            return Ok((key.clone(), Arc::clone(known)));
        }
        let told = match container.is_host() {
            true => roots.open(None)?,
            false => inventory::open(roots, container, inner)?,
        };
        let key = key_of(told, place);
        let mark = if matches!(key, RootKey::Own(_)) { mark(roots.root()) } else { 0 };
        let installed = match self.roots.get(&key) {
            Some((known, _)) if known.is_good(mark) => Arc::clone(known),
            _ => self.read(roots, &key, mark)?,
        };
        self.of.insert(place.into(), key.clone());
        if matches!(key, RootKey::Layers(_)) && self.of_image.len() < UPKEEP_PLACES {
            self.of_image.insert(image.to_owned(), key.clone());
        }
        Ok((key, installed))
    }

    /// What is installed in an image of which a container was read before.
    pub(super) fn of_image(&self, image: &str) -> Option<(RootKey, Arc<Installed>)> {
        let key = self.of_image.get(image)?;
        self.roots.get(key).map(|(known, _)| (key.clone(), Arc::clone(known)))
    }

    fn read(
        &mut self,
        roots: &dyn Roots,
        key: &RootKey,
        mark: u64,
    ) -> Result<Arc<Installed>, Reason> {
        if self.full.contains_key(key) {
            self.refused += 1;
            return Err(Reason::TooMany);
        }
        // What it was before makes room first.
        self.roots.remove(key);
        let is_host = *key == RootKey::Own("".into());
        let skip: Vec<PathBuf> = if is_host { inventory::other_file_systems() } else { Vec::new() };
        let inventory = inventory::read(roots, &skip);
        let files = FileIndex::of(roots.root(), &inventory.packages).ok();
        self.reads += 1;
        let is_own = matches!(key, RootKey::Own(_));
        let installed = Arc::new(Installed {
            is_partial: files.is_none() || inventory.problems.iter().any(is_of_database),
            is_cut: inventory.problems.iter().any(|it| it.kind == ProblemKind::Cut),
            inventory,
            files,
            read: Instant::now(),
            is_own,
            mark,
        });
        if !self.has_room(&installed) {
            // Those that nobody has make room.
            self.forget(Duration::ZERO);
        }
        // There is always room for the host.
        if !is_host && !self.has_room(&installed) {
            self.refused += 1;
            self.full.insert(key.clone(), Instant::now());
            return Err(Reason::TooMany);
        }
        self.roots.insert(key.clone(), (Arc::clone(&installed), Instant::now()));
        Ok(installed)
    }

    fn has_room(&self, for_it: &Installed) -> bool {
        let sums = self.sums();
        let is_too_large = for_it.inventory.packages.len() > UPKEEP_PACKAGES_OF_ONE
            || for_it.paths() > UPKEEP_PATHS_OF_ONE;
        !(for_it.is_own && is_too_large)
            && sums.roots < UPKEEP_ROOTS
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
        self.full.retain(|_, at| at.elapsed() < FRESH);
        self.forget(LINGER);
    }

    /// Forgets what nobody has, and nobody had for so long.
    fn forget(&mut self, since: Duration) {
        let of = &self.of;
        let is_had = |key: &RootKey| of.values().any(|it| it == key);
        self.roots.retain(|key, (_, had)| had.elapsed() < since || is_had(key));
        let roots = &self.roots;
        self.of_image.retain(|_, key| roots.contains_key(key));
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
        let age = self.read.elapsed();
        let is_fresh = !self.is_own || self.mark == mark && age < FRESH;
        is_fresh && (!self.is_partial || age < RETRY)
    }

    /// Files whose package is known.
    fn paths(&self) -> usize {
        self.files.as_ref().map_or(0, FileIndex::len)
    }
}

/// Whether a problem is that of a database.
fn is_of_database(problem: &Problem) -> bool {
    let path = problem.path.trim_start_matches('/');
    DATABASES.iter().any(|known| path.starts_with(known))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use monitor_inventory::root::Folder;

    use super::*;
    use crate::{packages::Reading, records};

    /// The host, in a directory.
    struct Host(PathBuf, Option<Folder>);

    impl Roots for Host {
        fn open(&mut self, _: Option<u32>) -> Result<RootTold, Reason> {
            self.1 = Some(Folder::open(&self.0).map_err(|_| Reason::Gone)?);
            Ok(RootTold { reading: Reading::Host, fingerprint: None, is_changed: false })
        }

        fn root(&self) -> &dyn Root {
            self.1.as_ref().unwrap()
        }
    }

    fn status(version: &str) -> String {
        format!(
            "Package: tool\nStatus: install ok installed\nArchitecture: amd64\n\
             Version: {version}\n\n"
        )
    }

    #[test]
    fn a_root_is_read_again_when_its_database_changed_and_not_before() {
        let folder = records::folder::Folder::new("upkeep-shelf");
        let dpkg = folder.path().join("var/lib/dpkg");
        fs::create_dir_all(&dpkg).unwrap();
        fs::write(dpkg.join("status"), status("1.0-1")).unwrap();
        let (mut roots, mut shelf) = (Host(folder.path().to_owned(), None), Shelf::default());
        let mut read = |shelf: &mut Shelf| {
            let (_, it) = shelf.of(&mut roots, "host", &Container::host(), &[]).unwrap();
            let versions: Vec<String> =
                it.inventory.packages.iter().map(|it| it.version.to_string()).collect();
            (versions, it.is_partial)
        };
        assert_eq!(read(&mut shelf), (vec!["1.0-1".to_owned()], false));
        shelf.keep(|_| false);
        read(&mut shelf);
        assert_eq!(shelf.sums().reads, 1);
        // As many bytes as before.
        fs::write(dpkg.join("status"), status("1.0-2")).unwrap();
        assert_eq!(read(&mut shelf), (vec!["1.0-2".to_owned()], false));
        assert_eq!((shelf.sums().reads, shelf.sums().roots), (2, 1));
        // What is there and cannot be read is not taken for nothing.
        fs::remove_file(dpkg.join("status")).unwrap();
        fs::create_dir(dpkg.join("status")).unwrap();
        assert_eq!(read(&mut shelf), (vec![], true));
    }

    #[test]
    fn a_root_that_takes_all_room_is_refused_and_not_read_again() {
        let of = |packages: usize, is_own| Installed {
            inventory: Inventory { packages: vec![package(); packages], ..Inventory::default() },
            files: None,
            read: Instant::now(),
            is_partial: false,
            is_cut: false,
            is_own,
            mark: 0,
        };
        let shelf = Shelf::default();
        assert!(shelf.has_room(&of(UPKEEP_PACKAGES_OF_ONE, true)));
        assert!(!shelf.has_room(&of(UPKEEP_PACKAGES_OF_ONE + 1, true)));
        assert!(shelf.has_room(&of(UPKEEP_PACKAGES_OF_ONE + 1, false)));
        let partial = Installed { is_partial: true, ..of(0, false) };
        assert!(partial.is_good(7) && !of(0, true).is_good(7));
        let old = Instant::now().checked_sub(RETRY).unwrap();
        assert!(!Installed { read: old, ..partial }.is_good(0), "it may be in time now");
        assert!(Installed { read: old, ..of(0, false) }.is_good(0));
    }

    fn package() -> monitor_inventory::Package {
        monitor_inventory::Package {
            kind: monitor_inventory::Kind::Dpkg,
            name: "x".into(),
            version: "1".into(),
            source: None,
            architecture: None,
            licence: None,
            module: None,
            path: "".into(),
            brought_by: None,
        }
    }
}
