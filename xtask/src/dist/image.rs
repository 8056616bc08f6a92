//! The container image: the binary, the shipped rules as files, and the directories that the binary
//! expects. Nothing else: no shell, no package.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use image_tar::Layer;
use serde_json::json;

use super::{RULES, Shipped, VERSION};
use crate::arch::Arch;

/// The image's name, as the manifests have it.
pub(crate) const NAME: &str = "localhost/runmon:latest";

/// The file that it is in.
pub(super) const FILE: &str = "runmon-image.tar";

/// What is mounted over, and what the binary writes to.
const DIRECTORIES: &[(&str, u32)] = &[
    ("etc", 0o755),
    ("etc/runmon", 0o755),
    ("etc/runmon/config", 0o755),
    ("etc/runmon/rules.d", 0o755),
    ("run", 0o755),
    ("run/runmon", 0o700),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/share", 0o755),
    ("usr/share/runmon", 0o755),
    (RULES, 0o755),
];

/// Writes the image.
pub(super) fn write(path: &Path, arch: Arch, binary: &Path, rules: &[Shipped]) -> Result<()> {
    let mut layer = Layer::default();
    for (directory, mode) in DIRECTORIES {
        layer.directory(directory, *mode)?;
    }
    layer.file("usr/bin/runmon", 0o755, &fs::read(binary)?)?;
    layer.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/usr/sbin/nologin\n")?;
    let folders: BTreeSet<&str> =
        rules.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    for folder in folders {
        layer.directory(&format!("{RULES}/{folder}"), 0o755)?;
    }
    for file in rules {
        layer.file(&format!("{RULES}/{}", file.path), 0o644, &file.content)?;
    }
    let config = json!({
        "Entrypoint": ["/usr/bin/runmon"],
        "Cmd": ["run", "--json"],
        "Env": ["PATH=/usr/bin"],
        "Labels": {
            "org.opencontainers.image.title": "runmon",
            "org.opencontainers.image.version": VERSION,
            "org.opencontainers.image.licenses": "(Apache-2.0 OR MIT) AND (MIT OR GPL-2.0-only)",
        },
    });
    image_tar::write_for(arch.debian(), path, NAME, layer, config)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
