//! Builds the kernel programs and leaves the object where `bpf/loader.rs` embeds it.

use anyhow::Result;
use aya_build::{Package, Toolchain, build_ebpf};

/// The toolchain that rust-toolchain.toml pins.
const TOOLCHAIN: &str = "1.95.0";

fn main() -> Result<()> {
    // `core` for the BPF target is built from source, which a stable cargo does only if told so.
    // SAFETY: this program has one thread.
    unsafe { std::env::set_var("RUSTC_BOOTSTRAP", "1") };
    let programs = Package {
        name: "monitor-ebpf",
        root_dir: concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor-ebpf"),
        ..Package::default()
    };
    println!("cargo:rerun-if-changed={}/../monitor-common", env!("CARGO_MANIFEST_DIR"));
    build_ebpf([programs], Toolchain::Custom(TOOLCHAIN))
}
