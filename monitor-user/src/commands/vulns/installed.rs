//! What is vulnerable of what is installed on this host and in running containers, and whether it
//! is in use there.

use std::{collections::BTreeMap, fs::File, path::Path};

use anyhow::Context as _;
use monitor_vulns::pack::{Pack, PackError};

use crate::{
    commands::{
        data::explain,
        inventory::{Looked, give_up, look, subjects},
        say, usage_path,
    },
    config::Config,
    container::Container,
    input,
    instance::DEFAULT_NAME,
    keeper::Privileges,
    limits::USAGE_BYTES,
    metadata::running::running,
    packages::inventory::other_file_systems,
    posture::{
        Declared,
        in_use::in_use,
        observed::{self, Asked, Look, Scope},
    },
    usage::{self, Coverage, ImageUse, Used},
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
    let declared = Declared::default();
    let asked = Asked { cgroup, others, declared, scope, is_thorough: false };
    let observed = eyes.look(&asked).ok()??;
    let (files, ports) = in_use(observed, now_s.saturating_mul(1_000_000_000));
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
    usage::of(images, &keys)
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
    let mut used = written(images, group).unwrap_or_default();
    for (path, seen) in live.into_iter().flat_map(|it| it.files) {
        used.files.entry(path).and_modify(|it| *it = it.and(seen)).or_insert(seen);
    }
    let judged = judge(inventory, first.files(), &used, pack, now_s)?;
    *facts = judged.data;
    (root.unknown, root.unplaced) = (judged.unknown, judged.unplaced);
    (root.brought, root.findings) = (judged.brought, judged.findings);
    root.coverage = used.coverage;
    Ok(root)
}
