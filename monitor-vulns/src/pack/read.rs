//! Reads a pack. Every byte of it may be hostile: nothing is believed that was not looked at.

use std::io;

use sha2::{Digest as _, Sha256};

use super::{
    Ecosystems, FORM, HEAD_BYTES, MAGIC, PACKAGE_ENTRY, PACKAGES, RECORDS, ReadAt, SECTION_BYTES,
    SECTIONS, SOURCES, STATEMENTS, STRINGS, SUM_BYTES, Source, VULNERABILITIES,
    VULNERABILITY_ENTRY, bytes::Cursor, paged::Paged,
};
use crate::{
    limits::{
        PACK_BYTES, PACKAGE_BYTES, PACKAGE_TEXT_BYTES, SOURCES_BYTES, STATEMENTS_BYTES,
        STRING_BYTES,
    },
    model::{Exploited, Kind, LeftOut, Likelihood, Record, Status},
    openvex::Statement,
    range::{Event, Range},
    severity::{Level, Severity},
};

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Reading failed.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no pack of vulnerability data: `runmon data build` makes one")]
    NoPack,
    /// It was made by a later version.
    #[error("it has form {0}, and this runmon reads form {FORM}: use the runmon that made it")]
    Newer(u32),
    /// It was made by an earlier version.
    #[error("it has form {0}, and this runmon reads form {FORM}: build it again")]
    Older(u32),
    /// Some of it is missing.
    #[error("it has {there} bytes and not {said}: copy it again, all of it")]
    Length {
        /// What it says.
        said: u64,
        /// What is there.
        there: u64,
    },
    /// It is larger than any pack.
    #[error("it has {0} bytes, and a pack has {PACK_BYTES} at most")]
    TooLarge(u64),
    /// It was changed after it was made.
    #[error("its checksum is wrong: copy it again, or build it again")]
    Checksum,
    /// What is written in it cannot be.
    #[error("it is damaged ({0}): build it again")]
    Damaged(&'static str),
}

/// Where a section is.
#[derive(Clone, Copy, Debug, Default)]
struct Section {
    offset: u64,
    length: u64,
}

/// A pack that was opened.
pub struct Pack<R> {
    input: Paged<R>,
    sections: [Section; SECTIONS],
    made_on: i64,
    sum: [u8; 32],
    sources: Vec<Source>,
    ecosystems: Ecosystems,
    statements: Vec<Statement>,
}

/// What is known of a vulnerability, whichever package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vulnerability {
    /// Its id: of a CVE, where it has one.
    pub id: String,
    /// Whether it is exploited.
    pub exploited: Option<Exploited>,
    /// How likely that is.
    pub likelihood: Option<Likelihood>,
    /// How bad it is.
    pub severity: Severity,
    /// The record that says how bad.
    pub severity_from: String,
}

/// A record of a package, and the numbers of the vulnerabilities that it is about.
pub type Found = (Record, Vec<u32>);

impl<R: ReadAt> Pack<R> {
    /// Opens a pack, and checks all of it against its checksum.
    ///
    /// # Errors
    ///
    /// If it is none that can be used; says what to do about it.
    pub fn open(input: R) -> Result<Self, PackError> {
        let there = input.size()?;
        let mut head = vec![0; HEAD_BYTES + SECTIONS * SECTION_BYTES];
        if there < head.len() as u64 + SUM_BYTES {
            return Err(PackError::NoPack);
        }
        input.read_at(&mut head, 0)?;
        let rest = head.strip_prefix(&MAGIC).ok_or(PackError::NoPack)?;
        let mut head = Cursor(rest);
        let torn = || PackError::Damaged("the head ends too early");
        let form = head.u32().ok_or_else(torn)?;
        match form {
            FORM => {}
            newer if newer > FORM => return Err(PackError::Newer(newer)),
            older => return Err(PackError::Older(older)),
        }
        let count = head.u32().ok_or_else(torn)?;
        let said = head.u64().ok_or_else(torn)?;
        let made_on = head.u64().ok_or_else(torn)?.cast_signed();
        if there > PACK_BYTES {
            return Err(PackError::TooLarge(there));
        }
        if said != there {
            return Err(PackError::Length { said, there });
        }
        if usize::try_from(count) != Ok(SECTIONS) {
            return Err(PackError::Damaged("it has other sections"));
        }
        let sum = check_sum(&input, there - SUM_BYTES)?;
        let mut sections = [Section::default(); SECTIONS];
        for section in &mut sections {
            *section = Section {
                offset: head.u64().ok_or_else(torn)?,
                length: head.u64().ok_or_else(torn)?,
            };
            let end = section.offset.checked_add(section.length);
            if end.is_none_or(|end| end > there - SUM_BYTES) {
                return Err(PackError::Damaged("a section ends behind the end"));
            }
        }
        let mut pack = Self {
            input: Paged::new(input, there),
            sections,
            made_on,
            sum,
            sources: Vec::new(),
            ecosystems: Ecosystems::new(),
            statements: Vec::new(),
        };
        pack.read_lists()?;
        Ok(pack)
    }

    /// When it was made, in seconds since 1970.
    pub fn made_on(&self) -> i64 {
        self.made_on
    }

    /// The SHA-256 of all of it.
    pub fn sum(&self) -> [u8; 32] {
        self.sum
    }

    /// Where the data came from.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Which ecosystems it knows, with how many records.
    pub fn ecosystems(&self) -> &Ecosystems {
        &self.ecosystems
    }

    /// What does not apply.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// How many packages it knows.
    pub fn packages(&self) -> u64 {
        self.count(PACKAGES, PACKAGE_ENTRY)
    }

    /// How many vulnerabilities it knows.
    pub fn vulnerabilities(&self) -> u64 {
        self.count(VULNERABILITIES, VULNERABILITY_ENTRY)
    }

    /// The records of a package, whose name and ecosystem are written as in packs.
    ///
    /// # Errors
    ///
    /// If the pack cannot be read, or is damaged.
    pub fn records(&self, ecosystem: &str, name: &str) -> Result<Vec<Found>, PackError> {
        let key = format!("{ecosystem}\0{name}");
        let (mut low, mut high) = (0, self.packages());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry: [u8; PACKAGE_ENTRY] = self.entry(PACKAGES, middle)?;
            let mut entry = Cursor(&entry);
            let there = self.fixed_text(&mut entry)?;
            match there.as_bytes().cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.block(entry),
            }
        }
        Ok(Vec::new())
    }

    /// The key of a package by its number: ecosystem and name.
    ///
    /// # Errors
    ///
    /// If the pack cannot be read, or is damaged.
    pub fn key(&self, number: u64) -> Result<(String, String), PackError> {
        let entry: [u8; PACKAGE_ENTRY] = self.entry(PACKAGES, number)?;
        let key = self.fixed_text(&mut Cursor(&entry))?;
        let (ecosystem, name) =
            key.split_once('\0').ok_or(PackError::Damaged("a package has no name"))?;
        Ok((ecosystem.to_owned(), name.to_owned()))
    }

    /// What is known of a vulnerability by its number.
    ///
    /// # Errors
    ///
    /// If the pack cannot be read, or is damaged.
    pub fn vulnerability(&self, number: u32) -> Result<Vulnerability, PackError> {
        let entry: [u8; VULNERABILITY_ENTRY] = self.entry(VULNERABILITIES, u64::from(number))?;
        let mut entry = Cursor(&entry);
        let id = self.fixed_text(&mut entry)?;
        let mut next = || entry.u32().ok_or(PackError::Damaged("a vulnerability is torn"));
        let [added, due, ransomware] = [next()?, next()?, next()?];
        let [score, percentile, tenths, level] = [next()?, next()?, next()?, next()?];
        let score = score.checked_sub(1);
        let severity = Severity {
            tenths: tenths_of(u64::from(tenths)),
            level: level_of(u64::from(level))?,
            vector: self.fixed_text(&mut entry)?,
        };
        Ok(Vulnerability {
            id,
            exploited: (added > 0).then_some(Exploited { added, due, ransomware: ransomware > 0 }),
            likelihood: score.map(|score| Likelihood { score, percentile }),
            severity,
            severity_from: self.fixed_text(&mut entry)?,
        })
    }

    /// Reads every record, vulnerability and key once. What is sealed may still be damaged.
    ///
    /// # Errors
    ///
    /// If the pack cannot be read, or is damaged.
    pub fn verify(&self) -> Result<(), PackError> {
        let mut before: Option<String> = None;
        for number in 0..self.packages() {
            let (ecosystem, name) = self.key(number)?;
            let key = format!("{ecosystem}\0{name}");
            if before.is_some_and(|before| before.as_bytes() >= key.as_bytes()) {
                return Err(PackError::Damaged("packages are not in their order"));
            }
            for (_, about) in self.records(&ecosystem, &name)? {
                if about.iter().any(|number| u64::from(*number) >= self.vulnerabilities()) {
                    return Err(PackError::Damaged("a vulnerability is missing"));
                }
            }
            before = Some(key);
        }
        for number in 0..self.vulnerabilities() {
            let number = u32::try_from(number).map_err(|_| PackError::Damaged("too many"))?;
            self.vulnerability(number)?;
        }
        Ok(())
    }

    fn section(&self, which: usize) -> Section {
        self.sections.get(which).copied().unwrap_or_default()
    }

    fn count(&self, which: usize, entry: usize) -> u64 {
        self.section(which).length / entry as u64
    }

    fn entry<const N: usize>(&self, which: usize, number: u64) -> Result<[u8; N], PackError> {
        let section = self.section(which);
        if number >= section.length / N as u64 {
            return Err(PackError::Damaged("an entry is missing"));
        }
        let mut entry = [0; N];
        self.input.read_short(&mut entry, section.offset + number * N as u64)?;
        Ok(entry)
    }

    /// All of a section that is kept in memory, or a part of one.
    fn bytes(&self, which: usize, at: u64, length: u64, limit: u64) -> Result<Vec<u8>, PackError> {
        let section = self.section(which);
        let end = at.checked_add(length);
        if length > limit || end.is_none_or(|end| end > section.length) {
            return Err(PackError::Damaged("a part is too large, or behind the end"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.input.read_at(&mut bytes, section.offset + at)?;
        Ok(bytes)
    }

    fn string(&self, offset: u64, length: u64) -> Result<String, PackError> {
        let section = self.section(STRINGS);
        let limit = 2 * STRING_BYTES as u64 + 1;
        let end = offset.checked_add(length);
        if length > limit || end.is_none_or(|end| end > section.length) {
            return Err(PackError::Damaged("a string is too long, or behind the end"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.input.read_short(&mut bytes, section.offset + offset)?;
        String::from_utf8(bytes).map_err(|_error| PackError::Damaged("a string is no text"))
    }

    fn fixed_text(&self, entry: &mut Cursor<'_>) -> Result<String, PackError> {
        match (entry.u32(), entry.u32()) {
            (Some(offset), Some(length)) => self.string(offset.into(), length.into()),
            _ => Err(PackError::Damaged("an entry is torn")),
        }
    }

    fn block(&self, mut entry: Cursor<'_>) -> Result<Vec<Found>, PackError> {
        let (offset, length) = (entry.u64(), entry.u32());
        let (Some(offset), Some(length), Some(count)) = (offset, length, entry.u32()) else {
            return Err(PackError::Damaged("a package is torn"));
        };
        let bytes = self.bytes(RECORDS, offset, length.into(), PACKAGE_BYTES)?;
        let mut block = Block { pack: self, rest: Cursor(&bytes), text: PACKAGE_TEXT_BYTES };
        let mut all = Vec::new();
        while !block.rest.is_empty() {
            all.push(block.record()?);
        }
        match usize::try_from(count) == Ok(all.len()) {
            true => Ok(all),
            false => Err(PackError::Damaged("a package has other records")),
        }
    }

    fn read_lists(&mut self) -> Result<(), PackError> {
        let length = self.section(SOURCES).length;
        let bytes = self.bytes(SOURCES, 0, length, SOURCES_BYTES)?;
        let (sources, ecosystems) =
            sources(Cursor(&bytes)).ok_or(PackError::Damaged("the list of sources"))?;
        let length = self.section(STATEMENTS).length;
        let bytes = self.bytes(STATEMENTS, 0, length, STATEMENTS_BYTES)?;
        let statements = statements(Cursor(&bytes));
        self.statements = statements.ok_or(PackError::Damaged("the list of statements"))?;
        (self.sources, self.ecosystems) = (sources, ecosystems);
        Ok(())
    }
}

/// The records of one package.
struct Block<'p, R> {
    pack: &'p Pack<R>,
    rest: Cursor<'p>,
    /// Bytes of strings that may still be read.
    text: usize,
}

impl<R: ReadAt> Block<'_, R> {
    fn number(&mut self) -> Result<u64, PackError> {
        self.rest.number().ok_or(PackError::Damaged("a record is torn"))
    }

    fn count(&mut self) -> Result<usize, PackError> {
        self.rest.count().ok_or(PackError::Damaged("a record is torn"))
    }

    fn string(&mut self) -> Result<String, PackError> {
        let length = self.number()?;
        if length == 0 {
            return Ok(String::new());
        }
        let offset = self.number()?;
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let left = self.text.checked_sub(bytes);
        self.text = left.ok_or(PackError::Damaged("a package has too much text"))?;
        self.pack.string(offset, length)
    }

    fn strings(&mut self) -> Result<Vec<String>, PackError> {
        (0..self.count()?).map(|_| self.string()).collect()
    }

    fn record(&mut self) -> Result<Found, PackError> {
        let id = self.string()?;
        let kind = place(&Kind::ALL, self.number()?)?;
        let bits = self.number()?;
        let status = Status::ALL.into_iter().zip(0..).filter(|(_, bit)| bits & (1 << bit) != 0);
        let status = status.map(|(status, _)| status).collect();
        let reason = self.string()?;
        let severity = Severity {
            tenths: tenths_of(self.number()?),
            level: level_of(self.number()?)?,
            vector: self.string()?,
        };
        let number = |number| u32::try_from(number).map_err(|_| PackError::Damaged("a number"));
        let mut about = Vec::new();
        for _ in 0..self.count()? {
            about.push(number(self.number()?)?);
        }
        let (aliases, upstream) = (self.strings()?, self.strings()?);
        let versions = self.strings()?;
        let mut ranges = Vec::new();
        for _ in 0..self.count()? {
            ranges.push(self.range()?);
        }
        let record =
            Record { id, kind, aliases, upstream, severity, status, reason, ranges, versions };
        Ok((record, about))
    }

    fn range(&mut self) -> Result<Range, PackError> {
        let is_semver = self.number()? != 0;
        let mut events = Vec::new();
        for _ in 0..self.count()? {
            let kind = self.number()?;
            let version = self.string()?;
            events.push(match kind {
                0 => Event::Introduced(version),
                1 => Event::Fixed(version),
                2 => Event::LastAffected(version),
                3 => Event::Limit(version),
                _ => return Err(PackError::Damaged("an event")),
            });
        }
        Ok(Range { is_semver, events })
    }
}

fn check_sum(input: &impl ReadAt, length: u64) -> Result<[u8; 32], PackError> {
    let mut buffer = vec![0; 64 << 10];
    let (mut digest, mut at) = (Sha256::new(), 0);
    while at < length {
        let now = usize::try_from(length - at).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..now).unwrap_or_default();
        input.read_at(part, at)?;
        digest.update(&*part);
        at += now as u64;
    }
    let mut said = [0; 32];
    input.read_at(&mut said, length)?;
    let found: [u8; 32] = digest.finalize().into();
    if found == said { Ok(found) } else { Err(PackError::Checksum) }
}

fn place<T: Copy>(all: &[T], number: u64) -> Result<T, PackError> {
    let found = usize::try_from(number).ok().and_then(|place| all.get(place));
    found.copied().ok_or(PackError::Damaged("a number stands for nothing"))
}

fn level_of(number: u64) -> Result<Level, PackError> {
    place(&Level::ALL, number)
}

fn tenths_of(number: u64) -> Option<u8> {
    number.checked_sub(1).and_then(|tenths| u8::try_from(tenths).ok())
}

fn sources(mut rest: Cursor<'_>) -> Option<(Vec<Source>, Ecosystems)> {
    let mut all = Vec::new();
    for _ in 0..rest.count()? {
        let kind = place(&Kind::ALL, rest.number()?).ok()?;
        let (name, date) = (rest.text()?.to_owned(), rest.text()?.to_owned());
        let records = rest.number()?;
        let mut source = Source { kind, name, date, records, left_out: Default::default() };
        for _ in 0..rest.count()? {
            let why = place(&LeftOut::ALL, rest.number()?).ok()?;
            source.left_out.insert(why, rest.number()?);
        }
        all.push(source);
    }
    let mut ecosystems = Ecosystems::new();
    for _ in 0..rest.count()? {
        ecosystems.insert(rest.text()?.to_owned(), rest.number()?);
    }
    Some((all, ecosystems))
}

fn statements(mut rest: Cursor<'_>) -> Option<Vec<Statement>> {
    let mut all = Vec::new();
    for _ in 0..rest.count()? {
        let mut text = || rest.text().map(str::to_owned);
        let (timestamp, product) = (text()?, text()?);
        let (component, reason) = (text()?, text()?);
        let is_harmless = rest.number()? != 0;
        let count = rest.count()?;
        let ids = (0..count).map(|_| rest.text().map(str::to_owned)).collect::<Option<_>>()?;
        all.push(Statement { timestamp, ids, product, component, is_harmless, reason });
    }
    Some(all)
}
