//! `cargo xtask vm`: one command on another kernel, under qemu, as if it had run here.
//!
//! The guest's first serial line is its console and goes to stdout. The second one is for us only:
//! the guest's init writes `up` when the system stands and `exit N` when the command has ended, so
//! that no kernel message can be taken for a result. KVM is not needed.

mod image;

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::arch::Arch;
use crate::cli::{GuestFile, VmArgs};
use crate::kernels::Kernel;
use crate::process::tail;
use crate::vm::image::Image;
use crate::workspace::{Workspace, find_program};

/// How long a kernel may take until the guest's init has mounted everything; 10 s are usual.
const BOOT_TIMEOUT: Duration = Duration::from_secs(180);
/// How often the guest's reports are looked at.
const POLL: Duration = Duration::from_millis(50);

/// A machine to boot, for one command.
pub(crate) struct Machine<'a> {
    pub(crate) kernel: &'static Kernel,
    /// More words for the kernel command line.
    pub(crate) append: &'a str,
    pub(crate) memory_mb: u32,
    pub(crate) files: &'a [GuestFile],
    /// No tracefs, bpffs and securityfs.
    pub(crate) bare: bool,
    pub(crate) timeout: Duration,
    pub(crate) command: &'a [String],
    /// What stands in front of each line of its console, where several machines run at once.
    pub(crate) label: &'a str,
}

/// Boots what the command line asks for; the result is the exit code of the guest's command.
pub(crate) fn run(workspace: &Workspace, args: &VmArgs) -> Result<ExitCode> {
    let machine = Machine {
        kernel: Kernel::find(&args.kernel)?,
        append: args.append.as_deref().unwrap_or_default(),
        memory_mb: args.memory,
        files: &args.files,
        bare: args.bare,
        timeout: Duration::from_secs(args.timeout),
        command: &args.command,
        label: "",
    };
    machine.run(workspace).map(|(code, _)| ExitCode::from(code))
}

impl Machine<'_> {
    /// Boots, runs the command, and returns its exit code and what came on the console.
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<(u8, String)> {
        let arch = self.kernel.arch;
        ensure!(
            self.kernel.is_there(workspace)
                && arch.has_user_land(workspace)
                && find_program(arch.qemu()).is_some(),
            "Linux {} or qemu is missing; run `cargo xtask setup{}`",
            self.kernel.version,
            if arch == Arch::X86_64 { "" } else { " --arm64" }
        );
        let scratch = Scratch::new(workspace)?;
        let initrd = scratch.dir.join("initrd");
        self.image(workspace)?.write(&initrd)?;
        let report = scratch.dir.join("report");
        let console = scratch.dir.join("console");
        let mut qemu = Qemu::start(self.qemu(workspace, &initrd, &report))?;
        let copier = qemu.copy_console(&console, self.label)?;
        let ended = self.wait(&mut qemu, &report);
        qemu.kill();
        // The copier ends with the machine; it has nothing to report but a full disk.
        copier.join().unwrap_or_default();
        let written = fs::read(&console).unwrap_or_default();
        let written = String::from_utf8_lossy(&written).into_owned();
        ended.map(|code| (code, written)).map_err(|err| {
            anyhow!(
                "Linux {}: {err:#}; its console ended so:\n{}",
                self.kernel.version,
                tail(&console)
            )
        })
    }

    fn image(&self, workspace: &Workspace) -> Result<Image> {
        let busybox = match self.kernel.arch.user_land(workspace) {
            Some(root) => root.join("bin/busybox"),
            None => find_program("busybox")
                .context("busybox (Debian's busybox-static) is missing; run `cargo xtask setup`")?,
        };
        let mut image = Image::new(&busybox, self.command)?;
        image.add_settings(&[
            ("BARE", if self.bare { "yes" } else { "no" }),
            ("CONSOLE", self.console()),
            ("REPORT", if self.kernel.arch == Arch::X86_64 { "ttyS1" } else { "ttyS0" }),
        ]);
        for entry in fs::read_dir(self.kernel.dir(workspace))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ko") {
                let name = path.file_name().context("a module has a name")?;
                image.add_plain(&path, &Path::new("/modules").join(name))?;
            }
        }
        for file in self.files {
            image.add(&file.host, &file.guest)?;
        }
        Ok(image)
    }

    fn qemu(&self, workspace: &Workspace, initrd: &Path, report: &Path) -> Command {
        let mut qemu = Command::new(self.kernel.arch.qemu());
        let report = report.display();
        match self.kernel.arch {
            Arch::X86_64 => qemu.args(["-serial", "stdio", "-serial", &format!("file:{report}")]),
            // Its board has one port; the other one is a card.
            Arch::Aarch64 => qemu
                .args(["-machine", "virt", "-serial", "stdio"])
                .args(["-chardev", &format!("file,id=report,path={report}")])
                .args(["-device", "pci-serial,chardev=report"]),
        };
        // Emulated: KVM is often not there for guests. Two processors in turn, not at once: where
        // they really run at once, one can still take a breakpoint that the kernel, which rewrites
        // its own code so, has done away with on the other, and the guest ends in an oops.
        qemu.args(["-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2"]);
        qemu.args(["-m", &self.memory_mb.to_string()]);
        qemu.args(["-nodefaults", "-display", "none", "-no-reboot"]);
        qemu.arg("-kernel").arg(self.kernel.dir(workspace).join("vmlinuz"));
        qemu.arg("-initrd").arg(initrd);
        let console = self.console();
        qemu.args(["-append", &format!("console={console} quiet panic=-1 {}", self.append)]);
        qemu
    }

    /// The guest's name of its first serial line.
    fn console(&self) -> &'static str {
        match self.kernel.arch {
            Arch::X86_64 => "ttyS0",
            Arch::Aarch64 => "ttyAMA0",
        }
    }

    /// Waits for the guest's reports: first that it is up, then its exit code.
    fn wait(&self, qemu: &mut Qemu, report: &Path) -> Result<u8> {
        let started = Instant::now();
        let mut up: Option<Instant> = None;
        loop {
            // Asked before the report is read: what an ended machine wrote is all there.
            let ended = qemu.child.try_wait().context("wait for qemu")?;
            let text = fs::read_to_string(report).unwrap_or_default();
            if let Some(code) = text.lines().find_map(|line| line.strip_prefix("exit ")) {
                return code.trim().parse().with_context(|| format!("exit code `{code}`"));
            }
            if up.is_none() && text.starts_with("up") {
                up = Some(Instant::now());
            }
            if let Some(status) = ended {
                bail!("the machine stopped before its command ended ({status})");
            }
            match up {
                None if started.elapsed() > BOOT_TIMEOUT => {
                    bail!("the machine was not up after {} s", BOOT_TIMEOUT.as_secs())
                }
                Some(up) if up.elapsed() > self.timeout => {
                    bail!("the command still ran after {} s", self.timeout.as_secs())
                }
                _ => thread::sleep(POLL),
            }
        }
    }
}

/// A running emulator, ended with its owner.
struct Qemu {
    child: Child,
}

impl Qemu {
    fn start(mut command: Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Self { child: child.context("cannot start qemu")? })
    }

    /// Copies the console to stdout, labelled, and to a file, line by line.
    fn copy_console(&mut self, file: &Path, label: &str) -> Result<thread::JoinHandle<()>> {
        let stdout = self.child.stdout.take().context("qemu's stdout is a pipe")?;
        let file = File::create(file).with_context(|| format!("create {}", file.display()))?;
        let label = label.to_owned();
        Ok(thread::spawn(move || {
            if let Err(err) = copy_lines(stdout, file, &label) {
                eprintln!("warning: the console is cut off: {err}");
            }
        }))
    }

    fn kill(&mut self) {
        // Both fail only when the machine has ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy_lines(console: impl Read, mut file: File, label: &str) -> io::Result<()> {
    let mut console = BufReader::new(console);
    let mut line = Vec::new();
    while console.read_until(b'\n', &mut line)? > 0 {
        line.retain(|byte| *byte != b'\r');
        file.write_all(&line)?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(label.as_bytes())?;
        stdout.write_all(&line)?;
        stdout.flush()?;
        line.clear();
    }
    Ok(())
}

/// The files of one machine, removed with it.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    fn new(workspace: &Workspace) -> Result<Self> {
        static MACHINES: AtomicU32 = AtomicU32::new(0);
        let number = MACHINES.fetch_add(1, Ordering::Relaxed);
        let dir = workspace.cache().join(format!("vm/{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self { dir })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(err) = fs::remove_dir_all(&self.dir) {
            eprintln!("warning: {} is left behind: {err}", self.dir.display());
        }
    }
}
