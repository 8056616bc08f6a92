//! Builds the kernel programs and leaves the object where `bpf/object.rs` embeds it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya_build::{Package, Toolchain, build_ebpf};
use object::build::elf::{Builder, SectionData};

/// What `cargo xtask setup` found out about the toolchain for BPF; see `xtask/src/rustup.rs`.
const TOOLCHAIN_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/bpf-toolchain.env");

/// The toolchain that rust-toolchain.toml pins, which builds `core` from source.
const TOOLCHAIN: &str = "1.95.0";

/// What is built of them, by its features.
const OBJECTS: [(&str, &[&str]); 2] =
    [("monitor-ebpf", &[]), ("monitor-ebpf-readable", &["readable"])];

fn main() -> Result<()> {
    if std::env::var_os("CARGO_CFG_FUZZING").is_some() {
        // Nothing is loaded while parsers are fuzzed, and the flags for it are not for BPF.
        let directory = PathBuf::from(std::env::var("OUT_DIR")?);
        return OBJECTS
            .iter()
            .try_for_each(|(object, _)| Ok(fs::write(directory.join(object), [])?));
    }
    println!("cargo:rerun-if-changed={TOOLCHAIN_FILE}");
    println!("cargo:rerun-if-changed={}/../monitor-common", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(Path::new(TOOLCHAIN_FILE)).unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(str::to_owned)
    };
    // Unstable features on a stable compiler: only for the crates that need them, or (`1`) with a
    // `core` that cargo builds from source.
    let bootstrap = value("rustc_bootstrap").unwrap_or_else(|| "1".to_owned());
    // SAFETY: this program has one thread.
    unsafe { std::env::set_var("RUSTC_BOOTSTRAP", bootstrap) };
    let toolchain = value("toolchain").unwrap_or_else(|| TOOLCHAIN.to_owned());
    let own = PathBuf::from(std::env::var("OUT_DIR")?);
    let shared = shared(&own)?;
    // Two builds at once would copy to the same file.
    let lock = fs::File::create(shared.join("lock"))?;
    lock.lock()?;
    // SAFETY: this program has one thread.
    unsafe { std::env::set_var("OUT_DIR", &shared) };
    for (object, features) in OBJECTS {
        let programs = Package {
            name: "monitor-ebpf",
            root_dir: concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor-ebpf"),
            features,
            ..Package::default()
        };
        let built = shared.join("monitor-ebpf");
        // Not what was built of other features.
        if built.exists() {
            fs::remove_file(&built)?;
        }
        build_ebpf([programs], Toolchain::Custom(&toolchain))?;
        let built = fs::read(&built).context("the kernel programs were not built")?;
        fs::write(own.join(object), without_debug_info(&built)?)?;
    }
    Ok(())
}

/// A folder for what all profiles have in common: the programs, and `core` for them, are the same
/// in each of them, and take a minute to build. `own` is `<target>/[<triple>/]<profile>/build/…`.
fn shared(own: &Path) -> Result<PathBuf> {
    let tagged = |dir: &&Path| dir.join("CACHEDIR.TAG").is_file();
    let target = own.ancestors().find(tagged).or_else(|| own.ancestors().nth(4));
    let shared = target.context("OUT_DIR is in a target directory")?.join("bpf");
    fs::create_dir_all(&shared)?;
    Ok(shared)
}

/// An object without what only debuggers read, four fifths of it: the kernel gets BTF.
fn without_debug_info(object: &[u8]) -> Result<Vec<u8>> {
    let mut builder = Builder::read(object)?;
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    // The names of sections stood among those of symbols.
    let names = builder.sections.add();
    names.name = ".shstrtab".into();
    names.sh_type = object::elf::SHT_STRTAB;
    names.data = SectionData::SectionString;
    builder.delete_orphans();
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(stripped)
}
