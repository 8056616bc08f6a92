//! What containerd's API tells of a container and its pod, and no bundle does: image and labels.
//!
//! Who may speak to its socket can have anything done by root. So it is asked where the privileges
//! are, two questions about things that have a name, and what comes back is bounded.

#[cfg(feature = "containerd")]
mod client;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    created,
    files::{Words, fill_labels, fill_text, lacks},
    probes, sandbox,
};
#[cfg(not(feature = "containerd"))]
use crate::images::Engine;
use crate::{
    container::{AnyFact, Container},
    event::{FactSource, Reason},
    images::Store,
};

const SOURCE: FactSource = FactSource::Containerd;

/// How long the answers about one container may take.
const ANSWER: Duration = Duration::from_millis(400);

/// What containerd is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Where it listens.
    pub socket: &'q Path,
    /// The namespace, in its own sense.
    pub namespace: &'q str,
    /// The id of a container, or the name of an image.
    pub name: &'q str,
    /// Of an image: the layers that it must have, by their chain; empty where that is not known.
    /// One that has others is another one, which has the name by now.
    pub layers: &'q str,
    /// How long the answer may take, if that is less than it may in any case.
    pub within: Duration,
}

/// What it tells of a container, or of the sandbox of a pod. Texts that are longer than they may be
/// are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The name of its image.
    pub image: String,
    /// The name of its shim.
    pub runtime: String,
    /// The name that nerdctl gave it.
    pub name: String,
    /// The layers that it stands on, as the id of their chain; empty where that is not told.
    pub layers: String,
    /// None where they take more room than is kept.
    pub labels: Option<Words>,
    /// Those annotations of a pod that are used, where it is its sandbox.
    pub annotations: Words,
}

/// Who asks containerd.
pub trait Ask: Send {
    /// What it tells of a container.
    ///
    /// # Errors
    ///
    /// It does not know the container, or does not answer; so below.
    fn container(&mut self, question: Question<'_>) -> Result<Record, Reason>;

    /// The digest of an image.
    ///
    /// # Errors
    ///
    /// As above.
    fn digest(&mut self, question: Question<'_>) -> Result<String, Reason>;

    /// When an image was made, as its configuration writes it; empty where that says nothing.
    ///
    /// # Errors
    ///
    /// As above.
    fn created(&mut self, question: Question<'_>) -> Result<String, Reason>;

    /// The images and containers of all namespaces of the one that listens there.
    fn stores(&mut self, socket: &Path) -> Vec<Store>;
}

/// Who asks from this process.
#[cfg(feature = "containerd")]
#[must_use]
pub fn direct() -> Box<dyn Ask> {
    Box::new(client::Client::default())
}

/// The same where the API was left out: only files are looked at.
#[cfg(not(feature = "containerd"))]
#[must_use]
pub fn direct() -> Box<dyn Ask> {
    struct Nobody;
    impl Ask for Nobody {
        fn container(&mut self, _: Question<'_>) -> Result<Record, Reason> {
            Err(Reason::NotInBundle)
        }
        fn digest(&mut self, _: Question<'_>) -> Result<String, Reason> {
            Err(Reason::NotInBundle)
        }
        fn created(&mut self, _: Question<'_>) -> Result<String, Reason> {
            Err(Reason::NotInBundle)
        }
        fn stores(&mut self, socket: &Path) -> Vec<Store> {
            list(socket)
        }
    }
    Box::new(Nobody)
}

/// The images and containers of all namespaces of the one that listens there.
#[cfg(feature = "containerd")]
#[must_use]
pub fn list(socket: &Path) -> Vec<Store> {
    client::list::stores(socket)
}

/// The same where the API was left out: nothing is known of what it has.
#[cfg(not(feature = "containerd"))]
#[must_use]
pub fn list(socket: &Path) -> Vec<Store> {
    let mut store = Store::new(Engine::Containerd, "", socket.to_owned());
    store.lacks.push("this program cannot ask containerd".to_owned());
    vec![store]
}

/// Asks for what is pending about a container.
pub(super) fn complete(
    ask: &mut dyn Ask,
    socket: &Path,
    namespace: &str,
    container: &mut Container,
) {
    let asked = Asked::about(container);
    let until = Some(Instant::now() + ANSWER);
    Talk { ask, socket, namespace, layers: String::new(), until }
        .tell(container, &asked)
        .fill(container);
}

/// What was said.
#[derive(Default)]
struct Told {
    container: Option<Result<Record, Reason>>,
    digest: Option<Result<String, Reason>>,
    created: Option<Result<String, Reason>>,
    sandbox: Option<Result<Record, Reason>>,
}

/// What is to be asked for.
struct Asked {
    image: bool,
    digest: bool,
    created: bool,
    labels: bool,
    pod_labels: bool,
}

impl Asked {
    fn about(container: &Container) -> Self {
        let pending = |fact: &dyn AnyFact| fact.reason() == Some(Reason::Pending);
        Self {
            image: pending(&container.image),
            digest: pending(&container.image_digest),
            created: pending(&container.image_created_ns),
            labels: pending(&container.labels),
            pod_labels: pending(&container.pod_labels) && container.sandbox_id.known().is_some(),
        }
    }
}

/// The questions about one container.
struct Talk<'t> {
    ask: &'t mut dyn Ask,
    socket: &'t Path,
    namespace: &'t str,
    /// The layers that the container stands on, once that was told.
    layers: String,
    /// Until when they may be answered; None once one was not.
    until: Option<Instant>,
}

impl Talk<'_> {
    /// Asks one question after the other: each waits for what the one before it told.
    fn tell(mut self, container: &Container, asked: &Asked) -> Told {
        let mut told = Told::default();
        if asked.image || asked.labels || asked.digest || asked.created {
            told.container = Some(self.question(&container.id, |ask, it| ask.container(it)));
        }
        if let Some(Ok(record)) = &told.container {
            self.layers.clone_from(&record.layers);
        }
        let image = match (container.image.known(), &told.container) {
            (Some(image), _) => Ok(image.to_string()),
            (None, Some(Ok(record))) if !record.image.is_empty() => Ok(record.image.clone()),
            (None, Some(Err(reason))) => Err(*reason),
            (None, _) => Err(Reason::NotInBundle),
        };
        if asked.digest {
            let digest = |image: String| self.question(&image, |ask, it| ask.digest(it));
            told.digest = Some(image.clone().and_then(digest));
        }
        // The labels of a pod are those of its sandbox.
        if asked.pod_labels
            && let Some(sandbox) = container.sandbox_id.known()
        {
            told.sandbox = Some(self.question(sandbox, |ask, it| ask.container(it)));
        }
        // It comes last: it takes the most, and tells the least of who the container is.
        if asked.created {
            let created = |image: String| self.question(&image, |ask, it| ask.created(it));
            told.created = Some(image.and_then(created));
        }
        told
    }

    /// Asks, unless time is up.
    fn question<T>(
        &mut self,
        name: &str,
        put: impl FnOnce(&mut dyn Ask, Question<'_>) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        let until = self.until.ok_or(Reason::NoAnswer)?;
        let within = until.saturating_duration_since(Instant::now());
        let (socket, namespace, layers) = (self.socket, self.namespace, &*self.layers);
        let answer = put(self.ask, Question { socket, namespace, name, layers, within });
        if answer.as_ref().err() == Some(&Reason::NoAnswer) {
            self.until = None;
        }
        answer
    }
}

impl Told {
    fn fill(self, container: &mut Container) {
        match self.container {
            Some(Ok(Record { image, runtime, name, labels, .. })) => {
                fill_text(&mut container.oci_runtime, Some(&sandbox::of_shim(&runtime)), SOURCE);
                fill_text(&mut container.image, Some(&image), SOURCE);
                fill_text(&mut container.name, Some(&name), SOURCE);
                match labels {
                    Some(labels) => fill_labels(&mut container.labels, &labels, SOURCE),
                    None => lacks(&mut container.labels, Reason::TooLarge),
                }
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
        match self.created {
            Some(Ok(text)) => created::fill_time(container, Some(&text), SOURCE),
            Some(Err(reason)) => lacks(&mut container.image_created_ns, reason),
            None => {}
        }
        match self.sandbox {
            Some(Ok(Record { labels, annotations, .. })) => {
                match labels {
                    Some(labels) => fill_labels(&mut container.pod_labels, &labels, SOURCE),
                    None => lacks(&mut container.pod_labels, Reason::TooLarge),
                }
                probes::fill_of_pod(container, &annotations, SOURCE);
            }
            Some(Err(reason)) => lack_of_pod(container, reason),
            None => {}
        }
    }
}

/// Nothing is known of the pod's sandbox.
fn lack_of_pod(container: &mut Container, reason: Reason) {
    lacks(&mut container.pod_labels, reason);
    lacks(&mut container.liveness_probe, reason);
    lacks(&mut container.readiness_probe, reason);
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{check, lookup, pending},
        *,
    };
    use crate::event::Fact;

    /// Knows the container `x` of an image `i`, and one sandbox.
    #[derive(Default)]
    struct Known {
        asked: Vec<String>,
        is_silent: bool,
    }

    impl Ask for Known {
        fn container(&mut self, question: Question<'_>) -> Result<Record, Reason> {
            assert!(question.within <= ANSWER);
            self.asked.push(question.name.to_owned());
            if self.is_silent {
                return Err(Reason::NoAnswer);
            }
            let (image, labels) =
                (String::from("i"), Some(Words::from([("a".into(), "b".into())])));
            match question.name {
                "x" => Ok(Record { image, labels, ..Record::default() }),
                "sandbox" => Ok(Record::default()),
                _ => Err(Reason::Gone),
            }
        }

        fn digest(&mut self, question: Question<'_>) -> Result<String, Reason> {
            self.asked.push(question.name.to_owned());
            Ok("sha256:1".to_owned())
        }

        fn created(&mut self, question: Question<'_>) -> Result<String, Reason> {
            self.asked.push(format!("created {}", question.name));
            Ok("2026-01-02T03:04:05Z".to_owned())
        }

        fn stores(&mut self, _: &Path) -> Vec<Store> {
            Vec::new()
        }
    }

    fn told(mut ask: Known) -> (Vec<String>, Container) {
        let mut container = pending(&lookup("/x", "x"));
        container.sandbox_id = Fact::Known("sandbox".into(), FactSource::Bundle);
        complete(&mut ask, Path::new("/sock"), "default", &mut container);
        (ask.asked, container)
    }

    #[test]
    fn what_is_pending_is_asked_for() {
        let (asked, container) = told(Known::default());
        assert_eq!(asked, ["x", "i", "sandbox", "created i"]);
        check(
            &container,
            &[
                "image = i (containerd)",
                "image_digest = sha256:1 (containerd)",
                "image_created_ns = 1767323045000000000 (containerd)",
                "labels = a|b| (containerd)",
                "pod_labels: too_large",
            ],
        );
    }

    #[test]
    fn who_does_not_answer_is_asked_nothing_more() {
        let (asked, container) = told(Known { is_silent: true, ..Known::default() });
        assert_eq!(asked, ["x"]);
        check(
            &container,
            &["image: no_answer", "image_digest: no_answer", "pod_labels: no_answer"],
        );
    }
}
