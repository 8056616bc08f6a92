//! Profiles on the disk.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    commands::Usage,
    limits::PROFILE_BYTES,
    profile::{Profile, file},
};

/// Reads a profile.
pub(super) fn read(path: &Path) -> anyhow::Result<Profile> {
    let text = crate::input::read_text(path, PROFILE_BYTES).map_err(|error| {
        let cure = crate::input::cure(&error);
        Usage(format!("cannot read {}: {error}\nhint: {cure}", path.display()))
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let profile = file::read(&name, &text)
        .map_err(|why| Usage(format!("{} is no profile: {why}", path.display())))?;
    Ok(profile)
}

/// Reads all profiles of files and directories, sorted by path.
pub(in crate::commands) fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Profile>> {
    files_of(paths)?.iter().map(|path| read(path)).collect()
}

/// The files that paths stand for: of directories those that end like profiles, sorted.
pub(in crate::commands) fn files_of(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let shown = path.display();
        let entries = fs::read_dir(path).with_context(|| format!("cannot read {shown}"))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {shown}"))?.path();
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let is_one = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
            if is_one && !name.starts_with(b".") {
                files.push(path);
            }
        }
        files.sort();
        all.append(&mut files);
    }
    Ok(all)
}

/// Writes a profile in the place of the one that was there.
pub(super) fn replace(path: &Path, profile: &Profile) -> anyhow::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let options = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).clone();
        let mut out = options.open(&draft)?;
        out.write_all(file::write(profile).as_bytes())?;
        out.sync_all()?;
        fs::rename(&draft, path)
    };
    let written = write();
    if written.is_err() {
        drop(fs::remove_file(&draft));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
