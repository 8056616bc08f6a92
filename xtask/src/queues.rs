//! Servers of queues, which the tests start: unpacked into the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::apt::PrivateApt;
use crate::arch::Arch;
use crate::setup::Step;
use crate::workspace::Workspace;

/// Where they are.
pub(crate) fn dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("queues")
}

/// That of NATS, which is a program and nothing else.
pub(crate) fn nats(workspace: &Workspace) -> Step<'_> {
    let into = move || dir(workspace).join("nats");
    Step {
        name: "Debian's server of NATS, for the tests".to_owned(),
        is_done: Box::new(move || into().exists()),
        make: Box::new(move |log| {
            PrivateApt::new(workspace, Arch::X86_64).unpack_whole(&["nats-server"], &into(), log)
        }),
    }
}

/// Puts what a project depends on into a directory.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies";

/// A broker of Kafka, which is many archives of Java's, each checked.
pub(crate) fn kafka(workspace: &Workspace) -> Step<'_> {
    let into = move || dir(workspace).join("kafka");
    Step {
        name: "a broker of Kafka, for the tests".to_owned(),
        is_done: Box::new(move || into().exists()),
        make: Box::new(move |log| {
            let project = workspace.root.join("tests/broker");
            let (fetched, repository) = (dir(workspace).join("fetched"), dir(workspace).join("m2"));
            let mut maven = Command::new("mvn");
            maven.args(["--quiet", "--batch-mode", COPY, "-DincludeScope=runtime", "--file"]);
            maven.arg(project.join("pom.xml"));
            maven.arg(format!("-DoutputDirectory={}", fetched.display()));
            maven.arg(format!("-Dmaven.repo.local={}", repository.display()));
            log.run(&mut maven, "is the repository of Maven's archives reachable from here?")?;
            let mut check = Command::new("sha256sum");
            check.args(["--check", "--strict", "--quiet"]).arg(project.join("jars.sha256"));
            let hint = "what tests/broker/pom.xml names is not what it was";
            log.run(check.current_dir(&fetched), hint)?;
            fs::remove_dir_all(&repository).context("remove what Maven needed itself")?;
            fs::rename(&fetched, into()).context("put the broker in its place")
        }),
    }
}
