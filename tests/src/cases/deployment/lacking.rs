//! What `runmon doctor` says in containers that lack something: exactly that, and what to add.

use serde_json::{Value, json};

use super::{KEPT, Monitor, bind};
use crate::lab::Stage;

/// The capability that is left out.
const CAPABILITY: &str = "SYS_PTRACE";

const LINES_FOR_DOCKER: [&str; 2] =
    ["add to docker run: --cap-add=SYS_PTRACE", "add to docker run: --volume=/sys:/sys:ro"];

const LINES_FOR_KUBERNETES: [&str; 3] = [
    "add to securityContext.capabilities.add of the container: - SYS_PTRACE",
    "add to volumeMounts of the container: - {name: sys, mountPath: /sys, readOnly: true}",
    "add to volumes of the pod: - {name: sys, hostPath: {path: /sys, type: Directory}}",
];

const KUBERNETES: &str = "--env=KUBERNETES_SERVICE_HOST=10.0.0.1";

pub(super) fn doctor_names_it(stage: &Stage<'_>) {
    let sys = bind("/sys", "/sys", "rbind:ro");
    let all: Vec<String> = KEPT.iter().map(|name| format!("--cap-add=CAP_{name}")).collect();
    let lacking: Vec<String> = all.iter().filter(|it| !it.ends_with(CAPABILITY)).cloned().collect();
    // Nobody knows whose this container is: the lines for both are told.
    let text = doctor(stage, &lacking, &[]);
    for line in LINES_FOR_DOCKER.iter().chain(&LINES_FOR_KUBERNETES) {
        assert_eq!(text.matches(line).count(), 1, "{line}\n{text}");
    }
    assert!(!text.contains("CAP_BPF") && !text.contains("hostPID"), "{text}");

    let options = [lacking.as_slice(), &[KUBERNETES.to_owned()]].concat();
    let text = doctor(stage, &options, &[]);
    assert!(LINES_FOR_KUBERNETES.iter().all(|line| text.contains(line)), "{text}");
    assert!(!text.contains("docker run"), "{text}");

    let options = [all.as_slice(), &[sys, KUBERNETES.to_owned()]].concat();
    let text = doctor(stage, &options, &[]);
    assert!(!LINES_FOR_KUBERNETES.iter().any(|line| text.contains(line)), "{text}");

    in_json(&doctor(stage, &lacking, &["--json"]));
}

fn in_json(report: &str) {
    let report: Value = serde_json::from_str(report).expect("one JSON document");
    let host = report["host"].as_array().expect("findings");
    let finding = host.iter().find(|it| it["what"] == "CAP_SYS_PTRACE").expect("the capability");
    assert_eq!(finding["good"], false, "{finding:#}");
    let line = json!({"for": "systemd", "to": "[Service] of the unit",
                      "line": "CapabilityBoundingSet=CAP_SYS_PTRACE"});
    let added = finding["add"].as_array().expect("lines");
    assert!(added.contains(&line), "{finding:#}");
    assert_eq!(report["runs_in"], json!(["kubernetes", "docker"]));
}

/// What it prints in a container with the host's pids.
fn doctor(stage: &Stage<'_>, options: &[String], args: &[&str]) -> String {
    let monitor = Monitor::with_usual_privileges();
    let name = stage.name("doctor");
    let mut command = vec!["run", "--rm", "--with-ns", "pid:/proc/self/ns/pid"];
    command.extend(monitor.options.iter().chain(options).map(String::as_str));
    command.extend([monitor.image, &name, monitor.binary, "doctor"]);
    command.extend(["--hooks", stage.hooks.name()]);
    let output = stage.containerd().ctr(&[command.as_slice(), args].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text
}
