//! Containers that runc or crun were told to run by no engine: their state is
//! `<root>/<id>/state.json` (runc) or `<root>/<id>/status` (crun), and says where the bundle is.

use std::{path::Path, time::Duration};

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
    live::{boottime_ns, clock_offset_ns},
    reach::{Reach, Stat},
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
pub(super) fn look(
    reach: &dyn Reach,
    root: &Path,
    lookup: &Lookup,
    container: &mut Container,
) -> Look {
    let first = look_at(reach, root, &lookup.id, lookup, container);
    // Engines give long ids, and name cgroups after them.
    let is_engines = lookup.id.len() == 64;
    if first == Look::Found || is_engines {
        return first;
    }
    let Ok(names) = reach.names(root) else { return first };
    let names = names.into_iter().map(|name| name.to_string_lossy().into_owned());
    let others = names.filter(|name| name.len() != 64 && **name != *lookup.id);
    let mut best = first;
    for name in others.take(RUNC_CONTAINERS) {
        best = best.max(look_at(reach, root, &name, lookup, container));
        if best == Look::Found {
            break;
        }
    }
    best
}

fn look_at(
    reach: &dyn Reach,
    root: &Path,
    id: &str,
    lookup: &Lookup,
    container: &mut Container,
) -> Look {
    if !is_file_name(id) {
        return Look::Nothing;
    }
    let directory = root.join(id);
    let found = match read(reach, &directory) {
        Ok(found) => found,
        // Its directory is there before it has a cgroup, the file only after.
        Err(Look::Nothing) if is_new(reach, &directory) => return Look::NotYet,
        Err(look) => return look,
    };
    if !found.cgroups.iter().any(|path| is_path(path, &lookup.cgroup_path)) {
        return Look::Nothing;
    }
    container.id = Container::chosen_id(id);
    found.fill(reach, container);
    Look::Found
}

/// Whether a directory was made just now: an old one without a file is what somebody left.
fn is_new(reach: &dyn Reach, directory: &Path) -> bool {
    let now_ns = clock_offset_ns().saturating_add_unsigned(boottime_ns());
    let age_ns = |it: Stat| u128::try_from(now_ns.saturating_sub(it.modified_ns)).unwrap_or(0);
    reach.stat(directory).is_ok_and(|it| age_ns(it) < MAKING.as_nanos())
}

fn read(reach: &dyn Reach, directory: &Path) -> Result<Found, Look> {
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
    match files::read(reach, &directory.join("state.json")).map(of_runc) {
        Err(Look::Nothing) => files::read(reach, &directory.join("status")).map(of_crun),
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
    fn fill(&self, reach: &dyn Reach, container: &mut Container) {
        let id = container.id.clone();
        fill_text(&mut container.runtime, Some(self.runtime), SOURCE);
        fill_text(&mut container.oci_runtime, Some(self.runtime), SOURCE);
        fill_text(&mut container.name, Some(&id), SOURCE);
        fill(&mut container.started_ns, files::time(&self.created), SOURCE);
        // Whoever runs it so brings a root file system, and no image or labels.
        for fact in [&mut container.image, &mut container.image_id, &mut container.image_digest] {
            lacks(fact, Reason::NotApplicable);
        }
        lacks(&mut container.image_created_ns, Reason::NotApplicable);
        lacks(&mut container.labels, Reason::NotApplicable);
        let spec = self.bundle.as_ref().and_then(|it| oci::read(reach, Path::new(it)).ok());
        if let Some(spec) = spec {
            spec.fill(reach, container);
        }
    }
}

#[cfg(test)]
mod tests;
