//! `container.*`: the container that the process runs in.

use monitor_rules::{Field, Type, Unknown, Value};

use super::{fact, fact_of, keyed, labelled, labels, one, spaced};
use crate::{
    container::split_image,
    event::{Container, Event, Fact},
    rules::kinds::ALL,
    words,
};

const HOST_PID: &str = "Whether the container shares the host's pid namespace.";
const HOST_NETWORK: &str = "Whether the container shares the host's network namespace.";
const LIVENESS: &str = "Command of the liveness probe, with spaces. It is told by the pod's \
                        annotation `kubectl.kubernetes.io/last-applied-configuration`, which pods \
                        have that people applied themselves.";
const READINESS: &str = "Command of the readiness probe, told as that of the liveness probe is.";
const MEMORY_LIMIT: &str =
    "Bytes of memory that the container may have, if that is limited; not a field of Falco's.";
const CPU_LIMIT: &str = "Thousandths of a processor that the container may have, if that is \
                         limited; not a field of Falco's.";
const PIDS_LIMIT: &str =
    "Tasks that the container may have, if that is limited; not a field of Falco's.";
const HOST_IPC: &str = "Whether the container shares the host's IPC namespace.";

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
    one(
        "container.oci_runtime",
        Type::Str,
        ALL,
        "What runs the container for the engine, such as `io.containerd.runc.v2` or `runsc`; not \
         a field of Falco's.",
        |event, _| fact(&event.container.oci_runtime),
    ),
    one(
        "container.visibility",
        Type::Str,
        ALL,
        "`full`, or `none` for a container with a kernel of its own, as Kata Containers and gVisor \
         give it: of what runs in it nothing is seen. Told by the name of what runs it; not a \
         field of Falco's.",
        |event, _| fact(&event.container.visibility),
    ),
    one("container.image", Type::Str, ALL, "Image, as it was asked for.", |event, _| {
        fact(&event.container.image)
    }),
    one(
        "container.image.repository",
        Type::Str,
        ALL,
        "Image without tag and digest.",
        |event, _| of_image(event, |image| split_image(image).0),
    ),
    one("container.image.tag", Type::Str, ALL, "Tag of the image.", |event, _| {
        of_image(event, |image| split_image(image).1)
    }),
    one("container.image.digest", Type::Str, ALL, "Digest of the image.", |event, _| {
        fact(&event.container.image_digest)
    }),
    one("container.image.id", Type::Str, ALL, "Id of the image, where the engine has one.", {
        |event, _| fact(&event.container.image_id)
    }),
    one(
        "container.image.created",
        Type::Int,
        ALL,
        "When the image was made, nanoseconds since 1970, as its configuration says; absent where \
         that says nothing, or a time before there were images, as reproducible builds do. Not a \
         field of Falco's.",
        |event, _| fact_of(&event.container.image_created_ns, |at| Value::Int(*at)),
    ),
    one(
        "container.privileged",
        Type::Bool,
        ALL,
        "Whether nothing keeps the container from the host: what Docker or podman say; elsewhere \
         that it starts with `CAP_SYS_ADMIN`, may use every device, sees all of `/proc` and \
         `/sys`, and has no user namespace of its own.",
        |event, _| fact_of(&event.container.privileged, |yes| Value::Bool(*yes)),
    ),
    one("container.host_pid", Type::Bool, ALL, HOST_PID, |event, _| {
        fact_of(&event.container.host_pid, |yes| Value::Bool(*yes))
    }),
    one("container.host_network", Type::Bool, ALL, HOST_NETWORK, |event, _| {
        fact_of(&event.container.host_network, |yes| Value::Bool(*yes))
    }),
    one("container.host_ipc", Type::Bool, ALL, HOST_IPC, |event, _| {
        fact_of(&event.container.host_ipc, |yes| Value::Bool(*yes))
    }),
    one(
        "container.cap_effective",
        Type::Str,
        ALL,
        "Effective capabilities that the container's first program starts with, with spaces; not a \
         field of Falco's.",
        |event, _| {
            fact_of(&event.container.capabilities, |set| Value::owned(words::capabilities(*set)))
        },
    ),
    one("container.memory_limit", Type::Int, ALL, MEMORY_LIMIT, |event, _| {
        limit(&event.container.memory_limit)
    }),
    one("container.cpu_limit", Type::Int, ALL, CPU_LIMIT, |event, _| {
        limit(&event.container.cpu_limit)
    }),
    one("container.pids_limit", Type::Int, ALL, PIDS_LIMIT, |event, _| {
        limit(&event.container.pids_limit)
    }),
    one(
        "container.start_ts",
        Type::Int,
        ALL,
        "When the container was started, nanoseconds since 1970: when its bundle was written or \
         its state was made, just before its first program.",
        |event, _| fact_of(&event.container.started_ns, |at| Value::Int(*at)),
    ),
    one(
        "container.duration",
        Type::Int,
        ALL,
        "Nanoseconds since the container was started.",
        |event, _| {
            fact_of(&event.container.started_ns, |at| {
                Value::Int(event.timestamp_ns.saturating_sub(*at).max(0))
            })
        },
    ),
    keyed("container.label", Type::Str, ALL, "Value of a label of the container.", |event, arg| {
        labelled(&event.container.labels, arg)
    }),
    one(
        "container.healthcheck",
        Type::Str,
        ALL,
        "Command of the engine's health check, with spaces; `NONE` for one that is switched off. \
         Docker's files tell it.",
        |event, _| command(&event.container.healthcheck),
    ),
    one("container.liveness_probe", Type::Str, ALL, LIVENESS, |event, _| {
        command(&event.container.liveness_probe)
    }),
    one("container.readiness_probe", Type::Str, ALL, READINESS, |event, _| {
        command(&event.container.readiness_probe)
    }),
    one("container.labels", Type::Str, ALL, "Labels of the container: `key:value,…`.", {
        |event, _| labels(&event.container.labels)
    }),
];

fn limit(fact: &Fact<u64>) -> Value<'_> {
    fact_of(fact, |limit| Value::Int(i64::try_from(*limit).unwrap_or(i64::MAX)))
}

/// A probe's command.
fn command(fact: &Fact<Box<str>>) -> Value<'_> {
    fact_of(fact, |command| match &**command {
        "" => Value::str("NONE"),
        command => spaced(command.as_bytes()),
    })
}

fn of_image<'e>(event: &'e Event, part: fn(&'e str) -> Option<&'e str>) -> Value<'e> {
    match event.container.image.known() {
        Some(image) => Value::or_absent(part(image).map(Value::str)),
        None => fact(&event.container.image),
    }
}

/// An id, once it is certain that there is a container at all.
fn id<'e>(event: &'e Event, id: &'e str) -> Value<'e> {
    if event.container.is_certain() { Value::str(id) } else { Value::Unknown(Unknown::Pending) }
}
