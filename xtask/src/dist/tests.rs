use std::path::Path;

use super::*;

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

/// A block of text as it stands in another file, where it may be indented.
fn unindented(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[track_caller]
fn assert_holds(file: &str, block: &str) {
    let (all, block) = (unindented(&text(file)), unindented(block));
    let holds = all.windows(block.len()).any(|window| window == block);
    assert!(holds, "{file} lacks\n{}", block.join("\n"));
}

/// The lines from one that starts so to the last before another one.
fn between(text: &str, start: &str, end: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with(start));
    let lines = lines.take_while(|line| !line.trim_start().starts_with(end));
    lines.collect::<Vec<_>>().join("\n")
}

const CHART: &str = "deploy/helm/runmon/templates/daemonset.yaml";
const VALUES: &str = "deploy/helm/runmon/values.yaml";

/// The shipped rules as files, and those of the site.
const RULE_PATHS: &str = "rules: [/usr/share/runmon/rules, /etc/runmon/rules.d]";

#[test]
fn manifests_name_the_image_that_is_handed_out() {
    let (repository, tag) = IMAGE.split_once(':').unwrap();
    assert_holds("deploy/kubernetes/base/daemonset.yaml", &format!("image: {IMAGE}"));
    assert_holds(VALUES, &format!("repository: {repository}\ntag: {tag}"));
    for overlay in ["privileged", "least-privilege"] {
        let file = format!("deploy/kubernetes/overlays/{overlay}/kustomization.yaml");
        assert_holds(&file, &format!("- name: {repository}\nnewTag: {tag}"));
    }
}

#[test]
fn the_chart_has_the_version_that_is_handed_out() {
    let chart = "deploy/helm/runmon/Chart.yaml";
    assert_holds(chart, &format!("version: {VERSION}\nappVersion: \"{VERSION}\""));
}

#[test]
fn the_chart_has_the_configuration_and_the_rules_of_the_base() {
    assert_holds(VALUES, &text("deploy/kubernetes/base/config.yaml"));
    assert_holds(VALUES, &text("deploy/kubernetes/base/rules/site.yaml"));
    assert_holds("deploy/debian/config.yaml", RULE_PATHS);
    assert_holds("deploy/kubernetes/base/config.yaml", RULE_PATHS);
    assert!(RULE_PATHS.contains(RULES));
}

#[test]
fn the_chart_asks_for_what_the_overlays_ask_for() {
    let least = text("deploy/kubernetes/overlays/least-privilege/security.yaml");
    assert_holds(CHART, &between(&least, "privileged: false", "end of the file"));
    let base = text("deploy/kubernetes/base/daemonset.yaml");
    for line in base.lines().map(str::trim).filter(|line| line.starts_with("mountPath: ")) {
        // Those of runtimes are values.
        let file = if line.ends_with("/run/containerd") { VALUES } else { CHART };
        assert!(text(file).contains(line.trim_start_matches("mountPath: ")), "{file}: {line}");
    }
}

#[test]
fn the_unit_has_the_capabilities_of_the_least_privileged_pod() {
    let least = text("deploy/kubernetes/overlays/least-privilege/security.yaml");
    let listed = between(&least, "add:", "end of the file");
    let mut pod: Vec<String> = listed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .map(|line| format!("CAP_{}", line.split(' ').next().unwrap()))
        .collect();
    let service = text("deploy/systemd/runmon.service");
    let bounds = service.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let mut unit: Vec<String> = bounds.flat_map(|it| it.split(' ')).map(str::to_owned).collect();
    pod.sort();
    unit.sort();
    assert_eq!(pod, unit);
}
