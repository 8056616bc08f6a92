//! The daemon as it is deployed: in a privileged container, watching its siblings.

use serde_json::Value;

use super::Case;
use crate::daemon::{Options, runmon};
use crate::image;
use crate::lab::Stage;

pub(super) const CASES: &[Case] =
    &[Case::new("deployment::privileged_container_watches_its_siblings", watches_siblings)];

/// Long enough for the daemon to start and for some siblings to live.
const WATCHED: &str = "8s";
const SIBLINGS: usize = 4;

/// What the Kubernetes manifest asks for: privileges, the host's pids and network, `/sys` and the
/// runtime's state. The binary and its libraries come from the host.
fn watches_siblings(stage: &Stage<'_>) {
    let runtime = stage.containerd();
    let config = stage.configuration(&Options::default());
    let lab = stage.dir("monitor");
    let lab = lab.parent().expect("the lab's directory").display().to_string();
    let binary = runmon().canonicalize().expect("find runmon").display().to_string();
    let bind = |from: &str, to: &str, how: &str| {
        format!("--mount=type=bind,src={from},dst={to},options=rbind:{how}")
    };
    let mounts = [
        bind("/sys", "/sys", "ro"),
        bind("/usr", "/usr", "ro"),
        bind("/lib", "/lib", "ro"),
        bind("/lib64", "/lib64", "ro"),
        bind(&binary, "/runmon", "ro"),
        bind(&lab, &lab, "rw"),
    ];
    let name = stage.name("monitor");
    let config = config.display().to_string();
    let mut args =
        vec!["run", "--rm", "--privileged", "--net-host", "--with-ns", "pid:/proc/self/ns/pid"];
    args.extend(mounts.iter().map(String::as_str));
    args.extend([image::NAME, &name, "/runmon", "run", "--config", &config, "--for", WATCHED]);
    let siblings: Vec<String> = (0..SIBLINGS).map(|_| stage.name("sibling")).collect();
    let output = std::thread::scope(|scope| {
        let monitor = scope.spawn(|| runtime.ctr(&args));
        let second = std::time::Duration::from_secs(1);
        for sibling in &siblings {
            // Spread over the time that it watches: how long it takes to start is not told.
            std::thread::sleep(second);
            drop(runtime.run(sibling, &[image::TRIGGER, "nap", "300"]));
        }
        monitor.join().expect("run the monitor")
    });
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let documents: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document a line"))
        .collect();
    let last = siblings.last().expect("there are siblings");
    let found = documents.iter().any(|it| {
        it["event"]["action"] == "exec"
            && it["container"]["id"] == last.as_str()
            && it["container"]["name"] == last.as_str()
            && it["container"]["image"]["name"] == image::NAME
            && it["process"]["args"][1] == "nap"
    });
    assert!(found, "no exec of {last} among {} documents\n{log}", documents.len());
    let heartbeat = documents.last().expect("a last heartbeat");
    assert_eq!(heartbeat["runmon"]["last"], true, "{heartbeat:#}");
    assert_eq!(heartbeat["runmon"]["lost"], 0, "{heartbeat:#}");
}
