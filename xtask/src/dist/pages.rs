//! What `runmon` itself writes of its command line: completions of shells, and manual pages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Shipped;
use crate::process::read;

/// Shells, and where each looks for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/runmon"),
    ("zsh", "usr/share/zsh/vendor-completions/_runmon"),
    ("fish", "usr/share/fish/vendor_completions.d/runmon.fish"),
];

/// Where manual pages are.
const MAN: &str = "usr/share/man/man1";

/// The files, of a runmon that runs here; `scratch` is a directory for them that is removed.
pub(super) fn write(runmon: &Path, scratch: &Path) -> Result<Vec<Shipped>> {
    let mut files = Vec::new();
    for (shell, path) in COMPLETIONS {
        let content = read(Command::new(runmon).args(["completions", shell]))?.into_bytes();
        files.push(Shipped { path: (*path).to_owned(), content });
    }
    if scratch.exists() {
        fs::remove_dir_all(scratch).with_context(|| format!("clear {}", scratch.display()))?;
    }
    read(Command::new(runmon).arg("man").arg(scratch))?;
    let mut pages = Vec::new();
    for entry in fs::read_dir(scratch).context("no manual pages were written")? {
        pages.push(entry?.path());
    }
    pages.sort();
    ensure!(!pages.is_empty(), "no manual pages were written");
    // Neither names nor times are in it: bytes of one source are bytes of one package.
    read(Command::new("gzip").args(["-9", "--no-name"]).args(&pages))?;
    for page in pages {
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        let packed = page.with_file_name(format!("{name}.gz"));
        let content = fs::read(&packed).with_context(|| packed.display().to_string())?;
        files.push(Shipped { path: format!("{MAN}/{name}.gz"), content });
    }
    fs::remove_dir_all(scratch).with_context(|| format!("remove {}", scratch.display()))?;
    Ok(files)
}
