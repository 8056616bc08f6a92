//! What a test says of users, containers and pods.

use monitor_rules::TestValue;

use super::{Set, assign, draft::Draft, value};
use crate::event::{Container, Fact};

pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    let credentials = &mut draft.event.credentials;
    Some(match name {
        "user.uid" => value::number(value).map(|uid| {
            credentials.uid = uid;
            credentials.euid = uid;
        }),
        "user.loginuid" => value::int(value).and_then(|uid| {
            credentials.loginuid = match uid {
                -1 => None,
                uid => Some(u32::try_from(uid).map_err(|_| "no user id".to_owned())?),
            };
            Ok(())
        }),
        "group.gid" => value::number(value).map(|gid| {
            credentials.gid = gid;
            credentials.egid = gid;
        }),
        "container.id" | "container.full_id" => container_id(draft, value),
        _ if name.starts_with("container.") || name.starts_with("k8s.") => {
            return set_fact(draft, name, value);
        }
        _ => return None,
    })
}

fn container_id(draft: &mut Draft, value: &TestValue) -> Result<(), String> {
    let id = match value {
        TestValue::Null => Container::HOST.to_owned(),
        value => value::text(value)?,
    };
    if id == Container::HOST {
        draft.container = None;
    } else {
        draft.container().id = id.into();
    }
    Ok(())
}

/// A fact that only a container has: it makes the process one of a container.
fn set_fact(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    if !matches!(
        name,
        "container.name"
            | "container.type"
            | "container.image"
            | "container.image.repository"
            | "container.image.tag"
            | "container.image.digest"
            | "k8s.pod.name"
            | "k8s.ns.name"
            | "k8s.pod.uid"
    ) {
        return None;
    }
    if name == "container.image.tag" {
        return Some(value::text(value).map(|tag| draft.image_tag = Some(tag)));
    }
    let container = draft.container();
    let part = match name {
        "container.name" => &mut container.name,
        "container.type" => &mut container.runtime,
        "container.image.digest" => &mut container.image_digest,
        "k8s.pod.name" => &mut container.pod_name,
        "k8s.ns.name" => &mut container.pod_namespace,
        "k8s.pod.uid" => &mut container.pod_uid,
        _ => &mut container.image,
    };
    Some(assign::<Fact<Box<str>>>(part, value, value::fact))
}
