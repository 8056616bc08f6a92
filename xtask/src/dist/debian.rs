//! The Debian package: the static binary, its systemd unit, a configuration, the shipped rules,
//! manual pages and completions.
//! `deploy/debian` has what dpkg reads.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{RULES, Shipped, VERSION, directory};
use crate::arch::Arch;
use crate::process::read;
use crate::workspace::Workspace;

/// Files of the source tree, where they go, and how.
const FILES: &[(&str, &str, u32)] = &[
    ("deploy/systemd/runmon.service", "usr/lib/systemd/system/runmon.service", 0o644),
    ("deploy/debian/config.yaml", "etc/runmon/config.yaml", 0o644),
    ("deploy/kubernetes/base/rules/site.yaml", "etc/runmon/rules.d/site.yaml", 0o644),
    ("deploy/config.example.yaml", "usr/share/doc/runmon/config.example.yaml", 0o644),
    ("deploy/README.md", "usr/share/doc/runmon/README.md", 0o644),
    ("deploy/debian/copyright", "usr/share/doc/runmon/copyright", 0o644),
    ("deploy/debian/conffiles", "DEBIAN/conffiles", 0o644),
    ("deploy/debian/postinst", "DEBIAN/postinst", 0o755),
    ("deploy/debian/prerm", "DEBIAN/prerm", 0o755),
    ("deploy/debian/postrm", "DEBIAN/postrm", 0o755),
];

/// Writes the package, with rules, and with pages that are relative to the root; its name.
pub(super) fn write(
    workspace: &Workspace,
    arch: Arch,
    binary: &Path,
    (rules, pages): (&[Shipped], &[Shipped]),
) -> Result<String> {
    let dist = directory(workspace, arch);
    let root = dist.join("package");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot clear {}", root.display()))?;
    }
    put(&root.join("usr/bin/runmon"), &fs::read(binary)?, 0o755)?;
    for (from, to, mode) in FILES {
        let content = fs::read(workspace.root.join(from)).with_context(|| (*from).to_owned())?;
        put(&root.join(to), &content, *mode)?;
    }
    for file in rules {
        put(&root.join(RULES).join(&file.path), &file.content, 0o644)?;
    }
    for file in pages {
        put(&root.join(&file.path), &file.content, 0o644)?;
    }
    let control = control(arch, kibibytes(&root)?);
    put(&root.join("DEBIAN/control"), control.as_bytes(), 0o644)?;
    let name = format!("runmon_{VERSION}_{}.deb", arch.debian());
    let mut build = Command::new("dpkg-deb");
    build.args(["--build", "--root-owner-group"]).arg(&root).arg(dist.join(&name));
    // Bytes of one source are bytes of one package.
    build.env("SOURCE_DATE_EPOCH", commit_time(workspace)?);
    read(&mut build).context("is Debian's dpkg here?")?;
    fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    Ok(name)
}

fn control(arch: Arch, kibibytes: u64) -> String {
    format!(
        "Package: runmon\n\
         Version: {VERSION}\n\
         Architecture: {}\n\
         Maintainer: The runmon developers <root@localhost>\n\
         Installed-Size: {kibibytes}\n\
         Section: admin\n\
         Priority: optional\n\
         Description: monitor of what programs and containers really do\n \
         eBPF programs in the kernel record program starts, connections, and what is done\n \
         to files, processes and the system; a daemon matches them against rules and sends\n \
         alerts. The binary is static and needs Linux 5.8 or later with BTF.\n",
        arch.debian()
    )
}

fn put(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    fs::write(path, content).with_context(cannot)?;
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(cannot)
}

/// Makes a directory and those above it; whoever builds may have an umask of their own.
fn make_directory(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let cannot = || format!("cannot make {}", path.display());
    fs::create_dir(path).with_context(cannot)?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).with_context(cannot)
}

/// What the files of a tree take, as dpkg counts it.
fn kibibytes(root: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(root).with_context(|| root.display().to_string())? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { kibibytes(&entry.path())? } else { meta.len().div_ceil(1024) };
    }
    Ok(sum)
}

/// When what is built was committed, in seconds.
fn commit_time(workspace: &Workspace) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["log", "-1", "--format=%ct"]);
    Ok(read(&mut git)?.trim().to_owned())
}
