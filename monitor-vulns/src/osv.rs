//! OSV's records, of schema 1.7 and before.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    ecosystem,
    limits::{RECORD_PARTS, STRING_BYTES},
    model::{About, Kind, LeftOut, Record, Status},
    range::{Event, Range},
    severity::Severity,
    version::Scheme,
};

#[derive(Deserialize)]
struct Raw {
    id: String,
    modified: Option<String>,
    withdrawn: Option<String>,
    aliases: Option<Vec<String>>,
    upstream: Option<Vec<String>>,
    severity: Option<Vec<RawSeverity>>,
    affected: Option<Vec<RawAffected>>,
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct RawSeverity {
    score: String,
}

#[derive(Deserialize)]
struct RawAffected {
    package: Option<RawPackage>,
    severity: Option<Vec<RawSeverity>>,
    ranges: Option<Vec<RawRange>>,
    versions: Option<Vec<String>>,
    ecosystem_specific: Option<Value>,
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct RawPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct RawRange {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<RawEvent>,
}

#[derive(Deserialize)]
struct RawEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Read {
    /// Its id.
    pub id: String,
    /// When it was last changed, as it says.
    pub modified: String,
    /// Ids of the same vulnerability, its own among them.
    pub ids: Vec<String>,
    /// How bad it is, whichever package.
    pub severity: Severity,
    /// What it says of packages.
    pub about: Vec<About>,
    /// What was left out of it.
    pub left_out: Vec<LeftOut>,
}

/// Reads a record.
///
/// # Errors
///
/// If it is no record of OSV's, or too large; with the reason.
pub fn read(text: &[u8]) -> Result<Read, String> {
    let raw: Raw = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut read =
        Read { modified: raw.modified.unwrap_or_default(), id: raw.id, ..Read::default() };
    if raw.withdrawn.is_some() {
        read.left_out.push(LeftOut::Withdrawn);
        return Ok(read);
    }
    let aliases = raw.aliases.unwrap_or_default();
    let upstream = raw.upstream.unwrap_or_default();
    check(&read.id, &aliases, &upstream)?;
    read.ids = aliases.iter().chain([&read.id]).cloned().collect();
    let word = word(raw.database_specific.as_ref(), "severity");
    read.severity = severity(raw.severity.as_deref()).better(word);
    let mut affected = raw.affected.unwrap_or_default();
    if affected.is_empty() {
        read.left_out.push(LeftOut::NoPackage);
    }
    for affected in affected.drain(..) {
        let record = Record {
            id: read.id.clone(),
            kind: Kind::Osv,
            aliases: aliases.clone(),
            upstream: upstream.clone(),
            severity: read.severity.clone(),
            status: Vec::new(),
            reason: String::new(),
            ranges: Vec::new(),
            versions: Vec::new(),
        };
        match about(affected, record)? {
            Ok(about) => merge(&mut read.about, about),
            Err(why) => read.left_out.push(why),
        }
    }
    Ok(read)
}

/// One record may name a package several times, once for each line of development.
fn merge(all: &mut Vec<About>, new: About) {
    let is_same = |it: &&mut About| it.ecosystem == new.ecosystem && it.name == new.name;
    match all.iter_mut().find(is_same) {
        Some(there) => {
            there.record.ranges.extend(new.record.ranges);
            there.record.versions.extend(new.record.versions);
            there.record.status.extend(new.record.status);
        }
        None => all.push(new),
    }
}

fn check(id: &str, aliases: &[String], upstream: &[String]) -> Result<(), String> {
    let mut ids = aliases.iter().chain(upstream).map(String::as_str).chain([id]);
    if id.is_empty() || ids.any(|id| id.len() > STRING_BYTES) {
        return Err("an id is empty, or too long".to_owned());
    }
    if aliases.len() + upstream.len() > RECORD_PARTS {
        return Err(format!("it has more than {RECORD_PARTS} ids"));
    }
    Ok(())
}

fn about(raw: RawAffected, mut record: Record) -> Result<Result<About, LeftOut>, String> {
    let Some(package) = raw.package else { return Ok(Err(LeftOut::NoPackage)) };
    if ecosystem::lacks_release(&package.ecosystem) {
        return Ok(Err(LeftOut::NoRelease));
    }
    let ecosystem = ecosystem::normal(&package.ecosystem);
    let name = ecosystem::normal_name(&ecosystem, &package.name);
    let scheme = ecosystem::scheme(&ecosystem);
    let raw_ranges = raw.ranges.unwrap_or_default();
    let all_commits = !raw_ranges.is_empty() && raw_ranges.iter().all(|range| range.kind == "GIT");
    record.ranges = ranges(raw_ranges, scheme)?;
    record.versions = raw.versions.unwrap_or_default();
    if record.ranges.is_empty() && record.versions.is_empty() {
        let why = if all_commits { LeftOut::NoPackage } else { LeftOut::NoVersions };
        return Ok(Err(why));
    }
    let is_long = |text: &String| text.len() > STRING_BYTES;
    let is_any_long = record.versions.iter().any(is_long) || is_long(&ecosystem) || is_long(&name);
    if record.versions.len() > RECORD_PARTS || is_any_long {
        return Err("a name or a version is too long, or there are too many".to_owned());
    }
    record.versions = beyond_ranges(record.versions, &record.ranges, scheme);
    for specific in [&raw.ecosystem_specific, &raw.database_specific] {
        let urgency = specific.as_ref().and_then(|it| it.get("urgency")).and_then(Value::as_str);
        record.status.extend(urgency.and_then(status_of));
        record.severity = record.severity.better(word(specific.as_ref(), "urgency"));
        record.severity = record.severity.better(word(specific.as_ref(), "severity"));
    }
    // What is said of the package itself counts before what is said of the vulnerability.
    let own = severity(raw.severity.as_deref());
    if own.is_known() {
        record.severity = own;
    }
    Ok(Ok(About { ecosystem, name, record }))
}

/// What a word of Debian's says beside how bad it is.
pub(crate) fn status_of(urgency: &str) -> Option<Status> {
    match urgency {
        "unimportant" => Some(Status::Unimportant),
        "end-of-life" => Some(Status::EndOfLife),
        _ => None,
    }
}

fn ranges(raw: Vec<RawRange>, scheme: Option<Scheme>) -> Result<Vec<Range>, String> {
    let mut ranges = Vec::new();
    for raw in raw {
        let is_semver = match raw.kind.as_str() {
            "SEMVER" => true,
            "ECOSYSTEM" => false,
            // Commits are compared by their history, which is not here.
            _ => continue,
        };
        if raw.events.len() > RECORD_PARTS {
            return Err(format!("a range has more than {RECORD_PARTS} events"));
        }
        let events: Vec<Event> = raw.events.into_iter().flat_map(events).collect();
        if events.is_empty() {
            continue;
        }
        if events.iter().any(|event| event.version().len() > STRING_BYTES) {
            return Err("a version in a range is too long".to_owned());
        }
        let mut range = Range { is_semver, events };
        if let Some(scheme) = range.scheme(scheme) {
            range.sort(scheme);
        }
        ranges.push(range);
    }
    Ok(ranges)
}

fn events(raw: RawEvent) -> impl Iterator<Item = Event> {
    // An asterisk is no limit.
    let limit = raw.limit.filter(|limit| limit != "*");
    let events = [
        raw.introduced.map(Event::Introduced),
        raw.fixed.map(Event::Fixed),
        raw.last_affected.map(Event::LastAffected),
        limit.map(Event::Limit),
    ];
    events.into_iter().flatten()
}

/// Versions that the ranges do not say of already that they are affected: databases list both.
fn beyond_ranges(mut listed: Vec<String>, ranges: &[Range], own: Option<Scheme>) -> Vec<String> {
    use crate::range::Said;
    listed.retain(|listed| {
        let mut said = ranges.iter().filter_map(|range| {
            let scheme = range.scheme(own)?;
            Some(range.say(scheme, &scheme.parse(listed)?))
        });
        !said.any(|said| matches!(said, Said::Affected(_)))
    });
    listed.sort();
    listed.dedup();
    listed
}

fn severity(raw: Option<&[RawSeverity]>) -> Severity {
    let read = |raw: &RawSeverity| {
        Severity::of_vector(&raw.score).unwrap_or_else(|| Severity::of_word(&raw.score))
    };
    raw.unwrap_or_default().iter().map(read).fold(Severity::default(), Severity::better)
}

fn word(specific: Option<&Value>, key: &str) -> Severity {
    let word = specific.and_then(|it| it.get(key)).and_then(Value::as_str);
    word.map(Severity::of_word).unwrap_or_default()
}

#[cfg(test)]
mod tests;
