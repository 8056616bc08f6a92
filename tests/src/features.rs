//! What kernels can do that not every one of the matrix can.
//!
//! A case names what it needs. Where the running kernel lacks it, the case is skipped and says so;
//! two audits keep that honest: a kernel of the matrix must have exactly what the table says, and
//! every case must be able to run on some kernel of the table.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// A feature that cases may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// fentry and fexit programs.
    Trampoline,
    /// kprobes.
    Kprobe,
    /// LSM programs that fire.
    BpfLsm,
}

/// Every feature.
pub const FEATURES: &[Feature] = &[Feature::Trampoline, Feature::Kprobe, Feature::BpfLsm];

/// What the kernels that we boot have, by the start and the end of their release.
///
/// Debian's 5.10 knows LSM programs, but its list of active modules leaves them out; aarch64 has
/// trampolines since Linux 6.4.
pub const MATRIX: &[(&str, &str, &[Feature])] = &[
    ("5.10.0-", "-cloud-amd64", &[Feature::Trampoline, Feature::Kprobe]),
    ("6.1.0-", "-cloud-amd64", &[Feature::Trampoline, Feature::Kprobe, Feature::BpfLsm]),
    ("6.12.", "-cloud-amd64", &[Feature::Trampoline, Feature::Kprobe, Feature::BpfLsm]),
    ("6.1.0-", "-cloud-arm64", &[Feature::Kprobe]),
];

impl Feature {
    /// Whether the running kernel has it: asked, not concluded from its version.
    pub fn is_here(self) -> bool {
        match self {
            // Asked once: Linux before 5.11 answers alike when too many programs are loaded.
            Self::Trampoline => {
                *TRACING.get_or_init(|| can_load_tracing() && can_attach_trampolines())
            }
            Self::Kprobe => Path::new("/sys/bus/event_source/devices/kprobe").exists(),
            Self::BpfLsm => {
                let list = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
                let is_on = list.trim().split(',').any(|name| name == "bpf");
                // These programs are called by trampolines.
                is_on && Self::Trampoline.is_here()
            }
        }
    }
}

static TRACING: OnceLock<bool> = OnceLock::new();

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trampoline => "trampolines",
            Self::Kprobe => "kprobes",
            Self::BpfLsm => "BPF LSM",
        })
    }
}

/// What the running kernel lacks.
pub fn missing() -> Vec<Feature> {
    FEATURES.iter().copied().filter(|feature| !feature.is_here()).collect()
}

/// What the table says of the running kernel, where it is one of the matrix.
pub fn expected_here() -> Option<Vec<Feature>> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The matrix names Debian's cloud kernels; another 6.12 need not be like theirs.
    let release = release.trim();
    let is_it = |start: &str, end: &str| release.starts_with(start) && release.ends_with(end);
    let (_, _, features) = MATRIX.iter().find(|(start, end, _)| is_it(start, end))?;
    let features = features.iter().copied();
    Some(features.filter(|feature| *feature != Feature::BpfLsm || !is_lsm_off()).collect())
}

/// Whether the kernel was booted with a list of security modules that leaves BPF out.
fn is_lsm_off() -> bool {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let list = line.split_whitespace().find_map(|word| word.strip_prefix("lsm="));
    list.is_some_and(|list| !list.split(',').any(|name| name == "bpf"))
}

/// Whether functions can call programs: the kernel then has this function of its own. Where it has
/// not, programs load, but are refused where they are to be attached.
fn can_attach_trampolines() -> bool {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    symbols.lines().any(|line| line.ends_with(" register_ftrace_direct"))
}

/// Tries to load a tracing program for a type that is no function. A kernel that has them complains
/// about the type, one that refuses them does so first.
fn can_load_tracing() -> bool {
    const PROG_LOAD: libc::c_int = 5;
    const TYPE_TRACING: u32 = 26;
    const ATTACH_FENTRY: u32 = 24;
    // r0 = 0; exit
    const PROGRAM: [u64; 2] = [0xb7, 0x95];
    let license = c"GPL";
    let mut request = LoadRequest {
        prog_type: TYPE_TRACING,
        insn_cnt: 2,
        insns: PROGRAM.as_ptr() as u64,
        license: license.as_ptr() as u64,
        expected_attach_type: ATTACH_FENTRY,
        attach_btf_id: 1,
        ..LoadRequest::default()
    };
    // SAFETY: the request is as long as said, and what it points to outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw mut request, size_of::<LoadRequest>())
    };
    result >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EPERM)
}

/// The kernel's `union bpf_attr` for BPF_PROG_LOAD, as far as it is used here.
#[derive(Default)]
#[repr(C)]
pub(crate) struct LoadRequest {
    pub(crate) prog_type: u32,
    pub(crate) insn_cnt: u32,
    pub(crate) insns: u64,
    pub(crate) license: u64,
    pub(crate) log_level: u32,
    pub(crate) log_size: u32,
    pub(crate) log_buf: u64,
    pub(crate) kern_version: u32,
    pub(crate) prog_flags: u32,
    pub(crate) prog_name: [u8; 16],
    pub(crate) prog_ifindex: u32,
    pub(crate) expected_attach_type: u32,
    pub(crate) prog_btf_fd: u32,
    pub(crate) func_info_rec_size: u32,
    pub(crate) func_info: u64,
    pub(crate) func_info_cnt: u32,
    pub(crate) line_info_rec_size: u32,
    pub(crate) line_info: u64,
    pub(crate) line_info_cnt: u32,
    pub(crate) attach_btf_id: u32,
}
