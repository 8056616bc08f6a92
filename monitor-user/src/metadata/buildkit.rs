//! Steps of builds, which BuildKit runs as containers: the bundle of each is
//! `<root>/executor/<id>/config.json` while it runs. Docker's own builder is one below its data
//! root. What is built, and from which image, stands nowhere in it.

use std::path::Path;

use super::{
    files::{Look, fill_text, is_file_name},
    oci,
};
use crate::{
    container::Container,
    enrich::{cgroup_path, container::Lookup},
    event::FactSource,
    reach::Reach,
};

/// Where Docker's own builder is, below its data root.
pub(super) const OF_DOCKER: &str = "buildkit";

/// The namespace of containerd's in which BuildKit runs steps where it is told to use that.
pub(super) const NAMESPACE: &str = "buildkit";

/// Looks for a step below a root.
pub(super) fn look(
    reach: &dyn Reach,
    root: &Path,
    lookup: &Lookup,
    container: &mut Container,
) -> Look {
    if !is_file_name(&lookup.id) {
        return Look::Nothing;
    }
    match oci::read(reach, &root.join("executor").join(&*lookup.id)) {
        Ok(spec) if spec.is_of(lookup) => {
            fill_text(&mut container.runtime, Some(cgroup_path::BUILDKIT), FactSource::Bundle);
            fill_text(&mut container.name, Some(&lookup.id), FactSource::Bundle);
            spec.fill(reach, container);
            Look::Found
        }
        Ok(_anothers) => Look::Nothing,
        Err(look) => look,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{check, lookup, pending, place},
        *,
    };
    use crate::reach::Direct;

    const STEP: &str = "l6ope9b2pw4lo82boicg696dh";

    fn looked(name: &str, spec: &str, path: &str) -> (Look, Container) {
        let file = format!("executor/{STEP}/config.json");
        let folder = place(&format!("buildkit-{name}"), &[(&file, spec)]);
        let asked = lookup(path, STEP);
        let mut container = pending(&asked);
        (look(&Direct, folder.path(), &asked, &mut container), container)
    }

    #[test]
    fn a_step_is_named_as_such() {
        let path = format!("/docker/buildkit/{STEP}");
        let spec = format!(r#"{{"linux":{{"cgroupsPath":"{path}"}},"mounts":[]}}"#);
        let (look, container) = looked("step", &spec, &path);
        assert_eq!(look, Look::Found);
        let name = format!("name = {STEP} (bundle)");
        check(&container, &["runtime = buildkit (bundle)", &name, "host_pid = true (bundle)"]);
        let (look, _) = looked(
            "systemd",
            &spec.replace(&path, &format!("system.slice:docker:{STEP}")),
            &format!("/system.slice/docker-{STEP}.scope"),
        );
        assert_eq!(look, Look::Found);
    }

    #[test]
    fn anothers_bundle_does_not_count() {
        let spec = r#"{"linux":{"cgroupsPath":"/elsewhere"}}"#;
        let (look, _) = looked("other", spec, &format!("/docker/buildkit/{STEP}"));
        assert_eq!(look, Look::Nothing);
    }
}
