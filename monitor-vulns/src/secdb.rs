//! Alpine's security database: package → version → the vulnerabilities that it mends.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    limits::STRING_BYTES,
    model::{About, Kind, LeftOut, Record, Status},
    range::{Event, Range},
    severity::Severity,
};

#[derive(Deserialize)]
struct Raw {
    distroversion: Option<String>,
    urlprefix: Option<String>,
    packages: Vec<RawEntry>,
}

#[derive(Deserialize)]
struct RawEntry {
    pkg: RawPackage,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    #[serde(default)]
    secfixes: BTreeMap<String, Option<Vec<String>>>,
}

/// Reads the database of one branch and repository.
///
/// # Errors
///
/// If it is not in that form; with the reason.
pub fn read(text: &[u8], mut take: impl FnMut(Result<About, LeftOut>)) -> Result<(), String> {
    let raw: Raw = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let ecosystem = ecosystem(&raw)?;
    for RawEntry { pkg } in raw.packages {
        for (fixed, ids) in pkg.secfixes {
            for line in ids.unwrap_or_default() {
                take(about(&ecosystem, &pkg.name, &fixed, &line));
            }
        }
    }
    Ok(())
}

fn ecosystem(raw: &Raw) -> Result<String, String> {
    let prefix = raw.urlprefix.as_deref().unwrap_or_default();
    match raw.distroversion.as_deref() {
        Some(version) if version.starts_with('v') && version.len() < 16 => {
            Ok(format!("Alpine:{version}"))
        }
        Some("edge") => Ok("Alpine:edge".to_owned()),
        _ if prefix.contains("wolfi") => Ok("Wolfi".to_owned()),
        _ if prefix.contains("chainguard") => Ok("Chainguard".to_owned()),
        _ => Err("it does not say which branch it is of (`distroversion`)".to_owned()),
    }
}

/// A line has an id, and may have others of the same vulnerability behind it.
fn about(ecosystem: &str, name: &str, fixed: &str, line: &str) -> Result<About, LeftOut> {
    let is_id = |word: &&str| word.contains('-') && word.len() <= STRING_BYTES;
    let mut ids = line.split_whitespace().filter(is_id).map(str::to_owned);
    let id = ids.next().ok_or(LeftOut::Bad)?;
    if name.len() > STRING_BYTES || fixed.len() > STRING_BYTES {
        return Err(LeftOut::Bad);
    }
    let aliases: Vec<String> = ids.collect();
    let not_affected = fixed == "0";
    let events = [Event::Introduced("0".to_owned()), Event::Fixed(fixed.to_owned())];
    Ok(About {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        record: Record {
            id,
            kind: Kind::Secdb,
            aliases,
            upstream: Vec::new(),
            severity: Severity::default(),
            status: if not_affected { vec![Status::NotAffected] } else { Vec::new() },
            reason: String::new(),
            ranges: match not_affected {
                true => Vec::new(),
                false => vec![Range { is_semver: false, events: events.to_vec() }],
            },
            versions: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mended_is_read() {
        let text = r#"{"distroversion": "v3.18", "reponame": "main", "packages": [{"pkg": {
            "name": "zlib", "secfixes": {"1.2.12-r2": ["CVE-2022-37434 GHSA-x (+)"],
            "0": ["CVE-2023-6992"]}}}]}"#;
        let mut all = Vec::new();
        read(text.as_bytes(), |one| all.push(one.unwrap())).unwrap();
        let [none, fixed] = <[_; 2]>::try_from(all).unwrap();
        assert_eq!((none.record.status, none.record.ranges), (vec![Status::NotAffected], vec![]));
        assert_eq!(
            (fixed.ecosystem.as_str(), fixed.record.id.as_str()),
            ("Alpine:v3.18", "CVE-2022-37434")
        );
        assert_eq!(fixed.record.aliases, ["GHSA-x"]);
        assert!(read(br#"{"packages": []}"#, |_| {}).is_err());
    }
}
