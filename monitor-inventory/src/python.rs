//! Metadata of Python's packages: `METADATA` in a directory `*.dist-info`, `PKG-INFO` in one of
//! `*.egg-info`, or such a file itself.

use crate::{
    package::{Kind, Package},
    text,
};

/// Directories that packages are installed in.
pub(crate) const PLACES: [&str; 2] = ["site-packages", "dist-packages"];

/// The package that is described; None where it has no name or version.
#[must_use]
pub fn parse(bytes: &[u8], path: &str) -> Option<Package> {
    let (mut name, mut version, mut licence) = (None, None, None);
    for line in text::lines(bytes) {
        // A description follows.
        if line.is_empty() {
            break;
        }
        // What goes on with the line before is none of these.
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let Some((field, value)) = text::field(line) else { continue };
        if field.eq_ignore_ascii_case(b"Name") {
            name = name.or(text::kept(value));
        } else if field.eq_ignore_ascii_case(b"Version") {
            version = version.or(text::kept(value));
        } else if field.eq_ignore_ascii_case(b"License-Expression") {
            licence = text::kept(value).or(licence);
        } else if field.eq_ignore_ascii_case(b"License") && value != b"UNKNOWN" {
            licence = licence.or(text::kept(value));
        }
    }
    Some(Package { licence, ..Package::new(Kind::Python, name?, version?, path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_not_metadata() {
        let text = b"Metadata-Version: 2.1\r\nName: requests\r\nVersion: 2.31.0\r\n\
            License: Apache 2.0\r\n\r\nName: no\n";
        let package = parse(text, "/x").unwrap();
        assert_eq!((&*package.name, &*package.version), ("requests", "2.31.0"));
        assert_eq!(package.licence.as_deref(), Some("Apache 2.0"));
        assert_eq!(parse(b"Name: a\n\nVersion: 1\n", "/x"), None);
        assert_eq!(parse(b"", "/x"), None);
    }
}
