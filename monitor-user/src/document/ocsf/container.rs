//! The container of a process, and what an alert affects: container, pod, machine and cluster.

use serde_json::{Value, json};

use crate::{
    container::Label,
    document::{
        Sender,
        beyond::{self, put},
        members::set,
    },
    event::Container,
};

/// The container; none of what runs on the host.
pub(super) fn of(container: &Container) -> Option<Value> {
    if container.is_host() {
        return None;
    }
    let mut value = json!({ "uid": *container.id });
    put(&mut value, &["name"], &container.name, |name| json!(name));
    put(&mut value, &["runtime"], &container.runtime, |name| json!(name));
    put(&mut value, &["labels"], &container.labels, |labels| pairs(labels));
    if let Some(image) = image(container) {
        set(&mut value, &["image"], image);
    }
    let digest = container.image_digest.known().and_then(|digest| digest.strip_prefix("sha256:"));
    if let Some(digest) = digest {
        set(&mut value, &["hash"], sha256(digest));
    }
    if container.pod_name.known().is_some() {
        set(&mut value, &["orchestrator"], json!("kubernetes"));
    }
    put(&mut value, &["pod_uuid"], &container.pod_uid, |uid| json!(uid));
    if value.get("pod_uuid").and_then(Value::as_str).is_some_and(|uid| !is_uuid(uid))
        && let Some(members) = value.as_object_mut()
    {
        members.remove("pod_uuid");
    }
    Some(value)
}

/// An image must have an id: where the engine gives none and its digest is not known either, it is
/// what the image was asked for by.
fn image(container: &Container) -> Option<Value> {
    let name = container.image.known();
    let ids = [&container.image_id, &container.image_digest, &container.image];
    let id = ids.into_iter().find_map(|fact| fact.known())?;
    let mut image = json!({ "uid": id });
    if let Some(name) = name {
        set(&mut image, &["name"], json!(name));
    }
    Some(image)
}

/// The uid of a pod that the node was told of by a file is no UUID.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let is_hex = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(is_hex)
}

/// A SHA-256.
pub(super) fn sha256(digits: &str) -> Value {
    json!({ "algorithm_id": 3, "algorithm": "SHA-256", "value": digits })
}

/// Labels as texts.
fn pairs(labels: &[Label]) -> Value {
    labels.iter().map(|label| format!("{}:{}", label.key, label.value)).collect()
}

/// Labels as pairs.
pub(super) fn tags(labels: &[Label]) -> Value {
    labels.iter().map(|label| json!({ "name": label.key, "value": label.value })).collect()
}

/// What the schema has no place for.
pub(super) fn unmapped(about: &mut Value, container: &Container, form: &str) {
    if container.is_host() {
        return;
    }
    let mut more = json!({});
    put(&mut more, &["security_context", "privileged"], &container.privileged, |yes| json!(yes));
    beyond::container(&mut more, container, form == "event");
    set(about, &["container"], more);
    let Some(name) = container.pod_name.known() else { return };
    let mut pod = json!({ "name": name });
    put(&mut pod, &["namespace"], &container.pod_namespace, |name| json!(name));
    put(&mut pod, &["uid"], &container.pod_uid, |uid| json!(uid));
    put(&mut pod, &["labels"], &container.pod_labels, |labels| pairs(labels));
    if let Some((kind, name)) = beyond::controller(container) {
        set(&mut pod, &["controller"], json!({ "type": kind, "name": name }));
    }
    set(about, &["pod"], pod);
    let owners = beyond::owners(container);
    if !owners.is_empty() {
        set(about, &["kubernetes"], Value::Object(owners));
    }
}

/// What an alert affects, from the container outwards.
pub(super) fn resources(container: &Container, sender: &Sender) -> Vec<Value> {
    let mut resources = Vec::new();
    if !container.is_host() {
        let mut value = affected("container");
        set(&mut value, &["uid"], json!(*container.id));
        put(&mut value, &["name"], &container.name, |name| json!(name));
        put(&mut value, &["labels"], &container.labels, |labels| pairs(labels));
        resources.push(value);
    }
    if let Some(name) = container.pod_name.known() {
        let mut value = affected("pod");
        set(&mut value, &["name"], json!(name));
        put(&mut value, &["namespace"], &container.pod_namespace, |name| json!(name));
        put(&mut value, &["uid"], &container.pod_uid, |uid| json!(uid));
        put(&mut value, &["labels"], &container.pod_labels, |labels| pairs(labels));
        resources.push(value);
    }
    resources.extend(of_machine(sender));
    resources
}

/// The machine, and the cluster that it is in.
pub(super) fn of_machine(sender: &Sender) -> Vec<Value> {
    let mut host = affected("host");
    set(&mut host, &["hostname"], json!(sender.node.hostname));
    set(&mut host, &["name"], json!(sender.node.name()));
    let cluster = sender.node.cluster.as_ref().map(|name| {
        let mut value = affected("cluster");
        set(&mut value, &["name"], json!(name));
        value
    });
    [Some(host), cluster].into_iter().flatten().collect()
}

/// A resource of our sort that is affected.
pub(super) fn affected(sort: &str) -> Value {
    json!({ "type": sort, "role_id": 3, "role": "Affected" })
}
