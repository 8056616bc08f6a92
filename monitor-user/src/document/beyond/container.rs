//! What documents say of a container, and of whose it is, beyond any schema.

use serde_json::{Map, Value, json};

use crate::{
    document::{
        members::set,
        printable::{lossless, strings},
        text::rfc3339,
    },
    event::{Container, Fact, Reason},
    words,
};

/// Where each fact stands, below `container`, or for those of a pod what it is called there.
const PLACES: [(&str, &str); 30] = [
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
    ("image_created_ns", "image.created"),
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
    ("declared_uid", "declared.uid"),
    ("declared_capabilities", "declared.capabilities"),
    ("no_new_privileges", "declared.no_new_privileges"),
    ("readonly_root", "declared.readonly_root"),
];

/// How many of them an event has that is only told of as such.
const BRIEF: usize = 10;

/// What a container may do and use, and where each fact about it comes from. An event that is only
/// told of as such says of these facts no more than why those of who it is are not known.
pub(in crate::document) fn container(value: &mut Value, container: &Container, is_brief: bool) {
    if !is_brief {
        abilities(value, container);
    }
    about_facts(value, container, is_brief);
}

fn abilities(value: &mut Value, container: &Container) {
    put(value, &["oci_runtime"], &container.oci_runtime, |name| json!(name));
    put(value, &["visibility"], &container.visibility, |word| json!(word));
    put(value, &["image", "id"], &container.image_id, |id| json!(id));
    put(value, &["image", "created"], &container.image_created_ns, |at| json!(rfc3339(*at)));
    put(value, &["started"], &container.started_ns, |at| json!(rfc3339(*at)));
    put(value, &["host_pid"], &container.host_pid, |yes| json!(yes));
    put(value, &["host_network"], &container.host_network, |yes| json!(yes));
    put(value, &["host_ipc"], &container.host_ipc, |yes| json!(yes));
    put(value, &["capabilities"], &container.capabilities, |set| {
        json!(words::capabilities(*set).split_whitespace().collect::<Vec<_>>())
    });
    for (name, fact) in [
        ("memory", &container.memory_limit),
        ("cpu", &container.cpu_limit),
        ("pids", &container.pids_limit),
    ] {
        put(value, &["limits", name], fact, |limit| json!(limit));
    }
    put(value, &["mounts"], &container.mounts, |mounts| {
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
        put(value, &[name], fact, |command| strings(command.as_bytes()).map(lossless).collect());
    }
    declared(value, container);
}

/// What its processes can be compared with.
fn declared(value: &mut Value, container: &Container) {
    put(value, &["declared", "uid"], &container.declared_uid, |uid| json!(uid));
    put(value, &["declared", "capabilities"], &container.declared_capabilities, |set| {
        words::capabilities(*set).split_whitespace().collect()
    });
    for (name, fact) in [
        ("no_new_privileges", &container.no_new_privileges),
        ("readonly_root", &container.readonly_root),
    ] {
        put(value, &["declared", name], fact, |yes| json!(yes));
    }
    put(value, &["declared", "ports"], &container.declared_ports, |ports| {
        ports.split_whitespace().collect()
    });
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

/// Sets a member to what is known.
pub(in crate::document) fn put<T>(
    value: &mut Value,
    path: &[&str],
    fact: &Fact<T>,
    make: impl FnOnce(&T) -> Value,
) {
    if let Some(known) = fact.known() {
        set(value, path, make(known));
    }
}

/// Controllers that a pod can be of, the nearest first.
fn controllers(container: &Container) -> [(&'static str, &Fact<Box<str>>); 6] {
    [
        ("replicaset", &container.replica_set),
        ("statefulset", &container.stateful_set),
        ("daemonset", &container.daemon_set),
        ("job", &container.job),
        ("deployment", &container.deployment),
        ("cronjob", &container.cron_job),
    ]
}

/// The nearest controller of a pod: its kind and its name.
pub(in crate::document) fn controller(container: &Container) -> Option<(&'static str, &str)> {
    controllers(container).into_iter().find_map(|(kind, fact)| Some((kind, &**fact.known()?)))
}

/// Whose a pod is: its controllers, and its service account.
pub(in crate::document) fn owners(container: &Container) -> Map<String, Value> {
    let mut owners = Map::new();
    for (kind, fact) in controllers(container) {
        if let Fact::Known(name, source) = fact {
            owners.insert(kind.to_owned(), json!({ "name": name, "known_from": source.name() }));
        }
    }
    match &container.service_account {
        Fact::Known(name, source) => {
            let known = json!({ "name": name, "known_from": source.name() });
            owners.insert("serviceaccount".to_owned(), known);
        }
        // Who does not ask the API knows that.
        Fact::Unknown(Reason::NotApplicable | Reason::NotAsked) => {}
        Fact::Unknown(reason) => {
            let why = json!({ "unknown_because": reason.name() });
            owners.insert("serviceaccount".to_owned(), why);
        }
    }
    owners
}
