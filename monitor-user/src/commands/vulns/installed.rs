//! What is vulnerable of what is installed on this host and in running containers, and whether it
//! is in use there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
};

use monitor_vulns::{
    matcher::Coordinate,
    pack::{Pack, PackError},
};

use crate::{
    commands::{
        data::{explain, open},
        inventory::{Looked, Subject, look},
        say, usage_path,
    },
    config::Config,
    container::Container,
    input,
    instance::DEFAULT_NAME,
    keeper::Allowed,
    limits::{USAGE_BYTES, USAGE_SILENT_NS},
    packages::{Roots, inventory::other_file_systems},
    posture::{
        Declared,
        in_use::{Live, in_use},
        observed::{Asked, Look, Scope},
    },
    upkeep::accepted::{self, Accepted, holding},
    usage::{self, Coverage, Exposed, ImageUse},
    vulns::{Finding, InUse, PackFacts, PackFile, judge},
};

/// What is vulnerable in one root.
pub(in crate::commands) struct Vulnerable {
    /// Who has it: names, the first of them that of whose root was read.
    pub(in crate::commands) names: Vec<String>,
    /// Its containers, none for the host.
    pub(in crate::commands) containers: Vec<std::sync::Arc<Container>>,
    /// What the data say, each with whether it is in use: what is used and exploited first.
    pub(in crate::commands) findings: Vec<(Finding, InUse)>,
    /// What could not be told.
    pub(in crate::commands) unknown: usize,
    /// Packages of which nothing can be asked.
    pub(in crate::commands) unplaced: usize,
    /// Packages.
    pub(in crate::commands) packages: usize,
    /// Findings of packages of languages that one of the system brought, which mends them under
    /// versions of its own.
    pub(in crate::commands) brought: usize,
    /// How much was seen of what is used.
    pub(in crate::commands) coverage: Coverage,
    /// Why what was not seen may be in use all the same.
    pub(in crate::commands) lacks: Option<String>,
    /// Ports at which it listens.
    pub(in crate::commands) ports: Vec<String>,
    /// Of the host: the ports of those that use what is vulnerable.
    exposed: BTreeMap<Coordinate, BTreeSet<String>>,
    /// What is installed.
    pub(in crate::commands) os: Option<monitor_inventory::OsRelease>,
    /// Why nothing was read.
    pub(in crate::commands) not_read: Option<&'static str>,
    /// What of it is not known, for people.
    pub(in crate::commands) gaps: Vec<String>,
}

impl Vulnerable {
    /// Where others reach what uses something vulnerable: of a container all of it counts as
    /// reached by who reaches it, of the host the programs that listen themselves.
    pub(in crate::commands) fn exposed(&self, finding: &Finding) -> Vec<String> {
        match self.containers.is_empty() {
            true => self.exposed.get(&finding.coordinate).into_iter().flatten().cloned().collect(),
            false => self.ports.clone(),
        }
    }
}

/// All that was found.
pub(in crate::commands) struct Scene {
    /// The data, where there are any.
    pub(in crate::commands) report: PackFacts,
    /// By root.
    pub(in crate::commands) roots: Vec<Vulnerable>,
    /// When what is used was written down; None: no daemon does so.
    pub(in crate::commands) usage_ns: Option<i64>,
}

/// What may be asked of the keeper by who looks.
pub(in crate::commands) fn allowed(config: &Config) -> Allowed {
    Allowed { inventory: true, ..Allowed::of(config) }
}

/// What is known before this process gives its privileges up.
pub(in crate::commands) struct Before<'p> {
    /// The data, and where they are.
    path: &'p Path,
    pack: Pack<PackFile>,
    /// Where it is written what is used, if it is.
    book: PathBuf,
    written: Option<File>,
    /// What is below other file systems is none of the host's.
    skip: Vec<PathBuf>,
    /// What is accepted of what the data say.
    accepted: Vec<Accepted>,
    now_s: i64,
}

impl<'p> Before<'p> {
    /// Opens the data, and what was written of the use of files.
    ///
    /// # Errors
    ///
    /// The data cannot be used.
    pub(in crate::commands) fn open(config: &Config, path: &'p Path) -> anyhow::Result<Self> {
        let book = usage_path(config, DEFAULT_NAME).join(usage::FILE);
        Ok(Self {
            path,
            pack: open(path)?,
            written: File::open(&book).ok(),
            book,
            skip: other_file_systems(),
            accepted: config.upkeep_exceptions.clone(),
            now_s: jiff::Timestamp::now().as_second(),
        })
    }

    /// What is used, and when that was written down.
    fn used(&mut self) -> (Vec<ImageUse>, Option<i64>) {
        let Some(file) = self.written.take() else { return (Vec::new(), None) };
        let bytes = input::read_opened(file, USAGE_BYTES).unwrap_or_default();
        match usage::read(&String::from_utf8_lossy(&bytes)) {
            Ok((mut read, written_ns)) => {
                // What runs since then, nobody watches.
                let silent_ns = self.now_s.saturating_mul(1_000_000_000) - written_ns;
                if silent_ns > USAGE_SILENT_NS {
                    read.iter_mut().for_each(|it| it.coverage.is_over = true);
                }
                (read, Some(written_ns))
            }
            Err(why) => {
                say(&format!("what is used is not known: {}: {why}", self.book.display()));
                (Vec::new(), None)
            }
        }
    }

    /// Looks at these.
    ///
    /// # Errors
    ///
    /// The data cannot be used.
    pub(in crate::commands) fn look_at(
        mut self,
        subjects: Vec<Subject<'_>>,
        roots: &mut dyn Roots,
        eyes: &mut dyn Look,
    ) -> anyhow::Result<Scene> {
        let (images, usage_ns) = self.used();
        let looked = look(roots, subjects, &self.skip, true);
        let mut scene = Scene { report: PackFacts::default(), roots: Vec::new(), usage_ns };
        for group in gathered(&looked) {
            let live: Vec<Live> =
                group.iter().filter_map(|it| live(eyes, it, self.now_s)).collect();
            let data = (&self.pack, &mut scene.report);
            let root = vulnerable(&group, live, &images, data, (&self.accepted, self.now_s))
                .map_err(|error| explain(self.path, &error))?;
            scene.roots.push(root);
        }
        Ok(scene)
    }
}

/// Those that have one root are looked at once.
fn gathered<'l, 'r>(looked: &'l [Looked<'r>]) -> Vec<Vec<&'l Looked<'r>>> {
    let mut groups: Vec<(Option<u64>, Vec<&Looked<'_>>)> = Vec::new();
    for it in looked {
        let print = it.told().and_then(|told| told.fingerprint);
        match groups.iter_mut().find(|(known, _)| print.is_some() && *known == print) {
            Some((_, group)) => group.push(it),
            None => groups.push((print, vec![it])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What a container does at this moment.
fn live(eyes: &mut dyn Look, looked: &Looked<'_>, now_s: i64) -> Option<Live> {
    let (cgroup, others, scope) = match looked.running() {
        None => (String::new(), Vec::new(), Scope::Host),
        Some(it) => (it.container.cgroup_path.to_string(), it.inner(), Scope::Cgroup),
    };
    let declared = Declared::default();
    let sockets = Vec::new();
    let asked = Asked { cgroup, others, declared, sockets, scope, is_thorough: false };
    let observed = eyes.look(&asked).ok()??;
    Some(in_use(observed, now_s.saturating_mul(1_000_000_000)))
}

/// What is written of the use of an image, or of the host.
/// What was written before its digest was known is there under the id of its container.
fn written(images: &[ImageUse], group: &[&Looked<'_>]) -> ImageUse {
    let container = group.first().and_then(|it| it.container());
    let keys: Vec<&str> = match container {
        None => vec![Container::HOST],
        Some(it) => {
            let facts = [&it.image_digest, &it.image_id];
            let known = facts.into_iter().filter_map(|it| it.known().map(|it| &**it));
            let ids = group.iter().filter_map(|it| it.container()).map(|it| &*it.id);
            known.chain(ids).collect()
        }
    };
    let nothing = || ImageUse::nothing(keys.first().copied().unwrap_or_default());
    usage::of(images, &keys).unwrap_or_else(nothing)
}

/// A root of which nothing is known but who has it.
fn unknown(group: &[&Looked<'_>], live: &[Live]) -> Vulnerable {
    let of = |it: &&Looked<'_>| it.running().map(|it| it.container.clone());
    let mut ports: Vec<String> = live.iter().flat_map(|it| it.ports.clone()).collect();
    ports.sort();
    ports.dedup();
    Vulnerable {
        names: group.iter().map(|it| it.name().to_owned()).collect(),
        containers: group.iter().filter_map(of).collect(),
        findings: Vec::new(),
        unknown: 0,
        unplaced: 0,
        packages: 0,
        brought: 0,
        coverage: Coverage::default(),
        lacks: None,
        ports,
        exposed: BTreeMap::new(),
        os: None,
        not_read: group.first().and_then(|it| it.not_read()),
        gaps: group.first().map(|it| it.gaps()).unwrap_or_default(),
    }
}

fn vulnerable(
    group: &[&Looked<'_>],
    live: Vec<Live>,
    images: &[ImageUse],
    (pack, facts): (&Pack<PackFile>, &mut PackFacts),
    (accepted, now_s): (&[Accepted], i64),
) -> Result<Vulnerable, PackError> {
    let mut root = unknown(group, &live);
    let Some((first, inventory)) = group.first().and_then(|it| Some((it, it.inventory()?))) else {
        return Ok(root);
    };
    root.os.clone_from(&inventory.os);
    root.packages = inventory.packages.len();
    let mut used = written(images, group);
    let mut exposed = Exposed::new();
    for live in live {
        for (path, seen) in live.files {
            used.files.entry(path).and_modify(|it| *it = it.and(seen)).or_insert(seen);
        }
        exposed.extend(live.exposed);
    }
    let mut judged = judge(inventory, first.files(), (&used, &exposed), pack, now_s)?;
    accepted::mark(&mut judged, &holding(accepted, &root.containers, now_s));
    *facts = judged.data;
    (root.unknown, root.unplaced) = (judged.unknown, judged.unplaced);
    (root.brought, root.findings) = (judged.brought, judged.findings);
    (root.coverage, root.lacks) = (used.coverage, used.lacks());
    root.exposed = judged.exposed;
    Ok(root)
}
