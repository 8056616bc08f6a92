//! What podman and CRI-O keep on disk, both in the layout of containers/storage: the bundle of each
//! container, and lists of containers and images with their names.
//!
//! One container's parts can be in two places: what outlives the host's run in one, the rest in the
//! other. So all places are looked at together.

use std::path::{Path, PathBuf};

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    created,
    files::{self, Look, fill_text, is_file_name, is_runtimes, lacks, plain_id},
    oci::{self, Spec},
};
use crate::{
    container::Container,
    enrich::container::Lookup,
    event::{FactSource, Reason},
    reach::Reach,
};

const SOURCE: FactSource = FactSource::Storage;

/// Storage drivers that containers run on.
pub(super) const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// Where containers are listed.
pub(super) const LISTS: [&str; 2] = ["containers.json", "volatile-containers.json"];

/// An entry of `containers.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: String,
    names: Option<Vec<String>>,
    /// Id of the image; of an infra container there is none.
    image: String,
    /// More JSON, as a text.
    metadata: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "image-name")]
    image_name: String,
}

/// An entry of `images.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Image {
    id: String,
    digest: String,
    /// When it was made; a time long ago where that is not known.
    created: String,
}

/// The places, and how they are reached.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) reach: &'a dyn Reach,
    pub(super) paths: &'a [PathBuf],
}

/// Looks for a container in all places.
pub(super) fn look(places: Places<'_>, lookup: &Lookup, container: &mut Container) -> Look {
    if !is_file_name(&lookup.id) {
        return Look::Nothing;
    }
    let spec = match bundle(places, &lookup.id) {
        Ok(spec) if spec.is_of(lookup) => Some(spec),
        Ok(_anothers) => return Look::Nothing,
        Err(Look::NotYet) => return Look::NotYet,
        Err(_) => None,
    };
    let entry = entry(places, &lookup.id);
    // Without a bundle only the id says that it is the one.
    match (&spec, &entry) {
        (None, None) => return Look::Nothing,
        (None, Some(_)) if !is_runtimes(lookup) => return Look::Unsure,
        _ => {}
    }
    let of_crio = spec.as_ref().is_some_and(|spec| spec.fill_crio(container));
    if of_crio {
        fill_of_sandbox(places, container);
    }
    if let Some(entry) = entry {
        entry.fill(places, container);
    }
    if let Some(spec) = spec {
        spec.fill(places.reach, container);
    }
    fill_text(&mut container.runtime, Some("podman"), SOURCE);
    Look::Found
}

/// The labels and annotations of a pod are noted in the bundle of its sandbox.
fn fill_of_sandbox(places: Places<'_>, container: &mut Container) {
    let Some(sandbox) = container.sandbox_id.known().cloned() else { return };
    if is_file_name(&sandbox)
        && let Ok(spec) = bundle(places, &sandbox)
    {
        spec.fill_of_sandbox(container);
    }
}

/// The directory of a driver's containers or images, in each place.
fn directories<'a>(places: Places<'a>, what: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    let in_place = move |place: &Path| DRIVERS.map(|driver| place.join(format!("{driver}-{what}")));
    places.paths.iter().flat_map(move |place| in_place(place))
}

fn bundle(places: Places<'_>, id: &str) -> Result<Spec, Look> {
    let bundles = directories(places, "containers").map(|it| it.join(id).join("userdata"));
    oci::read_first(places.reach, bundles)
}

fn entry(places: Places<'_>, id: &str) -> Option<Entry> {
    // Containers that go when they end are listed apart.
    let lists = |it: PathBuf| LISTS.map(|list| it.join(list));
    listed(places, directories(places, "containers").flat_map(lists), |it: &Entry| it.id == id)
}

fn image(places: Places<'_>, id: &str) -> Option<Image> {
    let lists = directories(places, "images").map(|images| images.join("images.json"));
    listed(places, lists, |it: &Image| it.id == id)
}

/// The first of what these lists hold of which this is true.
fn listed<T: DeserializeOwned>(
    places: Places<'_>,
    lists: impl Iterator<Item = PathBuf>,
    is_it: impl Fn(&T) -> bool,
) -> Option<T> {
    let lists: Vec<PathBuf> = lists.collect();
    let read = files::read_all::<Vec<T>>(places.reach, &lists);
    read.filter_map(Result::ok).find_map(|entries| entries.into_iter().find(&is_it))
}

impl Entry {
    fn fill(&self, places: Places<'_>, container: &mut Container) {
        let names = self.names.as_deref().unwrap_or_default();
        fill_text(&mut container.name, names.first().map(String::as_str), SOURCE);
        if self.image.is_empty() {
            // It runs from a directory of the host.
            lacks(&mut container.image_created_ns, Reason::NotApplicable);
            for fact in [&mut container.image, &mut container.image_id, &mut container.image_digest]
            {
                lacks(fact, Reason::NotApplicable);
            }
            return;
        }
        let metadata: Metadata = serde_json::from_str(&self.metadata).unwrap_or_default();
        fill_text(&mut container.image, Some(&metadata.image_name), SOURCE);
        fill_text(&mut container.image_id, Some(plain_id(&self.image)), SOURCE);
        if let Some(image) = image(places, &self.image) {
            fill_text(&mut container.image_digest, Some(&image.digest), SOURCE);
            created::fill_time(container, Some(&image.created), SOURCE);
        }
    }
}

#[cfg(test)]
mod tests;
