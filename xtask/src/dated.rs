//! Packages as they were published, in which vulnerabilities are known: what images of the tests
//! are made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::apt::PrivateApt;
use crate::arch::Arch;
use crate::process::Log;
use crate::setup::Step;
use crate::workspace::Workspace;

/// Of the release and not of its security updates, so that what was mended since is not in them.
const DEBIAN: &[&str] = &[
    "libc6/bookworm",
    "libexpat1/bookworm",
    "libpython3.11-minimal/bookworm",
    "libpython3.11-stdlib/bookworm",
    "libssh2-1/bookworm",
    "libssl3/bookworm",
    "openssl/bookworm",
    "python3.11-minimal/bookworm",
    "zlib1g/bookworm",
];

/// A program of Go's that Maven's repository has, with all that its linker was told of modules: it
/// takes no compiler.
const GO_PROGRAM: &str =
    "build.buf.protoc-gen-validate:protoc-gen-validate:0.10.1:exe:linux-x86_64";

/// Puts a file of Maven's repository into a directory.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy";

/// Where they are.
pub(crate) fn dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("dated")
}

/// What fetches them, once.
pub(crate) fn steps(workspace: &Workspace) -> [Step<'_>; 3] {
    [
        step(workspace, "Debian's openssl and Python", "debian", |into, log| {
            let apt = PrivateApt::new(workspace, Arch::X86_64);
            apt.unpack_each(DEBIAN, into, log)
        }),
        step(workspace, "wheels of Python's", "python", |into, log| wheels(workspace, into, log)),
        step(workspace, "a program of Go's", "go", |into, log| go_program(workspace, into, log)),
    ]
}

/// A directory of them, which is there only once it is whole.
fn step<'a>(
    workspace: &'a Workspace,
    what: &str,
    name: &'static str,
    make: impl Fn(&Path, &Log) -> Result<()> + 'a,
) -> Step<'a> {
    let place = move || dir(workspace).join(name);
    Step {
        name: format!("{what}, of a version with known vulnerabilities, for the tests"),
        is_done: Box::new(move || place().exists()),
        make: Box::new(move |log| {
            let making = dir(workspace).join(format!("{name}.making"));
            if making.exists() {
                fs::remove_dir_all(&making).context("remove what was left half made")?;
            }
            fs::create_dir_all(&making).context("make a directory for packages")?;
            make(&making, log)?;
            fs::rename(&making, place()).context("put packages in their place")
        }),
    }
}

fn wheels(workspace: &Workspace, into: &Path, log: &Log) -> Result<()> {
    let fetched = into.join("fetched");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
    pip.arg("--require-hashes").arg("--requirement");
    pip.arg(workspace.root.join("tests/dated/requirements.txt")).arg("--dest").arg(&fetched);
    log.run(&mut pip, "Debian has it in python3-pip; is the index reachable?")?;
    for entry in fs::read_dir(&fetched)? {
        // To unpack a wheel of nothing but Python is to install it.
        let mut unzip = Command::new("python3");
        unzip.args(["-m", "zipfile", "-e"]).arg(entry?.path()).arg(into);
        log.run(&mut unzip, "is the disk full?")?;
    }
    fs::remove_dir_all(&fetched).context("remove the wheels")
}

fn go_program(workspace: &Workspace, into: &Path, log: &Log) -> Result<()> {
    let repository = into.join("m2");
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", COPY]).arg(format!("-Dartifact={GO_PROGRAM}"));
    maven.arg(format!("-DoutputDirectory={}", into.display()));
    maven.arg(format!("-Dmaven.repo.local={}", repository.display()));
    log.run(&mut maven, "is the repository of Maven's archives reachable from here?")?;
    fs::remove_dir_all(&repository).context("remove what Maven needed itself")?;
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "--quiet"]);
    check.arg(workspace.root.join("tests/dated/go.sha256"));
    log.run(check.current_dir(into), "the program is not what it was")
}
