//! The configuration in force: what is written, what variables put in its place, and the defaults.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{
    Key, RawConfig, RawKubernetes, RawMetrics, RawPostureException, RawRuntimeRoot, RawSink,
    RawUpkeepException, RawWeb,
};

/// Stands for what nobody is to read.
const HIDDEN: &str = "(hidden)";

impl RawConfig {
    /// All of it as JSON, defaults included; secrets are hidden.
    #[must_use]
    pub fn shown(&self) -> Value {
        // What can be read can be written.
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        fill(&mut shown, Self::KEYS);
        for (table, keys) in [
            ("kubernetes", RawKubernetes::KEYS),
            ("metrics", RawMetrics::KEYS),
            ("web", RawWeb::KEYS),
        ] {
            shown.get_mut(table).into_iter().for_each(|table| fill(table, keys));
        }
        each(shown.get_mut("posture_exceptions"), |it| fill(it, RawPostureException::KEYS));
        each(shown.get_mut("upkeep_exceptions"), |it| fill(it, RawUpkeepException::KEYS));
        each(shown.get_mut("runtime_roots"), |root| fill(root, RawRuntimeRoot::KEYS));
        each(shown.get_mut("sinks"), |sink| {
            let kind = sink.get("kind").and_then(Value::as_str).unwrap_or_default();
            let own: Vec<_> = super::sinks::keys_of(kind).collect();
            let keys: Vec<_> =
                RawSink::KEYS.iter().copied().filter(|key| own.contains(&key.name)).collect();
            fill(sink, &keys);
            hide(sink);
        });
        shown
    }
}

/// Puts defaults in, and leaves out what has none and is not written.
fn fill(object: &mut Value, keys: &[Key]) {
    let Value::Object(members) = object else { return };
    for key in keys {
        let is_written = members.get(key.name).is_some_and(|value| !value.is_null());
        let default = key.default.and_then(|yaml| serde_saphyr::from_str::<Value>(yaml).ok());
        if !is_written && let Some(default) = default {
            members.insert(key.name.to_owned(), default);
        }
    }
    members.retain(|_, value| !value.is_null());
}

fn each(list: Option<&mut Value>, act: impl FnMut(&mut Value)) {
    if let Some(Value::Array(items)) = list {
        items.iter_mut().for_each(act);
    }
}

/// Values of headers carry tokens, addresses passwords, and what webhooks have behind the host is
/// all that keeps others from using them.
fn hide(sink: &mut Value) {
    each(sink.get_mut("headers"), |header| {
        let name = header.as_str().and_then(|it| it.split_once(':')).map_or("", |(name, _)| name);
        *header = json!(format!("{name}: {HIDDEN}"));
    });
    if let Some(Value::String(url)) = sink.get_mut("url") {
        hide_path(url);
    }
    if let Value::Object(members) = sink {
        members.values_mut().for_each(hide_user);
    }
}

/// Hides what is behind the host of an address.
fn hide_path(url: &mut String) {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let path = url.get(host..).and_then(|rest| rest.find(['/', '?', '#'])).map(|at| host + at);
    if let Some(at) = path.filter(|at| url.get(*at..).is_some_and(|path| path != "/")) {
        url.truncate(at);
        *url += "/";
        *url += HIDDEN;
    }
}

/// Hides the name and the password before the host of an address.
fn hide_user(value: &mut Value) {
    let Value::String(text) = value else { return };
    let Some((scheme, rest)) = text.split_once("://") else { return };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if let Some((_, host)) = authority.rsplit_once('@') {
        *text = format!("{scheme}://{HIDDEN}@{host}{path}");
    }
}

/// As YAML, in the order of the reference.
#[must_use]
pub fn as_yaml(shown: &Value) -> String {
    let mut text = String::new();
    let keys = RawConfig::KEYS.iter().map(|key| key.name);
    for (key, value) in keys.filter_map(|key| Some((key, shown.get(key)?))) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                push(&mut text, format_args!("{key}:\n"));
                table(&mut text, key, members, ["  ", "  "]);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                push(&mut text, format_args!("{key}:\n"));
                for members in items.iter().filter_map(Value::as_object) {
                    table(&mut text, key, members, ["- ", "  "]);
                }
            }
            plain => push(&mut text, format_args!("{key}: {plain}\n")),
        }
    }
    text
}

/// Members in lines of their own, in the order of the reference; the first begins otherwise than
/// those below it.
fn table(text: &mut String, name: &str, members: &Map<String, Value>, begin: [&str; 2]) {
    let known = match name {
        "kubernetes" => RawKubernetes::KEYS,
        "metrics" => RawMetrics::KEYS,
        "web" => RawWeb::KEYS,
        "posture_exceptions" => RawPostureException::KEYS,
        "upkeep_exceptions" => RawUpkeepException::KEYS,
        "runtime_roots" => RawRuntimeRoot::KEYS,
        "sinks" => RawSink::KEYS,
        _ => &[],
    };
    let place = |key: &str| known.iter().position(|known| known.name == key);
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| place(key));
    let [first, others] = begin;
    for (index, (key, value)) in members.into_iter().enumerate() {
        let begin = if index == 0 { first } else { others };
        // Names that people choose are not always plain words.
        let plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let key = if plain { key.clone() } else { json!(key).to_string() };
        push(text, format_args!("{begin}{key}: {value}\n"));
    }
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes whatever is written.
    text.write_fmt(what).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text::read;

    const TEXT: &str = "heartbeat_seconds: 3\nlabels: {a.b: 'x y'}\nsinks:\n- kind: http\n  url: \
                        https://me:hunter2@h/hunter2?k=hunter2\n  headers: ['Authorization: \
                        Bearer hunter2']\n- kind: file\n  path: /f\n";

    #[test]
    fn what_is_shown_is_what_holds() {
        let shown = read(TEXT).unwrap().shown();
        assert_eq!(
            (&shown["heartbeat_seconds"], &shown["rollup_seconds"]),
            (&json!(3), &json!(60))
        );
        assert_eq!(shown["sinks"][1]["keep"], 5);
        assert!(shown["sinks"][1].get("url").is_none() && shown.get("cluster").is_none());
        let text = as_yaml(&shown);
        assert!(text.contains("\nheartbeat_seconds: 3\n"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            text.contains("https://(hidden)@h/(hidden)\"")
                && text.contains("Authorization: (hidden)")
        );
        let again = read(&text).unwrap().shown();
        let other = |mut shown: Value| {
            shown["sinks"][0]["url"] = Value::Null;
            shown
        };
        assert_eq!(other(again), other(shown), "{text}");
    }
}
