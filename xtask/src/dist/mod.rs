//! `cargo xtask dist`: what is handed out, in target/dist/ARCH: a static binary, a container image
//! as a tar, a Debian package with manual pages and completions, and their checksums.

mod debian;
mod image;
mod pages;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::arch::Arch;
use crate::cli::{DistArgs, SetupArgs};
use crate::process::read;
use crate::workspace::Workspace;
use crate::{build, setup};

pub(crate) use image::NAME as IMAGE;

/// The version of everything that is handed out.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the image and the package have the shipped rules as files.
const RULES: &str = "usr/share/runmon/rules";

/// Builds everything that is handed out, for each architecture that is asked for.
pub(crate) fn run(workspace: &Workspace, args: &DistArgs) -> Result<()> {
    let arm64 = args.arch.contains(&Arch::Aarch64);
    setup::run(workspace, &SetupArgs { build_only: true, arm64, ..SetupArgs::default() })?;
    args.arch.iter().try_for_each(|arch| one(workspace, *arch))
}

/// Where what is handed out for an architecture is.
pub(crate) fn directory(workspace: &Workspace, arch: Arch) -> PathBuf {
    workspace.target().join("dist").join(arch.name())
}

/// The same, if it was made and is no older than the build for this host.
pub(crate) fn made(workspace: &Workspace, arch: Arch) -> Option<PathBuf> {
    let dist = directory(workspace, arch);
    let time = |path: PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let (made, built) = (time(dist.join("SHA256SUMS"))?, time(workspace.runmon()));
    let is_old = built.is_some_and(|built| built > made);
    if is_old {
        println!("dist: what was handed out is older than the build, and is not tried");
    }
    (!is_old).then_some(dist)
}

fn one(workspace: &Workspace, arch: Arch) -> Result<()> {
    println!("dist: building a static runmon for {} …", arch.target());
    let built = build::static_daemon(workspace, arch)?;
    let dist = directory(workspace, arch);
    fs::create_dir_all(&dist).with_context(|| format!("cannot make {}", dist.display()))?;
    let binary = dist.join("runmon");
    fs::copy(&built, &binary).with_context(|| format!("cannot copy {}", built.display()))?;
    let rules = shipped_rules(workspace)?;
    image::write(&dist.join(image::FILE), arch, &binary, &rules)?;
    // What is built for another machine does not run here.
    let here = build::static_daemon(workspace, Arch::X86_64)?;
    let pages = pages::write(&here, &dist.join("pages"))?;
    let package = debian::write(workspace, arch, &binary, (&rules, &pages))?;
    checksums(&dist, &["runmon", image::FILE, &package])?;
    let shown = dist.strip_prefix(&workspace.root).unwrap_or(&dist).display();
    println!("{shown}: runmon, {} ({IMAGE}), {package}, SHA256SUMS", image::FILE);
    Ok(())
}

/// A file that is handed out as it is in the source tree.
struct Shipped {
    /// Relative to where such files go.
    path: String,
    content: Vec<u8>,
}

/// The shipped rules and what explains them: what git knows of them, in the order of their names.
fn shipped_rules(workspace: &Workspace) -> Result<Vec<Shipped>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(&workspace.root).args(["ls-files", "--", "rules/*.yaml", "rules/*.md"]);
    let list = read(&mut git)?;
    let mut files = Vec::new();
    for path in list.lines() {
        let content = fs::read(workspace.root.join(path)).with_context(|| path.to_owned())?;
        let path = path.trim_start_matches("rules/").to_owned();
        files.push(Shipped { path, content });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn checksums(dist: &Path, names: &[&str]) -> Result<()> {
    let mut lines = String::new();
    for name in names {
        let digest = image_tar::digest(File::open(dist.join(name))?)?;
        lines.push_str(&format!("{}  {name}\n", digest.trim_start_matches("sha256:")));
    }
    fs::write(dist.join("SHA256SUMS"), lines).context("cannot write SHA256SUMS")
}
