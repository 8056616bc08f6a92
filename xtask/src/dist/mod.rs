//! `cargo xtask dist`: what is handed out, in target/dist: a static binary, a container image as a
//! tar, and their checksums.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use image_tar::Layer;
use serde_json::json;

use crate::arch::Arch;
use crate::cli::SetupArgs;
use crate::workspace::Workspace;
use crate::{build, setup};

/// The image's name, as the Kubernetes manifest has it.
const IMAGE: &str = "localhost/runmon:latest";

/// What it runs on.
const ARCH: Arch = Arch::X86_64;

/// Builds everything that is handed out.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::run(workspace, &SetupArgs { build_only: true, ..SetupArgs::default() })?;
    println!("building a static runmon for {} …", ARCH.target());
    let built = build::static_daemon(workspace, ARCH)?;
    let dist = workspace.target().join("dist");
    fs::create_dir_all(&dist).with_context(|| format!("cannot make {}", dist.display()))?;
    let binary = dist.join("runmon");
    fs::copy(&built, &binary).with_context(|| format!("cannot copy {}", built.display()))?;
    let image = dist.join("runmon-image.tar");
    write_image(&image, &binary)?;
    checksums(&dist, &["runmon", "runmon-image.tar"])?;
    println!("target/dist: runmon, runmon-image.tar ({IMAGE}), SHA256SUMS");
    Ok(())
}

/// The binary, and the directories that it expects. Nothing else: no shell, no package.
fn write_image(path: &Path, binary: &Path) -> Result<()> {
    let mut layer = Layer::default();
    for (directory, mode) in [
        ("etc", 0o755),
        ("etc/runmon", 0o755),
        ("run", 0o755),
        ("usr", 0o755),
        ("usr/bin", 0o755),
        ("var", 0o755),
        ("var/lib", 0o755),
        ("tmp", 0o1777),
    ] {
        layer.directory(directory, mode)?;
    }
    layer.file("usr/bin/runmon", 0o755, &fs::read(binary)?)?;
    layer.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/usr/sbin/nologin\n")?;
    let config = json!({
        "Entrypoint": ["/usr/bin/runmon"],
        "Cmd": ["run", "--json"],
        "Env": ["PATH=/usr/bin"],
        "Labels": {
            "org.opencontainers.image.title": "runmon",
            "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
            "org.opencontainers.image.licenses": "(Apache-2.0 OR MIT) AND (MIT OR GPL-2.0-only)",
        },
    });
    image_tar::write(path, IMAGE, layer, config)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn checksums(dist: &Path, names: &[&str]) -> Result<()> {
    let mut lines = String::new();
    for name in names {
        let digest = image_tar::digest(File::open(dist.join(name))?)?;
        lines.push_str(&format!("{}  {name}\n", digest.trim_start_matches("sha256:")));
    }
    fs::write(dist.join("SHA256SUMS"), lines).context("cannot write SHA256SUMS")
}
