//! The container and the pod of a document.

use serde_json::{Map, Value, json};

use crate::{
    container::{Label, split_image},
    document::{
        beyond::{self, put},
        members::set,
    },
    event::Container,
};

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
    ] {
        put(&mut value, path, fact, |text| json!(text));
    }
    put(&mut value, &["image", "hash", "all"], &container.image_digest, |text| json!([text]));
    let tag = container.image.known().and_then(|image| split_image(image).1);
    if let Some(tag) = tag {
        set(&mut value, &["image", "tag"], json!([tag]));
    }
    put(&mut value, &["security_context", "privileged"], &container.privileged, |yes| json!(yes));
    put(&mut value, &["labels"], &container.labels, |labels| json_of(labels));
    beyond::container(&mut value, container, is_brief);
    value
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
    if let Some((kind, name)) = beyond::controller(container) {
        set(&mut resource, &["parent"], json!({ "type": kind, "name": name }));
    }
    let namespace = container.pod_namespace.known();
    let pod = json!({ "type": "kubernetes", "namespace": namespace, "resource": resource });
    set(document, &["orchestrator"], pod);
    let kubernetes = beyond::owners(container);
    if !kubernetes.is_empty() {
        set(document, &["kubernetes"], Value::Object(kubernetes));
    }
}
