//! Containers that runc or crun were told to run by no engine: their state is
//! `<root>/<id>/state.json` (runc) or `<root>/<id>/status` (crun), and says where the bundle is.

use std::{fs, path::Path, time::Duration};

use serde::Deserialize;

use super::{
    files::{self, Look, Words, fill, fill_text, is_file_name, lacks},
    oci,
};
use crate::{
    container::Container,
    enrich::container::Lookup,
    event::{FactSource, Reason},
    limits::RUNC_CONTAINERS,
};

const SOURCE: FactSource = FactSource::Runc;

/// How long a container may take to be made.
const MAKING: Duration = Duration::from_secs(10);

/// `state.json`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    created: String,
    cgroup_paths: Option<Words>,
    config: Config,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    labels: Option<Vec<String>>,
}

/// `status`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Status {
    created: String,
    cgroup_path: String,
    bundle: String,
}

/// What either says.
struct Found {
    runtime: &'static str,
    created: String,
    cgroups: Vec<String>,
    bundle: Option<String>,
}

/// Looks for a container below a root. Its cgroup mostly has its name, but need not.
pub(super) fn look(root: &Path, lookup: &Lookup, container: &mut Container) -> Look {
    let first = look_at(root, &lookup.id, lookup, container);
    // Engines give long ids, and name cgroups after them.
    let is_engines = lookup.id.len() == 64;
    if first == Look::Found || is_engines {
        return first;
    }
    let Ok(entries) = fs::read_dir(root) else { return first };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let others = names.filter(|name| name.len() != 64 && **name != *lookup.id);
    let mut best = first;
    for name in others.take(RUNC_CONTAINERS) {
        best = best.max(look_at(root, &name, lookup, container));
        if best == Look::Found {
            break;
        }
    }
    best
}

fn look_at(root: &Path, id: &str, lookup: &Lookup, container: &mut Container) -> Look {
    if !is_file_name(id) {
        return Look::Nothing;
    }
    let directory = root.join(id);
    let found = match read(&directory) {
        Ok(found) => found,
        // Its directory is there before it has a cgroup, the file only after.
        Err(Look::Nothing) if is_new(&directory) => return Look::NotYet,
        Err(look) => return look,
    };
    if !found.cgroups.iter().any(|path| is_path(path, &lookup.cgroup_path)) {
        return Look::Nothing;
    }
    container.id = id.into();
    found.fill(container);
    Look::Found
}

/// Whether a directory was made just now: an old one without a file is what somebody left.
fn is_new(directory: &Path) -> bool {
    let made = fs::metadata(directory).and_then(|it| it.modified());
    made.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < MAKING))
}

fn read(directory: &Path) -> Result<Found, Look> {
    let of_runc = |state: State| {
        let labels = state.config.labels.unwrap_or_default();
        let bundle = labels.iter().find_map(|label| label.strip_prefix("bundle="));
        Found {
            runtime: "runc",
            created: state.created,
            cgroups: state.cgroup_paths.unwrap_or_default().into_values().collect(),
            bundle: bundle.map(str::to_owned),
        }
    };
    let of_crun = |status: Status| Found {
        runtime: "crun",
        created: status.created,
        cgroups: vec![format!("/sys/fs/cgroup/{}", status.cgroup_path.trim_start_matches('/'))],
        bundle: Some(status.bundle),
    };
    match files::read(&directory.join("state.json")).map(of_runc) {
        Err(Look::Nothing) => files::read(&directory.join("status")).map(of_crun),
        read => read,
    }
}

/// Whether a path below the mounts of cgroups is that of this cgroup: with version 1 there is a
/// mount for each controller.
fn is_path(full: &str, cgroup: &str) -> bool {
    let Some(below) = full.strip_prefix("/sys/fs/cgroup") else { return false };
    let in_controller = || below.strip_prefix('/')?.split_once('/').map(|(_, rest)| rest);
    below == cgroup || in_controller() == cgroup.strip_prefix('/')
}

impl Found {
    fn fill(&self, container: &mut Container) {
        let id = container.id.clone();
        fill_text(&mut container.runtime, Some(self.runtime), SOURCE);
        fill_text(&mut container.name, Some(&id), SOURCE);
        fill(&mut container.started_ns, files::time(&self.created), SOURCE);
        // Whoever runs it so brings a root file system, and no image or labels.
        for fact in [&mut container.image, &mut container.image_id, &mut container.image_digest] {
            lacks(fact, Reason::NotApplicable);
        }
        lacks(&mut container.labels, Reason::NotApplicable);
        if let Some(Ok(spec)) = self.bundle.as_ref().map(|bundle| oci::read(Path::new(bundle))) {
            spec.fill(container);
        }
    }
}

#[cfg(test)]
mod tests;
