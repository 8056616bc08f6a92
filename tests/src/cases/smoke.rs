//! What runs on every kernel, in every run: the shortest way through everything.

use super::Case;
use crate::daemon::Options;

/// The container runtime works here.
pub(super) const CONTAINER_RUNS_TRIGGERS: Case = Case {
    name: "smoke::container_runs_triggers",
    needs: &[],
    run: |lab| {
        let container = lab.containerd().run(&lab.name("smoke"), &[]);
        let report = container.trigger(&["open", "/etc/passwd"]);
        assert_eq!(report.errno, 0, "{report}");
        let cgroup = std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid()));
        let cgroup = cgroup.expect("the container's first process runs");
        assert!(cgroup.contains(container.id()), "{cgroup}");
    },
};

/// The daemon attaches, says so, ends when asked, and its numbers add up.
pub(super) const DAEMON_STARTS_AND_STOPS: Case = Case {
    name: "smoke::daemon_starts_and_stops",
    needs: &[],
    run: |lab| {
        lab.daemon(Options::default()).stop();
    },
};
