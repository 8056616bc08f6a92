//! The images that are on a node, what uses them, and which of them could go. Nothing here reads
//! or removes anything: `metadata/images` says what engines keep.
//!
//! What uses an image is told by every name that a container has for it: the reference that it was
//! made of, the id, the digests of index and manifest, and the layers that it stands on. A name of
//! a container in one engine or namespace counts for images in all of them.

pub mod except;
pub mod last_use;
pub mod plan;
pub mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::{
    container::Container,
    policy::reference::{self, Name},
};
pub use except::Except;
pub use last_use::{LastUse, Witness, stale_at_start};
pub use plan::{Decision, Terms, plan};
pub use verdict::{Judge, Superseded, Verdict, VerdictKind, end_of_life, superseded};

/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400_000_000_000;

/// Hexadecimal digits of an id that is cut short, at least.
const SHORT_ID: usize = 6;

/// Who keeps images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Engine {
    /// Docker, in files of its own.
    Docker,
    /// podman and CRI-O.
    Storage,
    /// containerd; Docker and kubelets can keep theirs there.
    Containerd,
    /// None that is known: a container that only its cgroup tells of.
    Other,
}

impl Engine {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Storage => "podman",
            Self::Containerd => "containerd",
            Self::Other => "unknown",
        }
    }
}

/// What one engine keeps in one place, or one namespace of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Who.
    pub engine: Engine,
    /// containerd's namespace; empty elsewhere.
    pub namespace: String,
    /// Its directory, or its socket.
    pub place: PathBuf,
    /// The images.
    pub images: Vec<Image>,
    /// The containers, in any state.
    pub uses: Vec<Use>,
    /// What of all that is not known: then anything may be in use.
    pub lacks: Vec<String>,
}

impl Store {
    /// An empty one.
    #[must_use]
    pub fn new(engine: Engine, namespace: &str, place: PathBuf) -> Self {
        let (images, uses, lacks) = (Vec::new(), Vec::new(), Vec::new());
        Self { engine, namespace: namespace.to_owned(), place, images, uses, lacks }
    }

    /// Whether names in another one mean the same images as in this one.
    fn shares_names(&self, other: &Self) -> bool {
        // A Docker that leaves its images to containerd keeps them in this namespace.
        let is_moby = |it: &Self| it.engine == Engine::Docker || it.namespace == "moby";
        self.engine == other.engine && self.namespace == other.namespace
            || is_moby(self) && is_moby(other)
    }
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its names, with their tags.
    pub names: Vec<String>,
    /// The digests of its index and its manifest.
    pub digests: Vec<String>,
    /// The digest of its configuration; empty where that is not known.
    pub id: String,
    /// Which layers it has, as one digest; empty where that is not known.
    pub chain: String,
    /// When it was made, nanoseconds since 1970.
    pub created_ns: Option<i64>,
    /// When it came here.
    pub arrived_ns: Option<i64>,
    /// Its layers, and what each takes.
    pub layers: Vec<Layer>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The engine is told to keep it.
    pub is_pinned: bool,
}

/// A layer of an image; several can share one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What it is called.
    pub id: String,
    /// Bytes.
    pub bytes: u64,
}

impl Image {
    /// What it takes with all its layers; None where that is not known.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let sum = |sum: u64, it: &Layer| sum.saturating_add(it.bytes);
        (!self.layers.is_empty()).then(|| self.layers.iter().fold(0, sum))
    }

    /// What it is called by people: a name, or else a digest.
    #[must_use]
    pub fn title(&self) -> &str {
        let digest = self.digests.first().filter(|_| self.id.is_empty());
        self.names.first().or(digest).unwrap_or(&self.id)
    }

    /// Everything that it is called.
    fn handles(&self) -> impl Iterator<Item = Handle> {
        let all = self.names.iter().chain(&self.digests).chain([&self.id, &self.chain]);
        all.flat_map(|text| handles(text))
    }

    /// Whether pods stand on it: kubelets and podman start it by themselves.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        let is_pause = |name: &String| match reference::parse(name) {
            Ok(Name::Reference(it)) => {
                let last = it.path.rsplit('/').next().unwrap_or_default();
                last == "pause" || last.starts_with("pause-") || last.ends_with("-pause")
            }
            _ => false,
        };
        self.names.iter().any(is_pause)
    }
}

/// Whether a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RunState {
    /// It has processes.
    Running,
    /// It has none now: it ended, or was never started.
    Stopped,
}

/// A container, as far as it says what it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Its id.
    pub id: String,
    /// Its name; empty where it has none.
    pub name: String,
    /// Whether it runs.
    pub state: RunState,
    /// The name of its image; empty where it was made of none.
    pub image: String,
    /// The id or digest of its image; empty where that is not told.
    pub image_id: String,
    /// The layers that it stands on; empty where that is not told.
    pub chain: String,
    /// What else its image is called.
    pub others: Vec<String>,
    /// Whether it only holds a pod together.
    pub is_sandbox: bool,
    /// When it was started, or ended, last, as far as that is told.
    pub last_ns: Option<i64>,
}

impl Use {
    /// One that does not run, of no image.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            state: RunState::Stopped,
            image: String::new(),
            image_id: String::new(),
            chain: String::new(),
            others: Vec::new(),
            is_sandbox: false,
            last_ns: None,
        }
    }

    /// What people call it.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() { crate::container::short(&self.id) } else { &self.name }
    }

    fn handles(&self) -> impl Iterator<Item = Handle> {
        let all = [&self.image, &self.image_id, &self.chain].into_iter().chain(&self.others);
        all.flat_map(|text| handles(text))
    }
}

/// One thing that an image can be called, in the one form that it has here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Handle {
    /// A digest or an id.
    Hash(String),
    /// A repository with its tag.
    Name(String),
    /// How an id begins.
    Short(String),
}

/// Everything that a text can mean.
pub(crate) fn handles(text: &str) -> Vec<Handle> {
    let mut found = Vec::new();
    if text.is_empty() {
        return found;
    }
    let hash = |digest: &str| Handle::Hash(digest.trim_start_matches("sha256:").to_owned());
    let is_short = text.len() >= SHORT_ID
        && text.len() < 64
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_short {
        found.push(Handle::Short(text.to_owned()));
    }
    match reference::parse(text) {
        Ok(Name::Id(id)) => found.push(hash(&id)),
        Ok(Name::Reference(it)) => {
            found.extend(it.digest.as_deref().map(hash));
            // What has a digest can have a tag beside it, which is only for people: it counts too.
            let tag = match (&it.tag, &it.digest) {
                (Some(tag), _) => Some(tag.as_str()),
                (None, None) => Some("latest"),
                (None, Some(_)) => None,
            };
            found.extend(tag.map(|tag| Handle::Name(format!("{}:{tag}", it.repository()))));
        }
        Err(_) => found.push(Handle::Name(text.to_owned())),
    }
    found
}

/// Which containers use which images: all stores together.
#[derive(Debug, Default)]
pub struct Users<'s> {
    by_handle: HashMap<Handle, Vec<&'s Use>>,
    short: BTreeMap<String, Vec<&'s Use>>,
}

impl<'s> Users<'s> {
    /// Those of all containers.
    #[must_use]
    pub fn of(stores: &'s [Store]) -> Self {
        let mut users = Self::default();
        for it in stores.iter().flat_map(|store| &store.uses) {
            for handle in it.handles() {
                match handle {
                    Handle::Short(begin) => users.short.entry(begin).or_default().push(it),
                    handle => users.by_handle.entry(handle).or_default().push(it),
                }
            }
        }
        users
    }

    /// The containers that use an image under any of its names.
    #[must_use]
    pub fn of_image(&self, image: &Image) -> Vec<&'s Use> {
        let mut found: Vec<&'s Use> = Vec::new();
        for handle in image.handles() {
            found.extend(self.by_handle.get(&handle).into_iter().flatten());
            if let Handle::Hash(hash) = &handle {
                let begins = self.short.iter().filter(|(begin, _)| hash.starts_with(&***begin));
                found.extend(begins.flat_map(|(_, users)| users));
            }
        }
        let mut seen = HashSet::new();
        found.retain(|it| seen.insert(std::ptr::from_ref::<Use>(it)));
        found
    }
}

/// The image that a container is of, by its digest or its id.
#[must_use]
pub fn find<'s>(stores: &'s [Store], container: &Container) -> Option<&'s Image> {
    let known = [&container.image_digest, &container.image_id].into_iter();
    let named: Vec<Handle> = known.filter_map(|it| it.known()).flat_map(|it| handles(it)).collect();
    let is_hash = |handle: &Handle| matches!(handle, Handle::Hash(_)) && named.contains(handle);
    let images = || stores.iter().flat_map(|store| &store.images);
    images().find(|image| image.handles().any(|handle| is_hash(&handle)))
}

/// What would be free without these images: layers that another one has too stay.
#[must_use]
pub fn freed<'i>(
    removed: impl IntoIterator<Item = &'i Image>,
    kept: impl IntoIterator<Item = &'i Image>,
) -> u64 {
    let kept: HashSet<&str> = kept.into_iter().flat_map(layers).map(|it| &*it.id).collect();
    let mut counted = BTreeSet::new();
    let gone = removed.into_iter().flat_map(layers).filter(|it| !kept.contains(&*it.id));
    let gone = gone.filter(|it| counted.insert(&*it.id));
    gone.fold(0, |sum, it| sum.saturating_add(it.bytes))
}

fn layers(image: &Image) -> impl Iterator<Item = &Layer> {
    image.layers.iter()
}

#[cfg(test)]
mod tests;
