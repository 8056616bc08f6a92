//! Writes a pack.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::{
    FORM, HEAD_BYTES, MAGIC, SECTION_BYTES, Source,
    bytes::{put, put_text},
};
use crate::{
    limits::{PACK_BYTES, PACKAGE_BYTES},
    model::{Exploited, Kind, LeftOut, Likelihood, Record, Status},
    openvex::Statement,
    range::Event,
    severity::{Level, Severity},
};

/// What is known of a vulnerability, whichever package.
#[derive(Clone, Debug, Default)]
pub struct VulnerabilityFacts {
    /// Whether it is exploited.
    pub exploited: Option<Exploited>,
    /// How likely that is.
    pub likelihood: Option<Likelihood>,
    /// How bad it is.
    pub severity: Severity,
    /// The record that says how bad.
    pub severity_from: String,
}

/// The records of each package by ecosystem and name, each with what it is about.
pub type Packages = BTreeMap<(String, String), Vec<(Record, Vec<String>)>>;

/// What goes into a pack.
#[derive(Debug, Default)]
pub struct Content {
    /// When it was made, in seconds since 1970.
    pub made_on: i64,
    /// Where the data came from.
    pub sources: Vec<Source>,
    /// Records by ecosystem and name, each with the vulnerabilities that it is about.
    pub packages: Packages,
    /// The vulnerabilities that records are about.
    pub vulnerabilities: BTreeMap<String, VulnerabilityFacts>,
    /// What does not apply.
    pub statements: Vec<Statement>,
}

/// Where strings are.
struct Strings<'s> {
    bytes: Vec<u8>,
    places: BTreeMap<&'s str, u32>,
}

impl<'s> Strings<'s> {
    fn new(all: BTreeSet<&'s str>) -> Result<Self, String> {
        let (mut bytes, mut places) = (Vec::new(), BTreeMap::new());
        for text in all {
            let place = u32::try_from(bytes.len()).map_err(|_| TOO_LARGE)?;
            places.insert(text, place);
            bytes.extend(text.as_bytes());
        }
        Ok(Self { bytes, places })
    }

    fn place(&self, text: &str) -> (u32, u32) {
        let place = self.places.get(text).copied().unwrap_or_default();
        // A string has an end that its table has place for.
        (place, u32::try_from(text.len()).unwrap_or_default())
    }

    fn put(&self, out: &mut Vec<u8>, text: &str) {
        let (place, length) = self.place(text);
        put(out, u64::from(length));
        if length > 0 {
            put(out, u64::from(place));
        }
    }

    fn put_fixed(&self, out: &mut Vec<u8>, text: &str) {
        let (place, length) = self.place(text);
        out.extend(place.to_le_bytes());
        out.extend(length.to_le_bytes());
    }
}

const TOO_LARGE: &str = "it is more than a pack can hold: name fewer ecosystems";

/// Makes the bytes of a pack.
///
/// # Errors
///
/// If it were too large.
pub fn write(content: &Content) -> Result<Vec<u8>, String> {
    let keys: BTreeMap<&(String, String), String> =
        content.packages.keys().map(|key| (key, format!("{}\0{}", key.0, key.1))).collect();
    let strings = Strings::new(all_strings(content, keys.values()))?;
    let numbers: BTreeMap<&str, u64> =
        content.vulnerabilities.keys().map(String::as_str).zip(0..).collect();
    let mut vulnerabilities = Vec::new();
    for (id, facts) in &content.vulnerabilities {
        put_vulnerability(&mut vulnerabilities, &strings, id, facts);
    }
    let (mut packages, mut records) = (Vec::new(), Vec::new());
    // As the tables are searched: by the bytes of the whole key.
    let mut sorted: Vec<_> = keys.iter().collect();
    sorted.sort_by_key(|(_, text)| text.as_bytes());
    for (key, text) in sorted {
        let Some(of_package) = content.packages.get(*key) else { continue };
        let start = records.len();
        for (record, about) in of_package {
            put_record(&mut records, &strings, &numbers, record, about);
        }
        let length = records.len() - start;
        if length as u64 > PACKAGE_BYTES {
            return Err(format!("there is too much about {} of {}", key.1, key.0));
        }
        strings.put_fixed(&mut packages, text);
        packages.extend((start as u64).to_le_bytes());
        packages.extend(u32::try_from(length).unwrap_or_default().to_le_bytes());
        packages.extend(u32::try_from(of_package.len()).unwrap_or_default().to_le_bytes());
    }
    let sections = [
        sources(content),
        strings.bytes,
        vulnerabilities,
        packages,
        records,
        statements(&content.statements),
    ];
    let all = assemble(content.made_on, &sections);
    if all.len() as u64 > PACK_BYTES { Err(TOO_LARGE.to_owned()) } else { Ok(all) }
}

fn assemble<const N: usize>(made_on: i64, sections: &[Vec<u8>; N]) -> Vec<u8> {
    let mut all = Vec::new();
    all.extend(MAGIC);
    all.extend(FORM.to_le_bytes());
    all.extend(u32::try_from(N).unwrap_or_default().to_le_bytes());
    all.extend(0u64.to_le_bytes());
    all.extend(made_on.to_le_bytes());
    let mut offset = HEAD_BYTES + N * SECTION_BYTES;
    for section in sections {
        all.extend((offset as u64).to_le_bytes());
        all.extend((section.len() as u64).to_le_bytes());
        offset += section.len();
    }
    for section in sections {
        all.extend(section);
    }
    seal(all)
}

/// Puts the length of all into the head, and the checksum at the end.
#[must_use]
pub fn seal(mut all: Vec<u8>) -> Vec<u8> {
    let length = (all.len() as u64 + super::SUM_BYTES).to_le_bytes();
    if let Some(place) = all.get_mut(16..24) {
        place.copy_from_slice(&length);
    }
    let sum = Sha256::digest(&all);
    all.extend(sum);
    all
}

fn all_strings<'s>(
    content: &'s Content,
    keys: impl Iterator<Item = &'s String>,
) -> BTreeSet<&'s str> {
    let mut all: BTreeSet<&str> = keys.map(String::as_str).collect();
    for (id, facts) in &content.vulnerabilities {
        all.extend([id.as_str(), &facts.severity.vector, &facts.severity_from]);
    }
    for (record, _) in content.packages.values().flatten() {
        all.extend([record.id.as_str(), &record.severity.vector, &record.reason]);
        let events = record.ranges.iter().flat_map(|range| &range.events);
        all.extend(events.map(Event::version));
        let lists = [&record.aliases, &record.upstream, &record.versions];
        all.extend(lists.into_iter().flatten().map(String::as_str));
    }
    all
}

fn put_vulnerability(out: &mut Vec<u8>, strings: &Strings<'_>, id: &str, it: &VulnerabilityFacts) {
    strings.put_fixed(out, id);
    let exploited = it.exploited.unwrap_or_default();
    let likelihood = it.likelihood.unwrap_or_default();
    let numbers = [
        exploited.added,
        exploited.due,
        u32::from(exploited.ransomware),
        // 0: not known.
        it.likelihood.map_or(0, |likelihood| likelihood.score + 1),
        likelihood.percentile,
        it.severity.tenths.map_or(0, |tenths| u32::from(tenths) + 1),
        level(it.severity.level),
    ];
    numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
    strings.put_fixed(out, &it.severity.vector);
    strings.put_fixed(out, &it.severity_from);
}

fn level(level: Level) -> u32 {
    Level::ALL.iter().zip(0..).find(|(one, _)| **one == level).map_or(0, |(_, place)| place)
}

fn put_record(
    out: &mut Vec<u8>,
    strings: &Strings<'_>,
    numbers: &BTreeMap<&str, u64>,
    record: &Record,
    about: &[String],
) {
    strings.put(out, &record.id);
    put(out, kind(record.kind));
    let bits = Status::ALL.iter().zip(0..).filter(|(status, _)| record.status.contains(status));
    put(out, bits.map(|(_, place)| 1u64 << place).sum());
    strings.put(out, &record.reason);
    put(out, record.severity.tenths.map_or(0, |tenths| u64::from(tenths) + 1));
    put(out, u64::from(level(record.severity.level)));
    strings.put(out, &record.severity.vector);
    put(out, about.len() as u64);
    for id in about {
        put(out, numbers.get(id.as_str()).copied().unwrap_or_default());
    }
    for list in [&record.aliases, &record.upstream, &record.versions] {
        put(out, list.len() as u64);
        list.iter().for_each(|text| strings.put(out, text));
    }
    put(out, record.ranges.len() as u64);
    for range in &record.ranges {
        put(out, u64::from(range.is_semver));
        put(out, range.events.len() as u64);
        for event in &range.events {
            let kind = match event {
                Event::Introduced(_) => 0,
                Event::Fixed(_) => 1,
                Event::LastAffected(_) => 2,
                Event::Limit(_) => 3,
            };
            put(out, kind);
            strings.put(out, event.version());
        }
    }
}

fn kind(kind: Kind) -> u64 {
    Kind::ALL.iter().zip(0..).find(|(one, _)| **one == kind).map_or(0, |(_, place)| place)
}

fn sources(content: &Content) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, content.sources.len() as u64);
    for source in &content.sources {
        put(&mut out, kind(source.kind));
        put_text(&mut out, &source.name);
        put_text(&mut out, &source.date);
        put(&mut out, source.records);
        put(&mut out, source.left_out.len() as u64);
        for (why, count) in &source.left_out {
            let place = LeftOut::ALL.iter().zip(0u64..).find(|(one, _)| *one == why);
            put(&mut out, place.map_or(0, |(_, place)| place));
            put(&mut out, *count);
        }
    }
    let mut ecosystems: BTreeMap<&str, u64> = BTreeMap::new();
    for ((ecosystem, _), records) in &content.packages {
        *ecosystems.entry(ecosystem).or_default() += records.len() as u64;
    }
    put(&mut out, ecosystems.len() as u64);
    for (ecosystem, records) in ecosystems {
        put_text(&mut out, ecosystem);
        put(&mut out, records);
    }
    out
}

fn statements(all: &[Statement]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, all.len() as u64);
    for statement in all {
        for text in
            [&statement.timestamp, &statement.product, &statement.component, &statement.reason]
        {
            put_text(&mut out, text);
        }
        put(&mut out, u64::from(statement.is_harmless));
        put(&mut out, statement.ids.len() as u64);
        statement.ids.iter().for_each(|id| put_text(&mut out, id));
    }
    out
}
