//! The container and the pod of a document.

use serde_json::{Map, Value, json};

use super::set;
use crate::{
    container::{Label, split_image},
    document::{
        printable::{lossless, strings},
        text::rfc3339,
    },
    event::{Container, Fact, Reason},
    words,
};

/// Where each fact stands, below `container`, or for those of a pod what it is called there.
const PLACES: [(&str, &str); 25] = [
    ("runtime", "runtime"),
    ("name", "name"),
    ("image", "image.name"),
    ("image_digest", "image.hash.all"),
    ("pod_name", "pod.name"),
    ("pod_namespace", "pod.namespace"),
    ("pod_uid", "pod.uid"),
    ("privileged", "security_context.privileged"),
    ("labels", "labels"),
    ("pod_labels", "pod.labels"),
    ("oci_runtime", "oci_runtime"),
    ("visibility", "visibility"),
    ("image_id", "image.id"),
    ("started_ns", "started"),
    ("host_pid", "host_pid"),
    ("host_network", "host_network"),
    ("host_ipc", "host_ipc"),
    ("capabilities", "capabilities"),
    ("memory_limit", "limits.memory"),
    ("cpu_limit", "limits.cpu"),
    ("pids_limit", "limits.pids"),
    ("mounts", "mounts"),
    ("healthcheck", "healthcheck"),
    ("liveness_probe", "liveness_probe"),
    ("readiness_probe", "readiness_probe"),
];

/// How many of them an event has that is only told of as such.
const BRIEF: usize = 10;

/// The container. Alerts say all of it, with where each fact comes from; an event that is only told
/// of as such says who it is.
pub(super) fn of(container: &Container, form: &str) -> Value {
    let is_brief = form == "event";
    let mut value = json!({ "id": *container.id });
    if container.is_host() {
        return value;
    }
    for (path, fact) in [
        (["runtime"].as_slice(), &container.runtime),
        (&["name"], &container.name),
        (&["image", "name"], &container.image),
        (&["image", "hash", "all"], &container.image_digest),
    ] {
        put(&mut value, path, fact, |text| json!(text));
    }
    let tag = container.image.known().and_then(|image| split_image(image).1);
    if let Some(tag) = tag {
        set(&mut value, &["image", "tag"], json!([tag]));
    }
    put(&mut value, &["security_context", "privileged"], &container.privileged, |yes| json!(yes));
    put(&mut value, &["labels"], &container.labels, |labels| json_of(labels));
    if !is_brief {
        put(&mut value, &["oci_runtime"], &container.oci_runtime, |name| json!(name));
        put(&mut value, &["visibility"], &container.visibility, |word| json!(word));
        put(&mut value, &["image", "id"], &container.image_id, |id| json!(id));
        put(&mut value, &["started"], &container.started_ns, |at| json!(rfc3339(*at)));
        put(&mut value, &["host_pid"], &container.host_pid, |yes| json!(yes));
        put(&mut value, &["host_network"], &container.host_network, |yes| json!(yes));
        put(&mut value, &["host_ipc"], &container.host_ipc, |yes| json!(yes));
        put(&mut value, &["capabilities"], &container.capabilities, |set| {
            json!(words::capabilities(*set).split_whitespace().collect::<Vec<_>>())
        });
        for (name, fact) in [
            ("memory", &container.memory_limit),
            ("cpu", &container.cpu_limit),
            ("pids", &container.pids_limit),
        ] {
            put(&mut value, &["limits", name], fact, |limit| json!(limit));
        }
        put(&mut value, &["mounts"], &container.mounts, |mounts| {
            let all = mounts.iter().map(|mount| {
                json!({
                    "source": mount.source,
                    "destination": mount.destination,
                    "mode": mount.mode,
                    "writable": mount.is_writable,
                    "propagation": mount.propagation,
                })
            });
            all.collect()
        });
        for (name, fact) in [
            ("healthcheck", &container.healthcheck),
            ("liveness_probe", &container.liveness_probe),
            ("readiness_probe", &container.readiness_probe),
        ] {
            put(&mut value, &[name], fact, |command| {
                strings(command.as_bytes()).map(lossless).collect()
            });
        }
    }
    about_facts(&mut value, container, is_brief);
    value
}

/// Where each fact comes from, or why it is not known.
fn about_facts(value: &mut Value, container: &Container, is_brief: bool) {
    let places = PLACES.get(..if is_brief { BRIEF } else { PLACES.len() }).unwrap_or_default();
    let (mut from, mut why) = (Map::new(), Map::new());
    for (name, fact) in container.facts() {
        let Some((_, place)) = places.iter().find(|(known, _)| *known == name) else { continue };
        match (fact.source(), fact.reason()) {
            (Some(source), _) if !is_brief => {
                from.insert((*place).to_owned(), json!(source.name()));
            }
            (None, Some(reason)) if reason != Reason::NotApplicable => {
                why.insert((*place).to_owned(), json!(reason.name()));
            }
            _ => {}
        }
    }
    for (name, map) in [("known_from", from), ("unknown_because", why)] {
        if !map.is_empty() {
            set(value, &[name], Value::Object(map));
        }
    }
}

fn put<T>(value: &mut Value, path: &[&str], fact: &Fact<T>, make: impl FnOnce(&T) -> Value) {
    if let Some(known) = fact.known() {
        set(value, path, make(known));
    }
}

/// Labels as members, which may have no dots: one label can be named as another one's beginning.
pub(super) fn json_of(labels: &[Label]) -> Value {
    let member = |label: &Label| (label.key.replace('.', "_"), json!(label.value));
    labels.iter().map(member).collect::<Map<_, _>>().into()
}

/// The pod, and whose it is: the nearest controller is its parent.
pub(super) fn pod(document: &mut Value, container: &Container) {
    let Some(name) = container.pod_name.known() else { return };
    let mut resource = json!({ "type": "pod", "name": name, "id": container.pod_uid.known() });
    put(&mut resource, &["label"], &container.pod_labels, |labels| {
        labels.iter().map(|label| format!("{}:{}", label.key, label.value)).collect()
    });
    let owners = [
        ("replicaset", &container.replica_set),
        ("statefulset", &container.stateful_set),
        ("daemonset", &container.daemon_set),
        ("job", &container.job),
        ("deployment", &container.deployment),
        ("cronjob", &container.cron_job),
    ];
    let mut kubernetes = Map::new();
    for (kind, fact) in owners {
        let Fact::Known(name, source) = fact else { continue };
        if kubernetes.is_empty() {
            set(&mut resource, &["parent"], json!({ "type": kind, "name": name }));
        }
        kubernetes.insert(kind.to_owned(), json!({ "name": name, "known_from": source.name() }));
    }
    match &container.service_account {
        Fact::Known(name, source) => {
            let known = json!({ "name": name, "known_from": source.name() });
            kubernetes.insert("serviceaccount".to_owned(), known);
        }
        // Who does not ask the API knows that.
        Fact::Unknown(Reason::NotApplicable | Reason::NotAsked) => {}
        Fact::Unknown(reason) => {
            let why = json!({ "unknown_because": reason.name() });
            kubernetes.insert("serviceaccount".to_owned(), why);
        }
    }
    let namespace = container.pod_namespace.known();
    let pod = json!({ "type": "kubernetes", "namespace": namespace, "resource": resource });
    set(document, &["orchestrator"], pod);
    if !kubernetes.is_empty() {
        set(document, &["kubernetes"], Value::Object(kubernetes));
    }
}
