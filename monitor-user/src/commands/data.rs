//! `runmon data`: packs of vulnerability data.

mod build;

use std::{path::Path, process::ExitCode};

use monitor_vulns::pack::{Pack, PackError, Source};
use serde_json::{Value, json};

use super::{Usage, rules::table, show};
use crate::{
    cli::{DataCommand, DataPackArgs},
    document::printable::terminal,
    vulns::{self, PackFile},
};

/// Does what is said with packs.
///
/// # Errors
///
/// A file cannot be read, or is not what it is said to be.
pub fn run(command: &DataCommand) -> anyhow::Result<ExitCode> {
    match command {
        DataCommand::Build(args) => build::run(args),
        DataCommand::Show(args) => about(args, false),
        DataCommand::Verify(args) => about(args, true),
    }
}

/// Opens a pack; what is wrong with it is the caller's to mend.
pub(super) fn open(path: &Path) -> anyhow::Result<Pack<PackFile>> {
    vulns::open(path).map_err(|error| explain(path, &error))
}

/// Says what to do about a pack.
pub(super) fn explain(path: &Path, error: &PackError) -> anyhow::Error {
    let cure = match error {
        PackError::Io(source) => format!("\nhint: {}", crate::input::cure(source)),
        _ => String::new(),
    };
    Usage(format!("{}: {error}{cure}", path.display())).into()
}

fn about(args: &DataPackArgs, verify: bool) -> anyhow::Result<ExitCode> {
    let pack = open(&args.pack)?;
    if verify {
        pack.verify().map_err(|error| explain(&args.pack, &error))?;
    }
    let text = match (args.json, verify) {
        (true, _) => format!("{:#}\n", as_json(&pack)),
        (false, true) => format!("every record is as it should be\n{}", head(&pack)),
        (false, false) => as_text(&pack),
    };
    show(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// A time as people and JSON are told.
pub(super) fn moment(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(|_error| format!("{seconds} s"), |time| time.to_string())
}

/// A checksum in hexadecimal digits.
pub(super) fn hex(sum: &[u8; 32]) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn head(pack: &Pack<PackFile>) -> String {
    let records: u64 = pack.ecosystems().values().sum();
    format!(
        "made on {}\nsha256 {}\n{records} records about {} packages and {} vulnerabilities\n",
        moment(pack.made_on()),
        hex(&pack.sum()),
        pack.packages(),
        pack.vulnerabilities(),
    )
}

fn as_text(pack: &Pack<PackFile>) -> String {
    let head_of_table = ["SOURCE", "FILE", "DATE", "RECORDS", "LEFT OUT"].map(str::to_owned);
    let rows = pack.sources().iter().map(row);
    let sources = table(std::iter::once(head_of_table).chain(rows).collect());
    let head_of_table = ["ECOSYSTEM", "RECORDS"].map(str::to_owned);
    let rows = pack.ecosystems().iter().map(|(name, records)| [shown(name), records.to_string()]);
    let ecosystems = table(std::iter::once(head_of_table).chain(rows).collect());
    format!("{}\n{sources}\n{ecosystems}", head(pack))
}

fn row(source: &Source) -> [String; 5] {
    let left_out: Vec<String> =
        source.left_out.iter().map(|(why, count)| format!("{count} {}", why.name())).collect();
    [
        source.kind.name().to_owned(),
        shown(&source.name),
        shown(&source.date),
        source.records.to_string(),
        if left_out.is_empty() { "-".to_owned() } else { left_out.join(", ") },
    ]
}

/// What others wrote, for a terminal.
pub(super) fn shown(text: &str) -> String {
    terminal(text.as_bytes()).into_owned()
}

fn as_json(pack: &Pack<PackFile>) -> Value {
    let source = |source: &Source| {
        let left_out: serde_json::Map<String, Value> = source
            .left_out
            .iter()
            .map(|(why, count)| (why.name().to_owned(), json!(count)))
            .collect();
        json!({
            "kind": source.kind.name(), "name": source.name, "date": source.date,
            "records": source.records, "left_out": left_out,
        })
    };
    json!({
        "made_on": moment(pack.made_on()),
        "sha256": hex(&pack.sum()),
        "packages": pack.packages(),
        "vulnerabilities": pack.vulnerabilities(),
        "statements": pack.statements().len(),
        "sources": pack.sources().iter().map(source).collect::<Vec<_>>(),
        "ecosystems": pack.ecosystems(),
    })
}
