//! The loads: bounded, on loopback and in a directory of their own. Each runs in processes of its
//! own, so that its CPU time is known.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::cli::LoadArgs;

/// One load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Its name, also on the command line.
    pub(crate) name: &'static str,
    /// What it does, for `worker`.
    kind: &'static str,
    /// Acts of each worker.
    count: usize,
    /// Workers at once.
    workers: usize,
    /// How often it is run in a round. Those that take some milliseconds differ most.
    pub(crate) runs: usize,
}

const fn load(name: &'static str, kind: &'static str, count: usize, workers: usize) -> Load {
    Load { name, kind, count, workers, runs: 1 }
}

/// A load that is over so soon that one run of it says little, and that uses up no tokens.
const fn short(name: &'static str, kind: &'static str, count: usize, workers: usize) -> Load {
    Load { runs: 5, ..load(name, kind, count, workers) }
}

/// Every load.
pub(crate) const LOADS: &[Load] = &[
    load("exec", "exec", 1500, 1),
    load("exec, 2 workers", "exec", 750, 2),
    load("open-write", "open-write", 20_000, 1),
    load("open-write, 2 workers", "open-write", 15_000, 2),
    short("open-read", "open-read", 40_000, 1),
    load("TCP connect", "tcp", 2000, 1),
    short("UDP send", "udp", 100_000, 1),
    load("compile", "compile", 8, 1),
    load("write flood, 2 workers", "open-write", 150_000, 2),
];

impl Load {
    /// Acts of all workers together.
    pub(crate) fn acts(&self) -> usize {
        self.count * self.workers
    }
}

/// What a load cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Wall time, seconds.
    pub(crate) wall_seconds: f64,
    /// CPU time of the load itself, all its workers and their children, seconds.
    pub(crate) cpu_seconds: f64,
    /// CPU time of the daemon meanwhile, seconds.
    pub(crate) daemon_seconds: f64,
}

/// Runs a load.
pub(crate) fn run(directory: &Path, load: &Load) -> Result<Cost> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let begun = Instant::now();
    let workers: Vec<_> = (0..load.workers)
        .map(|worker| {
            Command::new(&program)
                .args(["load", load.kind])
                .arg(load.count.to_string())
                .arg(directory.join(format!("worker-{worker}")))
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start a worker")
        })
        .collect::<Result<_>>()?;
    let mut cost = Cost::default();
    for worker in workers {
        let output = worker.wait_with_output()?;
        ensure!(output.status.success(), "load {} failed", load.name);
        let seconds = String::from_utf8_lossy(&output.stdout);
        cost.cpu_seconds += seconds.trim().parse::<f64>().context("a worker said nonsense")?;
    }
    cost.wall_seconds = begun.elapsed().as_secs_f64();
    Ok(cost)
}

/// Opens a file of the name `flow` for writing, so often in all and a second.
pub(crate) fn paced(directory: &Path, count: usize, rate: usize) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let status = Command::new(program)
        .args(["load", "paced", &count.to_string(), "--rate", &rate.to_string()])
        .arg(directory.join("worker-paced"))
        .stdout(Stdio::null())
        .status()
        .context("cannot start a worker")?;
    ensure!(status.success(), "the paced load failed");
    Ok(())
}

/// A worker: does its acts, then prints the CPU seconds that they took.
pub(crate) fn worker(args: &LoadArgs) -> Result<()> {
    let LoadArgs { kind, count, rate, directory } = args;
    let (count, directory) = (*count, directory.as_path());
    fs::create_dir_all(directory)?;
    let before = cpu_seconds()?;
    match kind.as_str() {
        "exec" => exec(count)?,
        "open-write" => open_write(count, directory)?,
        "paced" => open_paced(count, *rate, directory)?,
        "open-read" => open_read(count, directory)?,
        "tcp" => tcp(count)?,
        "udp" => udp(count)?,
        "compile" => compile(count, directory)?,
        other => bail!("there is no load {other}"),
    }
    println!("{}", cpu_seconds()? - before);
    Ok(())
}

fn cpu_seconds() -> Result<f64> {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let of = |who| -> Result<f64> {
        let usage = getrusage(who)?;
        Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
    };
    Ok(of(UsageWho::RUSAGE_SELF)? + of(UsageWho::RUSAGE_CHILDREN)?)
}

fn exec(count: usize) -> Result<()> {
    for _ in 0..count {
        Command::new("/bin/true").status()?;
    }
    Ok(())
}

fn open_write(count: usize, directory: &Path) -> Result<()> {
    let path = directory.join("written");
    for _ in 0..count {
        OpenOptions::new().write(true).create(true).truncate(false).open(&path)?.write_all(b"x")?;
    }
    Ok(())
}

/// A few at once, and then a rest: the pace is that of the clock, and nothing is made up for.
fn open_paced(count: usize, rate: usize, directory: &Path) -> Result<()> {
    const TICK: Duration = Duration::from_millis(1);
    let path = directory.join("flow");
    let begun = Instant::now();
    let mut done = 0;
    while done < count {
        let due = (begun.elapsed().as_secs_f64() * rate as f64) as usize;
        for _ in done..due.min(count) {
            drop(OpenOptions::new().write(true).create(true).truncate(false).open(&path)?);
        }
        done = due.min(count);
        std::thread::sleep(TICK);
    }
    Ok(())
}

fn open_read(count: usize, directory: &Path) -> Result<()> {
    let path = directory.join("read");
    fs::write(&path, "x")?;
    let mut buffer = [0; 8];
    for _ in 0..count {
        let read = File::open(&path)?.read(&mut buffer)?;
        ensure!(read == 1, "the file changed");
    }
    Ok(())
}

fn tcp(count: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let accept =
        std::thread::spawn(move || (0..count).try_for_each(|_| listener.accept().map(drop)));
    for _ in 0..count {
        TcpStream::connect(address)?;
    }
    match accept.join() {
        Ok(accepted) => Ok(accepted?),
        Err(_) => bail!("the accepting thread panicked"),
    }
}

fn udp(count: usize) -> Result<()> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let address = receiver.local_addr()?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    for _ in 0..count {
        sender.send_to(b"x", address)?;
    }
    Ok(())
}

/// What a build does: a compiler that starts others, reads headers and writes objects.
fn compile(count: usize, directory: &Path) -> Result<()> {
    let source = directory.join("source.c");
    fs::write(&source, "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { return 0; }\n")?;
    for _ in 0..count {
        let status = Command::new("cc")
            .args(["-O1", "-pipe", "-o"])
            .arg(directory.join("program"))
            .arg(&source)
            .status()
            .context("the compile load needs cc")?;
        ensure!(status.success(), "cc failed");
    }
    Ok(())
}
