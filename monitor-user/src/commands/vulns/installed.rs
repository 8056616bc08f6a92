//! What is vulnerable of what is installed on this host and in running containers, and whether it
//! is in use there.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    path::Path,
};

use anyhow::Context as _;
use monitor_inventory::{Coordinates, Inventory, Kind};
use monitor_vulns::{
    matcher::Coordinate,
    pack::{Pack, PackError},
};

use crate::{
    commands::{
        data::explain,
        inventory::{Looked, give_up, look, other_file_systems, subjects},
        say, usage_path,
    },
    config::Config,
    container::Container,
    input,
    instance::DEFAULT_NAME,
    keeper::Privileges,
    limits::USAGE_BYTES,
    metadata::running::running,
    posture::{
        Declared, Observed,
        observed::{self, Asked, Look, Scope},
    },
    usage::{self, Coverage, How, ImageUse, Used},
    vulns::{Finding, PackFacts, PackFile, Package, Report},
};

/// Whether something vulnerable is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum InUse {
    /// It is: the most that was seen.
    Seen(Used),
    /// All was seen, and not this.
    NotObserved,
    /// It may be or not, for this reason.
    Unknown(String),
}

impl InUse {
    /// As it is shown.
    pub(in crate::commands) fn name(&self) -> &'static str {
        match self {
            Self::Seen(used) => used.how.name(),
            Self::NotObserved => "not observed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What is used most comes first.
    pub(in crate::commands) fn rank(&self) -> u8 {
        match self {
            Self::Seen(used) => match used.how {
                How::Executed => 0,
                How::Mapped => 1,
                How::Opened => 2,
            },
            Self::Unknown(_) => 3,
            Self::NotObserved => 4,
        }
    }
}

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
    /// Ports at which it listens.
    pub(in crate::commands) ports: Vec<String>,
    /// What is installed.
    pub(in crate::commands) os: Option<monitor_inventory::OsRelease>,
    /// Why nothing was read.
    pub(in crate::commands) not_read: Option<&'static str>,
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

/// What a container has mapped, and where it listens.
struct Live {
    files: BTreeMap<Vec<u8>, Used>,
    ports: Vec<String>,
}

/// Looks at the host and the containers, or one of them.
///
/// # Errors
///
/// There is no such container, or the keeper or the pack cannot be used.
pub(in crate::commands) fn look_at(
    config: &Config,
    of: Option<&str>,
    path: &Path,
    pack: &Pack<PackFile>,
    now_s: i64,
) -> anyhow::Result<Scene> {
    let skip = other_file_systems();
    let mut privileges = Privileges::for_inventories(config).context("cannot start the keeper")?;
    let sources = privileges.sources().context("cannot ask the keeper")?;
    let mut roots = privileges.roots().context("cannot ask the keeper")?;
    let mut eyes = privileges.look().context("cannot ask the keeper")?;
    let book = usage_path(config, DEFAULT_NAME).join(usage::FILE);
    let written = File::open(&book).ok();
    give_up(config)?;
    let (mut images, mut usage_ns) = (Vec::new(), None);
    if let Some(file) = written {
        let bytes = input::read_opened(file, USAGE_BYTES).unwrap_or_default();
        match usage::read(&String::from_utf8_lossy(&bytes)) {
            Ok((read, written_ns)) => (images, usage_ns) = (read, Some(written_ns)),
            Err(why) => say(&format!("what is used is not known: {}: {why}", book.display())),
        }
    }
    let mut all = match of {
        Some(Container::HOST) => Vec::new(),
        _ => running(sources, config.runtime_roots.clone()),
    };
    all.retain(|it| observed::is_running(&it.container.cgroup_path, &it.others));
    let subjects = subjects(of, &all)?;
    let looked = look(&mut *roots, subjects, &skip, true);
    let groups = gathered(&looked);
    let mut scene = Scene { report: PackFacts::default(), roots: Vec::new(), usage_ns };
    for group in groups {
        let live: Vec<Live> = group.iter().filter_map(|it| live(&mut *eyes, it, now_s)).collect();
        let root = vulnerable(&group, live, &images, pack, now_s, &mut scene.report)
            .map_err(|error| explain(path, &error))?;
        scene.roots.push(root);
    }
    Ok(scene)
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
    let asked = Asked { cgroup, others, declared: Declared::default(), scope };
    let observed: Observed = eyes.look(&asked).ok()??;
    let now_ns = now_s.saturating_mul(1_000_000_000);
    let used = |how| Used { how, first_ns: now_ns, last_ns: now_ns, by_root: false };
    let mut files = BTreeMap::new();
    for it in observed.mapped {
        let how = if it.is_code { How::Mapped } else { How::Opened };
        files.insert(it.path, used(how));
    }
    // A program that runs was executed.
    for process in observed.processes.into_iter().filter(|it| it.program.starts_with(b"/")) {
        let one = used(How::Executed);
        files.entry(process.program).and_modify(|it| *it = it.and(one)).or_insert(one);
    }
    let ports = observed.listeners.unwrap_or_default();
    let mut ports: Vec<String> =
        ports.iter().map(|it| format!("{}/{}", it.port, it.protocol)).collect();
    ports.sort();
    ports.dedup();
    Some(Live { files, ports })
}

/// What is written of the use of an image, or of the host.
/// What was written before its digest was known is there under the id of its container.
fn written(images: &[ImageUse], group: &[&Looked<'_>]) -> Option<ImageUse> {
    let container = group.first()?.container();
    let keys: Vec<&str> = match container {
        None => vec![Container::HOST],
        Some(it) => {
            let facts = [&it.image_digest, &it.image_id];
            let known = facts.into_iter().filter_map(|it| it.known().map(|it| &**it));
            let ids = group.iter().filter_map(|it| it.container()).map(|it| &*it.id);
            known.chain(ids).collect()
        }
    };
    let mut all = images.iter().filter(|it| keys.contains(&&*it.key)).cloned();
    let mut first = all.next()?;
    all.for_each(|it| first.join(it, usize::MAX));
    Some(first)
}

/// What is known of the packages of a name and version: their use, whether an interpreter loads
/// them, and whether the system brought all of them.
#[derive(Clone, Copy, Debug)]
struct Known {
    used: Option<Used>,
    is_script: bool,
    is_brought: bool,
}

impl Known {
    const NONE: Self = Self { used: None, is_script: false, is_brought: true };

    fn and(self, other: Self) -> Self {
        let used = match (self.used, other.used) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        Self {
            used,
            is_script: self.is_script || other.is_script,
            is_brought: self.is_brought && other.is_brought,
        }
    }

    /// Whether they are in use; `lacks` says why what was not seen may be.
    fn in_use(self, lacks: Option<&String>) -> InUse {
        match (self.used, lacks) {
            (Some(used), _) => InUse::Seen(used),
            (None, Some(why)) => InUse::Unknown(why.clone()),
            (None, None) if self.is_script => {
                InUse::Unknown("not every module that an interpreter loads is seen".to_owned())
            }
            (None, None) => InUse::NotObserved,
        }
    }
}

/// What is asked about the packages of a root, and what is known of them.
#[derive(Default)]
struct Questions {
    asked: Vec<Package>,
    known: HashMap<(String, String), Known>,
    /// Packages of which nothing can be asked.
    unplaced: usize,
}

impl Questions {
    fn of(inventory: &Inventory, uses: Option<&[Option<Used>]>) -> Self {
        let mut questions = Self::default();
        for (at, package) in inventory.packages.iter().enumerate() {
            let Some(place) = package.osv(inventory.os.as_ref()) else {
                questions.unplaced += 1;
                continue;
            };
            let (name, version) = (package.name.to_string(), package.version.to_string());
            let known = Known {
                used: uses.and_then(|uses| uses.get(at).copied().flatten()),
                is_script: matches!(package.kind, Kind::Python | Kind::Node | Kind::Java),
                is_brought: package.brought_by.is_some(),
            };
            let there = questions.known.entry((name.clone(), version.clone()));
            there.and_modify(|it| *it = it.and(known)).or_insert(known);
            let Coordinates { ecosystem, name: of, version: at } = place;
            let coordinates = vec![Coordinate { ecosystem, name: of, version: at }];
            let purl = Some(package.purl(inventory.os.as_ref()));
            questions.asked.push(Package { coordinates, name, version, purl });
        }
        questions
    }
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
        ports,
        os: None,
        not_read: group.first().and_then(|it| it.not_read()),
    }
}

fn vulnerable(
    group: &[&Looked<'_>],
    live: Vec<Live>,
    images: &[ImageUse],
    pack: &Pack<PackFile>,
    now_s: i64,
    facts: &mut PackFacts,
) -> Result<Vulnerable, PackError> {
    let mut root = unknown(group, &live);
    let Some((first, inventory)) = group.first().and_then(|it| Some((it, it.inventory()?))) else {
        return Ok(root);
    };
    root.os.clone_from(&inventory.os);
    root.packages = inventory.packages.len();
    let ImageUse { coverage, mut files, .. } = written(images, group).unwrap_or_default();
    root.coverage = coverage;
    for (path, used) in live.into_iter().flat_map(|it| it.files) {
        files.entry(path).and_modify(|it| *it = it.and(used)).or_insert(used);
    }
    let uses = first.files().map(|index| index.uses(&files, inventory.packages.len()));
    let questions = Questions::of(inventory, uses.as_deref());
    let report = Report::of(pack, &questions.asked, &[], now_s)?;
    *facts = report.pack;
    (root.unknown, root.unplaced) = (report.unknown.len(), questions.unplaced);
    let lacks = match first.files() {
        Some(index) if !index.is_cut => root.coverage.lacks(),
        _ => Some("whose its files are is not known".to_owned()),
    };
    for finding in report.findings {
        let known = finding.installed.iter().filter_map(|it| questions.known.get(it));
        let known = known.fold(Known::NONE, |sum, known| sum.and(*known));
        if known.is_brought {
            root.brought += 1;
            continue;
        }
        root.findings.push((finding, known.in_use(lacks.as_ref())));
    }
    // The report has them by how much they matter: of those that are used alike that stays.
    root.findings.sort_by_key(|(finding, in_use)| (!finding.counts(), in_use.rank()));
    Ok(root)
}
