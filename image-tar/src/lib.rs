//! Container images without a container engine: one layer, as an OCI layout in a tar that is also
//! what `docker save` writes, so that every runtime imports it. The same input gives the same
//! bytes.
#![forbid(unsafe_code)]

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// A root file system under construction.
pub struct Layer {
    tar: Builder<Vec<u8>>,
}

impl Default for Layer {
    fn default() -> Self {
        Self { tar: Builder::new(Vec::new()) }
    }
}

impl Layer {
    /// Adds a directory.
    pub fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let mut header = header(EntryType::Directory, mode, 0);
        self.tar.append_data(&mut header, path, io::empty())
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        add(&mut self.tar, path, mode, content)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.tar.append_link(&mut header, path, target)
    }

    /// The layer alone, as a tar: what engines import as a root file system.
    pub fn into_tar(self) -> io::Result<Vec<u8>> {
        self.tar.into_inner()
    }
}

/// Writes an image of one layer for this architecture; returns the digest of its manifest
/// (`sha256:…`).
///
/// `config` is the `config` object of an OCI image configuration: `Entrypoint`, `Cmd`, `Env` …
pub fn write(path: &Path, name: &str, layer: Layer, config: Value) -> io::Result<String> {
    write_for(architecture(), path, name, layer, config)
}

/// The same, saying when the image was made: RFC 3339.
pub fn write_made(
    created: &str,
    path: &Path,
    name: &str,
    layer: Layer,
    config: Value,
) -> io::Result<String> {
    write_all(architecture(), Some(created), path, (name, layer, config))
}

/// The same for another architecture, by the image format's name of it: `amd64`, `arm64`.
pub fn write_for(
    architecture: &str,
    path: &Path,
    name: &str,
    layer: Layer,
    config: Value,
) -> io::Result<String> {
    write_all(architecture, None, path, (name, layer, config))
}

fn write_all(
    architecture: &str,
    created: Option<&str>,
    path: &Path,
    (name, layer, config): (&str, Layer, Value),
) -> io::Result<String> {
    let layer = Blob::new(layer.into_tar()?);
    let mut config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
    });
    if let (Some(created), Some(members)) = (created, config.as_object_mut()) {
        members.insert("created".into(), json!(created));
    }
    let config = Blob::new(config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [layer.descriptor("application/vnd.oci.image.layer.v1.tar")],
    });
    let manifest = Blob::new(manifest.to_string().into_bytes());
    let mut entry = manifest.descriptor("application/vnd.oci.image.manifest.v1+json");
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("annotations".into(), json!({ "io.containerd.image.name": name }));
    }
    let index = json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();

    let mut tar = Builder::new(File::create(path)?);
    add(&mut tar, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    add(&mut tar, "index.json", 0o644, index.as_bytes())?;
    // Docker before 25 reads this, and no OCI layout.
    let archive =
        json!([{ "Config": config.path(), "RepoTags": [name], "Layers": [layer.path()] }]);
    add(&mut tar, "manifest.json", 0o644, archive.to_string().as_bytes())?;
    for blob in [&layer, &config, &manifest] {
        add(&mut tar, &blob.path(), 0o644, &blob.bytes)?;
    }
    tar.finish()?;
    Ok(manifest.digest)
}

/// `sha256:…` of everything that a reader gives.
pub fn digest(mut content: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes)?;
    Ok(Blob::new(bytes).digest)
}

fn add<W: io::Write>(
    tar: &mut Builder<W>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, mode, content.len() as u64);
    tar.append_data(&mut header, path, content)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// Content that is named by its digest.
struct Blob {
    bytes: Vec<u8>,
    digest: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let hash = Sha256::digest(&bytes);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, digest: format!("sha256:{hex}") }
    }

    /// Where it is in an OCI layout.
    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest.trim_start_matches("sha256:"))
    }

    fn descriptor(&self, kind: &str) -> Value {
        json!({ "mediaType": kind, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// The image format's name for this architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
