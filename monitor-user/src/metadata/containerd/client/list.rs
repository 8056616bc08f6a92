//! All images and containers that containerd has, in every namespace.
//!
//! A container of containerd's names an image, and that name can mean another one by now. What it
//! is really made of is told by the layers that its snapshot stands on.

use std::{collections::BTreeMap, io::ErrorKind, path::Path};

use containerd_client::{
    services::v1::{
        Container, Image as Named, ListContainersRequest, ListImagesRequest, ListNamespacesRequest,
        containers_client::ContainersClient,
        images_client::ImagesClient,
        namespaces_client::NamespacesClient,
        snapshots::{StatSnapshotRequest, snapshots_client::SnapshotsClient},
    },
    tonic::{Request, transport::Channel},
};
use serde::Deserialize;
use tokio::net::UnixStream;

use super::{ANSWER, Question, image, in_namespace, new_runtime, over, reason};
use crate::{
    event::Reason,
    images::{Engine, Image, Layer, Store, Use},
    limits::{
        CONTAINERS_LISTED, IMAGE_LAYERS, IMAGES_LISTED, LIST_BYTES, LIST_WITHIN, NAMESPACES_LISTED,
    },
    metadata::{created::time_of, images::docker::ImageConfig},
};

/// What containerd's part for Kubernetes keeps of a container.
const OF_POD: &str = "io.cri-containerd.container.metadata";

/// Its label that says what a container is.
const KIND: &str = "io.cri-containerd.kind";

/// Its labels of images that are to stay.
const PINNED: [&str; 2] = ["io.cri-containerd.pinned", "containerd.io/gc.root"];

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct OfPod {
    metadata: OfPodMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct OfPodMetadata {
    image_ref: String,
    config: OfPodConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfPodConfig {
    image: OfPodImage,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfPodImage {
    image: String,
    user_specified_image: String,
}

/// One store for each namespace; where it does not answer, one that says so.
pub(in crate::metadata::containerd) fn stores(socket: &Path) -> Vec<Store> {
    let silent = |why: &str| {
        let mut store = Store::new(Engine::Containerd, "", socket.to_owned());
        store.lacks.push(format!("containerd at {} tells nothing: {why}", socket.display()));
        vec![store]
    };
    let Some(runtime) = new_runtime() else { return silent("no thread for it") };
    let asked = async { tokio::time::timeout(LIST_WITHIN, all(socket)).await };
    match runtime.block_on(asked) {
        Ok(Ok(stores)) => stores,
        Ok(Err(reason)) => silent(reason.name()),
        Err(_late) => silent("it takes too long"),
    }
}

async fn all(socket: &Path) -> Result<Vec<Store>, Reason> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        // It does not run: nobody has images of it now, and none of them is judged.
        Err(error) if is_nobody(error.kind()) => return Ok(Vec::new()),
        Err(_) => return Err(Reason::NotPermitted),
    };
    let channel = over(stream).await.map_err(|_refused| Reason::NotPermitted)?;
    let request = Request::new(ListNamespacesRequest { filter: String::new() });
    let answer = NamespacesClient::new(channel.clone()).list(request).await;
    let namespaces = answer.map_err(|status| reason(&status))?.into_inner().namespaces;
    let mut stores = Vec::new();
    if namespaces.len() > NAMESPACES_LISTED {
        return Err(Reason::TooLarge);
    }
    for namespace in namespaces {
        let mut store = Store::new(Engine::Containerd, &namespace.name, socket.to_owned());
        let question =
            Question { socket, namespace: &namespace.name, name: "", layers: "", within: ANSWER };
        if let Err(reason) = add_images(&channel, question, &mut store).await {
            let (space, why) = (&namespace.name, reason.name());
            store.lacks.push(format!("the images of namespace {space} are not told: {why}"));
        }
        if let Err(reason) = add_uses(&channel, question, &mut store).await {
            let (space, why) = (&namespace.name, reason.name());
            store.lacks.push(format!("the containers of namespace {space} are not told: {why}"));
        }
        stores.push(store);
    }
    Ok(stores)
}

fn is_nobody(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// The images of a namespace: names that lead to the same are one.
async fn add_images(
    channel: &Channel,
    question: Question<'_>,
    store: &mut Store,
) -> Result<(), Reason> {
    let request = in_namespace(ListImagesRequest { filters: Vec::new() }, question.namespace)?;
    let mut client = ImagesClient::new(channel.clone()).max_decoding_message_size(LIST_BYTES);
    let answer = client.list(request).await.map_err(|status| reason(&status))?;
    let mut by_target: BTreeMap<String, Vec<Named>> = BTreeMap::new();
    for named in answer.into_inner().images {
        let target = named.target.as_ref().map(|it| it.digest.clone()).unwrap_or_default();
        by_target.entry(target).or_default().push(named);
    }
    if by_target.len() > IMAGES_LISTED {
        return Err(Reason::TooLarge);
    }
    for (target, named) in by_target {
        let mut one = named_image(&target, &named);
        // What is not all here stays, and says of itself what it can.
        fill(channel, question, &target, &mut one).await.ok();
        store.images.push(one);
    }
    Ok(())
}

/// So much as the names of an image tell.
fn named_image(target: &str, named: &[Named]) -> Image {
    let ns = |seconds: i64, nanos: i32| {
        seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos))
    };
    let times = named.iter().flat_map(|it| [&it.created_at, &it.updated_at]).flatten();
    let is_pinned = |it: &Named| PINNED.iter().any(|label| it.labels.contains_key(*label));
    // People read names first, and digests last.
    let mut names: Vec<String> = named.iter().map(|it| it.name.clone()).collect();
    names.sort_by_key(|name| (name.contains("sha256:"), name.clone()));
    Image {
        names,
        digests: vec![target.to_owned()],
        arrived_ns: times.map(|it| ns(it.seconds, it.nanos)).max(),
        is_pinned: named.iter().any(is_pinned),
        ..Image::default()
    }
}

/// What its manifest and its configuration say.
async fn fill(
    channel: &Channel,
    question: Question<'_>,
    target: &str,
    one: &mut Image,
) -> Result<(), Reason> {
    let mut document: image::Document = image::read(channel, question, target).await?;
    if !document.manifests.is_empty() {
        let own = image::own(&document.manifests).ok_or(Reason::NotApplicable)?.to_owned();
        document = image::read(channel, question, &own).await?;
        one.digests.push(own);
    }
    let entry = document.config.ok_or(Reason::NotApplicable)?;
    let mut config: ImageConfig = image::read(channel, question, &entry.digest).await?;
    one.id = entry.digest.trim_start_matches("sha256:").to_owned();
    one.chain = config.chains().pop().unwrap_or_default();
    one.created_ns = config.created.as_deref().and_then(time_of);
    one.labels = config.labels();
    let layers = document.layers.into_iter().take(IMAGE_LAYERS);
    one.layers = layers.map(|it| Layer { id: it.digest, bytes: it.size }).collect();
    Ok(())
}

/// The containers of a namespace.
async fn add_uses(
    channel: &Channel,
    question: Question<'_>,
    store: &mut Store,
) -> Result<(), Reason> {
    let request = in_namespace(ListContainersRequest { filters: Vec::new() }, question.namespace)?;
    let mut client = ContainersClient::new(channel.clone()).max_decoding_message_size(LIST_BYTES);
    let answer = client.list_stream(request).await.map_err(|status| reason(&status))?;
    let mut answer = answer.into_inner();
    while let Some(message) = answer.message().await.map_err(|status| reason(&status))? {
        let Some(container) = message.container else { continue };
        if store.uses.len() >= CONTAINERS_LISTED {
            return Err(Reason::TooLarge);
        }
        let chain = layers(channel, question, &container).await;
        let it = into_use(container, chain.clone().unwrap_or_default());
        // Its name may mean another image by now.
        let is_told = !it.image_id.is_empty() || it.image.is_empty() || !it.chain.is_empty();
        if !is_told {
            let space = question.namespace;
            let what = format!("of which image container {} in {space} is made", it.title());
            store.lacks.push(format!("{what} is not told"));
        }
        store.uses.push(it);
    }
    Ok(())
}

/// The layers that a container stands on.
pub(super) async fn layers(
    channel: &Channel,
    question: Question<'_>,
    it: &Container,
) -> Result<String, Reason> {
    let (snapshotter, key) = (it.snapshotter.clone(), it.snapshot_key.clone());
    if key.is_empty() {
        return Err(Reason::NotApplicable);
    }
    let request = in_namespace(StatSnapshotRequest { snapshotter, key }, question.namespace)?;
    let answer = SnapshotsClient::new(channel.clone()).stat(request).await;
    let info = answer.map_err(|status| reason(&status))?.into_inner().info;
    let parent = info.ok_or(Reason::Gone)?.parent;
    // One whose owners are others has a snapshot of its own between.
    match crate::policy::reference::is_digest(&parent) {
        true => Ok(parent),
        false => Err(Reason::NotApplicable),
    }
}

fn into_use(container: Container, chain: String) -> Use {
    let of_pod = container.extensions.get(OF_POD);
    let of_pod = of_pod.and_then(|any| serde_json::from_slice::<OfPod>(&any.value).ok());
    let of_pod = of_pod.unwrap_or_default().metadata;
    let word = |key: &str| container.labels.get(key).cloned().unwrap_or_default();
    let names = ["nerdctl/name", "io.kubernetes.container.name"].map(word);
    let mut others = vec![of_pod.config.image.image, of_pod.config.image.user_specified_image];
    others.retain(|text| !text.is_empty());
    let last = container.created_at.as_ref().map(|it| it.seconds.saturating_mul(1_000_000_000));
    Use {
        name: names.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
        is_sandbox: word(KIND) == "sandbox",
        image: container.image,
        image_id: of_pod.image_ref,
        chain,
        others,
        last_ns: last,
        ..Use::new(&container.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kubelet_asked_for_is_told_beside_the_name() {
        let id = format!("sha256:{}", "1".repeat(64));
        let kept = serde_json::json!({"Version": "v1", "Metadata": {
            "ImageRef": id, "Config": {"image": {"image": id, "user_specified_image": "shop:1"}},
        }});
        let mut container =
            Container { id: "c".into(), image: "x:1".into(), ..Container::default() };
        container.extensions.entry(OF_POD.to_owned()).or_default().value =
            kept.to_string().into_bytes();
        container.labels.insert(KIND.to_owned(), "container".to_owned());
        let it = into_use(container, String::new());
        assert_eq!((&*it.image, &it.image_id, it.is_sandbox), ("x:1", &id, false));
        assert_eq!(it.others, [id.clone(), "shop:1".to_owned()]);
    }

    #[test]
    fn names_of_one_image_are_one() {
        let named = |name: &str| Named { name: name.to_owned(), ..Named::default() };
        let names = ["sha256:1", "b:1", "a@sha256:1", "a:1"].map(named);
        let one = named_image("sha256:1", &names);
        assert_eq!(one.names, ["a:1", "b:1", "a@sha256:1", "sha256:1"]);
        assert!(!one.is_pinned);
    }
}
