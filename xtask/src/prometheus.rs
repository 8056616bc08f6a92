//! Prometheus as Debian has it, for the tests and for the alert rules.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::apt::PrivateApt;
use crate::arch::Arch;
use crate::process::run as start;
use crate::setup::Step;
use crate::workspace::Workspace;

/// Where it is unpacked.
pub(crate) fn dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("prometheus")
}

/// Unpacks it: the server and `promtool`, which need nothing else.
pub(crate) fn step(workspace: &Workspace) -> Step<'_> {
    Step {
        name: "Debian's Prometheus, for the tests".to_owned(),
        is_done: Box::new(|| dir(workspace).exists()),
        make: Box::new(|log| {
            let apt = PrivateApt::new(workspace, Arch::X86_64);
            apt.unpack_whole(&["prometheus"], &dir(workspace), log)
        }),
    }
}

/// Has Prometheus' own tool check and test the alert rules.
pub(crate) fn check_rules(workspace: &Workspace) -> Result<()> {
    let monitoring = workspace.root.join("deploy/monitoring");
    for (what, file) in [("check", "alert-rules.yaml"), ("test", "alert-rules.test.yaml")] {
        let mut promtool = Command::new(dir(workspace).join("usr/bin/promtool"));
        start(promtool.args([what, "rules"]).arg(file).current_dir(&monitoring))?;
    }
    println!("manifests: the alert rules do what their tests say");
    Ok(())
}
