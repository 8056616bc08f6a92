//! What Docker keeps below `<data-root>`: images by their ids in `image/<driver>`, with a file of
//! names; what layers take; and `config.v2.json` of each container.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    super::files::{Words, is_file_name, plain_id, time},
    names, read,
};
use crate::{
    images::{Engine, Image, Layer, RunState, Store, Use},
    limits::{CONTAINERS_LISTED, IMAGE_LAYERS, IMAGES_LISTED},
    metadata::created::time_of,
    reach::Reach,
};

/// `repositories.json`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Repositories {
    repositories: BTreeMap<String, Words>,
}

/// The configuration of an image, as all engines have it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ImageConfig {
    pub(crate) created: Option<String>,
    pub(crate) config: Option<Process>,
    pub(crate) rootfs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Process {
    #[serde(rename = "Labels")]
    pub(crate) labels: Option<Words>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RootFs {
    pub(crate) diff_ids: Option<Vec<String>>,
}

impl ImageConfig {
    /// Its labels.
    pub(crate) fn labels(&mut self) -> Words {
        self.config.take().and_then(|it| it.labels).unwrap_or_default()
    }

    /// The layers up to each of its own, the lowest first, as engines call them.
    pub(crate) fn chains(&self) -> Vec<String> {
        let mut chains: Vec<String> = Vec::new();
        for diff in self.rootfs.diff_ids.iter().flatten().take(IMAGE_LAYERS) {
            let chain = match chains.last() {
                None => diff.clone(),
                Some(below) => {
                    let sum = Sha256::digest(format!("{below} {diff}").as_bytes());
                    let digits: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("sha256:{digits}")
                }
            };
            chains.push(chain);
        }
        chains
    }
}

/// `config.v2.json`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    name: String,
    image: String,
    config: Asked,
    image_manifest: Option<Descriptor>,
    state: State,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Asked {
    image: String,
    labels: Option<Words>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Descriptor {
    digest: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    running: bool,
    started_at: String,
    finished_at: String,
}

/// What is kept below a data root; None where there is none.
pub(super) fn store(reach: &dyn Reach, data: &Path) -> Option<Store> {
    reach.stat(data).ok()?;
    let mut store = Store::new(Engine::Docker, "", data.to_owned());
    for driver in names(reach, &data.join("image"), &mut store.lacks) {
        let place = data.join("image").join(driver);
        add_images(reach, &place, &mut store);
    }
    let place = data.join("containers");
    let ids = names(reach, &place, &mut store.lacks);
    if ids.len() > CONTAINERS_LISTED {
        store.lacks.push(format!("{} has more containers than are read", place.display()));
    }
    for id in ids.into_iter().take(CONTAINERS_LISTED) {
        let path = place.join(&id).join("config.v2.json");
        let before = store.lacks.len();
        match read::<Config>(reach, &path, &mut store.lacks) {
            Some(config) => store.uses.push(config.into_use(&id)),
            // It is being made, or was not removed whole.
            None if before == store.lacks.len() => {
                store.lacks.push(format!("{} is not there", path.display()));
            }
            None => {}
        }
    }
    Some(store)
}

/// The images of one driver.
fn add_images(reach: &dyn Reach, place: &Path, store: &mut Store) {
    let known = read::<Repositories>(reach, &place.join("repositories.json"), &mut store.lacks);
    let known = known.unwrap_or_default().repositories;
    let place_of = |kind: &str| place.join("imagedb").join(kind).join("sha256");
    let ids = names(reach, &place_of("content"), &mut store.lacks);
    if ids.len() > IMAGES_LISTED {
        store.lacks.push(format!("{} has more images than are read", place.display()));
    }
    for id in ids.into_iter().take(IMAGES_LISTED) {
        let path = place_of("content").join(&id);
        let mut config: ImageConfig = read(reach, &path, &mut store.lacks).unwrap_or_default();
        let chains = config.chains();
        let full = format!("sha256:{id}");
        let references = known.values().flatten().filter(|(_, of)| **of == full);
        let (digests, tags): (Vec<_>, Vec<_>) =
            references.map(|(reference, _)| reference.clone()).partition(|it| it.contains('@'));
        let digest = |it: &String| it.rsplit('@').next().map(str::to_owned);
        store.images.push(Image {
            names: tags,
            digests: digests.iter().filter_map(digest).collect(),
            chain: chains.last().cloned().unwrap_or_default(),
            created_ns: config.created.as_deref().and_then(time_of),
            arrived_ns: arrived(reach, &path, &place_of("metadata").join(&id)),
            layers: chains.iter().filter_map(|chain| layer(reach, place, chain)).collect(),
            labels: config.labels(),
            id,
            is_pinned: false,
        });
    }
}

/// When an image came, or was given a name last.
fn arrived(reach: &dyn Reach, content: &Path, metadata: &Path) -> Option<i64> {
    let of = |path: PathBuf| reach.stat(&path).ok().map(|it| it.modified_ns);
    let made = of(content.to_owned())?;
    Some(of(metadata.join("lastUpdated")).map_or(made, |updated| made.max(updated)))
}

fn layer(reach: &dyn Reach, place: &Path, chain: &str) -> Option<Layer> {
    let id = plain_id(chain);
    let path = place.join("layerdb/sha256").join(Some(id).filter(|id| is_file_name(id))?);
    let text = reach.read(&path.join("size"), 32).ok()?;
    let bytes = std::str::from_utf8(&text).ok()?.trim().parse().ok()?;
    Some(Layer { id: chain.to_owned(), bytes })
}

impl Config {
    fn into_use(self, id: &str) -> Use {
        // What never was is written as the year 1.
        let times = [&self.state.started_at, &self.state.finished_at];
        let last_ns = times.into_iter().filter_map(|text| time(text)).filter(|at| *at > 0).max();
        let labels = self.config.labels.unwrap_or_default();
        let of_kubelet = labels.get("io.kubernetes.docker.type").map(String::as_str);
        Use {
            name: self.name.trim_start_matches('/').to_owned(),
            state: if self.state.running { RunState::Running } else { RunState::Stopped },
            image: self.config.image,
            image_id: self.image,
            others: self.image_manifest.into_iter().map(|it| it.digest).collect(),
            is_sandbox: of_kubelet == Some("podsandbox"),
            last_ns,
            ..Use::new(id)
        }
    }
}
