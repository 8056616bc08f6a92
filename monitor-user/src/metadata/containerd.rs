//! containerd's API: the image and labels of a container and its pod, which no bundle tells.

use std::{
    collections::HashMap,
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use containerd_client::{
    services::v1::{
        GetContainerRequest, GetImageRequest, containers_client::ContainersClient,
        images_client::ImagesClient,
    },
    tonic::{
        Code, Request, Status,
        metadata::MetadataValue,
        transport::{Channel, Endpoint, Uri},
    },
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::{
    files::{Words, fill_labels, fill_text, lacks},
    probes, sandbox,
};
use crate::{
    container::{AnyFact, Container},
    event::{FactSource, Reason},
    reach::Reach,
};

const SOURCE: FactSource = FactSource::Containerd;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_millis(400);

/// Answers in a row that did not come until a runtime counts as one that hangs.
const HANGS: u32 = 3;

/// How long such a one is not asked: who waits for it keeps facts about other containers waiting.
const PAUSE: Duration = Duration::from_secs(2);

/// Connections to the runtimes, made when first needed.
#[derive(Default)]
pub(super) struct Clients {
    runtime: Option<Runtime>,
    channels: HashMap<PathBuf, Channel>,
    silences: HashMap<PathBuf, Silence>,
}

/// Answers in a row that did not come, and when the last was given up.
struct Silence {
    answers: u32,
    since: Instant,
}

impl Silence {
    fn is_pause(&self, now: Instant) -> bool {
        self.answers >= HANGS && now.saturating_duration_since(self.since) < PAUSE
    }
}

/// A container's image and labels, or those of the sandbox of its pod.
struct Record {
    image: String,
    /// The name of its shim.
    runtime: String,
    labels: Words,
    /// The annotations of a pod, where it is its sandbox.
    annotations: Words,
}

/// What containerd's part for Kubernetes keeps of a sandbox.
const SANDBOX: &str = "io.cri-containerd.sandbox.metadata";

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Sandbox {
    metadata: SandboxMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct SandboxMetadata {
    config: SandboxConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SandboxConfig {
    annotations: Words,
}

/// What containerd said.
#[derive(Default)]
struct Told {
    container: Option<Result<Record, Reason>>,
    digest: Option<Result<String, Reason>>,
    sandbox: Option<Result<Record, Reason>>,
}

impl Told {
    /// Whether something was not answered: the connection may be gone.
    fn is_cut_off(&self) -> bool {
        let Self { container, digest, sandbox } = self;
        let reasons = [
            container.as_ref().and_then(|it| it.as_ref().err()),
            digest.as_ref().and_then(|it| it.as_ref().err()),
            sandbox.as_ref().and_then(|it| it.as_ref().err()),
        ];
        reasons.into_iter().flatten().any(|reason| *reason == Reason::NoAnswer)
    }
}

impl Clients {
    /// Asks for what is pending about a container.
    pub(super) fn complete(
        &mut self,
        reach: &dyn Reach,
        socket: &Path,
        namespace: &str,
        container: &mut Container,
    ) {
        let asked = Asked::about(container);
        if !asked.is_anything() {
            return;
        }
        if self.silences.get(socket).is_some_and(|silence| silence.is_pause(Instant::now())) {
            return asked.lacks(container, Reason::NoAnswer);
        }
        let told = self.ask(reach, socket, namespace, (container, &asked));
        if told.as_ref().map_or(true, Told::is_cut_off) {
            // A connection is made once; the next question makes another.
            self.channels.remove(socket);
        }
        self.hear(socket, told.as_ref().err() == Some(&Reason::NoAnswer));
        match told {
            Ok(told) => told.fill(container),
            Err(reason) => asked.lacks(container, reason),
        }
    }

    /// Notes whether a runtime answered.
    fn hear(&mut self, socket: &Path, is_silent: bool) {
        if !is_silent {
            self.silences.remove(socket);
            return;
        }
        let silence = Silence { answers: 0, since: Instant::now() };
        let silence = self.silences.entry(socket.to_owned()).or_insert(silence);
        silence.answers += 1;
        silence.since = Instant::now();
    }

    fn ask(
        &mut self,
        reach: &dyn Reach,
        socket: &Path,
        namespace: &str,
        (container, asked): (&Container, &Asked),
    ) -> Result<Told, Reason> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(new_runtime().ok_or(Reason::NotPermitted)?),
        };
        let channels = &mut self.channels;
        runtime.block_on(async {
            let asking = async {
                let channel = channel(channels, reach, socket).await?;
                Ok(tell(&channel, namespace, container, asked).await)
            };
            tokio::time::timeout(ANSWER, asking).await.unwrap_or(Err(Reason::NoAnswer))
        })
    }
}

/// What is to be asked for.
struct Asked {
    image: bool,
    digest: bool,
    labels: bool,
    pod_labels: bool,
}

impl Asked {
    fn about(container: &Container) -> Self {
        let pending = |fact: &dyn AnyFact| fact.reason() == Some(Reason::Pending);
        Self {
            image: pending(&container.image),
            digest: pending(&container.image_digest),
            labels: pending(&container.labels),
            pod_labels: pending(&container.pod_labels) && container.sandbox_id.known().is_some(),
        }
    }

    fn is_anything(&self) -> bool {
        self.image || self.digest || self.labels || self.pod_labels
    }

    /// Nothing could be asked.
    fn lacks(&self, container: &mut Container, reason: Reason) {
        lacks(&mut container.image, reason);
        lacks(&mut container.image_digest, reason);
        lacks(&mut container.labels, reason);
        if self.pod_labels {
            lack_of_pod(container, reason);
        }
    }
}

/// Nothing is known of the pod's sandbox.
fn lack_of_pod(container: &mut Container, reason: Reason) {
    lacks(&mut container.pod_labels, reason);
    lacks(&mut container.liveness_probe, reason);
    lacks(&mut container.readiness_probe, reason);
}

/// Asks one question after the other: each waits for what the one before it told.
async fn tell(channel: &Channel, namespace: &str, container: &Container, asked: &Asked) -> Told {
    let mut told = Told::default();
    if asked.image || asked.labels {
        told.container = Some(get_container(channel.clone(), namespace, &container.id).await);
    }
    let image = match (container.image.known(), &told.container) {
        (Some(image), _) => Ok(image.to_string()),
        (None, Some(Ok(record))) if !record.image.is_empty() => Ok(record.image.clone()),
        (None, Some(Err(reason))) => Err(*reason),
        (None, _) => Err(Reason::NotInBundle),
    };
    if asked.digest {
        told.digest = Some(match image {
            Ok(image) => digest_of(channel.clone(), namespace, &image).await,
            Err(reason) => Err(reason),
        });
    }
    // The labels of a pod are those of its sandbox.
    if asked.pod_labels
        && let Some(sandbox) = container.sandbox_id.known()
    {
        told.sandbox = Some(get_container(channel.clone(), namespace, sandbox).await);
    }
    told
}

impl Told {
    fn fill(self, container: &mut Container) {
        match self.container {
            Some(Ok(Record { image, runtime, labels, .. })) => {
                fill_text(&mut container.oci_runtime, Some(&sandbox::of_shim(&runtime)), SOURCE);
                let image = Some(&*image).filter(|image| !image.is_empty());
                fill_text(&mut container.image, image, SOURCE);
                let name = labels.get("nerdctl/name").map(String::as_str);
                fill_text(&mut container.name, name, SOURCE);
                fill_labels(&mut container.labels, &labels, SOURCE);
            }
            Some(Err(reason)) => {
                lacks(&mut container.image, reason);
                lacks(&mut container.labels, reason);
            }
            None => {}
        }
        match self.digest {
            Some(Ok(digest)) => fill_text(&mut container.image_digest, Some(&digest), SOURCE),
            Some(Err(reason)) => lacks(&mut container.image_digest, reason),
            None => {}
        }
        match self.sandbox {
            Some(Ok(record)) => {
                fill_labels(&mut container.pod_labels, &record.labels, SOURCE);
                probes::fill_of_pod(container, &record.annotations, SOURCE);
            }
            Some(Err(reason)) => lack_of_pod(container, reason),
            None => {}
        }
    }
}

fn new_runtime() -> Option<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().ok()
}

async fn channel(
    channels: &mut HashMap<PathBuf, Channel>,
    reach: &dyn Reach,
    socket: &Path,
) -> Result<Channel, Reason> {
    if let Some(channel) = channels.get(socket) {
        return Ok(channel.clone());
    }
    let stream = reach.connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Reason::NoAnswer,
        _ => Reason::NotPermitted,
    })?;
    let channel = over(stream).await.map_err(|_refused| Reason::NotPermitted)?;
    channels.insert(socket.to_owned(), channel.clone());
    Ok(channel)
}

/// A channel over a connection that was made.
async fn over(stream: UnixStream) -> Result<Channel, Box<dyn std::error::Error>> {
    stream.set_nonblocking(true)?;
    let mut made = Some(TokioIo::new(tokio::net::UnixStream::from_std(stream)?));
    let connector = tower::service_fn(move |_: Uri| {
        let made = made.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(made)
    });
    // An address is asked for, and not used.
    Ok(Endpoint::from_static("http://[::]").connect_with_connector(connector).await?)
}

async fn get_container(channel: Channel, namespace: &str, id: &str) -> Result<Record, Reason> {
    let request = in_namespace(GetContainerRequest { id: id.to_owned() }, namespace)?;
    let answer = ContainersClient::new(channel).get(request).await.map_err(|s| reason(&s))?;
    let container = answer.into_inner().container.ok_or(Reason::Gone)?;
    let sandbox = container.extensions.get(SANDBOX);
    let sandbox = sandbox.and_then(|any| serde_json::from_slice::<Sandbox>(&any.value).ok());
    Ok(Record {
        image: container.image,
        runtime: container.runtime.map(|it| it.name).unwrap_or_default(),
        labels: container.labels.into_iter().collect(),
        annotations: sandbox.map(|it| it.metadata.config.annotations).unwrap_or_default(),
    })
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::{
        super::tests::{check, lookup, pending, place},
        *,
    };
    use crate::reach::Direct;

    /// Who takes connections and says nothing holds up only so many.
    #[test]
    fn a_runtime_that_hangs_is_left_alone() {
        let folder = place("hangs", &[]);
        let socket = folder.path().join("sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let mut clients = Clients::default();
        let asked = lookup("/x", "x");
        let mut ask = || {
            let (begun, mut container) = (Instant::now(), pending(&asked));
            clients.complete(&Direct, &socket, "k8s.io", &mut container);
            check(&container, &["image: no_answer", "labels: no_answer"]);
            begun.elapsed()
        };
        for _ in 0..HANGS {
            assert!(ask() >= ANSWER);
        }
        assert!(ask() < ANSWER);
        // It is asked again.
        std::thread::sleep(PAUSE);
        assert!(ask() >= ANSWER);
    }
}
