//! Reads what is installed in the root of a container, or of the host.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use monitor_inventory::{Inventory, Options};

use super::{RootTold, Roots};
use crate::{container::Container, event::Reason, posture::observed};

/// How long reading one root may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Processes of a container whose root is tried.
const PROCESSES: usize = 8;

/// Reads all of the root that was opened last, but for these directories.
#[must_use]
pub fn read(roots: &dyn Roots, skip: &[PathBuf]) -> Inventory {
    let until = Instant::now() + PATIENCE;
    let is_late = || Instant::now() > until;
    let options = Options { is_late: &is_late, skip: skip.to_vec(), ..Options::whole() };
    monitor_inventory::of(roots.root(), &options)
}

/// Opens the root of a container: that of its first process whose root can be opened. `others` are
/// the cgroups of the containers inside of it.
///
/// # Errors
///
/// It has ended, or cannot be looked at.
pub fn open(
    roots: &mut dyn Roots,
    container: &Container,
    others: &[String],
) -> Result<RootTold, Reason> {
    if container.is_blind() {
        return Err(Reason::NotRead);
    }
    let inside = || observed::pids(&container.cgroup_path, others);
    let mut why = Reason::Gone;
    for pid in inside().into_iter().take(PROCESSES) {
        match roots.open(Some(pid)) {
            // Its number could be another one's by now.
            Ok(told) if inside().contains(&pid) => return Ok(told),
            Ok(_) => {}
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

/// Where other file systems are mounted: those of containers, of the kernel, and of servers, which
/// may not answer.
#[must_use]
pub fn other_file_systems() -> Vec<PathBuf> {
    const LOCAL: [&str; 9] =
        ["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "xfs", "zfs"];
    // Roots of containers that lie on the host's own file systems.
    const ROOTS: [&str; 6] = [
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/docker",
        "/var/lib/kubelet",
        "/var/lib/lxc",
        "/var/lib/machines",
    ];
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let place = |line: &str| {
        let (mount, of_fs) = line.split_once(" - ")?;
        let path = mount.split(' ').nth(4)?;
        let is_local = LOCAL.contains(&of_fs.split(' ').next()?);
        (!is_local && path != "/").then(|| PathBuf::from(path))
    };
    ROOTS.iter().map(PathBuf::from).chain(mounts.lines().filter_map(place)).collect()
}
