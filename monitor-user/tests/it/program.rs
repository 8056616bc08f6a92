//! Runs the program and holds what came of it.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::folder::Folder;

/// A user that is nobody.
const NOBODY: u32 = 65_534;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

pub(crate) fn run(args: &[&str]) -> Outcome {
    finish(Command::new(env!("CARGO_BIN_EXE_runmon")).args(args))
}

/// Runs it, and ends it if it takes longer: then there is no exit code.
pub(crate) fn run_within(limit: Duration, args: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runmon"));
    let command = command.args(args).env("NO_COLOR", "1").env_remove("RUST_LOG");
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(5));
    }
    // One that has ended is not there to be killed.
    drop(child.kill());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Outcome { code: output.status.code(), stdout: output.stdout, stderr }
}

/// Runs it as a user without rights, also where the tests run as root.
pub(crate) fn run_as_nobody(args: &[&str]) -> Outcome {
    if !fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        return run(args);
    }
    // Nobody may not reach into everybody's build directory.
    let folder = Folder::new(&format!("nobody-{}", args.first().unwrap_or(&"")));
    let copy = folder.path().join("runmon");
    // Not by this process: what another thread starts meanwhile would hold the file open, and a
    // file that is being written cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_runmon")).arg(&copy).status().unwrap();
    assert!(copied.success());
    finish(Command::new(copy).args(args).uid(NOBODY).gid(NOBODY).current_dir("/"))
}

fn finish(command: &mut Command) -> Outcome {
    let command = command.env("NO_COLOR", "1").env_remove("RUST_LOG").stdin(Stdio::null());
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Outcome { code: output.status.code(), stdout: output.stdout, stderr }
}

/// A file of `testdata/`.
pub(crate) fn testdata(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    path.to_str().unwrap().to_owned()
}

/// A file in a directory of its test.
pub(crate) fn write(folder: &Folder, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}
