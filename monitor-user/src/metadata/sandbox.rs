//! Containers with a kernel of their own: a virtual machine's (Kata Containers, Firecracker) or a
//! program's (gVisor). The host's kernel, and so the monitor, sees nothing of what they do. Which
//! those are is told by the name of what runs them.

use super::files::lacks;
use crate::{
    container::Container,
    enrich::cgroup_path,
    event::{Fact, FactSource, Reason},
};

/// Parts of the names of runtimes that give a container a kernel of its own.
const OWN_KERNEL: [&str; 4] = ["kata", "runsc", "gvisor", "firecracker"];

/// Parts of the names of those that run it on the host's.
const HOST_KERNEL: [&str; 5] = ["runc", "crun", "youki", "sysbox", "nvidia"];

/// What containerd's runtimes are named after, and how the file of such a shim begins.
const SHIMS: (&str, &str) = ("io.containerd.", "containerd-shim-");

/// The name of containerd's shim, of which it may be told the path of its program instead:
/// `containerd-shim-runc-v2` is `io.containerd.runc.v2`.
pub(super) fn of_shim(name: &str) -> String {
    let file = name.trim().rsplit('/').next().unwrap_or_default();
    let (runtime, program) = SHIMS;
    let words = file.strip_prefix(program).and_then(|words| words.rsplit_once('-'));
    match words {
        Some((name, version)) => format!("{runtime}{name}.{version}"),
        None => file.to_owned(),
    }
}

/// All sources were asked: fills in how much of a container is seen.
pub(super) fn close(container: &mut Container) {
    if cgroup_path::is_kata(&container.cgroup_path) {
        container.visibility = Fact::Known(Container::BLIND.into(), FactSource::CgroupPath);
    }
    let Fact::Known(runtime, source) = &container.oci_runtime else { return };
    let has = |parts: &[&str]| parts.iter().any(|part| runtime.contains(part));
    let visibility = match (has(&OWN_KERNEL), has(&HOST_KERNEL)) {
        (true, _) => Container::BLIND,
        (false, true) => "full",
        // Names are the configuration's, and this one says nothing.
        (false, false) => return lacks(&mut container.visibility, Reason::Ambiguous),
    };
    container.visibility = Fact::Known(visibility.into(), *source);
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{ID, check, lookup, pending},
        *,
    };

    #[test]
    fn a_runtimes_name_tells_whose_kernel_it_is() {
        for (name, visibility) in [
            ("io.containerd.runc.v2", "full"),
            ("io.containerd.runsc.v1", "none"),
            ("io.containerd.kata-qemu.v2", "none"),
            ("/opt/kata/bin/containerd-shim-kata-v2", "none"),
            ("aws.firecracker", "none"),
            ("nvidia-container-runtime", "full"),
            ("crun", "full"),
        ] {
            let mut container = pending(&lookup("/x", "x"));
            let source = FactSource::Docker;
            container.oci_runtime = Fact::Known(of_shim(name).into(), source);
            close(&mut container);
            check(&container, &[&format!("visibility = {visibility} (docker)")]);
            assert_eq!(container.is_blind(), visibility == "none", "{name}");
        }
    }

    #[test]
    fn a_name_that_says_nothing_leaves_it_open() {
        let mut container = pending(&lookup("/x", "x"));
        container.oci_runtime = Fact::Known("secure".into(), FactSource::Docker);
        close(&mut container);
        check(&container, &["visibility: ambiguous"]);
    }

    #[test]
    fn a_virtual_machines_cgroup_tells_it() {
        for path in ["/kubepods/kata_THE_ID", "/kata_overhead/THE_ID"] {
            let mut container = pending(&lookup(path, "THE_ID"));
            close(&mut container);
            check(&container, &["visibility = none (cgroup_path)"]);
        }
        let mut container = pending(&lookup("/kubepods/THE_ID", ID));
        close(&mut container);
        assert!(!container.is_blind());
    }

    #[test]
    fn the_file_of_a_shim_names_it() {
        assert_eq!(of_shim("/usr/bin/containerd-shim-runc-v2\n"), "io.containerd.runc.v2");
        assert_eq!(of_shim("io.containerd.runc.v2"), "io.containerd.runc.v2");
        assert_eq!(of_shim("/opt/my-shim"), "my-shim");
        assert_eq!(of_shim(""), "");
    }
}
