//! What containerd leaves on disk before a container's first program starts.
//!
//! `<state>/io.containerd.runtime.v2.task/<namespace>/<id>/config.json`

use std::path::Path;

use super::{
    buildkit,
    files::{self, Look, fill_text},
    oci::{self, Spec},
    sandbox,
};
use crate::{
    container::Container,
    enrich::{cgroup_path, container::Lookup},
    event::FactSource,
    reach::Reach,
};

/// Below a state directory: the bundles, by namespace and id.
pub const TASKS: &str = "io.containerd.runtime.v2.task";

/// The namespace in which Docker runs containers.
const OF_DOCKER: &str = "moby";

/// Holds the path of the program that runs the container.
const SHIM: &str = "shim-binary-path";

/// Longest path there.
const SHIM_BYTES: u64 = 4096;

/// A container's bundle.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The runtime's namespace that the container is in.
    pub(super) namespace: String,
    spec: Spec,
    /// What runs the container, since containerd 1.6.
    shim: Option<String>,
}

/// Finds the bundle of a container. `is_node` says whether the runtime is in a cgroup: then the
/// cgroups that it makes can begin there.
pub(super) fn find(
    reach: &dyn Reach,
    state: &Path,
    lookup: &Lookup,
    is_node: &mut dyn FnMut(&str) -> bool,
) -> Result<Bundle, Look> {
    if !files::is_file_name(&lookup.id) {
        return Err(Look::Nothing);
    }
    let tasks = state.join(TASKS);
    let mut best = Look::Nothing;
    for namespace in reach.names(&tasks).map_err(|_none| Look::Nothing)? {
        let directory = tasks.join(&namespace).join(&*lookup.id);
        if !reach.stat(&directory).is_ok_and(|it| it.is_directory) {
            continue;
        }
        match oci::read(reach, &directory) {
            Ok(spec) if spec.is_of(lookup) || spec.above(lookup).is_some_and(&mut *is_node) => {
                let namespace = namespace.to_string_lossy().into_owned();
                let shim = reach.read(&directory.join(SHIM), SHIM_BYTES).ok();
                let shim = shim.map(|path| sandbox::of_shim(&String::from_utf8_lossy(&path)));
                return Ok(Bundle { namespace, spec, shim });
            }
            Ok(_anothers) => {}
            // The directory can be there a moment before its file is.
            Err(_) => best = Look::NotYet,
        }
    }
    Err(best)
}

impl Bundle {
    /// Whether the host's Docker, or a user's, had it made: that is then who has this id.
    pub(super) fn is_dockers(&self, lookup: &Lookup) -> bool {
        self.namespace == OF_DOCKER && self.spec.is_of(lookup)
    }

    /// Fills in what the bundle tells.
    pub(super) fn fill(&self, reach: &dyn Reach, container: &mut Container) {
        let is_build = self.namespace == buildkit::NAMESPACE;
        let runtime = if is_build { cgroup_path::BUILDKIT } else { "containerd" };
        fill_text(&mut container.runtime, Some(runtime), FactSource::Bundle);
        fill_text(&mut container.oci_runtime, self.shim.as_deref(), FactSource::Bundle);
        self.spec.fill_cri(container);
        self.spec.fill(reach, container);
    }
}

#[cfg(test)]
mod tests;
