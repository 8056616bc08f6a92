//! containerd's API: the image of a container, where its bundle does not tell.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use containerd_client::{
    connect,
    services::v1::{
        GetContainerRequest, GetImageRequest, containers_client::ContainersClient,
        images_client::ImagesClient,
    },
    tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel},
};
use tokio::runtime::Runtime;

use crate::event::{Container, Fact, FactSource, Reason};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_millis(400);

/// Connections to the runtimes, made when first needed.
#[derive(Default)]
pub struct Clients {
    runtime: Option<Runtime>,
    channels: HashMap<PathBuf, Channel>,
}

impl Clients {
    /// Asks for what is pending about a container.
    pub fn complete(&mut self, socket: &Path, namespace: &str, container: &mut Container) {
        let pending = |fact: &Fact<_>| *fact == Fact::Unknown(Reason::Pending);
        if !pending(&container.image) && !pending(&container.image_digest) {
            return;
        }
        let answer = self.ask(socket, namespace, container);
        let (image, digest) = match answer {
            Ok((image, digest)) => (
                Fact::Known(image.into_boxed_str(), FactSource::Containerd),
                digest.map_or(Fact::Unknown(Reason::Gone), |digest| {
                    Fact::Known(digest.into_boxed_str(), FactSource::Containerd)
                }),
            ),
            Err(reason) => (Fact::Unknown(reason), Fact::Unknown(reason)),
        };
        if pending(&container.image) {
            container.image = image;
        }
        if pending(&container.image_digest) {
            container.image_digest = digest;
        }
    }

    fn ask(
        &mut self,
        socket: &Path,
        namespace: &str,
        container: &Container,
    ) -> Result<(String, Option<String>), Reason> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(new_runtime().ok_or(Reason::NotPermitted)?),
        };
        let known_image = container.image.known().map(|image| image.to_string());
        let channels = &mut self.channels;
        runtime.block_on(async {
            let asking = async {
                let channel = channel(channels, socket).await?;
                let image = match known_image {
                    Some(image) => image,
                    None => image_of(channel.clone(), namespace, &container.id).await?,
                };
                let digest = digest_of(channel, namespace, &image).await.ok();
                Ok((image, digest))
            };
            tokio::time::timeout(ANSWER, asking).await.unwrap_or(Err(Reason::NoAnswer))
        })
    }
}

fn new_runtime() -> Option<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().ok()
}

async fn channel(
    channels: &mut HashMap<PathBuf, Channel>,
    socket: &Path,
) -> Result<Channel, Reason> {
    if let Some(channel) = channels.get(socket) {
        return Ok(channel.clone());
    }
    if !socket.exists() {
        return Err(Reason::NotInBundle);
    }
    let channel = connect(socket).await.map_err(|_refused| Reason::NotPermitted)?;
    channels.insert(socket.to_owned(), channel.clone());
    Ok(channel)
}

async fn image_of(channel: Channel, namespace: &str, id: &str) -> Result<String, Reason> {
    let request = in_namespace(GetContainerRequest { id: id.to_owned() }, namespace)?;
    let answer = ContainersClient::new(channel).get(request).await.map_err(|s| reason(&s))?;
    let container = answer.into_inner().container.ok_or(Reason::Gone)?;
    if container.image.is_empty() { Err(Reason::NotInBundle) } else { Ok(container.image) }
}

async fn digest_of(channel: Channel, namespace: &str, image: &str) -> Result<String, Reason> {
    let request = in_namespace(GetImageRequest { name: image.to_owned() }, namespace)?;
    let answer = ImagesClient::new(channel).get(request).await.map_err(|s| reason(&s))?;
    let target = answer.into_inner().image.and_then(|image| image.target);
    target.map(|target| target.digest).ok_or(Reason::Gone)
}

fn in_namespace<T>(message: T, namespace: &str) -> Result<Request<T>, Reason> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(namespace).map_err(|_odd| Reason::NotPermitted)?;
    request.metadata_mut().insert("containerd-namespace", value);
    Ok(request)
}

fn reason(status: &Status) -> Reason {
    match status.code() {
        Code::NotFound => Reason::Gone,
        Code::PermissionDenied => Reason::NotPermitted,
        _ => Reason::NoAnswer,
    }
}
