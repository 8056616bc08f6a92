//! Debian's security tracker: package → vulnerability → release → what is said of it.

use std::{collections::BTreeMap, fmt, io};

use serde::{
    Deserialize,
    de::{Deserializer as _, MapAccess, Visitor},
};

use crate::{
    ecosystem::debian_release,
    limits::STRING_BYTES,
    model::{About, Kind, LeftOut, Record, Status},
    osv::status_of,
    range::{Event, Range},
    severity::{Level, Severity},
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    releases: BTreeMap<String, RawRelease>,
}

#[derive(Deserialize)]
struct RawRelease {
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

/// Reads all of it, a package at a time.
///
/// # Errors
///
/// If it is not in the tracker's form.
pub fn read(
    input: impl io::Read,
    mut take: impl FnMut(Result<About, LeftOut>),
) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = json.deserialize_map(Packages(&mut take));
    read.and_then(|()| json.end()).map_err(|error| error.to_string())
}

struct Packages<'t, T>(&'t mut T);

impl<'de, T: FnMut(Result<About, LeftOut>)> Visitor<'de> for Packages<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packages of Debian's security tracker")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, all)) = map.next_entry::<String, BTreeMap<String, Raw>>()? {
            for (id, raw) in all {
                for (codename, release) in raw.releases {
                    (self.0)(about(&name, &id, &codename, release));
                }
            }
        }
        Ok(())
    }
}

fn about(name: &str, id: &str, codename: &str, raw: RawRelease) -> Result<About, LeftOut> {
    let release = debian_release(codename).ok_or(LeftOut::UnknownRelease)?;
    let fixed = raw.fixed_version.filter(|fixed| !fixed.is_empty());
    let reason = raw.nodsa.as_deref().unwrap_or_default();
    let too_long = |text: &str| text.len() > STRING_BYTES;
    if [name, id].map(too_long).contains(&true) || fixed.as_deref().is_some_and(too_long) {
        return Err(LeftOut::Bad);
    }
    let urgency = raw.urgency.as_deref().unwrap_or_default();
    let mut status: Vec<Status> = status_of(urgency).into_iter().collect();
    if raw.nodsa.is_some() || raw.nodsa_reason.is_some() {
        status.push(Status::NoDsa);
    }
    let mut events = vec![Event::Introduced("0".to_owned())];
    match (raw.status.as_str(), fixed) {
        // Nothing before version 0 had it.
        ("resolved", Some(fixed)) if fixed == "0" => {
            status.push(Status::NotAffected);
            events.clear();
        }
        ("resolved", Some(fixed)) => events.push(Event::Fixed(fixed)),
        ("open", _) => {}
        ("undetermined", _) => {
            status.push(Status::Undetermined);
            events.clear();
        }
        _ => return Err(LeftOut::Bad),
    }
    let ranges = match events.is_empty() {
        true => Vec::new(),
        false => vec![Range { is_semver: false, events }],
    };
    // What is unimportant may be as bad as it likes.
    let severity = match urgency {
        "unimportant" | "end-of-life" => Severity { level: Level::Unknown, ..Severity::default() },
        word => Severity::of_word(word),
    };
    Ok(About {
        ecosystem: format!("Debian:{release}"),
        name: name.to_owned(),
        record: Record {
            // What has no CVE yet is called TEMP-…, which is an id like others.
            id: id.to_owned(),
            kind: Kind::DebianTracker,
            aliases: Vec::new(),
            upstream: Vec::new(),
            severity,
            status,
            reason: crate::model::short(reason),
            ranges,
            versions: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_releases_is_read() {
        let text = r#"{"openssl": {
            "CVE-1": {"releases": {
                "bookworm": {"status": "resolved", "fixed_version": "3.0.11-1", "urgency": "high"},
                "sid": {"status": "open", "urgency": "low"},
                "trixie": {"status": "resolved", "fixed_version": "0", "urgency": "unimportant"}}},
            "TEMP-1": {"description": "x", "releases": {
                "bullseye": {"status": "undetermined", "urgency": "not yet assigned"},
                "bookworm": {"status": "open", "urgency": "low**", "nodsa": "Minor issue",
                    "nodsa_reason": ""}}}}}"#;
        let mut all = Vec::new();
        read(text.as_bytes(), |one| all.push(one)).unwrap();
        let [fixed, sid, none, open, undetermined] = <[_; 5]>::try_from(all).unwrap();
        let fixed = fixed.unwrap();
        assert_eq!((fixed.ecosystem.as_str(), fixed.name.as_str()), ("Debian:12", "openssl"));
        assert_eq!(fixed.record.ranges[0].events[1], Event::Fixed("3.0.11-1".into()));
        assert_eq!(sid.unwrap_err(), LeftOut::UnknownRelease);
        let none = none.unwrap().record;
        assert_eq!(none.status, [Status::Unimportant, Status::NotAffected]);
        let open = open.unwrap().record;
        assert_eq!((open.reason.as_str(), open.severity.level), ("Minor issue", Level::Low));
        assert_eq!(
            (open.status.as_slice(), open.ranges[0].events.len()),
            (&[Status::NoDsa][..], 1)
        );
        assert_eq!(undetermined.unwrap().record.status, [Status::Undetermined]);
        assert!(read(&b"{\"a\": [1]}"[..], |_| {}).is_err());
    }
}
