//! `runmon profile export`: a profile as rules of those who can forbid the rest.

use std::{fs::OpenOptions, io::Write as _, process::ExitCode};

use anyhow::Context as _;

use super::files::read;
use crate::{
    cli::ProfileExportArgs,
    commands::{Usage, say, show},
    profile::export::{ExportError, export},
};

pub(super) fn run(args: &ProfileExportArgs) -> anyhow::Result<ExitCode> {
    let profile = read(&args.file)?;
    let exported = export(&profile, args.form).map_err(|error| {
        let shown = args.file.display();
        Usage(format!("{shown} cannot be written so: {error}\nhint: {}", cure(error)))
    })?;
    match &args.output {
        None => show(&exported.text)?,
        Some(path) => {
            let mut options = OpenOptions::new();
            // Somebody may have narrowed what is there by hand.
            let file = options.write(true).create_new(true).open(path);
            file.and_then(|mut file| file.write_all(exported.text.as_bytes()))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    exported.notes.iter().for_each(|note| say(&format!("note: {note}")));
    Ok(ExitCode::SUCCESS)
}

fn cure(error: ExportError) -> &'static str {
    match error {
        ExportError::NoSyscalls => {
            "learn it from a recording that was made with `runmon record --syscalls`"
        }
    }
}
