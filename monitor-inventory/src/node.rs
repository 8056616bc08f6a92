//! `package.json` of packages that npm and others install in `node_modules`.

use serde::Deserialize;

use crate::{
    package::{Kind, Package},
    text,
};

/// The directory that packages are installed in.
pub(crate) const PLACE: &str = "node_modules";

#[derive(Deserialize)]
struct Description {
    name: String,
    version: String,
    #[serde(default)]
    license: Licence,
}

/// A text, or as packages once had it, an object.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Licence {
    Text(String),
    Object {
        #[serde(rename = "type")]
        kind: String,
    },
    Other(serde::de::IgnoredAny),
    #[default]
    None,
}

/// The package that is described; None where it has no name or version.
#[must_use]
pub fn parse(bytes: &[u8], path: &str) -> Option<Package> {
    let described: Description = serde_json::from_slice(bytes).ok()?;
    let licence = match &described.license {
        Licence::Text(text) | Licence::Object { kind: text } => text::kept(text.as_bytes()),
        Licence::Other(_) | Licence::None => None,
    };
    let name = text::kept(described.name.as_bytes())?;
    let version = text::kept(described.version.as_bytes())?;
    Some(Package { licence, ..Package::new(Kind::Node, name, version, path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_texts_or_objects() {
        let licence = |text: &str| {
            let text = format!(r#"{{"name":"@a/b","version":"1.0.0"{text}}}"#);
            parse(text.as_bytes(), "/x").unwrap().licence.map(String::from)
        };
        assert_eq!(licence(r#","license":"MIT""#).as_deref(), Some("MIT"));
        assert_eq!(licence(r#","license":{"type":"ISC","url":"u"}"#).as_deref(), Some("ISC"));
        assert_eq!(licence(r#","license":[1]"#), None);
        assert_eq!(licence(""), None);
        for text in ["", "{}", r#"{"name":"a"}"#, r#"{"name":1,"version":"1"}"#, "[[[[["] {
            assert_eq!(parse(text.as_bytes(), "/x"), None, "{text}");
        }
        assert_eq!(parse("[".repeat(100_000).as_bytes(), "/x"), None, "deep");
    }
}
