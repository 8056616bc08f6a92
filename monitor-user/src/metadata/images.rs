//! The images that engines keep, and the containers that they know in any state, for who asks once:
//! Docker and what lies in the layout of containers/storage by their files, containerd by its API.

pub(super) mod docker;
mod storage;

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
};

use serde::de::DeserializeOwned;

use super::{RuntimeKind, RuntimeRoot, containerd, files, running::Running};
use crate::{
    images::{Engine, RunState, Store, Use},
    limits::RUNTIME_FILE_BYTES,
    reach::Reach,
};

/// What containerd says at these places.
#[must_use]
pub fn told(ask: &mut dyn containerd::Ask, roots: &[RuntimeRoot]) -> Vec<Store> {
    let of_containerd = roots.iter().filter(|root| root.kind == RuntimeKind::Containerd);
    let sockets = of_containerd.filter_map(|root| root.socket.as_deref());
    sockets.flat_map(|socket| ask.stores(socket)).collect()
}

/// Everything that is kept in these places, beside what containerd told.
#[must_use]
pub fn stores(
    reach: &dyn Reach,
    roots: &[RuntimeRoot],
    told: Vec<Store>,
    all: &[Running],
) -> Vec<Store> {
    let mut stores = Vec::new();
    for root in roots {
        match root.kind {
            RuntimeKind::Docker => stores.extend(docker::store(reach, &root.state)),
            RuntimeKind::Podman => stores.extend(storage::store(reach, &root.state)),
            RuntimeKind::Containerd | RuntimeKind::Runc | RuntimeKind::Buildkit => {}
        }
    }
    stores.extend(told);
    note_running(&mut stores, all);
    stores
}

/// Says of containers whether they run, which cgroups tell, and adds those that no engine lists.
fn note_running(stores: &mut Vec<Store>, all: &[Running]) {
    let mut others = Store::new(Engine::Other, "", "/sys/fs/cgroup".into());
    let of_id: HashMap<&str, &Running> = all.iter().map(|it| (&*it.container.id, it)).collect();
    let mut listed = HashSet::new();
    for it in stores.iter_mut().flat_map(|store| &mut store.uses) {
        let Some(running) = of_id.get(&*it.id) else { continue };
        it.state = RunState::Running;
        add_facts(it, running);
        listed.insert(it.id.clone());
    }
    for (id, running) in of_id.into_iter().filter(|(id, _)| !listed.contains(*id)) {
        let mut it = Use::new(id);
        it.state = RunState::Running;
        add_facts(&mut it, running);
        others.uses.push(it);
    }
    others.uses.sort_by(|one, other| one.id.cmp(&other.id));
    if !others.uses.is_empty() {
        stores.push(others);
    }
}

/// Adds what else is known of a container's image.
fn add_facts(it: &mut Use, running: &Running) {
    let container = &running.container;
    if it.name.is_empty() {
        it.name = container.name.known().map(|name| name.to_string()).unwrap_or_default();
    }
    let facts = [&container.image, &container.image_id, &container.image_digest];
    it.others.extend(facts.into_iter().filter_map(|fact| fact.known()).map(|it| it.to_string()));
}

/// Reads a file of JSON; None where there is none. What cannot be read is noted.
fn read<T: DeserializeOwned>(reach: &dyn Reach, path: &Path, lacks: &mut Vec<String>) -> Option<T> {
    let text = reach.read(path, RUNTIME_FILE_BYTES + 1);
    if text.as_ref().is_err_and(is_none) {
        return None;
    }
    match files::parse(text) {
        Ok(read) => Some(read),
        Err(_) => {
            lacks.push(format!("{} cannot be read", path.display()));
            None
        }
    }
}

/// The names in a directory; none where there is none. What cannot be read is noted.
fn names(reach: &dyn Reach, path: &Path, lacks: &mut Vec<String>) -> Vec<String> {
    match reach.names(path) {
        Ok(names) => {
            let names = names.into_iter().filter_map(|name| name.into_string().ok());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
        Err(error) if is_none(&error) => Vec::new(),
        Err(error) => {
            lacks.push(format!("{} cannot be read: {error}", path.display()));
            Vec::new()
        }
    }
}

fn is_none(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
