//! `runmon rules import`: rule files of another system in, one rule file of ours out. What comes
//! out loads; what could not be carried is said, with the reason.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use monitor_rules::{
    RuleFile,
    sigma::{self, Imported, LeftOut},
};

use super::{
    BAD_RULES, Usage,
    files::{Most, Source, Unread, read_some},
    show,
};
use crate::{
    cli::ImportArgs,
    document::printable::terminal,
    input::require_regular,
    limits::{IMPORT_BYTES, IMPORT_FILES},
    rules::{self, SCHEMA, sigma::PROFILE},
};

/// As much as one import reads.
const MOST: Most = Most { files: IMPORT_FILES, bytes: IMPORT_BYTES };

/// Makes rules of Sigma's.
///
/// # Errors
///
/// A path that cannot be read, or an output that cannot be written.
pub fn sigma(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let found = read_some(&args.paths, &MOST)?;
    let files: Vec<RuleFile<'_>> = found.sources.iter().map(Source::as_rule_file).collect();
    // Beside the shipped rules the new ones are to stand, not in their place.
    let shipped = rules::load(&rules::embedded()).rules;
    let imported = sigma::import(&SCHEMA, &PROFILE, &shipped, &files);
    let file = imported.file();
    let left_out = imported.left_out.len() + found.unread.len();
    let is_refused = imported.rules.is_empty() || args.strict && left_out > 0;
    if !is_refused {
        check(&file)?;
        match &args.output {
            Some(path) => save(path, &file, args.force)?,
            None => show(&file)?,
        }
    }
    // Nobody may be there to read it.
    drop(io::stderr().lock().write_all(summary(&imported, &found.unread).as_bytes()));
    Ok(if is_refused { ExitCode::from(BAD_RULES) } else { ExitCode::SUCCESS })
}

/// Each rule was tried alone; this tries all together.
fn check(file: &str) -> anyhow::Result<()> {
    let loaded = rules::load(&[RuleFile { name: "imported", bytes: file.as_bytes() }]);
    match loaded.diagnostics.first() {
        Some(first) if loaded.has_errors() => {
            let text = format!("together the rules would not load: {}", first.message);
            Err(Usage(format!("{text}\nhint: import some of them at a time")).into())
        }
        _ => Ok(()),
    }
}

/// A line for each file and each rule that was left out, and one that counts.
fn summary(imported: &Imported, unread: &[Unread]) -> String {
    let mut text: String = unread.iter().map(|left| left.line() + "\n").collect();
    for LeftOut { file, line, title, reason } in &imported.left_out {
        let title = title.as_ref().map(|title| format!("`{title}`: ")).unwrap_or_default();
        let line = format!("{file}:{line}: {title}{reason}");
        text.push_str(&terminal(line.as_bytes()));
        text.push('\n');
    }
    let (carried, left_out) = (imported.rules.len(), imported.left_out.len() + unread.len());
    text.push_str(&format!("{carried} imported, {left_out} not\n"));
    text
}

/// Makes the file, or with `force` puts it in the place of another, whole.
fn save(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let unwritten = || format!("cannot write {}", path.display());
    let there = force && path.exists();
    if !there {
        return create(path, text).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                let cure = "name another file, or replace it with --force";
                Usage(format!("{} is there already\nhint: {cure}", path.display())).into()
            }
            _ => anyhow::Error::from(error).context(unwritten()),
        });
    }
    let kind = fs::metadata(path).with_context(unwritten)?.file_type();
    require_regular(kind).with_context(unwritten)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    create(Path::new(&draft), text).with_context(unwritten)?;
    fs::rename(&draft, path).with_context(unwritten)
}

/// A file that was not there before, whole or not at all.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes()).inspect_err(|_error| {
        // What is left of it is of no use; that it stays is no further failure.
        drop(fs::remove_file(path));
    })
}
