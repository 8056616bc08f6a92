//! What each program costs the verifier, kept in a file: a program that suddenly costs much more is
//! on its way to be refused by some kernel.

use std::collections::BTreeMap;

use nix::sys::utsname::uname;
use serde_json::Value;

/// By kernel and program: the instructions that the verifier walked. Linux 5.10 does not say.
const BASELINE: &str = include_str!("../verifier.json");

/// How much more is accepted, in percent of what is written down: the next version of a kernel
/// walks other ways.
const TOLERANCE: u64 = 25;

/// Kernels without an architecture in their name are of this one.
const X86_64: bool = cfg!(target_arch = "x86_64");

/// Asserts that no program costs much more than is written down for this kernel, and that each
/// program is written down.
pub fn expect_as_before(doctor: &Value) {
    let release = uname().expect("the name of the kernel");
    let release = release.release().to_string_lossy().into_owned();
    let baseline: BTreeMap<String, BTreeMap<String, u64>> =
        serde_json::from_str(BASELINE).expect("the baseline is JSON of kernels and programs");
    // `6.1`, or with an architecture, as Debian has it at the end of a release: `6.1-arm64`.
    let is_it = |kernel: &str| {
        let (version, arch) = kernel.split_once('-').unwrap_or((kernel, ""));
        let is_arch = if arch.is_empty() { X86_64 } else { release.ends_with(arch) };
        is_arch && release.starts_with(&format!("{version}."))
    };
    let known = baseline.iter().find(|(kernel, _)| is_it(kernel));
    let Some((kernel, known)) = known else { return };
    let found = doctor["verified_instructions"].as_object().expect("doctor tells of programs");
    let wrong: Vec<String> = found
        .iter()
        .filter_map(|(program, count)| {
            let count = count.as_u64().expect("a number of instructions");
            let before = known.get(program).copied().unwrap_or_default();
            (count > before + before * TOLERANCE / 100).then(|| format!("\"{program}\": {count}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "more for the verifier than tests/verifier.json says for Linux {kernel}; make it less, or \
         write it down there: {}",
        wrong.join(", ")
    );
}
