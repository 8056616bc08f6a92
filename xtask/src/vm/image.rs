//! The guest's file system: busybox, an init, and files of the host with the libraries they need,
//! written as the uncompressed cpio archive ("newc") that the kernel unpacks at boot.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What the guest runs first.
const INIT: &str = include_str!("init.sh");

/// One file of the guest.
enum Content {
    Directory,
    Text(String),
    Host(PathBuf),
}

struct Node {
    mode: u32,
    content: Content,
}

/// The guest's files by path.
pub(crate) struct Image {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Image {
    /// The base system, around a static busybox, with the command that it is to run.
    pub(crate) fn new(busybox: &Path, command: &[String]) -> Result<Self> {
        let mut image = Self { nodes: BTreeMap::new() };
        image.add_plain(busybox, Path::new("/bin/busybox"))?;
        image.add_text("/init", 0o755, INIT);
        let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
        image.add_text("/etc/vm/command", 0o644, &format!("exec {}\n", words.join(" ")));
        image.add_text(
            "/etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:::\n",
        );
        image.add_text("/etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
        image.add_text("/etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n");
        // Container runtimes hand it on.
        image.add_text("/etc/resolv.conf", 0o644, "");
        image.add_text("/etc/hostname", 0o644, "vm\n");
        Ok(image)
    }

    /// Adds what the init is told.
    pub(crate) fn add_settings(&mut self, settings: &[(&str, &str)]) {
        let lines = settings.iter().map(|(name, value)| format!("{name}={value}\n"));
        self.add_text("/etc/vm/settings", 0o644, &lines.collect::<String>());
    }

    /// Adds a file with the libraries it needs, or a directory with all that is in it.
    pub(crate) fn add(&mut self, host: &Path, guest: &Path) -> Result<()> {
        if host.is_dir() {
            self.add_parents(&guest.join("entry"));
            for entry in fs::read_dir(host).with_context(|| format!("{}", host.display()))? {
                let entry = entry?;
                self.add(&entry.path(), &guest.join(entry.file_name()))?;
            }
            return Ok(());
        }
        self.add_plain(host, guest)?;
        for library in libraries(host)? {
            self.add_plain(&library, &library)?;
        }
        Ok(())
    }

    /// Adds one file as it is.
    pub(crate) fn add_plain(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let meta = fs::metadata(host).with_context(|| format!("{}", host.display()))?;
        let mode = meta.permissions().mode() & 0o7777;
        self.insert(guest, Node { mode, content: Content::Host(host.to_path_buf()) });
        Ok(())
    }

    fn add_text(&mut self, guest: &str, mode: u32, text: &str) {
        self.insert(Path::new(guest), Node { mode, content: Content::Text(text.to_owned()) });
    }

    fn insert(&mut self, guest: &Path, node: Node) {
        self.add_parents(guest);
        self.nodes.insert(guest.to_path_buf(), node);
    }

    fn add_parents(&mut self, guest: &Path) {
        for dir in guest.ancestors().skip(1).filter(|dir| dir.parent().is_some()) {
            let directory = Node { mode: 0o755, content: Content::Directory };
            self.nodes.entry(dir.to_path_buf()).or_insert(directory);
        }
    }

    /// Writes the archive.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let mut out = BufWriter::new(file);
        // Paths are sorted, so that a directory comes before what is in it.
        for (index, (path, node)) in self.nodes.iter().enumerate() {
            let (kind, bytes) = match &node.content {
                Content::Directory => (0o040_000, Vec::new()),
                Content::Text(text) => (0o100_000, text.clone().into_bytes()),
                Content::Host(host) => {
                    let bytes = fs::read(host).with_context(|| format!("{}", host.display()))?;
                    (0o100_000, bytes)
                }
            };
            let name = path.to_str().with_context(|| format!("{}", path.display()))?;
            entry(&mut out, index + 1, name.trim_start_matches('/'), kind | node.mode, &bytes)?;
        }
        entry(&mut out, 0, "TRAILER!!!", 0, &[])?;
        out.flush().context("write the guest's files")
    }
}

/// One archive member: a header of 13 hexadecimal fields, the name, the content, each padded to 4.
fn entry(out: &mut impl Write, inode: usize, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let size = u32::try_from(bytes.len()).context("a file of the guest is over 4 GiB")?;
    let name_size = name.len() + 1;
    let links = 1;
    write!(out, "070701{inode:08x}{mode:08x}{:08x}{:08x}{links:08x}{:08x}", 0, 0, 0)?;
    write!(out, "{size:08x}{:08x}{:08x}{:08x}{:08x}{name_size:08x}{:08x}", 0, 0, 0, 0, 0)?;
    const HEADER: usize = 110;
    write!(out, "{name}\0")?;
    pad(out, HEADER + name_size)?;
    out.write_all(bytes)?;
    pad(out, bytes.len())
}

fn pad(out: &mut impl Write, written: usize) -> Result<()> {
    for _ in written..written.next_multiple_of(4) {
        out.write_all(&[0])?;
    }
    Ok(())
}

/// The shared libraries that a program loads, its loader included; none for a static one or a
/// file that is no program.
fn libraries(file: &Path) -> Result<Vec<PathBuf>> {
    let mut magic = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(File::open(file)?, 4), &mut magic)?;
    if magic != b"\x7fELF" {
        return Ok(Vec::new());
    }
    let output = Command::new("ldd").arg(file).output().context("cannot start ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        // So ldd says that the file is static.
        return Ok(Vec::new());
    }
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        bail!("{}: {}", file.display(), line.trim());
    }
    // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f…)` or `/lib64/ld-linux… (0x7f…)`
    let path = |line: &str| {
        let word = line.split_whitespace().find(|word| word.starts_with('/'))?;
        Some(PathBuf::from(word))
    };
    Ok(text.lines().filter_map(path).collect())
}

/// A word for the guest's shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
