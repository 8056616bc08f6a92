//! ServiceMonitors, of the Prometheus Operator: Kubernetes' own schemas do not know them. The
//! fields that ours have are looked at here, by the operator's reference, and that what they name
//! is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Object,
    List,
}

/// The fields that ours may have, by their place; `#` stands for a number in a list, `*` for the
/// name of a label. Those that there are besides are not used, and are refused here as an unknown
/// field is by the operator.
const FIELDS: &[(&str, Kind)] = &[
    ("apiVersion", Kind::Text),
    ("kind", Kind::Text),
    ("metadata", Kind::Object),
    ("metadata.name", Kind::Text),
    ("metadata.namespace", Kind::Text),
    ("metadata.labels", Kind::Object),
    ("metadata.labels.*", Kind::Text),
    ("spec", Kind::Object),
    ("spec.selector", Kind::Object),
    ("spec.selector.matchLabels", Kind::Object),
    ("spec.selector.matchLabels.*", Kind::Text),
    ("spec.endpoints", Kind::List),
    ("spec.endpoints.#", Kind::Object),
    ("spec.endpoints.#.port", Kind::Text),
    ("spec.endpoints.#.path", Kind::Text),
    ("spec.endpoints.#.interval", Kind::Text),
    ("spec.endpoints.#.relabelings", Kind::List),
    ("spec.endpoints.#.relabelings.#", Kind::Object),
    ("spec.endpoints.#.relabelings.#.sourceLabels", Kind::List),
    ("spec.endpoints.#.relabelings.#.sourceLabels.#", Kind::Text),
    ("spec.endpoints.#.relabelings.#.targetLabel", Kind::Text),
];

/// Fields without which there is none.
const REQUIRED: &[&str] = &["/metadata/name", "/spec/selector/matchLabels", "/spec/endpoints/0"];

/// The version that it is served as.
const API: &str = "monitoring.coreos.com/v1";

/// Checks those of a rendering; where the rest of it is, to be validated by Kubernetes' schemas.
pub(super) fn take_out(path: PathBuf, objects: &[Value]) -> Result<PathBuf> {
    let (monitors, others): (Vec<&Value>, Vec<&Value>) =
        objects.iter().partition(|object| object["kind"] == "ServiceMonitor");
    if monitors.is_empty() {
        return Ok(path);
    }
    for monitor in monitors {
        check(monitor, &others).with_context(|| format!("a ServiceMonitor of {}", name(&path)))?;
    }
    let rest = path.with_file_name(format!("{}-rest.yaml", name(&path)));
    let text: String = others.iter().map(|object| format!("---\n{object}\n")).collect();
    fs::write(&rest, text).with_context(|| format!("cannot write {}", rest.display()))?;
    Ok(rest)
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn check(monitor: &Value, others: &[&Value]) -> Result<()> {
    ensure!(monitor["apiVersion"] == API, "it is {}, not {API}", monitor["apiVersion"]);
    REQUIRED.iter().try_for_each(|place| {
        ensure!(monitor.pointer(place).is_some(), "there is no {place}");
        Ok(())
    })?;
    for (field, value) in monitor.as_object().into_iter().flatten() {
        check_field(field, value)?;
    }
    let selected = monitor.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let service = one(others, "Service", "/metadata/labels", selected)?;
    ensure!(
        service.pointer("/metadata/namespace") == monitor.pointer("/metadata/namespace"),
        "its Service is in another namespace"
    );
    let selected = service.pointer("/spec/selector").and_then(Value::as_object);
    let pods = one(others, "DaemonSet", "/spec/template/metadata/labels", selected)?;
    let open: BTreeSet<&str> =
        names(pods.pointer("/spec/template/spec/containers/0/ports"), "name");
    let targets = names(service.pointer("/spec/ports"), "targetPort");
    ensure!(!targets.is_empty() && targets.is_subset(&open), "pods have no port {targets:?}");
    let ports = names(monitor.pointer("/spec/endpoints"), "port");
    let there = names(service.pointer("/spec/ports"), "name");
    ensure!(ports.is_subset(&there), "its Service has {there:?}, not {ports:?}");
    Ok(())
}

/// Checks a field and what is below it.
fn check_field(place: &str, value: &Value) -> Result<()> {
    let is_here = |known: &str| {
        let parts = known.split('.').count();
        // Names of labels have dots: the last part is all that is left.
        let mut pairs = known.split('.').zip(place.splitn(parts, '.'));
        place.split('.').count() >= parts
            && pairs.all(|(known, found)| match known {
                "*" => true,
                "#" => found.parse::<usize>().is_ok(),
                known => known == found,
            })
    };
    let found = FIELDS.iter().find(|(known, _)| is_here(known));
    let Some((_, kind)) = found else { bail!("{place} is not known") };
    match (kind, value) {
        (Kind::Text, Value::String(text)) => ensure!(!text.is_empty(), "{place} is empty"),
        (Kind::Object, Value::Object(fields)) => {
            for (field, value) in fields {
                check_field(&format!("{place}.{field}"), value)?;
            }
        }
        (Kind::List, Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                check_field(&format!("{place}.{at}"), item)?;
            }
        }
        _ => bail!("{place} cannot be {value}"),
    }
    Ok(())
}

/// The one object of a kind whose labels are among others these.
fn one<'a>(
    objects: &[&'a Value],
    kind: &str,
    labels: &str,
    wanted: Option<&Map<String, Value>>,
) -> Result<&'a Value> {
    let wanted = wanted.filter(|wanted| !wanted.is_empty()).context("it selects everything")?;
    let mut found = objects.iter().filter(|object| {
        let labels = object.pointer(labels).and_then(Value::as_object);
        let has = |(name, value): (&String, &Value)| labels?.get(name).filter(|it| *it == value);
        object["kind"] == kind && wanted.iter().all(|label| has(label).is_some())
    });
    match (found.next(), found.next()) {
        (Some(object), None) => Ok(object),
        (None, _) => bail!("no {kind} has the labels {wanted:?}"),
        _ => bail!("more than one {kind} has the labels {wanted:?}"),
    }
}

/// What the items of a list have in a field.
fn names<'a>(list: Option<&'a Value>, field: &str) -> BTreeSet<&'a str> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(field)?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects() -> [Value; 3] {
        let labels = json!({"app.kubernetes.io/name": "x"});
        let container = json!({"ports": [{"name": "metrics", "containerPort": 1}]});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
        let ports = json!([{"name": "numbers", "port": 1, "targetPort": "metrics"}]);
        [
            json!({
                "apiVersion": API, "kind": "ServiceMonitor",
                "metadata": {"name": "x", "labels": labels},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "endpoints": [{
                        "port": "numbers",
                        "relabelings": [{"sourceLabels": ["__a"], "targetLabel": "a"}],
                    }],
                },
            }),
            json!({
                "kind": "Service", "metadata": {"labels": labels},
                "spec": {"selector": labels, "ports": ports},
            }),
            json!({"kind": "DaemonSet", "spec": {"template": template}}),
        ]
    }

    /// What is said where one value is another.
    fn with(at: usize, place: &str, value: Value) -> String {
        let mut objects = objects();
        *objects[at].pointer_mut(place).unwrap() = value;
        let others: Vec<&Value> = objects.iter().skip(1).collect();
        check(&objects[0], &others).map_or_else(|error| format!("{error:#}"), |()| String::new())
    }

    #[test]
    fn what_a_monitor_names_is_there() {
        assert_eq!(with(0, "/metadata/name", json!("y")), "");
        assert!(with(0, "/apiVersion", json!("v1")).contains("not monitoring.coreos.com/v1"));
        assert!(with(0, "/spec/endpoints", json!([])).contains("there is no /spec/endpoints/0"));
        let unknown = with(0, "/spec/endpoints/0", json!({"prot": "numbers"}));
        assert_eq!(unknown, "spec.endpoints.0.prot is not known");
        let wrong = with(0, "/spec/endpoints/0/port", json!(9753));
        assert_eq!(wrong, "spec.endpoints.0.port cannot be 9753");
        let port = with(0, "/spec/endpoints/0/port", json!("metrics"));
        assert!(port.contains("its Service has"), "{port}");
        let labels = with(1, "/metadata/labels", json!({"app.kubernetes.io/name": "y"}));
        assert!(labels.starts_with("no Service has the labels"), "{labels}");
        let pods = with(1, "/spec/selector", json!({"app.kubernetes.io/name": "y"}));
        assert!(pods.starts_with("no DaemonSet has the labels"), "{pods}");
        let target = with(1, "/spec/ports/0/targetPort", json!("other"));
        assert!(target.starts_with("pods have no port"), "{target}");
        assert!(with(1, "/spec/selector", json!({})).contains("it selects everything"));
    }
}
