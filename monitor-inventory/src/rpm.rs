//! rpm's database, where it is one of SQLite: a table of headers, each of which describes a
//! package. The older formats (Berkeley DB, NDB) are not read, and are told as such.

mod header;
mod sqlite;

pub use header::{Header, parse as parse_header};
pub use sqlite::{Database, ReadPages, SqliteError};

use crate::package::{Kind, Package, Source};

/// Where the database is.
pub const PATHS: [&str; 2] = ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite"];

/// The log of what is not yet in the database: empty once nobody has it open.
pub const PATHS_OF_LOG: [&str; 2] =
    ["var/lib/rpm/rpmdb.sqlite-wal", "usr/lib/sysimage/rpm/rpmdb.sqlite-wal"];

/// Databases that are not read.
pub const UNREAD: [&str; 4] = [
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
];

/// The table of headers, and the column of them.
const TABLE: &str = "Packages";
const COLUMN: usize = 1;

/// The headers of the database, each as its bytes; a header that is too large has none.
///
/// # Errors
///
/// It is no database of SQLite, or is broken.
pub fn each_header(
    pages: &dyn ReadPages,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Result<(), SqliteError> {
    Database::open(pages)?.each(TABLE, COLUMN, each)
}

/// The package that a header describes; None where it is a key, or has no name or version.
#[must_use]
pub fn package(header: &Header<'_>, path: &str) -> Option<Package> {
    let name = header.name()?;
    if name == "gpg-pubkey" {
        return None;
    }
    let (version, release) = (header.version()?, header.release().unwrap_or_default());
    let whole = match header.epoch().filter(|epoch| *epoch != 0) {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    Some(Package {
        source: header.source().and_then(of_source),
        architecture: header.architecture().map(Into::into),
        licence: header.licence().map(Into::into),
        module: header.module().map(Into::into),
        ..Package::new(Kind::Rpm, name.into(), whole.into(), path)
    })
}

/// `name-version-release.src.rpm`.
fn of_source(file: &str) -> Option<Source> {
    let stem = file.strip_suffix(".rpm")?;
    let (stem, _src) = stem.rsplit_once('.')?;
    let (stem, release) = stem.rsplit_once('-')?;
    let (name, version) = stem.rsplit_once('-')?;
    Some(Source { name: name.into(), version: format!("{version}-{release}").into() })
}

#[cfg(test)]
mod tests;
