//! Ways to start a program.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use clap::ValueEnum;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, execveat};

use super::Report;
use super::sys::{self, c_string};

/// How a program is started. All but the last three become the program, pid and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// execve
    Plain,
    /// A copy that was written just before
    Fresh,
    /// A copy that is removed before it is started
    Deleted,
    /// A copy that has no file system at all
    Memfd,
    /// A `#!` script with the program as its interpreter
    Script,
    /// 200 KiB of arguments
    LongArgs,
    /// A copy whose name is not UTF-8
    NotUtf8,
    /// A copy below 300 directories
    Deep,
    /// With `LD_TRIGGER=seen` behind and before more environment than a record holds
    LongEnvironment,
    /// By a thread that is not the process's first
    Thread,
    /// By the name that a descriptor of it has below /proc
    ProcFd,
    /// Under the name of a thread of the kernel
    Disguised,
    /// In a vfork child
    Vfork,
    /// In a clone3 child
    Clone3,
    /// In two children, one after the other, that have the same process id
    SameId,
}

/// One argument may have 128 KiB; two of this make 200 KiB.
const LONG_ARG_BYTES: usize = 100 * 1024;

/// Directories of a deep path.
const DEPTH: usize = 300;

/// Bytes of one variable; a record holds 8 KiB of an environment.
const BALLAST_BYTES: usize = 6000;

/// A name that stands in brackets for a thread of the kernel.
const DISGUISE: &str = "[kworker/0:1]";

/// Starts `program`, or this one again to nap. Returns only where a child was made or on failure:
/// the report of the others is written before, since they become the program.
pub fn start(
    how: How,
    dir: &Path,
    program: Option<&Path>,
    args: &[OsString],
) -> io::Result<Report> {
    let program = match program {
        Some(program) => program.to_path_buf(),
        None => std::env::current_exe()?,
    };
    let args = match args {
        [] => vec![OsString::from("nap"), OsString::from("0")],
        args => args.to_vec(),
    };
    match how {
        How::Plain => become_program(how, &program, &args),
        How::Fresh => become_program(how, &copy(&program, dir, OsStr::new("fresh"))?, &args),
        How::NotUtf8 => {
            become_program(how, &copy(&program, dir, OsStr::from_bytes(b"\xff\xfe"))?, &args)
        }
        How::Deep => {
            let dir = dir.join("d/".repeat(DEPTH));
            fs::create_dir_all(&dir)?;
            become_program(how, &copy(&program, &dir, OsStr::new("deep"))?, &args)
        }
        How::LongEnvironment => {
            let ballast = |name: &str| c_string(format!("{name}={}", "x".repeat(BALLAST_BYTES)));
            let few = (0..500).map(|at| c_string(format!("V{at}=v")));
            let mut environment = vec![ballast("A")?, ballast("B")?];
            environment.extend(few.collect::<io::Result<Vec<_>>>()?);
            environment.extend([c_string("LD_TRIGGER=seen")?, ballast("C")?]);
            let args = argv(&program, &args)?;
            let report = announce(how, &program, &args)?;
            let err = sys::execve_with(&c_string(&program)?, &args, &environment);
            report.outcome(Err::<(), _>(err))
        }
        How::Deleted => deleted(&copy(&program, dir, OsStr::new("deleted"))?, &args),
        How::Memfd => memfd(&program, &args),
        How::Script => become_program(how, &script(&program, dir, &args)?, &[]),
        How::LongArgs => {
            let ballast = OsString::from("x".repeat(LONG_ARG_BYTES));
            let args: Vec<_> = args.into_iter().chain([ballast.clone(), ballast]).collect();
            become_program(how, &program, &args)
        }
        How::Thread => thread::scope(|scope| {
            let thread = scope.spawn(|| become_program(how, &program, &args));
            thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
        }),
        How::ProcFd => {
            // Kept open by the program: that is where its name leads.
            let file = nix::fcntl::open(&program, OFlag::O_PATH, Mode::empty())?;
            let name = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
            become_program(how, &name, &args)
        }
        How::Disguised => {
            let path = c_string(&program)?;
            let args = argv(Path::new(DISGUISE), &args)?;
            let report = announce(how, &program, &args)?;
            report.outcome(Err::<(), _>(sys::execve(&path, &args)))
        }
        How::Vfork | How::Clone3 => child(how, &program, &args),
        How::SameId => same_id(how, &program, &args),
    }
}

/// Says what is about to happen: afterwards this program is no more.
fn announce(how: How, program: &Path, args: &[CString]) -> io::Result<Report> {
    let bytes: usize = args.iter().map(|arg| arg.as_bytes_with_nul().len()).sum();
    let report = Report::new(&act(how)).path(program).number("args_bytes", bytes as u64);
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{report}")?;
    stdout.flush()?;
    Ok(report)
}

fn act(how: How) -> String {
    let name = how.to_possible_value();
    format!("exec-{}", name.as_ref().map_or("unknown", |value| value.get_name()))
}

fn become_program(how: How, program: &Path, args: &[OsString]) -> io::Result<Report> {
    let args = argv(program, args)?;
    let report = announce(how, program, &args)?;
    let err = sys::execve(&c_string(program)?, &args);
    report.outcome(Err::<(), _>(err))
}

fn deleted(program: &Path, args: &[OsString]) -> io::Result<Report> {
    let args = argv(program, args)?;
    let file = File::open(program)?;
    fs::remove_file(program)?;
    let report = announce(How::Deleted, program, &args)?;
    become_file(report, &file, &args)
}

fn memfd(program: &Path, args: &[OsString]) -> io::Result<Report> {
    let name = Path::new("trigger-memfd");
    let args = argv(name, args)?;
    // Not closed on exec: an interpreter would need it, and attackers do not bother.
    let mut file = File::from(memfd_create(name, MFdFlags::empty())?);
    io::copy(&mut File::open(program)?, &mut file)?;
    let report = announce(How::Memfd, name, &args)?;
    become_file(report, &file, &args)
}

fn become_file(report: Report, file: &File, args: &[CString]) -> io::Result<Report> {
    let environment: Vec<CString> = std::env::vars_os()
        .map(|(name, value)| {
            let mut pair = name;
            pair.push("=");
            pair.push(value);
            c_string(pair)
        })
        .collect::<io::Result<_>>()?;
    let result = execveat(file.as_fd(), c"", args, &environment, AtFlags::AT_EMPTY_PATH);
    report.outcome(result.map_err(io::Error::from))
}

fn child(how: How, program: &Path, args: &[OsString]) -> io::Result<Report> {
    let args = argv(program, args)?;
    let path = c_string(program)?;
    let mut report = Report::new(&act(how)).path(program);
    let pid = match how {
        How::Vfork => sys::vfork_exec(&path, &args)?,
        _ => sys::clone3_exec(&path, &args, None)?,
    };
    report.pid = pid;
    report.tid = pid;
    waitpid(Pid::from_raw(pid), None)?;
    Ok(report)
}

/// Each gets its number as a last argument.
fn same_id(how: How, program: &Path, args: &[OsString]) -> io::Result<Report> {
    let path = c_string(program)?;
    let mut report = Report::new(&act(how)).path(program);
    let mut id = None;
    for number in ["first", "second"] {
        let args: Vec<OsString> = args.iter().cloned().chain([number.into()]).collect();
        let pid = sys::clone3_exec(&path, &argv(program, &args)?, id)?;
        waitpid(Pid::from_raw(pid), None)?;
        (report.pid, report.tid) = (pid, pid);
        id = Some(pid);
    }
    Ok(report)
}

fn argv(program: &Path, args: &[OsString]) -> io::Result<Vec<CString>> {
    std::iter::once(program.as_os_str())
        .chain(args.iter().map(OsString::as_os_str))
        .map(c_string)
        .collect()
}

/// A copy of the program with this process's id in its name.
fn copy(program: &Path, dir: &Path, name: &OsStr) -> io::Result<PathBuf> {
    let mut name = name.to_os_string();
    name.push(format!("-{}", std::process::id()));
    let copy = dir.join(name);
    fs::copy(program, &copy)?;
    fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
    Ok(copy)
}

/// The kernel gives an interpreter one argument: the first. The script's own path follows it.
fn script(program: &Path, dir: &Path, args: &[OsString]) -> io::Result<PathBuf> {
    let path = dir.join(format!("script-{}", std::process::id()));
    let mut line = b"#!".to_vec();
    line.extend_from_slice(program.as_os_str().as_bytes());
    if let Some(first) = args.first() {
        line.push(b' ');
        line.extend_from_slice(first.as_bytes());
    }
    line.push(b'\n');
    fs::write(&path, line)?;
    fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    Ok(path)
}
