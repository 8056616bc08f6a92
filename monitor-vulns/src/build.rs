//! Gathers what was read, and makes the content of a pack of it.

mod keys;

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use crate::{
    epss, kev,
    limits::{RECORDS, STRING_BYTES},
    model::{About, Exploited, Kind, LeftOut, Likelihood, Record},
    openvex::{self, Statement},
    osv,
    pack::{Content, Source, VulnerabilityFacts},
    secdb,
    severity::Severity,
    tracker,
};

/// More than a pack takes.
pub const FULL: &str = "there are more records than a pack takes: name fewer sources";

/// What was read so far.
#[derive(Debug, Default)]
pub struct Builder {
    packages: BTreeMap<(String, String), Vec<Record>>,
    records: usize,
    sources: Vec<Source>,
    exploited: BTreeMap<String, Exploited>,
    likely: HashMap<Box<str>, Likelihood>,
    /// How bad vulnerabilities are, and which record says so.
    severities: BTreeMap<String, (Severity, String)>,
    statements: Vec<Statement>,
}

impl Builder {
    /// Begins with a source; what is read from now on is its. The date counts where the data say
    /// none.
    pub fn begin(&mut self, kind: Kind, name: &str, date: &str) {
        let (name, date) = (name.to_owned(), date.to_owned());
        let left_out = BTreeMap::new();
        self.sources.push(Source { kind, name, date, records: 0, left_out });
    }

    /// How many records there are so far.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// The source that is being read, or the last one.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.sources.last()
    }

    /// Counts what could not be read.
    pub fn bad(&mut self) {
        self.leave_out(LeftOut::Bad);
    }

    /// Takes a record of OSV's.
    ///
    /// # Errors
    ///
    /// If it cannot be read, which is counted, or there are too many.
    pub fn osv(&mut self, text: &[u8]) -> Result<(), String> {
        let read = match osv::read(text) {
            Ok(read) => read,
            Err(why) => {
                self.bad();
                return Err(why);
            }
        };
        if let Some(source) = self.sources.last_mut()
            && read.modified > source.date
            && crate::model::day(&read.modified).is_some()
            && read.modified.len() <= 40
        {
            source.date.clone_from(&read.modified);
        }
        // An advisory about several is as bad as the worst of them, which says nothing of each.
        let mut about = read.ids.iter().filter_map(|id| keys::cve(id));
        if let (Some(cve), None) = (about.next(), about.next())
            && read.severity.is_known()
        {
            let (there, from) = self.severities.entry(cve.to_owned()).or_default();
            let better = there.clone().better(read.severity.clone());
            if better != *there || (read.id < *from && better == read.severity) {
                (*there, *from) = (better, read.id.clone());
            }
        }
        read.left_out.into_iter().for_each(|why| self.leave_out(why));
        read.about.into_iter().try_for_each(|about| self.put(about))
    }

    /// Takes all of Debian's tracker.
    ///
    /// # Errors
    ///
    /// If it is not in that form, or there are too many.
    pub fn tracker(&mut self, input: impl io::Read) -> Result<(), String> {
        let mut full = Ok(());
        let read = tracker::read(input, |one| self.take(one, &mut full));
        read.and(full)
    }

    /// Takes a security database of Alpine's.
    ///
    /// # Errors
    ///
    /// If it is not in that form, or there are too many.
    pub fn secdb(&mut self, text: &[u8]) -> Result<(), String> {
        let mut full = Ok(());
        secdb::read(text, |one| self.take(one, &mut full)).and(full)
    }

    /// Takes CISA's catalogue.
    ///
    /// # Errors
    ///
    /// If it is not in that form.
    pub fn kev(&mut self, text: &[u8]) -> Result<(), String> {
        let read = kev::read(text)?;
        self.dated(&read.date);
        for entry in read.entries {
            match entry {
                Some((cve, exploited)) if cve.len() <= STRING_BYTES => {
                    self.exploited.insert(cve, exploited);
                }
                _ => self.bad(),
            }
        }
        Ok(())
    }

    /// Takes a list of EPSS.
    ///
    /// # Errors
    ///
    /// If it is not in that form.
    pub fn epss(&mut self, input: impl io::BufRead) -> Result<(), String> {
        let (mut likely, mut bad) = (HashMap::new(), 0);
        let date = epss::read(input, |entry| match entry {
            Some((cve, likelihood)) if likely.len() < RECORDS => {
                likely.insert(Box::from(cve), likelihood);
            }
            _ => bad += 1,
        })?;
        self.likely.extend(likely);
        self.dated(&date);
        (0..bad).for_each(|_| self.bad());
        Ok(())
    }

    /// Takes a document of OpenVEX.
    ///
    /// # Errors
    ///
    /// If it is not in that form.
    pub fn vex(&mut self, text: &[u8]) -> Result<(), String> {
        let read = openvex::read(text)?;
        self.dated(&read.date);
        (0..read.unnamed).for_each(|_| self.leave_out(LeftOut::NoPackage));
        for statement in read.statements {
            let texts = [&statement.product, &statement.component];
            if texts.iter().all(|text| text.len() <= STRING_BYTES) {
                self.count();
                self.statements.push(statement);
            } else {
                self.bad();
            }
        }
        Ok(())
    }

    /// Makes the content of a pack, and counts what is about nothing in it.
    #[must_use]
    pub fn finish(mut self, made_on: i64) -> Content {
        let mut packages = BTreeMap::new();
        let mut vulnerabilities: BTreeMap<String, VulnerabilityFacts> = BTreeMap::new();
        for (key, mut records) in std::mem::take(&mut self.packages) {
            records.sort();
            records.dedup();
            let about = keys::of_all(&records);
            for id in about.iter().flatten() {
                vulnerabilities.entry(id.clone()).or_default();
            }
            packages.insert(key, records.into_iter().zip(about).collect());
        }
        for (id, facts) in &mut vulnerabilities {
            facts.exploited = self.exploited.get(id).copied();
            facts.likelihood = self.likely.get(id.as_str()).copied();
            if let Some((severity, from)) = self.severities.remove(id) {
                (facts.severity, facts.severity_from) = (severity, from);
            }
        }
        self.count_feeds(&vulnerabilities);
        self.statements.sort();
        self.statements.dedup();
        let statements = self.statements;
        Content { made_on, sources: self.sources, packages, vulnerabilities, statements }
    }

    fn count_feeds(&mut self, vulnerabilities: &BTreeMap<String, VulnerabilityFacts>) {
        let used = |has: fn(&VulnerabilityFacts) -> bool| {
            vulnerabilities.values().filter(|facts| has(facts)).count() as u64
        };
        let exploited = (used(|facts| facts.exploited.is_some()), self.exploited.len() as u64);
        let likely = (used(|facts| facts.likelihood.is_some()), self.likely.len() as u64);
        for (kind, (used, all)) in [(Kind::Kev, exploited), (Kind::Epss, likely)] {
            if let Some(source) = self.sources.iter_mut().find(|source| source.kind == kind) {
                source.records = used;
                if all > used {
                    source.left_out.insert(LeftOut::Unreferenced, all - used);
                }
            }
        }
    }

    fn take(&mut self, one: Result<About, LeftOut>, full: &mut Result<(), String>) {
        match one {
            Ok(about) if full.is_ok() => *full = self.put(about),
            Ok(_) => {}
            Err(why) => self.leave_out(why),
        }
    }

    fn put(&mut self, about: About) -> Result<(), String> {
        if self.records >= RECORDS {
            return Err(FULL.to_owned());
        }
        self.records += 1;
        self.count();
        let of_package = self.packages.entry((about.ecosystem, about.name)).or_default();
        of_package.push(about.record);
        Ok(())
    }

    fn count(&mut self) {
        if let Some(source) = self.sources.last_mut() {
            source.records += 1;
        }
    }

    fn leave_out(&mut self, why: LeftOut) {
        if let Some(source) = self.sources.last_mut() {
            *source.left_out.entry(why).or_default() += 1;
        }
    }

    fn dated(&mut self, date: &str) {
        if let Some(source) = self.sources.last_mut()
            && crate::model::day(date).is_some()
            && date.len() <= 40
        {
            date.clone_into(&mut source.date);
        }
    }
}

#[cfg(test)]
mod tests;
