//! `container.*` and `k8s.*`: where the process runs.

use monitor_rules::{Field, Type, Unknown, Value};

use super::{fact, one};
use crate::{
    event::{Container, Event},
    rules::kinds::ALL,
};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "container.id",
        Type::Str,
        ALL,
        "Id of the container, its first twelve characters; `host` on the host.",
        |event, _| id(event, event.container.short_id()),
    ),
    one("container.full_id", Type::Str, ALL, "Full id of the container.", |event, _| {
        id(event, &event.container.id)
    }),
    one("container.name", Type::Str, ALL, "Name of the container; `host` on the host.", {
        |event, _| match event.container.is_host() {
            true => Value::str(Container::HOST),
            false => fact(&event.container.name),
        }
    }),
    one("container.type", Type::Str, ALL, "Runtime or engine.", |event, _| {
        fact(&event.container.runtime)
    }),
    one("container.image", Type::Str, ALL, "Image, as it was asked for.", |event, _| {
        fact(&event.container.image)
    }),
    one(
        "container.image.repository",
        Type::Str,
        ALL,
        "Image without tag and digest.",
        |event, _| of_image(event, |image| split(image).0),
    ),
    one("container.image.tag", Type::Str, ALL, "Tag of the image.", |event, _| {
        of_image(event, |image| split(image).1)
    }),
    one("container.image.digest", Type::Str, ALL, "Digest of the image.", |event, _| {
        fact(&event.container.image_digest)
    }),
    one("k8s.pod.name", Type::Str, ALL, "Name of the pod.", |event, _| {
        fact(&event.container.pod_name)
    }),
    one("k8s.ns.name", Type::Str, ALL, "Namespace of the pod.", |event, _| {
        fact(&event.container.pod_namespace)
    }),
    one("k8s.pod.uid", Type::Str, ALL, "Unique id of the pod.", |event, _| {
        fact(&event.container.pod_uid)
    }),
];

fn of_image<'e>(event: &'e Event, part: fn(&'e str) -> Option<&'e str>) -> Value<'e> {
    match event.container.image.known() {
        Some(image) => Value::or_absent(part(image).map(Value::str)),
        None => fact(&event.container.image),
    }
}

/// Repository and tag of an image reference. A bare digest has neither.
fn split(image: &str) -> (Option<&str>, Option<&str>) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(n, d)| (n, Some(d)));
    if digest.is_none() && name.starts_with("sha256:") {
        return (None, None);
    }
    // A colon before the last slash belongs to the port of a registry.
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (Some(repository), Some(tag)),
        _ => (Some(name), None),
    }
}

/// An id, once it is certain that there is a container at all.
fn id<'e>(event: &'e Event, id: &'e str) -> Value<'e> {
    if event.container.is_certain() { Value::str(id) } else { Value::Unknown(Unknown::Pending) }
}
