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
/// Siblings at most; one a second is started until the monitor ends.
const SIBLINGS: usize = 60;

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
            if monitor.is_finished() {
                break;
            }
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
    // Which of them start while it watches depends on how fast the machine is.
    let is_exec = |it: &&Value, of: &str| {
        it["event"]["action"] == "exec"
            && it["process"]["args"][1] == "nap"
            && it["container"]["id"] == of
    };
    let execs: Vec<(&String, &Value)> = siblings
        .iter()
        .filter_map(|of| Some((of, documents.iter().find(|it| is_exec(it, of))?)))
        .collect();
    assert!(!execs.is_empty(), "no sibling among {} documents\n{log}", documents.len());
    // What the runtime says may come later, in an update.
    let complete = |alert: &'_ Value| {
        let update = documents.iter().find(|it| {
            it["runmon"]["document"] == "update" && it["event"]["id"] == alert["event"]["id"]
        });
        update.unwrap_or(alert).clone()
    };
    for (sibling, exec) in execs {
        let exec = complete(exec);
        assert_eq!(exec["container"]["name"], sibling.as_str(), "{exec:#}");
        assert_eq!(exec["container"]["image"]["name"], image::NAME, "{exec:#}");
    }
    let heartbeat = documents.last().expect("a last heartbeat");
    assert_eq!(heartbeat["runmon"]["last"], true, "{heartbeat:#}");
    assert_eq!(heartbeat["runmon"]["lost"], 0, "{heartbeat:#}");
}
