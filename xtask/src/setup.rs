//! `cargo xtask setup`: what the build and the tests need, each thing made once.
//!
//! Every step says cheaply whether it is done, so that a set-up with nothing to do is quick enough
//! to run before each build.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt::{self, PrivateApt};
use crate::arch::{self, Arch};
use crate::cli::SetupArgs;
use crate::dated;
use crate::kernels::{self, KERNELS, Kernel};
use crate::process::Log;
use crate::progress;
use crate::prometheus;
use crate::queues;
use crate::rustup::{self, BPF_LINKER};
use crate::workspace::Workspace;

/// What `cargo build` needs beside Rust.
const BUILD_PACKAGES: &[&str] = &["gcc", "libc6-dev", "protobuf-compiler"];

/// What the tests need: container runtimes, a user land for containers and machines, machines, a
/// compiler for the fuzzer, a browser for the web page, and Java for a broker of Kafka.
const TEST_PACKAGES: &[&str] = &[
    "busybox-static",
    "chromium",
    "chromium-driver",
    "containerd",
    "docker.io",
    "g++",
    "iproute2",
    "maven",
    "openjdk-17-jre-headless",
    "podman",
    "qemu-system-x86",
    "runc",
    "strace",
];

/// What an ordinary server has: unpacked nowhere, but installed by tests in a root of their own.
const SERVER_PACKAGES: &[&str] = &[
    "cron",
    "cron-daemon-common",
    "iptables",
    "libip6tc2",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libpopt0",
    "libwrap0",
    "logrotate",
    "openssh-client",
    "openssh-server",
    "openssh-sftp-server",
    "rsync",
    "runit-helper",
    "sudo",
];

/// Where they are.
pub(crate) fn server_packages(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("server")
}

/// Receivers of syslog, and what they need that no host has. They cannot be installed beside one
/// another.
const SYSLOG_PACKAGES: &[&str] = &[
    "libestr0",
    "libfastjson4",
    "libivykis0",
    "libnet1",
    "libpcre3",
    "libwrap0",
    "rsyslog",
    "rsyslog-gnutls",
    "syslog-ng-core",
];

/// Where they are unpacked.
pub(crate) fn syslog_receivers(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("syslog")
}

/// What images of ordinary services have: a database, a web server, and the tools of a batch job,
/// with all that they are linked with.
const WORKLOAD_PACKAGES: &[&str] = &[
    "coreutils",
    "dash",
    "findutils",
    "gzip",
    "libacl1",
    "libatomic1",
    "libattr1",
    "libc6",
    "libcap2",
    "libcrypt1",
    "libgcc-s1",
    "libgcrypt20",
    "libgmp10",
    "libgpg-error0",
    "libjemalloc2",
    "liblz4-1",
    "liblzf1",
    "liblzma5",
    "libnettle8",
    "libpcre2-8-0",
    "libselinux1",
    "libssl3",
    "libstdc++6",
    "libsystemd0",
    "libxxhash0",
    "libzstd1",
    "lighttpd",
    "redis-server",
    "redis-tools",
    "tar",
    "zlib1g",
];

/// Where they are unpacked.
pub(crate) fn workloads(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("workloads")
}

/// A collector of OpenTelemetry, of the Python Package Index.
const ROTEL: &str = "rotel==0.0.1a15";

/// What its program is linked with.
const ROTEL_LIBRARIES: &[&str] = &["libexpat1", "libpython3.11", "zlib1g"];

/// Where both are unpacked.
pub(crate) fn rotel(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("rotel")
}

/// One thing that set-up makes.
pub(crate) struct Step<'a> {
    pub(crate) name: String,
    pub(crate) is_done: Box<dyn Fn() -> bool + 'a>,
    pub(crate) make: Box<Make<'a>>,
}

pub(crate) type Make<'a> = dyn Fn(&Log) -> Result<()> + 'a;

/// Does the steps that are not done yet.
pub(crate) fn run(workspace: &Workspace, args: &SetupArgs) -> Result<()> {
    let cache = workspace.cache();
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    // Two set-ups at once would write the same files.
    let lock = File::create(cache.join("setup.lock")).context("create the set-up's lock")?;
    lock.lock().context("lock the set-up")?;

    let mut steps = build_steps(workspace, args);
    if !args.build_only {
        steps.extend(test_steps(workspace));
    }
    if args.arm64 {
        steps.extend(build_steps_across(workspace));
    }
    if args.arm64 && !args.build_only {
        steps.extend(test_steps_across(workspace));
    }
    carry_out(workspace, "setup", &steps)
}

/// Does those steps of a list that are not done yet.
pub(crate) fn carry_out(workspace: &Workspace, what: &str, steps: &[Step<'_>]) -> Result<()> {
    let total = steps.len();
    let mut made = 0;
    for (index, step) in steps.iter().enumerate() {
        if (step.is_done)() {
            continue;
        }
        let title = format!("[{}/{total}] {}", index + 1, step.name);
        let log = Log::create(workspace.logs().join(format!("{what}-{}.log", index + 1)))?;
        progress::step(&title, || (step.make)(&log)).with_context(|| step.name.clone())?;
        made += 1;
    }
    match made {
        0 => println!("{what}: all {total} parts are there"),
        _ => println!("{what}: made {made} of {total} parts, the others were there"),
    }
    Ok(())
}

fn build_steps<'a>(workspace: &'a Workspace, args: &'a SetupArgs) -> Vec<Step<'a>> {
    let wanted = args.bpf_toolchain;
    vec![
        packages("Debian packages for the build", BUILD_PACKAGES),
        Step {
            name: "core for the BPF target".to_owned(),
            is_done: Box::new(move || rustup::has_bpf_toolchain(workspace, wanted)),
            make: Box::new(move |log| rustup::make_bpf_toolchain(workspace, wanted, log)),
        },
        Step {
            name: format!("bpf-linker {BPF_LINKER}"),
            is_done: Box::new(|| rustup::has_bpf_linker(workspace)),
            make: Box::new(|log| rustup::make_bpf_linker(workspace, log)),
        },
    ]
}

fn test_steps(workspace: &Workspace) -> Vec<Step<'_>> {
    let server = Step {
        name: "Debian packages of a server, for tests that install them".to_owned(),
        is_done: Box::new(|| server_packages(workspace).exists()),
        make: Box::new(|log| {
            let apt = PrivateApt::new(workspace, Arch::X86_64);
            apt.fetch(SERVER_PACKAGES, &server_packages(workspace), log)
        }),
    };
    let syslog = Step {
        name: "Debian's receivers of syslog, for the tests".to_owned(),
        is_done: Box::new(|| syslog_receivers(workspace).exists()),
        make: Box::new(|log| {
            let apt = PrivateApt::new(workspace, Arch::X86_64);
            apt.unpack_whole(SYSLOG_PACKAGES, &syslog_receivers(workspace), log)
        }),
    };
    let services = Step {
        name: "Debian's redis and lighttpd, for containers of the tests".to_owned(),
        is_done: Box::new(|| workloads(workspace).exists()),
        make: Box::new(|log| {
            let apt = PrivateApt::new(workspace, Arch::X86_64);
            apt.unpack_whole(WORKLOAD_PACKAGES, &workloads(workspace), log)
        }),
    };
    std::iter::once(packages("Debian packages for the tests", TEST_PACKAGES))
        .chain(KERNELS.iter().map(|kernel| kernel_step(workspace, kernel)))
        .chain([server, syslog, services, rotel_step(workspace)])
        .chain([queues::nats(workspace), queues::kafka(workspace), prometheus::step(workspace)])
        .chain(dated::steps(workspace))
        .collect()
}

fn rotel_step(workspace: &Workspace) -> Step<'_> {
    Step {
        name: format!("{ROTEL}, a receiver of OTLP for the tests"),
        is_done: Box::new(|| rotel(workspace).exists()),
        make: Box::new(|log| {
            let wheels = workspace.cache().join("rotel.wheels");
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
            pip.args(["--python-version=3.11", "--platform=manylinux_2_34_x86_64", ROTEL]);
            pip.arg("--dest").arg(&wheels);
            log.run(&mut pip, "Debian has it in python3-pip; is the index reachable?")?;
            let libraries = workspace.cache().join("rotel.libraries");
            PrivateApt::new(workspace, Arch::X86_64).unpack(ROTEL_LIBRARIES, &libraries, log)?;
            for entry in fs::read_dir(&wheels)? {
                let mut unzip = Command::new("python3");
                unzip.args(["-m", "zipfile", "-e"]).arg(entry?.path()).arg(&libraries);
                log.run(&mut unzip, "is the disk full?")?;
            }
            let program = libraries.join("rotel/rotel-agent");
            fs::set_permissions(&program, Permissions::from_mode(0o755))?;
            fs::remove_dir_all(&wheels)?;
            fs::rename(&libraries, rotel(workspace)).context("make the receiver's directory")
        }),
    }
}

/// What it takes to build for another architecture.
fn build_steps_across(workspace: &Workspace) -> Vec<Step<'_>> {
    const ARCH: Arch = Arch::Aarch64;
    let rust = Step {
        name: format!("Rust's standard library for {}", ARCH.target()),
        is_done: Box::new(|| ARCH.has_rust(workspace)),
        make: Box::new(|log| ARCH.make_rust(workspace, log)),
    };
    vec![packages("Debian packages to build across", arch::ACROSS_PACKAGES), rust]
}

/// What a machine of that architecture takes.
fn test_steps_across(workspace: &Workspace) -> Vec<Step<'_>> {
    const ARCH: Arch = Arch::Aarch64;
    let user_land = Step {
        name: format!("Debian packages of {} for the virtual machine", ARCH.debian()),
        is_done: Box::new(|| ARCH.has_user_land(workspace)),
        make: Box::new(|log| ARCH.make_user_land(workspace, log)),
    };
    let emulator = packages("Debian packages to start a machine of it", arch::EMULATOR_PACKAGES);
    [emulator, user_land]
        .into_iter()
        .chain(kernels::ACROSS.iter().map(|kernel| kernel_step(workspace, kernel)))
        .collect()
}

fn kernel_step<'a>(workspace: &'a Workspace, kernel: &'static Kernel) -> Step<'a> {
    Step {
        name: format!("Linux {} for the virtual machine", kernel.version),
        is_done: Box::new(|| kernel.is_there(workspace)),
        make: Box::new(|log| kernel.make(workspace, log)),
    }
}

fn packages<'a>(title: &str, packages: &'static [&'static str]) -> Step<'a> {
    Step {
        name: format!("{title} ({})", packages.join(" ")),
        is_done: Box::new(|| apt::missing(packages).is_empty()),
        make: Box::new(|log| apt::install(&apt::missing(packages), log)),
    }
}
