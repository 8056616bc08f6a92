//! Which vulnerabilities a record is about: CVEs, where there are some.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Record;

/// The CVE that an id is, or that a distribution made its own id of (`DEBIAN-CVE-2023-1`).
pub(super) fn cve(id: &str) -> Option<&str> {
    let at = match id.find("CVE-")? {
        0 => 0,
        at if id.get(..at)?.ends_with('-') => at,
        _ => return None,
    };
    id.get(at..)
}

/// The keys of each record of one package. A record without a CVE is about what a record with one
/// of the same ids is about, and else about the least of the ids that are the same as its own.
pub(super) fn of_all(records: &[Record]) -> Vec<Vec<String>> {
    let mut same = Same::default();
    let own: Vec<BTreeSet<&str>> = records
        .iter()
        .map(|record| {
            let names = record.aliases.iter().chain([&record.id]);
            names.clone().for_each(|name| same.join(name, &record.id));
            names.chain(&record.upstream).filter_map(|id| cve(id)).collect()
        })
        .collect();
    // What the records with CVEs are about, by what their ids stand for.
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (record, own) in records.iter().zip(&own) {
        known.entry(same.root(&record.id)).or_default().extend(own);
    }
    let about = records.iter().zip(own).map(|(record, own)| {
        let root = same.root(&record.id);
        let found = match own.is_empty() {
            false => own,
            true => known.get(root).cloned().unwrap_or_default(),
        };
        match found.is_empty() {
            false => found.into_iter().map(str::to_owned).collect(),
            true => vec![root.to_owned()],
        }
    });
    about.collect()
}

/// Ids that stand for the same, by the least of them.
#[derive(Default)]
struct Same<'r>(BTreeMap<&'r str, &'r str>);

impl<'r> Same<'r> {
    fn root(&self, id: &'r str) -> &'r str {
        let mut id = id;
        // Each step leads to a lesser one.
        while let Some(next) = self.0.get(id).filter(|next| **next < id) {
            id = next;
        }
        id
    }

    fn join(&mut self, one: &'r str, two: &'r str) {
        let (one, two) = (self.root(one), self.root(two));
        self.0.insert(one.max(two), one.min(two));
    }
}
