//! What podman and CRI-O keep in the layout of containers/storage: lists of images, layers and
//! containers, by driver.

use std::{collections::HashMap, path::Path};

use serde::Deserialize;

use super::{
    super::{
        files::time,
        storage::{DRIVERS, LISTS},
    },
    docker::ImageConfig,
    names, read,
};
use crate::{
    images::{Engine, Image, Layer, Store, Use},
    limits::{CONTAINERS_LISTED, IMAGE_LAYERS, IMAGES_LISTED},
    metadata::created::time_of,
    reach::Reach,
};

/// Names of files that hold the configuration of an image: the base64 of `sha256:` and its id.
const CONFIG: &str = "=c2hhMjU2O";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: String,
    digest: String,
    names: Option<Vec<String>>,
    layer: String,
    created: String,
    #[serde(rename = "big-data-digests")]
    big: Option<HashMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LayerEntry {
    id: String,
    parent: String,
    #[serde(rename = "diff-size")]
    bytes: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    id: String,
    names: Option<Vec<String>>,
    image: String,
    created: String,
    metadata: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "image-name")]
    image_name: String,
    #[serde(rename = "image-id")]
    image_id: String,
    #[serde(rename = "pod")]
    is_pod: Option<bool>,
}

/// What is kept in a place; None where there is nothing.
pub(super) fn store(reach: &dyn Reach, place: &Path) -> Option<Store> {
    reach.stat(place).ok()?;
    let mut store = Store::new(Engine::Storage, "", place.to_owned());
    for driver in DRIVERS {
        add_images(reach, place, driver, &mut store);
        for list in LISTS {
            let path = place.join(format!("{driver}-containers")).join(list);
            let all: Vec<Container> = read(reach, &path, &mut store.lacks).unwrap_or_default();
            if all.len() > CONTAINERS_LISTED {
                store.lacks.push(format!("{} has more than is read", path.display()));
            }
            store.uses.extend(all.into_iter().take(CONTAINERS_LISTED).map(Container::into_use));
        }
    }
    let is_empty = store.images.is_empty() && store.uses.is_empty() && store.lacks.is_empty();
    (!is_empty).then_some(store)
}

fn add_images(reach: &dyn Reach, place: &Path, driver: &str, store: &mut Store) {
    let directory = place.join(format!("{driver}-images"));
    let list = directory.join("images.json");
    let entries: Vec<Entry> = read(reach, &list, &mut store.lacks).unwrap_or_default();
    if entries.is_empty() {
        return;
    }
    let path = place.join(format!("{driver}-layers")).join("layers.json");
    let layers: Vec<LayerEntry> = read(reach, &path, &mut store.lacks).unwrap_or_default();
    let layers: HashMap<&str, &LayerEntry> = layers.iter().map(|it| (&*it.id, it)).collect();
    if entries.len() > IMAGES_LISTED {
        store.lacks.push(format!("{} has more images than are read", list.display()));
    }
    for it in entries.into_iter().take(IMAGES_LISTED) {
        let own = directory.join(&it.id);
        let files = names(reach, &own, &mut Vec::new());
        let config = files.iter().find(|name| name.starts_with(CONFIG));
        let config =
            config.and_then(|name| read::<ImageConfig>(reach, &own.join(name), &mut store.lacks));
        let manifests =
            it.big.into_iter().flatten().filter(|(name, _)| name.starts_with("manifest"));
        let mut digests: Vec<String> =
            [it.digest].into_iter().chain(manifests.map(|(_, digest)| digest)).collect();
        digests.retain(|digest| !digest.is_empty());
        digests.dedup();
        store.images.push(Image {
            names: it.names.unwrap_or_default(),
            digests,
            chain: String::new(),
            created_ns: time_of(&it.created),
            arrived_ns: reach.stat(&own).ok().map(|it| it.modified_ns),
            layers: up_from(&layers, &it.layer),
            labels: config.map(|mut it| it.labels()).unwrap_or_default(),
            id: it.id,
            is_pinned: false,
        });
    }
}

/// A layer and those below it.
fn up_from(layers: &HashMap<&str, &LayerEntry>, top: &str) -> Vec<Layer> {
    let mut found = Vec::new();
    let mut at = top;
    while let Some(layer) = layers.get(at)
        && found.len() < IMAGE_LAYERS
    {
        let bytes = u64::try_from(layer.bytes).unwrap_or_default();
        found.push(Layer { id: layer.id.clone(), bytes });
        at = &layer.parent;
    }
    found
}

impl Container {
    fn into_use(self) -> Use {
        let metadata: Metadata = serde_json::from_str(&self.metadata).unwrap_or_default();
        Use {
            name: self.names.unwrap_or_default().into_iter().next().unwrap_or_default(),
            image: metadata.image_name,
            image_id: self.image,
            others: vec![metadata.image_id],
            is_sandbox: metadata.is_pod == Some(true),
            last_ns: time(&self.created).filter(|at| *at > 0),
            ..Use::new(&self.id)
        }
    }
}
