//! What a pack says of what is installed in a root, and whether that is in use there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use monitor_inventory::{Coordinates, Inventory, Kind};
use monitor_vulns::{
    matcher::Coordinate,
    pack::{Pack, PackError, ReadAt},
};

use super::{Finding, PackFacts, Package, Report};
use crate::usage::{Exposed, FileIndex, How, ImageUse, OF_MODULES, Used};

/// Whether something vulnerable is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InUse {
    /// It is: the most that was seen.
    Seen(Used),
    /// All was seen, and not this.
    NotObserved,
    /// It may be or not, for this reason.
    Unknown(String),
}

impl InUse {
    /// As it is shown.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Seen(used) => used.how.name(),
            Self::NotObserved => "not observed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What is used most comes first.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Seen(used) => match used.how {
                How::Executed => 0,
                How::Mapped => 1,
                How::Opened => 2,
            },
            Self::Unknown(_) => 3,
            Self::NotObserved => 4,
        }
    }
}

/// What is known of the packages of a name and version: their use, why one of them may be used
/// unseen, and whether the system brought all of them.
#[derive(Clone, Copy, Debug)]
struct Known {
    used: Option<Used>,
    unseen: Option<&'static str>,
    is_brought: bool,
}

impl Known {
    const NONE: Self = Self { used: None, unseen: None, is_brought: true };

    fn and(self, other: Self) -> Self {
        let used = match (self.used, other.used) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        Self {
            used,
            unseen: self.unseen.or(other.unseen),
            is_brought: self.is_brought && other.is_brought,
        }
    }

    /// Whether they are in use; `lacks` says why what was not seen may be.
    fn in_use(self, lacks: Option<&String>) -> InUse {
        match (self.used, lacks, self.unseen) {
            (Some(used), ..) => InUse::Seen(used),
            (None, Some(why), _) => InUse::Unknown(why.clone()),
            (None, None, Some(why)) => InUse::Unknown(why.to_owned()),
            (None, None, None) => InUse::NotObserved,
        }
    }
}

/// What is asked about the packages of a root, and what is known of them.
#[derive(Default)]
struct Questions {
    asked: Vec<Package>,
    known: HashMap<(String, String), Known>,
    /// Where those listen that use them.
    exposed: HashMap<(String, String), BTreeSet<String>>,
    /// Packages of which nothing can be asked.
    unplaced: usize,
}

impl Questions {
    fn of(
        inventory: &Inventory,
        index: Option<&FileIndex>,
        uses: Option<&[Option<Used>]>,
        exposed: &[BTreeSet<String>],
    ) -> Self {
        let mut questions = Self::default();
        for (at, package) in inventory.packages.iter().enumerate() {
            let Some(place) = package.osv(inventory.os.as_ref()) else {
                questions.unplaced += 1;
                continue;
            };
            let (name, version) = (package.name.to_string(), package.version.to_string());
            let known = Known {
                used: uses.and_then(|uses| uses.get(at).copied().flatten()),
                unseen: match package.kind {
                    Kind::Python | Kind::Node | Kind::Java => Some(OF_MODULES),
                    _ => index.and_then(|index| index.sight(at).lacks()),
                },
                is_brought: package.brought_by.is_some(),
            };
            let there = questions.known.entry((name.clone(), version.clone()));
            there.and_modify(|it| *it = it.and(known)).or_insert(known);
            if let Some(ports) = exposed.get(at).filter(|ports| !ports.is_empty()) {
                let key = (name.clone(), version.clone());
                questions.exposed.entry(key).or_default().extend(ports.iter().cloned());
            }
            let Coordinates { ecosystem, name: of, version: by } = place;
            let coordinates = vec![Coordinate { ecosystem, name: of, version: by }];
            let purl = Some(package.purl(inventory.os.as_ref()));
            questions.asked.push(Package { coordinates, name, version, purl });
        }
        questions
    }
}

/// What is vulnerable in a root.
#[derive(Debug, Default)]
pub struct Judged {
    /// The data that it is by.
    pub data: PackFacts,
    /// What the data say, each with whether it is in use: what is used and exploited first.
    pub findings: Vec<(Finding, InUse)>,
    /// What was asked about and cannot be told.
    pub unknown: usize,
    /// Packages of which nothing can be asked.
    pub unplaced: usize,
    /// Findings of packages of languages that one of the system brought, which mends them under
    /// versions of its own.
    pub brought: usize,
    /// Where processes of the host listen for others that use what is vulnerable, as `443/tcp`.
    pub exposed: BTreeMap<Coordinate, BTreeSet<String>>,
}

impl Judged {
    /// Puts what counts first, and of that what is used. The report has them by how much they
    /// matter: of those that are used alike that stays.
    pub fn sort(&mut self) {
        self.findings.sort_by_key(|(finding, in_use)| (!finding.counts(), in_use.rank()));
    }
}

/// Asks a pack about what is installed in a root, of which these files are used, some of them by
/// who listens for others. `index` says whose its files are.
///
/// # Errors
///
/// If the pack cannot be read, or is damaged.
pub fn judge<R: ReadAt>(
    inventory: &Inventory,
    index: Option<&FileIndex>,
    (used, exposed): (&ImageUse, &Exposed),
    pack: &Pack<R>,
    now_s: i64,
) -> Result<Judged, PackError> {
    let uses = index.map(|index| index.uses(&used.files, inventory.packages.len()));
    let exposed = index.map(|index| index.exposed(exposed, inventory.packages.len()));
    let questions = Questions::of(inventory, index, uses.as_deref(), &exposed.unwrap_or_default());
    let report = Report::of(pack, &questions.asked, &[], now_s)?;
    let lacks = match index {
        Some(index) if !index.is_cut => used.lacks(),
        _ => Some("whose its files are is not known".to_owned()),
    };
    let (unknown, unplaced) = (report.unknown.len(), questions.unplaced);
    let mut judged = Judged { data: report.pack, unknown, unplaced, ..Judged::default() };
    for finding in report.findings {
        let known = finding.installed.iter().filter_map(|it| questions.known.get(it));
        let known = known.fold(Known::NONE, |sum, known| sum.and(*known));
        if known.is_brought {
            judged.brought += 1;
            continue;
        }
        for ports in finding.installed.iter().filter_map(|it| questions.exposed.get(it)) {
            let of = judged.exposed.entry(finding.coordinate.clone()).or_default();
            of.extend(ports.iter().cloned());
        }
        judged.findings.push((finding, known.in_use(lacks.as_ref())));
    }
    judged.sort();
    Ok(judged)
}
