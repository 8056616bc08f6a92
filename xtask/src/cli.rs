//! The command line: types and their help, nothing else.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use crate::arch::Arch;

/// Builds, runs and tests runmon.
///
/// Two commands are enough for a start, and both set up what they need by themselves:
///
///   cargo xtask run     build runmon and start it on this host
///   cargo xtask test    everything that CI checks
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", verbatim_doc_comment)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Install what the build and the tests need; does nothing when all is there
    Setup(SetupArgs),
    /// Build target/release/runmon
    Build,
    /// Measure what watching costs: ratios against nothing and against empty programs
    Bench(BenchArgs),
    /// One worker of a benchmark's load
    #[command(hide = true)]
    Load(LoadArgs),
    /// Make what is handed out: a static binary, a container image, a Debian package, checksums
    Dist(DistArgs),
    /// Render the Kubernetes manifests and the Helm chart, and validate them for every version
    Manifests,
    /// Make the pictures of the README anew, of a real run; needs root
    Pictures(PicturesArgs),
    /// Make the table that documents are validated against of a release of a schema
    SchemaTable(SchemaTableArgs),
    /// Set up, build, then start `runmon run ARGS` (through sudo where the caller is not root)
    Run(RunArgs),
    /// fmt, clippy (host and BPF target), rustdoc, tidy: everything that needs no root
    Check,
    /// The house rules that no lint knows: borders between modules, sizes, left-overs
    Tidy,
    /// What CI runs: setup, check, unit and rule tests, end-to-end tests, one boot per kernel
    Test(TestArgs),
    /// End-to-end tests with the real daemon
    E2e(E2eArgs),
    /// Boot a kernel under qemu and run one command in it; its exit code is the result
    Vm(VmArgs),
}

#[derive(Args, Default)]
pub(crate) struct SetupArgs {
    /// Only what it takes to build: no qemu, no kernels, no containerd
    #[arg(long)]
    pub(crate) build_only: bool,
    /// Also what it takes to build for aarch64 and, without --build-only, to start such a machine
    #[arg(long)]
    pub(crate) arm64: bool,
    /// Take the BPF toolchain from here instead of trying rustup first
    #[arg(long, value_enum, hide = true)]
    pub(crate) bpf_toolchain: Option<BpfToolchain>,
}

/// Where `core` for the BPF target comes from.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BpfToolchain {
    /// The pinned toolchain, with its rust-src component.
    Rustup,
    /// Debian's newer rustc, which ships a compiled `core` for BPF.
    Debian,
}

#[derive(Args)]
pub(crate) struct DistArgs {
    /// For this architecture; repeatable
    #[arg(long, value_enum, default_value = "x86_64")]
    pub(crate) arch: Vec<Arch>,
}

#[derive(Args)]
pub(crate) struct PicturesArgs {
    /// Take this daemon and not the one that is built now
    #[arg(long)]
    pub(crate) runmon: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SchemaTableArgs {
    /// A release of the Open Cybersecurity Schema Framework (github.com/ocsf/ocsf-schema)
    pub(crate) directory: PathBuf,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// Passed on to `runmon run`
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Args)]
pub(crate) struct TestArgs {
    /// Also every end-to-end case on every kernel, aarch64 too, every shipped rule with a term
    /// negated, the image and the package that are handed out, and the manifests
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Args)]
pub(crate) struct E2eArgs {
    #[command(subcommand)]
    pub(crate) target: E2eTarget,
}

/// Where the end-to-end tests run.
#[derive(Subcommand)]
pub(crate) enum E2eTarget {
    /// On this host's kernel; needs root
    Local(E2eLocalArgs),
    /// In virtual machines, two at a time; needs no root
    Vm(E2eVmArgs),
    /// The cases of the table of evasions, here and in virtual machines; writes it to SECURITY.md
    Evasions(E2eEvasionsArgs),
}

#[derive(Args)]
pub(crate) struct E2eEvasionsArgs {
    /// Only this kernel besides the running one; repeatable
    #[arg(long = "kernel", value_name = "KERNEL")]
    pub(crate) kernels: Vec<String>,
    /// Run nothing: take what `cargo xtask e2e` wrote to this file; repeatable
    #[arg(long = "console", value_name = "FILE")]
    pub(crate) consoles: Vec<PathBuf>,
}

#[derive(Args, Default)]
pub(crate) struct E2eLocalArgs {
    /// Only the cases whose name holds this text
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// Passed on to the test binary (see its --help)
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Args)]
pub(crate) struct E2eVmArgs {
    /// Kernels to boot: 5.10, 6.1, 6.12, 6.1-arm64; all but the last when none is named
    #[arg(value_name = "KERNEL")]
    pub(crate) kernels: Vec<String>,
    /// Only the cases whose name holds this text
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// Passed on to the test binary (see its --help)
    #[arg(last = true)]
    pub(crate) args: Vec<String>,
}

#[derive(Args)]
pub(crate) struct VmArgs {
    /// The kernel: 5.10, 6.1, 6.12 or 6.1-arm64
    pub(crate) kernel: String,
    /// More words for the kernel command line, such as `lsm=lockdown,yama`
    #[arg(long, value_name = "CMDLINE")]
    pub(crate) append: Option<String>,
    /// Memory of the machine
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    pub(crate) memory: u32,
    /// Put a file or directory of the host into the guest, with the libraries it needs; repeatable
    #[arg(long = "file", value_name = "HOST[:GUEST]")]
    pub(crate) files: Vec<GuestFile>,
    /// Leave tracefs, bpffs and securityfs unmounted
    #[arg(long)]
    pub(crate) bare: bool,
    /// Stop the machine after this long, once it is up
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) timeout: u64,
    /// The command and its arguments; busybox's applets are there
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
}

/// A path of the host and where it goes in the guest.
#[derive(Clone, Debug)]
pub(crate) struct GuestFile {
    pub(crate) host: PathBuf,
    pub(crate) guest: PathBuf,
}

impl FromStr for GuestFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, guest) = match text.split_once(':') {
            Some((host, guest)) => (PathBuf::from(host), PathBuf::from(guest)),
            None => {
                let host = PathBuf::from(text);
                let name = host.file_name().ok_or("a file name is needed")?;
                let guest = PathBuf::from("/bin").join(name);
                (host, guest)
            }
        };
        if !guest.is_absolute() {
            return Err(format!("{}: the guest path must be absolute", guest.display()));
        }
        Ok(Self { host, guest })
    }
}

#[derive(Args)]
pub(crate) struct BenchArgs {
    /// How often each load runs under each mode
    #[arg(long, default_value_t = 5)]
    pub(crate) pairs: usize,
    /// Measure only the flow of alerts to a receiver, at these rates a second
    #[arg(long, value_name = "RATE", value_delimiter = ',')]
    pub(crate) flow: Vec<usize>,
    /// Measure this daemon and not the one that is built now
    #[arg(long)]
    pub(crate) runmon: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct LoadArgs {
    /// What to do
    pub(crate) kind: String,
    /// How often
    pub(crate) count: usize,
    /// How often a second; 0: as often as can be
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: usize,
    /// Where
    pub(crate) directory: PathBuf,
}
