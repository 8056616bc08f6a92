//! Cgroups inside of containers.

use std::sync::Arc;

use super::*;
use crate::enrich::container::{ContainerFacts, Registry};

/// A path says only of some containers that they are one; of the others the facts do.
#[test]
fn what_is_in_a_known_container_is_asked_about_as_such() {
    let mut registry = Registry::default();
    let asked = |registry: &mut Registry, id, path: &str| {
        let added = registry.add_cgroup(CgroupKey { hierarchy: 0, id }, path);
        added.lookup.expect("a question").is_nested
    };
    assert!(!asked(&mut registry, 2, "/default/box"));
    let container = Container { id: "box".into(), ..Container::unknown("", Reason::NoBundle) };
    let cgroup_path = "/default/box".into();
    registry.learn(ContainerFacts { cgroup_path, container: Some(Arc::new(container)) });
    assert!(asked(&mut registry, 3, &format!("/default/box/docker-{ID}.scope")));
    assert!(!asked(&mut registry, 4, &format!("/default/docker-{OTHER}.scope")));
    // Nor does a path tell there whose pod it is.
    let pod = format!("/kubepods/pod8d4a8b5c-0000-1111-2222-333344445555/{OTHER}");
    for (id, above, is_known) in [(5, "", true), (6, "/default/box", false)] {
        let path = format!("{above}{pod}");
        asked(&mut registry, id, &path);
        assert_eq!(registry.at_path(&path).unwrap().pod_uid.known().is_some(), is_known);
    }
}
