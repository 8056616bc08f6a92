//! The configuration as a JSON Schema (draft 2020-12), for editors: what keys there are, what they
//! are for, what they may be. What it takes may still make no sense: `runmon config check` says.

use monitor_rules::Priority;
use schemars::schema_for;
use serde_json::{Map, Value, json};

use super::{
    FLIGHTS, FORMATS, HOOKS, Key, RawConfig, RawKubernetes, RawMetrics, RawPostureException,
    RawRuntimeRoot, RawSink, RawUpkeepException, RawWeb, keep, posture, sinks, support,
    values::{HASHES, LEARNED_BY},
};
use crate::metadata::RuntimeKind;

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schema_for!(RawConfig).to_value();
    describe(&mut schema, "", RawConfig::KEYS);
    for (name, keys) in [
        ("RawKubernetes", RawKubernetes::KEYS),
        ("RawMetrics", RawMetrics::KEYS),
        ("RawWeb", RawWeb::KEYS),
        ("RawPostureException", RawPostureException::KEYS),
        ("RawUpkeepException", RawUpkeepException::KEYS),
        ("RawRuntimeRoot", RawRuntimeRoot::KEYS),
        ("RawSink", RawSink::KEYS),
    ] {
        if let Some(table) = schema.pointer_mut(&format!("/$defs/{name}")) {
            describe(table, name, keys);
        }
    }
    set(schema.pointer_mut("/$defs/RawSink"), "allOf", kinds());
    set(Some(&mut schema), "title", "runmon's configuration".into());
    schema
}

/// Sets a member of an object.
fn set(object: Option<&mut Value>, name: &str, value: Value) {
    if let Some(Value::Object(members)) = object {
        members.insert(name.to_owned(), value);
    }
}

/// Adds defaults, and what words may be.
fn describe(object: &mut Value, table: &str, keys: &[Key]) {
    for key in keys {
        let property = object.pointer_mut(&format!("/properties/{}", key.name));
        let Some(Value::Object(property)) = property else { continue };
        // What is there is that of an empty struct.
        property.remove("default");
        let default = key.default.and_then(|yaml| serde_saphyr::from_str::<Value>(yaml).ok());
        property.extend(default.map(|default| ("default".to_owned(), default)));
        let words = words(table, key.name);
        property.extend(words.map(|words| ("enum".to_owned(), words.into())));
    }
}

/// The words that a key may be, where it may not be others.
fn words(table: &str, key: &str) -> Option<Vec<String>> {
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    match (table, key) {
        ("", "hooks") => words(&HOOKS),
        ("", "hash") => words(&HASHES),
        ("", "learn_profiles_by") => words(&LEARNED_BY),
        ("", "flight_recorder") => words(&FLIGHTS),
        ("", "support_tier") => words(&support::tiers()),
        ("", "posture" | "upkeep") => Some(posture::words()),
        ("", "kept_executables") => words(&keep::KEEPS),
        ("RawRuntimeRoot", "kind") => words(&RuntimeKind::ALL.map(RuntimeKind::name)),
        ("RawSink", "kind") => words(&sinks::KINDS),
        ("RawSink", "fsync") => words(&sinks::FSYNCS),
        ("RawSink", "format") => words(&FORMATS),
        ("RawSink", "preset") => words(&sinks::PRESETS),
        ("RawSink", "minimum_priority") => {
            Some(Priority::ALL.iter().map(|it| it.name().to_ascii_lowercase()).collect())
        }
        _ => None,
    }
}

/// Which keys sinks of each kind have.
fn kinds() -> Value {
    let of = |kind: &&str| {
        let mut own = Map::new();
        for key in sinks::keys_of(kind) {
            own.insert(key.to_owned(), true.into());
        }
        json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "properties": own, "additionalProperties": false },
        })
    };
    sinks::KINDS.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_meaning_default_and_words() {
        let schema = schema();
        let key = |name: &str| &schema["properties"][name];
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(key("heartbeat_seconds")["description"], "Seconds between heartbeats.");
        assert_eq!(key("heartbeat_seconds")["default"], 30);
        assert_eq!(key("hooks")["enum"], json!(["auto", "fentry", "kprobe", "fallback"]));
        assert_eq!(key("env_keys")["default"], json!(["LD_*", "PATH"]));
        let sink = &schema["$defs"]["RawSink"];
        assert_eq!(sink["required"], json!(["kind"]));
        assert!(sink["properties"]["format"]["enum"].as_array().unwrap().contains(&json!("ocsf")));
        let all = sink["allOf"].as_array().unwrap();
        let file = all.iter().find(|of| of["if"]["properties"]["kind"]["const"] == "file").unwrap();
        let own = file["then"]["properties"].as_object().unwrap();
        assert!(own.contains_key("path") && own.contains_key("format"), "{own:?}");
        assert!(!own.contains_key("url"), "{own:?}");
    }
}
