//! What tells until when something is supported, of the files that are named for it.

use std::path::Path;

use monitor_inventory::lifecycle::{DateMap, Table};

use super::running::usage;
use crate::{
    config::SupportOptions,
    input,
    limits::RUNTIME_FILE_BYTES,
    support::{Support, with_that_of_host},
};

/// What tells it, as of today.
///
/// # Errors
///
/// A file that is named cannot be used.
pub(super) fn supported(options: &SupportOptions) -> anyhow::Result<Support> {
    let table = match &options.table {
        Some(path) => Table::parse(&text(path)?).map_err(|error| {
            let cure = "monitor-inventory/data/lifecycle.csv of the sources is one";
            usage(&format!("{} is no table: {error}", path.display()), cure)
        })?,
        None => with_that_of_host(Table::embedded()),
    };
    Ok(Support::new(table, last_days(options.end_of_life.as_deref())?, options.tier))
}

/// Last days of images by digest: those of a file, if there is one.
pub(super) fn last_days(path: Option<&Path>) -> anyhow::Result<DateMap> {
    let Some(path) = path else { return Ok(DateMap::default()) };
    DateMap::parse(&text(path)?).map_err(|error| {
        let cure = "each line is the digest of an image and its last day";
        usage(&format!("{}: {error}", path.display()), cure)
    })
}

fn text(path: &Path) -> anyhow::Result<String> {
    input::read_text(path, RUNTIME_FILE_BYTES).map_err(|error| {
        usage(&format!("cannot read {}: {error}", path.display()), input::cure(&error))
    })
}
