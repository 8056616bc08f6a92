//! `runmon completions` and `runmon man`: what shells and `man` know of the command line.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;

use super::say;
use crate::cli::{CompletionsArgs, ManArgs, visible};

/// Writes what a shell completes by.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut visible(), "runmon", &mut text);
    match std::io::stdout().lock().write_all(&text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("cannot write to standard output"))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes a manual page for each command.
///
/// # Errors
///
/// The directory cannot be written.
pub fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    let cannot = || format!("cannot write manual pages to {}", directory.display());
    std::fs::create_dir_all(directory).with_context(cannot)?;
    clap_mangen::generate_to(visible(), directory).with_context(cannot)?;
    say(&format!("`man {}/runmon.1` shows the first page", directory.display()));
    Ok(ExitCode::SUCCESS)
}
