//! Members of JSON objects.

use serde_json::{Map, Value};

/// Sets a member at the end of a path of objects, which are made where they are missing.
pub(crate) fn set(value: &mut Value, path: &[&str], to: Value) {
    let Some((first, rest)) = path.split_first() else { return *value = to };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Some(object) = value.as_object_mut() {
        set(object.entry((*first).to_owned()).or_insert(Value::Null), rest, to);
    }
}
