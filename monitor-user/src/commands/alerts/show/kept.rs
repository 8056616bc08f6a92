//! The copy of the program behind an alert: where it is, if it still is, or why there is none.

use std::path::Path;

use serde_json::{Value, json};

use super::super::look;

/// Where documents tell of it.
const PLACE: &str = "/runmon/kept_executable";

/// What the alert says of it, and whether it is there; nothing where none was wanted.
pub(super) fn value(document: &Value) -> Value {
    let mut told = document.pointer(PLACE).cloned().unwrap_or_default();
    let path = told.get("path").and_then(Value::as_str).map(|path| is_there(Path::new(path)));
    if let (Some(is_there), Some(members)) = (path, told.as_object_mut()) {
        members.insert("is_there".to_owned(), json!(is_there));
    }
    told
}

/// The same for people; empty where none was wanted.
pub(super) fn text(document: &Value) -> String {
    let kept = value(document);
    let why = look::text(&kept, "/not_kept_because");
    let path = look::text(&kept, "/path");
    match kept.get("is_there").and_then(Value::as_bool) {
        Some(true) => {
            let bytes = kept.get("bytes").and_then(Value::as_u64).unwrap_or_default();
            format!("{path}, {}", amount(bytes))
        }
        Some(false) => format!("{path}, which is not there any more"),
        None if why.is_empty() => String::new(),
        None => format!("no copy of its program: {why}"),
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| about.is_file())
}

/// Bytes as people read them.
fn amount(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes} B"),
        0x400..0x10_0000 => format!("{:.0} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kept: Value) -> Value {
        json!({ "runmon": { "kept_executable": kept } })
    }

    #[test]
    fn it_is_said_whether_the_copy_is_still_there() {
        let there = std::env::current_exe().unwrap();
        let document = of(json!({ "path": there, "sha256": "ab", "bytes": 16_384 }));
        assert_eq!(text(&document), format!("{}, 16 KiB", there.display()));
        assert_eq!(value(&document)["is_there"], true);
        let document = of(json!({ "path": "/nowhere/ab", "sha256": "ab", "bytes": 3 }));
        assert_eq!(text(&document), "/nowhere/ab, which is not there any more");
        assert_eq!(value(&document)["is_there"], false);
    }

    #[test]
    fn it_is_said_why_there_is_none() {
        let document = of(json!({ "not_kept_because": "too_large" }));
        assert_eq!(text(&document), "no copy of its program: too_large");
        assert_eq!(value(&document), json!({ "not_kept_because": "too_large" }));
        assert_eq!((text(&json!({})), value(&json!({}))), (String::new(), Value::Null));
    }

    #[test]
    fn amounts_are_short() {
        let amounts = [1, 1023, 1024, 1_000_000, 3 << 20].map(amount);
        assert_eq!(amounts, ["1 B", "1023 B", "1 KiB", "977 KiB", "3.0 MiB"]);
    }
}
