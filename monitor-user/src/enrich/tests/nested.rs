//! Cgroups inside of containers.

use std::sync::Arc;

use super::*;
use crate::{
    enrich::container::{ContainerFacts, Registry},
    limits::{CGROUPS, CGROUPS_OF_ONE, CONTAINERS, CONTAINERS_IN_ONE},
};

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
    for (id, above, is_known) in [
        (5, "", true),
        (6, "/default/box", false),
        (7, "/lxc.payload.c1", false),
        (8, "/system.slice/ci.service", false),
    ] {
        let path = format!("{above}{pod}");
        asked(&mut registry, id, &path);
        assert_eq!(registry.at_path(&path).unwrap().pod_uid.known().is_some(), is_known);
    }
}

const fn key(id: u64) -> CgroupKey {
    CgroupKey { hierarchy: 0, id }
}

/// A container, one that only its facts tell, and a user make more cgroups than there is room for.
#[test]
fn a_flood_of_cgroups_takes_nobody_elses_place() {
    let inner = |number| format!("docker-{number:064x}.scope");
    let plain = |number| format!("{number}");
    for (owner, name, most) in [
        (format!("/docker/{OTHER}"), &inner as &dyn Fn(usize) -> String, CONTAINERS),
        (format!("/docker/{OTHER}"), &plain, CGROUPS),
        ("/default/box".to_owned(), &inner, CONTAINERS),
        ("/user.slice/user-7.slice/user@7.service".to_owned(), &inner, CONTAINERS),
        ("/user.slice/user-7.slice/user@7.service".to_owned(), &plain, CGROUPS),
        ("/user.slice/user-7.slice".to_owned(), &plain, CONTAINERS),
    ] {
        let mut registry = Registry::default();
        registry.add_cgroup(key(2), &owner);
        let container = Container { id: "box".into(), ..Container::unknown("", Reason::NoBundle) };
        let container = Some(Arc::new(container));
        registry.learn(ContainerFacts { cgroup_path: owner.as_str().into(), container });
        for number in 0..=most {
            registry.add_cgroup(key(10 + number as u64), &format!("{owner}/{}", name(number)));
        }
        assert!(registry.stats().over_share as usize >= most - CGROUPS_OF_ONE, "{owner}");
        assert_eq!(registry.stats().refused, 0, "{owner}");
        let added = registry.add_cgroup(key(3), &format!("/docker/{ID}"));
        assert_eq!(&*added.lookup.expect("a question").id, ID, "{owner}");
        assert_eq!(registry.id_of(key(3)), ID);
        // Whoever floods gets its room back with the cgroups.
        for number in 0..=most {
            registry.remove_cgroup(key(10 + number as u64));
        }
        registry.add_cgroup(key(4), &format!("{owner}/{}", inner(1)));
        assert_eq!(registry.id_of(key(4)), &format!("{:064x}", 1), "{owner}");
    }
}

/// What runs in a container for which its outer one has no more room is told of that one.
#[test]
fn those_over_the_share_are_told_of_the_outermost() {
    let mut registry = Registry::default();
    let owner = format!("/docker/{OTHER}");
    registry.add_cgroup(key(2), &owner);
    let path = |number: usize| format!("{owner}/docker-{number:064x}.scope");
    for number in 0..=CONTAINERS_IN_ONE {
        let added = registry.add_cgroup(key(10 + number as u64), &path(number));
        assert_eq!(added.lookup.is_some(), number < CONTAINERS_IN_ONE, "{number}");
    }
    let (over, _) = registry.of_cgroup(key(10 + CONTAINERS_IN_ONE as u64));
    let container = registry.get(over);
    assert_eq!(&*container.id, OTHER);
    assert_eq!(container.name, Fact::Unknown(Reason::TooMany));
    // Facts that come late are looked up by the path.
    assert_eq!(registry.at_path(&container.cgroup_path), Some(container));
    let outermost = registry.of_cgroup(key(2)).0.expect("a container");
    assert!(registry.is_nested(over.expect("a container"), outermost));
    assert_eq!(registry.stats().over_share, 1);
}

/// A cgroup over the share that is looked for takes no room either once it is found.
#[test]
fn what_is_found_over_the_share_is_told_of_the_outermost() {
    let mut registry = Registry::default();
    let owner = format!("/docker/{OTHER}");
    registry.add_cgroup(key(2), &owner);
    for number in 1..CGROUPS_OF_ONE {
        registry.add_cgroup(key(10 + number as u64), &format!("{owner}/{number}"));
    }
    let known = registry.stats().cgroups;
    let (placeholder, lookup) = registry.of_cgroup(key(5));
    assert!(lookup.is_some_and(|lookup| lookup.unseen.is_some()));
    let added = registry.add_cgroup(key(5), &format!("{owner}/x"));
    assert_eq!(added.moved.map(|(from, _)| from), placeholder);
    assert_eq!(&*registry.get(placeholder).id, OTHER);
    assert_eq!(registry.stats().cgroups, known);
}

/// podman's monitor is in a cgroup of its own, from which it starts what runs the container.
#[test]
fn what_leaves_a_cgroup_that_may_be_a_container_is_of_the_one_it_enters() {
    let (monitor, path) = ("/libpod_parent/conmon", format!("/libpod_parent/libpod-{ID}"));
    for (is_container, then) in [(false, ID), (true, "conmon")] {
        let mut bench = Bench::new();
        assert_eq!(bench.cgroup(40, monitor).len(), 1);
        bench.cgroup(50, &path);
        let runtime = Who::new(9).in_cgroup(40);
        bench.place(runtime);
        let first = runtime.child(10);
        bench.event(&records::fork(runtime, first));
        assert_eq!(bench.place(first.in_cgroup(50)), ID);
        bench.event(&records::fork(first.in_cgroup(50), first.child(11)));
        bench.learn(monitor, is_container.then(|| container("conmon", monitor)));
        // From a container nobody gets into another one.
        assert_eq!(bench.place(first.in_cgroup(50)), then, "{is_container}");
        assert_eq!(bench.place(first.child(11).in_cgroup(50)), then, "{is_container}");
    }
}
