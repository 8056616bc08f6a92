//! The commands that engines and kubelets run in containers to see how they are.
//!
//! A kubelet does not tell the runtime why it runs a command. What it was told itself stands in an
//! annotation of pods that people made with `kubectl apply`; Falco takes it from there too.

use serde::Deserialize;

use super::files::{Words, fill, lacks};
use crate::{
    container::Container,
    event::{Fact, FactSource, Reason},
    limits::PROBE_BYTES,
};

/// The annotation with the pod as it was applied.
pub(super) const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a command without a shell of its own is run with.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Applied {
    spec: PodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<ContainerSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    liveness_probe: Option<Probe>,
    readiness_probe: Option<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Probe {
    exec: Option<Exec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Exec {
    command: Vec<String>,
}

/// Fills in the probes of a container from the annotations of its pod, if these say them.
pub(super) fn fill_of_pod(container: &mut Container, annotations: &Words, source: FactSource) {
    let Some(name) = container.name.known() else { return };
    let applied = annotations.get(APPLIED).and_then(|text| serde_json::from_str(text).ok());
    let Some(Applied { spec }) = applied else { return };
    let Some(of_it) = spec.containers.into_iter().find(|it| *it.name == **name) else { return };
    for (fact, probe) in [
        (&mut container.liveness_probe, of_it.liveness_probe),
        (&mut container.readiness_probe, of_it.readiness_probe),
    ] {
        match probe.and_then(|probe| probe.exec) {
            Some(exec) => fill_command(fact, &exec.command, source),
            // None, or one that runs nothing in the container.
            None => lacks(fact, Reason::NotApplicable),
        }
    }
}

/// Fills in a health check as images have it: `CMD` and arguments, `CMD-SHELL` and a text, or
/// `NONE`.
pub(super) fn fill_healthcheck(
    container: &mut Container,
    test: &[String],
    shell: &[String],
    source: FactSource,
) {
    let fact = &mut container.healthcheck;
    match test.split_first().map(|(kind, rest)| (kind.as_str(), rest)) {
        Some(("NONE", _)) => fill(fact, Some("".into()), source),
        Some(("CMD", args)) => fill_command(fact, args, source),
        Some(("CMD-SHELL", text)) => {
            let usual = SHELL.map(str::to_owned);
            let shell = if shell.is_empty() { &usual } else { shell };
            fill_command(fact, &[shell, text].concat(), source);
        }
        _ => lacks(fact, Reason::NotApplicable),
    }
}

/// Fills in a command, if there is room for it.
fn fill_command(fact: &mut Fact<Box<str>>, args: &[String], source: FactSource) {
    let text: String = args.iter().flat_map(|arg| [arg.as_str(), "\0"]).collect();
    if text.len() > PROBE_BYTES {
        return lacks(fact, Reason::TooLarge);
    }
    fill(fact, Some(text.into()), source);
}

/// All sources were asked: what applies to no container of this kind is not missing.
pub(super) fn close(container: &mut Container) {
    if container.pod_name.known().is_none() {
        lacks(&mut container.liveness_probe, Reason::NotApplicable);
        lacks(&mut container.readiness_probe, Reason::NotApplicable);
    }
    // Of Docker everything is known by now; podman keeps health checks in a database.
    if container.runtime.known().is_some_and(|runtime| &**runtime != "podman") {
        lacks(&mut container.healthcheck, Reason::NotApplicable);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{check, lookup, pending},
        *,
    };

    const POD: &str = r#"{"spec":{"containers":[
        {"name":"side","livenessProbe":{"exec":{"command":["no"]}}},
        {"name":"app","livenessProbe":{"exec":{"command":["cat","/tmp/a b"]}},
         "readinessProbe":{"httpGet":{"path":"/"}}}]}}"#;

    fn told(name: &str, applied: &str) -> Container {
        let mut container = pending(&lookup("/x", "x"));
        container.name = Fact::Known(name.into(), FactSource::Bundle);
        container.pod_name = Fact::Known("web".into(), FactSource::Bundle);
        let annotations = Words::from([(APPLIED.to_owned(), applied.to_owned())]);
        fill_of_pod(&mut container, &annotations, FactSource::Containerd);
        close(&mut container);
        container.give_up(Reason::NotInBundle);
        container
    }

    #[test]
    fn a_pods_probes_are_those_of_the_containers_name() {
        let app =
            ["liveness_probe = cat|/tmp/a b| (containerd)", "readiness_probe: not_applicable"];
        check(&told("app", POD), &app);
        let unknown = ["liveness_probe: not_in_bundle", "readiness_probe: not_in_bundle"];
        check(&told("other", POD), &unknown);
        check(&told("app", "{"), &unknown);
        let long = POD.replace("/tmp/a b", &"x".repeat(PROBE_BYTES));
        check(&told("app", &long), &["liveness_probe: too_large"]);
    }

    #[test]
    fn a_health_check_is_what_the_engine_runs() {
        #[track_caller]
        fn check_test(test: &[&str], shell: &[&str], expected: &str) {
            let words = |words: &[&str]| words.iter().map(|&it| it.into()).collect::<Vec<String>>();
            let mut container = pending(&lookup("/x", "x"));
            let (test, shell) = (words(test), words(shell));
            fill_healthcheck(&mut container, &test, &shell, FactSource::Docker);
            check(&container, &[expected]);
        }
        check_test(&["CMD", "/ok", "-v"], &[], "healthcheck = /ok|-v| (docker)");
        check_test(&["CMD-SHELL", "a | b"], &[], "healthcheck = /bin/sh|-c|a | b| (docker)");
        check_test(&["CMD-SHELL", "a"], &["bash", "-ec"], "healthcheck = bash|-ec|a| (docker)");
        check_test(&["NONE"], &[], "healthcheck =  (docker)");
        check_test(&[], &[], "healthcheck: not_applicable");
    }
}
