//! Asks containerd, over gRPC.

mod image;
pub(super) mod list;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use containerd_client::{
    services::v1::{Container, GetContainerRequest, containers_client::ContainersClient},
    tonic::{
        Code, Request, Status,
        metadata::MetadataValue,
        transport::{Channel, Endpoint, Uri},
    },
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::UnixStream, runtime::Runtime};

use image::Made;

use super::{
    super::{files::Words, probes::APPLIED},
    ANSWER, Ask, Question, Record,
};
use crate::{
    event::Reason,
    images::Store,
    limits::{
        CONTAINER_LIST_BYTES, IMAGES_CREATED, POD_ANNOTATION_BYTES, RUNTIME_ID_BYTES,
        RUNTIME_NAME_BYTES,
    },
};

/// Answers in a row that did not come until a runtime counts as one that hangs.
const HANGS: u32 = 3;

/// How long such a one is not asked: who waits for it keeps facts about other containers waiting.
const PAUSE: Duration = Duration::from_secs(2);

/// Connections to the runtimes, made when first needed.
#[derive(Default)]
pub(super) struct Client {
    runtime: Option<Runtime>,
    channels: HashMap<PathBuf, Channel>,
    silences: HashMap<PathBuf, Silence>,
    /// By digest what is known of images: many containers have one.
    made: HashMap<String, Made>,
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

impl Ask for Client {
    fn container(&mut self, question: Question<'_>) -> Result<Record, Reason> {
        if question.name.len() > RUNTIME_ID_BYTES {
            return Err(Reason::TooLarge);
        }
        self.ask(question, |channel| get_container(channel, question))
    }

    fn digest(&mut self, question: Question<'_>) -> Result<String, Reason> {
        if question.name.len() > RUNTIME_NAME_BYTES {
            return Err(Reason::TooLarge);
        }
        Ok(bounded(self.target(question)?, RUNTIME_NAME_BYTES))
    }

    fn created(&mut self, question: Question<'_>) -> Result<String, Reason> {
        if question.name.len() > RUNTIME_NAME_BYTES {
            return Err(Reason::TooLarge);
        }
        let target = self.target(question)?;
        self.made(question, target).map(|made| made.created)
    }

    fn stores(&mut self, socket: &Path) -> Vec<Store> {
        list::stores(socket)
    }
}

impl Client {
    /// What a name leads to, if that has the layers that it must have.
    fn target(&mut self, question: Question<'_>) -> Result<String, Reason> {
        let target = self.ask(question, |channel| image::target(channel, question))?;
        if question.layers.is_empty() {
            return Ok(target);
        }
        match self.made(question, target.clone()) {
            Ok(made) if !made.layers.is_empty() && made.layers != question.layers => {
                Err(Reason::Changed)
            }
            Err(Reason::NoAnswer) => Err(Reason::NoAnswer),
            // Where its documents are not here the name is all that there is.
            Ok(_) | Err(_) => Ok(target),
        }
    }

    fn made(&mut self, question: Question<'_>, target: String) -> Result<Made, Reason> {
        if let Some(known) = self.made.get(&target) {
            return Ok(known.clone());
        }
        let Made { created, layers } =
            self.ask(question, |channel| image::made(channel, question, &target))?;
        let [created, layers] = [created, layers].map(|it| bounded(it, RUNTIME_NAME_BYTES));
        let made = Made { created, layers };
        if self.made.len() >= IMAGES_CREATED {
            self.made.clear();
        }
        self.made.insert(target, made.clone());
        Ok(made)
    }

    fn ask<T, F: Future<Output = Result<T, Reason>>>(
        &mut self,
        question: Question<'_>,
        put: impl FnOnce(Channel) -> F,
    ) -> Result<T, Reason> {
        let Question { socket, namespace, within, .. } = question;
        if namespace.len() > RUNTIME_ID_BYTES {
            return Err(Reason::TooLarge);
        }
        if self.silences.get(socket).is_some_and(|silence| silence.is_pause(Instant::now())) {
            return Err(Reason::NoAnswer);
        }
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(new_runtime().ok_or(Reason::NotPermitted)?),
        };
        let channels = &mut self.channels;
        let answer = runtime.block_on(async {
            let asking = async { Ok(put(channel(channels, socket).await?).await) };
            let asked = tokio::time::timeout(within.min(ANSWER), asking).await;
            asked.unwrap_or(Err(Reason::NoAnswer))
        });
        if matches!(answer, Err(_) | Ok(Err(Reason::NoAnswer))) {
            // A connection is made once; the next question makes another.
            self.channels.remove(socket);
        }
        self.hear(socket, matches!(answer, Err(Reason::NoAnswer)));
        answer.flatten()
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
    // Where too many wait to be taken it fails, and does not wait.
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock => {
            Reason::NoAnswer
        }
        _ => Reason::NotPermitted,
    })?;
    let channel = over(stream).await.map_err(|_refused| Reason::NotPermitted)?;
    channels.insert(socket.to_owned(), channel.clone());
    Ok(channel)
}

/// A channel over a connection that was made.
async fn over(stream: UnixStream) -> Result<Channel, Box<dyn std::error::Error>> {
    let mut made = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let made = made.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(made)
    });
    // An address is asked for, and not used.
    Ok(Endpoint::from_static("http://[::]").connect_with_connector(connector).await?)
}

async fn get_container(channel: Channel, question: Question<'_>) -> Result<Record, Reason> {
    let message = GetContainerRequest { id: question.name.to_owned() };
    let request = in_namespace(message, question.namespace)?;
    let mut client = ContainersClient::new(channel.clone());
    let answer = client.get(request).await.map_err(|s| reason(&s))?;
    let container = answer.into_inner().container.ok_or(Reason::Gone)?;
    let layers = list::layers(&channel, question, &container).await;
    Ok(Record { layers: layers.unwrap_or_default(), ..record(container) })
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

/// So much of a container as is used.
fn record(mut container: Container) -> Record {
    let sandbox = container.extensions.get(SANDBOX);
    let sandbox = sandbox.and_then(|any| serde_json::from_slice::<Sandbox>(&any.value).ok());
    let mut annotations = sandbox.map(|it| it.metadata.config.annotations).unwrap_or_default();
    annotations.retain(|key, text| key == APPLIED && text.len() <= POD_ANNOTATION_BYTES);
    let name = container.labels.get("nerdctl/name").cloned().unwrap_or_default();
    let labels: Words = std::mem::take(&mut container.labels).into_iter().collect();
    let bytes = labels.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
    let runtime = container.runtime.map(|it| it.name).unwrap_or_default();
    Record {
        image: bounded(container.image, RUNTIME_NAME_BYTES),
        runtime: bounded(runtime, RUNTIME_NAME_BYTES),
        name: bounded(name, RUNTIME_NAME_BYTES),
        layers: String::new(),
        labels: Some(labels).filter(|_| bytes <= CONTAINER_LIST_BYTES),
        annotations,
    }
}

/// A text, or none if it is longer than that.
fn bounded(text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max { String::new() } else { text }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::{super::super::tests::place, *};

    /// Who takes connections and says nothing holds up only so many.
    #[test]
    fn a_runtime_that_hangs_is_left_alone() {
        let folder = place("hangs", &[]);
        let socket = folder.path().join("sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let mut client = Client::default();
        let mut ask = || {
            let begun = Instant::now();
            let within = Duration::from_secs(60);
            let question =
                Question { socket: &socket, namespace: "k8s.io", name: "x", layers: "", within };
            assert_eq!(client.container(question), Err(Reason::NoAnswer));
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

    /// Nor does one hold up anybody whose connections nobody takes.
    #[test]
    fn a_full_socket_is_no_answer() {
        let folder = place("full", &[]);
        let socket = folder.path().join("sock");
        let listener = UnixListener::bind(&socket).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let _waits = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        let within = Duration::from_millis(100);
        let question =
            Question { socket: &socket, namespace: "default", name: "x", layers: "", within };
        assert_eq!(Client::default().container(question), Err(Reason::NoAnswer));
    }

    #[test]
    fn questions_are_bounded() {
        let (within, socket) = (ANSWER, Path::new("/nowhere"));
        let (id, name) = ("x".repeat(RUNTIME_ID_BYTES + 1), "x".repeat(RUNTIME_NAME_BYTES + 1));
        let mut client = Client::default();
        let mut container = |namespace, name| {
            client.container(Question { socket, namespace, name, layers: "", within }).unwrap_err()
        };
        assert_eq!(container("default", "x"), Reason::NoAnswer);
        assert_eq!(container("default", &id), Reason::TooLarge);
        assert_eq!(container(&id, "x"), Reason::TooLarge);
        let question = Question { socket, namespace: "default", name: &name, layers: "", within };
        assert_eq!(client.digest(question), Err(Reason::TooLarge));
    }

    #[test]
    fn only_what_is_used_is_told_and_no_more_than_fits() {
        let container = |labels: &[(&str, &str)], annotations: &[(&str, &str)]| {
            let words = |words: &[(&str, &str)]| -> Words {
                words.iter().map(|&(key, text)| (key.to_owned(), text.to_owned())).collect()
            };
            let annotations = words(annotations);
            let sandbox = serde_json::json!({"Metadata": {"Config": {"annotations": annotations}}});
            let mut container = Container {
                image: labels.first().map(|(_, text)| (*text).to_owned()).unwrap_or_default(),
                labels: words(labels).into_iter().collect(),
                ..Container::default()
            };
            let kept = container.extensions.entry(SANDBOX.to_owned()).or_default();
            kept.value = sandbox.to_string().into_bytes();
            container
        };
        let labels = [("nerdctl/name", "shop")];
        let told = record(container(&labels, &[(APPLIED, "{}"), ("secret", "x")]));
        assert_eq!((&*told.image, &*told.name), ("shop", "shop"));
        assert_eq!(told.labels, Some(Words::from([("nerdctl/name".into(), "shop".into())])));
        assert_eq!(told.annotations, Words::from([(APPLIED.into(), "{}".into())]));
        let (long, applied) = ("x".repeat(1 << 20), "x".repeat(POD_ANNOTATION_BYTES + 1));
        let told = record(container(&[("nerdctl/name", &long)], &[(APPLIED, &applied)]));
        assert_eq!(told, Record::default());
    }
}
