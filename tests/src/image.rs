//! A container image of our own: busybox and the triggers in one layer, as an OCI layout in a tar,
//! which every container runtime imports.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

/// The image's name.
pub const NAME: &str = "localhost/e2e:1";

/// Where the image has the program of the triggers.
pub const TRIGGER: &str = "/bin/trigger";

/// Writes the image; returns the digest of its manifest (`sha256:…`).
pub fn write(path: &Path, trigger: &Path) -> String {
    let layer = Blob::new(layer(trigger));
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"] },
        "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
    });
    let config = Blob::new(config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [layer.descriptor("application/vnd.oci.image.layer.v1.tar")],
    });
    let manifest = Blob::new(manifest.to_string().into_bytes());
    let mut entry = manifest.descriptor("application/vnd.oci.image.manifest.v1+json");
    entry["annotations"] = json!({ "io.containerd.image.name": NAME });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();

    let mut tar = Builder::new(File::create(path).expect("create the image"));
    add(&mut tar, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#);
    add(&mut tar, "index.json", 0o644, index.as_bytes());
    for blob in [&layer, &config, &manifest] {
        let name = format!("blobs/sha256/{}", blob.digest.trim_start_matches("sha256:"));
        add(&mut tar, &name, 0o644, &blob.bytes);
    }
    tar.finish().expect("write the image");
    manifest.digest
}

/// The root file system: programs, links, and the few files that programs look for.
fn layer(trigger: &Path) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for dir in ["bin", "etc", "root", "var"] {
        add_entry(&mut tar, dir, EntryType::Directory, 0o755);
    }
    add_entry(&mut tar, "tmp", EntryType::Directory, 0o1777);
    let busybox = fs::read("/bin/busybox").expect("read /bin/busybox (Debian's busybox-static)");
    add(&mut tar, "bin/busybox", 0o755, &busybox);
    for applet in applets().lines().filter(|applet| *applet != "busybox") {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        let path = format!("bin/{applet}");
        tar.append_link(&mut header, path, "busybox").expect("add a link");
    }
    add(&mut tar, "bin/trigger", 0o755, &fs::read(trigger).expect("read the trigger"));
    add(&mut tar, "etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n");
    add(&mut tar, "etc/shadow", 0o600, b"root:*:1::::::\n");
    add(&mut tar, "etc/hosts", 0o644, b"127.0.0.1 localhost\n");
    tar.into_inner().expect("write the layer")
}

fn applets() -> String {
    let list = Command::new("/bin/busybox").arg("--list").output().expect("start busybox");
    String::from_utf8(list.stdout).expect("busybox has plain names")
}

fn add<W: std::io::Write>(tar: &mut Builder<W>, path: &str, mode: u32, bytes: &[u8]) {
    let mut header = header(EntryType::Regular, mode, bytes.len() as u64);
    tar.append_data(&mut header, path, bytes).expect("add a file");
}

fn add_entry<W: std::io::Write>(tar: &mut Builder<W>, path: &str, kind: EntryType, mode: u32) {
    let mut header = header(kind, mode, 0);
    tar.append_data(&mut header, path, std::io::empty()).expect("add a directory");
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
