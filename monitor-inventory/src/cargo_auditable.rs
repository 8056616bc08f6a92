//! What cargo-auditable puts into a Rust program: the section `.dep-v0`, a list of crates as JSON,
//! deflated.

use std::io::Read as _;

use serde::Deserialize;

use crate::{
    limits::AUDIT_BYTES,
    package::{Kind, Package},
    text,
};

/// The section.
pub(crate) const SECTION: &[u8] = b".dep-v0";

#[derive(Deserialize)]
struct Audit {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    source: Option<String>,
    kind: Option<String>,
}

/// The crates that are in a program; those that only built it are not. False where the section
/// cannot be read.
pub fn parse(section: &[u8], path: &str, mut each: impl FnMut(Package)) -> bool {
    let mut bytes = Vec::new();
    let inflated = flate2::read::ZlibDecoder::new(section);
    let read = inflated.take(AUDIT_BYTES + 1).read_to_end(&mut bytes);
    if read.is_err() || bytes.len() as u64 > AUDIT_BYTES {
        return false;
    }
    let Ok(audit) = serde_json::from_slice::<Audit>(&bytes) else { return false };
    for it in audit.packages.iter().filter(|it| it.kind.as_deref() != Some("build")) {
        let (name, version) = (text::kept(it.name.as_bytes()), text::kept(it.version.as_bytes()));
        // One of a checkout can have the name of any other.
        let is_listed = it.source.as_deref().is_none_or(|it| it == "crates.io" || it == "registry");
        let version = version.filter(|_| is_listed || it.source.as_deref() == Some("git"));
        if let Some(name) = name {
            each(Package::new(Kind::Cargo, name, version.unwrap_or_default(), path));
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn deflated(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn crates_that_only_build_are_not_in_it() {
        let text = r#"{"packages":[
            {"name":"adler","version":"0.2.3","source":"registry"},
            {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
            {"name":"own","version":"0.1.0","source":"local","dependencies":[0],"root":true}]}"#;
        let mut found = Vec::new();
        assert!(parse(&deflated(text), "/x", |it| found.push((it.name, it.version))));
        assert_eq!(found, [("adler".into(), "0.2.3".into()), ("own".into(), "".into())]);
        for torn in [&b""[..], b"\x78\x9c", &deflated("{}"), &deflated("[")] {
            assert!(!parse(torn, "/x", |_| {}));
        }
    }

    #[test]
    fn a_bomb_is_no_list() {
        let bomb = deflated(&" ".repeat(usize::try_from(AUDIT_BYTES).unwrap() + 1));
        assert!(!parse(&bomb, "/x", |_| {}));
    }
}
