//! `cargo xtask e2e`: the end-to-end tests, on this kernel or in virtual machines.
//!
//! The test binary and the triggers are static, so that the same files run here, in a container
//! whose only other program is busybox, and in a guest. The daemon is the one that is shipped.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::arch::Arch;
use crate::cli::{
    E2eArgs, E2eEvasionsArgs, E2eLocalArgs, E2eTarget, E2eVmArgs, GuestFile, SetupArgs,
};
use crate::evasions::{self, Results};
use crate::kernels::{KERNELS, Kernel};
use crate::process::{copied, run as start};
use crate::progress::human;
use crate::vm::Machine;
use crate::workspace::{Workspace, as_root, find_program};
use crate::{build, dated, dist, prometheus, queues, setup};

/// A guest holds its files twice while it boots, and containers beside them.
const MEMORY_MB: u32 = 2048;

/// A guest that has not ended its cases by then hangs.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// How many guests run at once.
const AT_ONCE: usize = 2;

/// The cases of a smoke boot have this in their names.
pub(crate) const SMOKE: &str = "smoke";

/// Where the guest has our programs.
const GUEST_BIN: &str = "/usr/local/bin";

/// The container runtime's programs.
const RUNTIME: &[&str] = &["containerd", "containerd-shim-runc-v2", "ctr", "runc"];

/// Sets up, builds and runs the cases.
pub(crate) fn run(workspace: &Workspace, args: &E2eArgs) -> Result<()> {
    setup::run(workspace, &SetupArgs::default())?;
    build::run(workspace)?;
    build_tests(workspace, Arch::X86_64)?;
    match &args.target {
        E2eTarget::Local(args) => local(workspace, args, &mut Results::default()),
        E2eTarget::Vm(args) => vm(workspace, args, &mut Results::default()),
        E2eTarget::Evasions(args) => evasions(workspace, args),
    }
}

/// Makes the table of evasions. It is written also where cases failed: it says so.
fn evasions(workspace: &Workspace, args: &E2eEvasionsArgs) -> Result<()> {
    let mut results = Results::default();
    for path in &args.consoles {
        let output = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        results.take_labelled(&output)?;
    }
    if !args.consoles.is_empty() {
        return evasions::write(workspace, &results);
    }
    let rows = || vec!["--rows".to_owned()];
    let here = E2eLocalArgs { filter: None, args: rows() };
    let kernels = match args.kernels.as_slice() {
        [] => Kernel::all().map(|kernel| kernel.version.to_owned()).collect(),
        names => names.to_vec(),
    };
    let there = E2eVmArgs { kernels, filter: None, args: rows() };
    let ran = local(workspace, &here, &mut results);
    let ran = vm(workspace, &there, &mut results).and(ran);
    evasions::write(workspace, &results)?;
    ran
}

/// The built test binary.
pub(crate) fn test_binary(workspace: &Workspace) -> PathBuf {
    tests(workspace, Arch::X86_64).join("e2e")
}

/// Builds the test binary and the triggers, static.
pub(crate) fn build_tests(workspace: &Workspace, arch: Arch) -> Result<()> {
    let flags = format!("target.{}.rustflags=[\"-Ctarget-feature=+crt-static\"]", arch.target());
    let mut cargo = arch.cargo(workspace);
    cargo.args(["build", "--package", "e2e", "--locked", "--target", arch.target()]);
    // For guests, whose processors are emulated: less to load, to copy and to compute.
    cargo.args(["--config", "profile.dev.opt-level=1"]);
    cargo.args(["--config", "profile.dev.strip=\"debuginfo\""]);
    start(cargo.args(["--config", &flags]))
}

/// Runs the cases on this kernel, as root.
pub(crate) fn local(
    workspace: &Workspace,
    args: &E2eLocalArgs,
    results: &mut Results,
) -> Result<()> {
    let mut env = as_root("env")?;
    env.arg(format!("RUNMON={}", workspace.runmon().display()));
    env.arg(format!("TRIGGER={}", tests(workspace, Arch::X86_64).join("trigger").display()));
    env.arg(format!("PACKAGES={}", setup::server_packages(workspace).display()));
    env.arg(format!("SYSLOG={}", setup::syslog_receivers(workspace).display()));
    env.arg(format!("WORKLOADS={}", setup::workloads(workspace).display()));
    env.arg(format!("DATED={}", dated::dir(workspace).display()));
    env.arg(format!("QUEUES={}", queues::dir(workspace).display()));
    env.arg(format!("PROMETHEUS={}", prometheus::dir(workspace).display()));
    env.arg(format!("ROTEL={}", setup::rotel(workspace).display()));
    if let Some(dist) = dist::made(workspace, Arch::X86_64) {
        env.arg(format!("DIST={}", dist.display()));
    }
    env.arg(test_binary(workspace));
    let (console, ended) = copied(env.args(filter(args.filter.as_deref())).args(&args.args))?;
    results.take(&evasions::running_kernel()?, &console);
    ended
}

/// One boot of a guest.
struct Boot {
    kernel: &'static Kernel,
    /// What is not as usual, for people.
    unlike: &'static str,
    append: &'static str,
    bare: bool,
    filter: Option<String>,
}

/// Runs the cases on each kernel that is asked for; says at the end on which they failed.
pub(crate) fn vm(workspace: &Workspace, args: &E2eVmArgs, results: &mut Results) -> Result<()> {
    let results = Mutex::new(results);
    let boots = boots(args)?;
    let mut files = vec![(Arch::X86_64, guest_files(workspace)?)];
    if boots.iter().any(|boot| boot.kernel.arch == Arch::Aarch64) {
        files.push((Arch::Aarch64, guest_files_across(workspace, Arch::Aarch64)?));
    }
    let files = |arch| {
        files.iter().filter(|it| it.0 == arch).flat_map(|it| it.1.clone()).collect::<Vec<_>>()
    };
    let waiting = Mutex::new(boots.iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let one = |boot: &Boot| -> Result<Option<String>> {
        println!("e2e: {}", boot.name());
        let started = Instant::now();
        let (code, console) =
            boot.run(workspace, &files(boot.kernel.arch), &args.args, &boot.label())?;
        if !boot.bare {
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.take(boot.kernel.version, &console);
        }
        println!("{}ended with {code} after {}", boot.label(), human(started.elapsed()));
        Ok((code != 0).then(|| boot.name()))
    };
    let worker = || -> Result<Vec<String>> {
        let ended = std::iter::from_fn(next).map(one).collect::<Result<Vec<_>>>()?;
        Ok(ended.into_iter().flatten().collect())
    };
    // An emulated machine keeps one processor of ours busy.
    let failed = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(|it| it.join().map_err(|_| anyhow!("a panic"))?);
        ended.collect::<Result<Vec<_>>>()
    })?
    .concat();
    if !failed.is_empty() {
        bail!("the end-to-end tests failed on {}", failed.join("; "));
    }
    Ok(())
}

impl Boot {
    fn name(&self) -> String {
        format!("Linux {}{}", self.kernel.version, self.unlike)
    }

    /// In front of each line of its console.
    fn label(&self) -> String {
        let unlike = if self.bare { " bare" } else { "" };
        format!("{}{unlike} | ", self.kernel.version)
    }

    fn run(
        &self,
        workspace: &Workspace,
        files: &[GuestFile],
        args: &[String],
        label: &str,
    ) -> Result<(u8, String)> {
        let command = guest_command(self.filter.as_deref(), args);
        let machine = Machine {
            kernel: self.kernel,
            append: self.append,
            memory_mb: MEMORY_MB,
            files,
            bare: self.bare,
            timeout: TIMEOUT,
            command: &command,
            label,
        };
        machine.run(workspace)
    }
}

/// Each kernel as Debian made it, and the newest one without what a host need not have.
fn boots(args: &E2eVmArgs) -> Result<Vec<Boot>> {
    let kernels: Vec<&'static Kernel> = match args.kernels.as_slice() {
        [] => KERNELS.iter().collect(),
        names => names.iter().map(|name| Kernel::find(name)).collect::<Result<_>>()?,
    };
    let plain = |kernel: &&'static Kernel| Boot {
        kernel,
        unlike: "",
        append: "",
        bare: false,
        filter: args.filter.clone(),
    };
    let mut boots: Vec<Boot> = kernels.iter().map(plain).collect();
    let newest = KERNELS.last().filter(|last| kernels.iter().any(|it| it.version == last.version));
    boots.extend(newest.map(|kernel| Boot {
        kernel,
        unlike: " without BPF in lsm=, tracefs, securityfs and bpffs",
        append: "lsm=lockdown,yama",
        bare: true,
        filter: Some(args.filter.clone().unwrap_or_else(|| SMOKE.to_owned())),
    }));
    Ok(boots)
}

fn guest_command(text: Option<&str>, args: &[String]) -> Vec<String> {
    let guest = |name: &str| Path::new(GUEST_BIN).join(name).display().to_string();
    let mut command = vec!["env".to_owned()];
    command.push(format!("RUNMON={}", guest("runmon")));
    command.push("GUEST=1".to_owned());
    command.push(format!("TRIGGER={}", guest("trigger")));
    command.push(guest("e2e"));
    if !io::stdout().is_terminal() {
        // The guest's console looks like a terminal to it; ours may be a log.
        command.extend(["--color", "never"].map(str::to_owned));
    }
    command.extend(filter(text));
    command.extend(args.iter().cloned());
    command
}

fn guest_files(workspace: &Workspace) -> Result<Vec<GuestFile>> {
    let mut files = our_files(workspace, Arch::X86_64, workspace.runmon());
    for name in RUNTIME {
        let Some(host) = find_program(name) else {
            bail!("{name} is missing; run `cargo xtask setup`");
        };
        files.push(GuestFile { guest: Path::new("/usr/bin").join(name), host });
    }
    Ok(files)
}

/// The same for another architecture: built, and with the whole of its user land.
fn guest_files_across(workspace: &Workspace, arch: Arch) -> Result<Vec<GuestFile>> {
    setup::run(workspace, &SetupArgs { arm64: true, ..SetupArgs::default() })?;
    build_tests(workspace, arch)?;
    let mut files = our_files(workspace, arch, build::static_daemon(workspace, arch)?);
    let root = arch.user_land(workspace).context("an architecture of its own has a user land")?;
    for dir in ["lib", "usr"] {
        files.push(GuestFile { host: root.join(dir), guest: Path::new("/").join(dir) });
    }
    Ok(files)
}

fn our_files(workspace: &Workspace, arch: Arch, runmon: PathBuf) -> Vec<GuestFile> {
    let tests = tests(workspace, arch);
    let ours = [runmon, tests.join("e2e"), tests.join("trigger")];
    let file = |host: PathBuf| {
        let name = host.file_name().unwrap_or_default();
        GuestFile { guest: Path::new(GUEST_BIN).join(name), host }
    };
    ours.map(file).into()
}

fn filter(text: Option<&str>) -> Vec<String> {
    text.map(str::to_owned).into_iter().collect()
}

fn tests(workspace: &Workspace, arch: Arch) -> PathBuf {
    workspace.target().join(arch.target()).join("debug")
}
