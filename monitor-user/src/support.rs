//! Until when what is installed is supported: the systems in roots, the programs that run
//! containers, and images, by what their publishers say of them.

pub mod runtimes;

use std::{fs, path::Path};

use jiff::Timestamp;
use monitor_inventory::{
    OsRelease,
    lifecycle::{Annotated, Date, DateMap, State, Table, Tier, Verdict},
};

use crate::{container::Container, input};

/// Where Debian and Ubuntu keep tables of their own, which their updates bring up to date.
const TABLES: [(&str, &str); 2] = [
    ("debian", "/usr/share/distro-info/debian.csv"),
    ("ubuntu", "/usr/share/distro-info/ubuntu.csv"),
];

const TABLE_BYTES: u64 = 1 << 20;

/// What tells until when something is supported.
#[derive(Clone, Debug)]
pub struct Support {
    /// What makers and distributions say.
    pub table: Table,
    /// Last days of images, as publishers have them.
    pub dates: DateMap,
    /// Which support counts.
    pub tier: Tier,
    /// The day that it is asked about.
    pub today: Date,
}

impl Support {
    /// By this table, these last days of images, and the support that was bought; as of today.
    #[must_use]
    pub fn new(table: Table, dates: DateMap, tier: Tier) -> Self {
        Self { table, dates, tier, today: Date::of(Timestamp::now()) }
    }

    /// What is said of an operating system; where none is named, that nobody knows.
    #[must_use]
    pub fn os(&self, os: Option<&OsRelease>) -> Verdict {
        let nobody = OsRelease::default();
        self.table.os(os.unwrap_or(&nobody), self.today, self.tier)
    }

    /// The same of a version of a product.
    #[must_use]
    pub fn product(&self, product: &str, version: &str) -> Verdict {
        self.table.product(product, version, self.today, self.tier)
    }

    /// What publishers say of a container's image, and whether that day is over.
    #[must_use]
    pub fn image(&self, container: &Container) -> Option<(&Annotated, State)> {
        let of = [&container.image_digest, &container.image_id];
        let digests = of.into_iter().filter_map(|it| it.known().map(|it| &**it));
        // A reference with a digest ends with it.
        let digests = digests.map(|it| it.rsplit('@').next().unwrap_or(it));
        let said = self.dates.of(digests)?;
        let state = match said {
            Annotated::Date(date) if *date < self.today => State::Eol,
            Annotated::Date(_) => State::Supported,
            Annotated::Unknown(_) => State::Unknown,
        };
        Some((said, state))
    }
}

/// The table with what a newer one of this host says.
#[must_use]
pub fn with_that_of_host(mut table: Table) -> Table {
    for (product, path) in TABLES {
        let path = Path::new(path);
        let changed = fs::metadata(path).and_then(|it| it.modified()).ok();
        let changed = changed.and_then(|it| Timestamp::try_from(it).ok());
        if let (Some(changed), Ok(csv)) = (changed, input::read_text(path, TABLE_BYTES)) {
            table.take_distro_info(product, &csv, Date::of(changed));
        }
    }
    table
}

/// A verdict in a few words.
#[must_use]
pub fn words(verdict: &Verdict) -> String {
    let name = verdict.state.name();
    match (verdict.until, verdict.state) {
        (Some(until), State::Eol) => format!("{name} since {until}"),
        (Some(until), _) => format!("{name} until {until}"),
        (None, _) => name.to_owned(),
    }
}
