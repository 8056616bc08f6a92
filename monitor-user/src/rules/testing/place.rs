//! What a test says of users, containers and pods.

use std::sync::Arc;

use monitor_rules::TestValue;

use super::{Set, assign, draft::Draft, value};
use crate::{
    container::{Label, Mount},
    event::{Container, Fact, FactSource},
};

pub(super) fn set(draft: &mut Draft, (name, arg): (&str, Option<&str>), value: &TestValue) -> Set {
    let credentials = &mut draft.event.credentials;
    Some(match name {
        "user.uid" => value::number(value).map(|uid| {
            credentials.uid = uid;
            credentials.euid = uid;
        }),
        "user.euid" => assign(&mut credentials.euid, value, value::number),
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
        "k8s.node.name" | "evt.hostname" => value::text(value).map(|name| {
            Arc::make_mut(&mut draft.event.node).said_name = Some(name);
        }),
        "k8s.cluster.name" => value::text(value).map(|name| {
            Arc::make_mut(&mut draft.event.node).cluster = Some(name);
        }),
        _ if name.starts_with("container.") || name.starts_with("k8s.") => {
            return set_text(draft, name, value).or_else(|| set_other(draft, (name, arg), value));
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

/// A fact that only a container has, and that is a text: it makes the process one of a container.
fn set_text(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    if name == "container.image.tag" {
        draft.container();
        return Some(value::text(value).map(|tag| draft.image_tag = Some(tag)));
    }
    let mut none = Container::host();
    let is_known = text_of(&mut none, name).is_some();
    let part = if is_known { text_of(draft.container(), name) } else { None };
    part.map(|part| assign::<Fact<Box<str>>>(part, value, value::fact))
}

fn text_of<'c>(container: &'c mut Container, name: &str) -> Option<&'c mut Fact<Box<str>>> {
    Some(match name {
        "container.name" => &mut container.name,
        "container.type" => &mut container.runtime,
        "container.oci_runtime" => &mut container.oci_runtime,
        "container.visibility" => &mut container.visibility,
        "container.declared.ports" => &mut container.declared_ports,
        "container.image" | "container.image.repository" => &mut container.image,
        "container.image.digest" => &mut container.image_digest,
        "container.image.id" => &mut container.image_id,
        "k8s.pod.name" => &mut container.pod_name,
        "k8s.ns.name" => &mut container.pod_namespace,
        "k8s.pod.uid" => &mut container.pod_uid,
        "k8s.pod.full_sandbox_id" => &mut container.sandbox_id,
        "k8s.pod.service_account" => &mut container.service_account,
        "k8s.deployment.name" => &mut container.deployment,
        "k8s.rs.name" => &mut container.replica_set,
        "k8s.job.name" => &mut container.job,
        "k8s.cronjob.name" => &mut container.cron_job,
        "k8s.statefulset.name" => &mut container.stateful_set,
        "k8s.daemonset.name" => &mut container.daemon_set,
        _ => return None,
    })
}

/// Another such fact.
fn set_other(draft: &mut Draft, (name, arg): (&str, Option<&str>), value: &TestValue) -> Set {
    let flag = |part: fn(&mut Container) -> &mut Fact<bool>, draft: &mut Draft| {
        let yes = value::yes(value)?;
        *part(draft.container()) = Fact::Known(yes, FactSource::Bundle);
        Ok(())
    };
    let number = |part: fn(&mut Container) -> &mut Fact<u64>, draft: &mut Draft| {
        let number = value::int(value)?;
        *part(draft.container()) = Fact::Known(number.unsigned_abs(), FactSource::Bundle);
        Ok(())
    };
    Some(match (name, arg) {
        ("container.memory_limit", None) => number(|it| &mut it.memory_limit, draft),
        ("container.cpu_limit", None) => number(|it| &mut it.cpu_limit, draft),
        ("container.pids_limit", None) => number(|it| &mut it.pids_limit, draft),
        ("container.declared.uid", None) => number(|it| &mut it.declared_uid, draft),
        ("container.declared.no_new_privs", None) => flag(|it| &mut it.no_new_privileges, draft),
        ("container.declared.readonly_root", None) => flag(|it| &mut it.readonly_root, draft),
        ("container.declared.capabilities", None) => value::capabilities(value).map(|set| {
            draft.container().declared_capabilities = Fact::Known(set, FactSource::Bundle);
        }),
        ("container.privileged", None) => flag(|it| &mut it.privileged, draft),
        ("container.host_pid", None) => flag(|it| &mut it.host_pid, draft),
        ("container.host_network", None) => flag(|it| &mut it.host_network, draft),
        ("container.host_ipc", None) => flag(|it| &mut it.host_ipc, draft),
        ("container.cap_effective", None) => value::capabilities(value).map(|set| {
            draft.container().capabilities = Fact::Known(set, FactSource::Bundle);
        }),
        ("container.start_ts", None) => value::int(value).map(|at| {
            draft.container().started_ns = Fact::Known(at, FactSource::Bundle);
        }),
        ("container.image.created", None) => value::int(value).map(|at| {
            draft.container().image_created_ns = Fact::Known(at, FactSource::Bundle);
        }),
        ("container.mounts", None) => mounts(value).map(|mounts| {
            draft.container().mounts = Fact::Known(mounts, FactSource::Bundle);
        }),
        ("container.label", Some(key)) => {
            value::text(value).map(|text| add_label(&mut draft.container().labels, key, &text))
        }
        ("k8s.pod.label", Some(key)) => {
            value::text(value).map(|text| add_label(&mut draft.container().pod_labels, key, &text))
        }
        _ => return None,
    })
}

fn add_label(labels: &mut Fact<Box<[Label]>>, key: &str, value: &str) {
    let before = labels.known().cloned().unwrap_or_default();
    let label = Label { key: key.into(), value: value.into() };
    let all = before.into_iter().chain([label]).collect();
    *labels = Fact::Known(all, FactSource::Bundle);
}

/// Mounts as the field shows them.
fn mounts(value: &TestValue) -> Result<Box<[Mount]>, String> {
    let mount = |text: &String| {
        let [source, destination, mode, writable, propagation] =
            text.split(':').collect::<Vec<_>>()[..]
        else {
            return Err(format!("`{text}` is no source:destination:mode:writable:propagation"));
        };
        Ok(Mount {
            source: source.into(),
            destination: destination.into(),
            mode: mode.into(),
            is_writable: writable == "true",
            propagation: propagation.into(),
        })
    };
    value::words(value)?.iter().map(mount).collect()
}
