//! What the sources share: reading their files, and filling in what is not known yet.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use crate::{
    container::{Container, Label, Mount},
    enrich::{cgroup_path, container::Lookup},
    event::{Fact, FactSource, Reason},
    limits::{CONTAINER_LIST_BYTES, DECLARED_PORTS_BYTES, RUNTIME_FILE_BYTES},
    reach::Reach,
};

/// What came of looking for a container in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// It is not there.
    Nothing,
    /// One of its id is there, and nothing says that it is this one.
    Unsure,
    /// It is about to be: its directory is there, and not all of its files.
    NotYet,
    /// Its files are there, and larger than is read.
    TooLarge,
    /// It is there, and what it tells was filled in.
    Found,
}

/// Labels or annotations, in the order of their names.
pub(super) type Words = BTreeMap<String, String>;

/// Reads a file of JSON; `NotYet` if it is there, but not whole, `TooLarge` if it has more than
/// `limits::RUNTIME_FILE_BYTES`.
pub(super) fn read<T: DeserializeOwned>(reach: &dyn Reach, path: &Path) -> Result<T, Look> {
    parse(reach.read(path, RUNTIME_FILE_BYTES + 1))
}

/// The same of several files, which are asked for at once.
pub(super) fn read_all<T: DeserializeOwned>(
    reach: &dyn Reach,
    paths: &[PathBuf],
) -> impl Iterator<Item = Result<T, Look>> + use<T> {
    reach.read_all(paths, RUNTIME_FILE_BYTES + 1).into_iter().map(parse)
}

/// What was read of a file, as above.
pub(super) fn parse<T: DeserializeOwned>(text: io::Result<Vec<u8>>) -> Result<T, Look> {
    let text = text.map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Look::Nothing,
        ErrorKind::FileTooLarge => Look::TooLarge,
        _ => Look::NotYet,
    })?;
    if text.len() as u64 > RUNTIME_FILE_BYTES {
        return Err(Look::TooLarge);
    }
    serde_json::from_slice(&text).map_err(|_broken| Look::NotYet)
}

/// Whether an id is a file name: nothing else may be read through it.
pub(super) fn is_file_name(id: &str) -> bool {
    !id.is_empty() && !id.contains(['/', '\0']) && !id.starts_with('.')
}

/// Whether a container's cgroup is not inside of another container's. Whoever may make cgroups in a
/// container can name one after any container of the host. A bundle says that it is one: a node of
/// a cluster can itself be a container.
pub(super) fn is_outermost(lookup: &Lookup) -> bool {
    let above = lookup.cgroup_path.rsplit_once('/').map_or("", |(above, _)| above);
    // The path tells also where there was no room to know the container above.
    !lookup.is_nested && !cgroup_path::is_certain(above)
}

/// Whether only runtimes put containers where this one is, so that its id alone, and the pod in its
/// path, count.
pub(super) fn is_runtimes(lookup: &Lookup) -> bool {
    !lookup.is_nested && cgroup_path::is_usual(&lookup.cgroup_path)
}

/// Fills in a fact that may still arrive.
pub(super) fn fill<T>(fact: &mut Fact<T>, value: Option<T>, source: FactSource) {
    if let (Fact::Unknown(Reason::Pending), Some(value)) = (&*fact, value) {
        *fact = Fact::Known(value, source);
    }
}

/// The same with a text; an empty one says nothing.
pub(super) fn fill_text(fact: &mut Fact<Box<str>>, text: Option<&str>, source: FactSource) {
    fill(fact, text.filter(|text| !text.is_empty()).map(Into::into), source);
}

/// Says why a fact that may still arrive will not.
pub(super) fn lacks<T>(fact: &mut Fact<T>, reason: Reason) {
    if matches!(fact, Fact::Unknown(Reason::Pending)) {
        *fact = Fact::Unknown(reason);
    }
}

/// Fills in labels, if there is room for them.
pub(super) fn fill_labels(fact: &mut Fact<Box<[Label]>>, labels: &Words, source: FactSource) {
    let bytes = labels.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
    let label = |(key, value): (&String, &String)| Label {
        key: key.as_str().into(),
        value: value.as_str().into(),
    };
    if bytes > CONTAINER_LIST_BYTES {
        return lacks(fact, Reason::TooLarge);
    }
    fill(fact, Some(labels.iter().map(label).collect()), source);
}

/// Fills in mounts, if there is room for them.
pub(super) fn fill_mounts(fact: &mut Fact<Box<[Mount]>>, mounts: Vec<Mount>, source: FactSource) {
    let bytes = mounts.iter().map(|mount| mount.to_string().len() + 1).sum::<usize>();
    if bytes > CONTAINER_LIST_BYTES {
        return lacks(fact, Reason::TooLarge);
    }
    fill(fact, Some(mounts.into()), source);
}

/// Fills in ports that are declared, if there is room for them.
pub(super) fn fill_ports(fact: &mut Fact<Box<str>>, ports: &[String], source: FactSource) {
    let ports = ports.join(" ");
    if ports.len() > DECLARED_PORTS_BYTES {
        return lacks(fact, Reason::TooLarge);
    }
    fill(fact, Some(ports.into()), source);
}

/// What the labels say that a kubelet gives to containers.
pub(super) fn fill_pod(container: &mut Container, labels: &Words, source: FactSource) {
    let word = |key: &str| labels.get(key).map(String::as_str);
    let Some(pod) = word("io.kubernetes.pod.name") else { return };
    fill_text(&mut container.pod_name, Some(pod), source);
    fill_text(&mut container.pod_namespace, word("io.kubernetes.pod.namespace"), source);
    fill_text(&mut container.pod_uid, word("io.kubernetes.pod.uid"), source);
    fill_text(&mut container.sandbox_id, word("io.kubernetes.sandbox.id"), source);
}

/// A time as people write it, in nanoseconds since 1970.
pub(super) fn time(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// The hexadecimal digits of an image's id.
pub(super) fn plain_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// The digest in an image reference.
pub(super) fn digest(reference: &str) -> Option<&str> {
    reference.split_once('@').map(|(_, digest)| digest)
}
