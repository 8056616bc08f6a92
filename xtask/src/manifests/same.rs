//! Whether two renderings are the same objects: apart from labels, annotations, the namespace that
//! only one of them makes, and what kustomize puts behind the name of the configuration.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

/// The configuration's ConfigMap, by the start of its name.
const CONFIG_MAP: &str = "runmon-config";

/// Fails where they are not, and says where.
pub(super) fn check(one: &[Value], other: &[Value]) -> Result<()> {
    let (one, other) = (objects(one), objects(other));
    ensure!(one.len() == other.len(), "{} objects, and {}", one.len(), other.len());
    one.iter().zip(&other).try_for_each(|(one, other)| compare(kind(one), one, other))
}

/// The objects that count, in the order of their kinds and names.
fn objects(all: &[Value]) -> Vec<Value> {
    let counts = |it: &&Value| kind(it) != "Namespace";
    let mut objects: Vec<Value> = all.iter().filter(counts).cloned().map(bare).collect();
    objects.sort_by_key(|it| format!("{} {:?}", kind(it), it.pointer("/metadata/name")));
    objects
}

fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

fn bare(mut object: Value) -> Value {
    forget(&mut object, "/metadata", &["labels", "annotations"]);
    forget(&mut object, "/spec", &["selector"]);
    forget(&mut object, "/spec/template", &["metadata"]);
    if kind(&object) == "ConfigMap" {
        object.pointer_mut("/metadata/name").map(cut);
    }
    let volumes = object.pointer_mut("/spec/template/spec/volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        volume.pointer_mut("/configMap/name").map(cut);
    }
    object
}

fn forget(object: &mut Value, place: &str, keys: &[&str]) {
    let part = object.pointer_mut(place).and_then(Value::as_object_mut);
    if let Some(part) = part {
        part.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn cut(name: &mut Value) {
    let text = name.as_str().unwrap_or_default();
    if text.starts_with(CONFIG_MAP) {
        *name = CONFIG_MAP.into();
    }
}

/// Walks down both, to name the first place where they differ.
fn compare(place: &str, one: &Value, other: &Value) -> Result<()> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let none = &Value::Null;
                let place = format!("{place}.{key}");
                compare(&place, a.get(key).unwrap_or(none), b.get(key).unwrap_or(none))?;
            }
            Ok(())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.into_iter().try_for_each(|(at, (a, b))| compare(&format!("{place}[{at}]"), a, b))
        }
        // Blocks of text end as they were written.
        (Value::String(a), Value::String(b)) if a.trim_end() == b.trim_end() => Ok(()),
        _ if one == other => Ok(()),
        _ => bail!("{place}: {one} and {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_of_a_difference_is_named() {
        let of = |image: &str, hash: &str| {
            let volumes = json!([{"configMap": {"name": format!("runmon-config-{hash}")}}]);
            let spec = json!({"containers": [{"image": image}], "volumes": volumes});
            vec![
                json!({"kind": "Namespace"}),
                json!({"kind": "DaemonSet", "metadata": {"name": "x", "labels": {"h": hash}},
                       "spec": {"template": {"spec": spec}}}),
            ]
        };
        assert!(check(&of("a", "1"), &of("a", "2")).is_ok());
        let error = check(&of("a", "1"), &of("b", "1")).unwrap_err().to_string();
        let place = "DaemonSet.spec.template.spec.containers[0].image";
        assert_eq!(error, format!("{place}: \"a\" and \"b\""));
    }
}
