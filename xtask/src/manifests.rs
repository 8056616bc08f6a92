//! `cargo xtask manifests`: renders what a cluster would be given, into target/manifests, and
//! validates it strictly against the schemas of every version of Kubernetes that is supported.
//!
//! The tools are installed into target/tools, each once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{read, run as start};
use crate::prometheus;
use crate::setup::{self, Step};
use crate::workspace::{Workspace, find_program};

mod monitors;
mod rollout;
mod same;

/// Minor versions of Kubernetes 1.
const VERSIONS: std::ops::RangeInclusive<u32> = 28..=37;

/// Kustomizations, below deploy/kubernetes.
const KUSTOMIZATIONS: &[&str] = &[
    "base",
    "overlays/privileged",
    "overlays/least-privilege",
    "examples/canary/stable",
    "examples/canary/canary",
];

/// Overlays that are rendered once more with every component.
const OVERLAYS: &[&str] = &["privileged", "least-privilege"];

/// Values of the chart that are rendered, by name.
const RELEASES: &[(&str, &[&str])] = &[
    ("default", &[]),
    ("least", &["--set=security=least"]),
    ("kubernetes-api", &["--set=kubernetesApi.enabled=true"]),
    ("kubernetes-services", &["--set=kubernetesApi.enabled=true,kubernetesApi.services=true"]),
    ("metrics", &["--set=metrics.enabled=true,metrics.serviceMonitor.enabled=true"]),
    (
        "everything",
        &[
            "--set=security=least,seLinuxType=spc_t",
            "--set=namespace.create=true,namespace.name=elsewhere",
            "--set-json=runtimeDirectories=[\"/run/containerd\",\"/run/k3s/containerd\"]",
            "--set-json=nodeSelector={\"runmon/ring\":\"canary\"}",
            "--set-json=podAnnotations={\"example.org/owner\":\"security\"}",
            "--set-json=imagePullSecrets=[{\"name\":\"registry\"}]",
            "--set=metrics.enabled=true,metrics.port=9754,livenessProbe=true",
            "--set=metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.interval=30s",
            "--set=metrics.serviceMonitor.labels.release=prometheus",
            "--set=affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution=null",
        ],
    ),
];

/// What an overlay renders must be what the chart renders with these values.
const SAME: &[(&str, &str)] = &[
    ("overlays-privileged", "chart-default"),
    ("overlays-least-privilege", "chart-least"),
    ("components-metrics", "chart-metrics"),
    ("components-kubernetes-api", "chart-kubernetes-api"),
    ("components-kubernetes-services", "chart-kubernetes-services"),
];

/// Components that are rendered together with the default overlay besides, by what the rendering is
/// called.
const TOGETHER: &[(&str, &[&str])] = &[
    ("metrics", &["metrics", "servicemonitor"]),
    ("kubernetes-api", &["kubernetes-api"]),
    ("kubernetes-services", &["kubernetes-api", "kubernetes-services"]),
];

/// A module of the Go proxy that is a program.
struct GoTool {
    name: &'static str,
    package: &'static str,
    version: &'static str,
}

const HELM: GoTool =
    GoTool { name: "helm", package: "helm.sh/helm/v3/cmd/helm", version: "v3.22.0" };

const KUSTOMIZE: GoTool =
    GoTool { name: "kustomize", package: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.7.1" };

/// Of the Python Package Index; it brings the schemas.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// Renders and validates.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = Tools { root: workspace.target().join("tools") };
    let steps: Vec<_> = tools.steps().into_iter().chain([prometheus::step(workspace)]).collect();
    setup::carry_out(workspace, "manifests", &steps)?;
    prometheus::check_rules(workspace)?;
    let out = workspace.target().join("manifests");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot clear {}", out.display()))?;
    }
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let kubernetes = workspace.root.join("deploy/kubernetes");
    let mut files = Vec::new();
    for path in KUSTOMIZATIONS {
        files.push(tools.build(&kubernetes.join(path), &out, &path.replace('/', "-"))?);
    }
    for overlay in OVERLAYS {
        let all = with_components(&kubernetes, overlay, &all_components(&kubernetes)?, &out)?;
        files.push(tools.build(&all, &out, &format!("components-{overlay}"))?);
    }
    for (name, components) in TOGETHER {
        let components = components.iter().map(|it| component(&kubernetes, it)).collect::<Vec<_>>();
        let some = with_components(&kubernetes, "privileged", &components, &out)?;
        files.push(tools.build(&some, &out, &format!("components-{name}"))?);
    }
    println!("manifests: rendered {} kustomizations", files.len());
    let chart = workspace.root.join("deploy/helm/runmon");
    start(Command::new(tools.helm()).args(["lint", "--strict", "--quiet"]).arg(&chart))?;
    for minor in VERSIONS {
        let mut rendered = files.clone();
        for (name, values) in RELEASES {
            rendered.push(tools.template(&chart, &out, name, values, minor)?);
        }
        let known = rendered.iter().map(|path| tools.take_monitors_out(path));
        tools.validate(&known.collect::<Result<Vec<_>>>()?, minor)?;
        println!("manifests: {} files are valid for Kubernetes 1.{minor}", rendered.len());
    }
    let load = |name: &str| tools.load(&out.join(format!("{name}.yaml")));
    for (overlay, release) in SAME {
        same::check(&load(overlay)?, &load(release)?)
            .with_context(|| format!("{overlay} and {release} differ"))?;
        println!("manifests: {overlay} and {release} are the same objects");
    }
    tools.check_rollouts(&kubernetes, &chart, &out)
}

fn component(kubernetes: &Path, name: &str) -> PathBuf {
    kubernetes.join("components").join(name)
}

fn all_components(kubernetes: &Path) -> Result<Vec<PathBuf>> {
    let mut components = Vec::new();
    for entry in fs::read_dir(kubernetes.join("components"))? {
        components.push(entry?.path());
    }
    components.sort();
    Ok(components)
}

/// Writes a kustomization of an overlay with components; where it is.
fn with_components(
    kubernetes: &Path,
    overlay: &str,
    components: &[PathBuf],
    out: &Path,
) -> Result<PathBuf> {
    // Kustomize takes relative paths only.
    let depth = out.components().count() + 1;
    let up = "../".repeat(depth - 1);
    let relative =
        |path: &Path| format!("{up}{}", path.display().to_string().trim_start_matches('/'));
    let mut text = "kind: Kustomization\nresources:\n".to_owned();
    text.push_str(&format!("  - {}\n", relative(&kubernetes.join("overlays").join(overlay))));
    text.push_str("components:\n");
    for component in components {
        text.push_str(&format!("  - {}\n", relative(component)));
    }
    let dir = out.join(overlay);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("kustomization.yaml"), text).context("cannot write a kustomization")?;
    Ok(dir)
}

/// The tools, and where they are.
struct Tools {
    root: PathBuf,
}

impl Tools {
    fn steps(&self) -> Vec<Step<'_>> {
        vec![self.go(&HELM), self.go(&KUSTOMIZE), self.python()]
    }

    fn go(&self, tool: &'static GoTool) -> Step<'_> {
        Step {
            name: format!("{} {}, with Go", tool.name, tool.version),
            is_done: Box::new(|| self.program(tool).exists()),
            make: Box::new(|log| {
                ensure!(
                    find_program("go").is_some(),
                    "there is no Go here; install it, in a version that {} {} takes",
                    tool.name,
                    tool.version
                );
                let mut go = Command::new("go");
                go.arg("install").arg(format!("{}@{}", tool.package, tool.version));
                go.env("GOBIN", self.folder(tool)).current_dir(&self.root);
                fs::create_dir_all(&self.root)?;
                log.run(&mut go, "is the proxy of Go modules reachable, and is Go recent enough?")
            }),
        }
    }

    fn python(&self) -> Step<'_> {
        Step {
            name: VALIDATOR.to_owned(),
            is_done: Box::new(|| self.validator().exists()),
            make: Box::new(|log| {
                let venv = self.venv();
                let mut make = Command::new("python3");
                make.args(["-m", "venv", "--clear"]).arg(&venv);
                log.run(&mut make, "Debian has it in python3-venv")?;
                let mut pip = Command::new(venv.join("bin/pip"));
                let pip = pip.args(["install", "--quiet", VALIDATOR]);
                log.run(pip, "is the Python Package Index reachable?")
            }),
        }
    }

    fn folder(&self, tool: &GoTool) -> PathBuf {
        self.root.join(format!("{}-{}", tool.name, tool.version))
    }

    fn program(&self, tool: &GoTool) -> PathBuf {
        self.folder(tool).join(tool.name)
    }

    fn helm(&self) -> PathBuf {
        self.program(&HELM)
    }

    fn venv(&self) -> PathBuf {
        self.root.join(VALIDATOR.replace("==", "-"))
    }

    fn validator(&self) -> PathBuf {
        self.venv().join("bin/kubernetes-validate")
    }

    /// Renders a kustomization.
    fn build(&self, from: &Path, out: &Path, name: &str) -> Result<PathBuf> {
        let text = read(Command::new(self.program(&KUSTOMIZE)).arg("build").arg(from))?;
        write(out, name, &text)
    }

    /// Renders the chart.
    fn template(
        &self,
        chart: &Path,
        out: &Path,
        name: &str,
        values: &[&str],
        minor: u32,
    ) -> Result<PathBuf> {
        let mut helm = Command::new(self.helm());
        helm.args(["template", "runmon"]).arg(chart).args(["--namespace", "runmon"]);
        helm.arg(format!("--kube-version=1.{minor}.0")).args(values);
        write(out, &format!("chart-{name}"), &read(&mut helm)?)
    }

    fn validate(&self, files: &[PathBuf], minor: u32) -> Result<()> {
        let mut validate = Command::new(self.validator());
        validate.args(["--strict", "--quiet", "--kubernetes-version", &format!("1.{minor}")]);
        start(validate.args(files))
            .with_context(|| format!("for Kubernetes 1.{minor}: the findings are above"))
    }

    /// Where what Kubernetes' own schemas know of a rendering is; the rest is checked.
    fn take_monitors_out(&self, path: &Path) -> Result<PathBuf> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        if !text.contains("ServiceMonitor") {
            return Ok(path.to_owned());
        }
        monitors::take_out(path.to_owned(), &self.load(path)?)
    }

    /// Looks what changes of rules and of the configuration do to pods.
    fn check_rollouts(&self, kubernetes: &Path, chart: &Path, out: &Path) -> Result<()> {
        let load = |path: Result<PathBuf>| self.load(&path?);
        let copies = rollout::changed(kubernetes, out)?;
        for path in KUSTOMIZATIONS.iter().filter(|path| path.starts_with("overlays/")) {
            let build = |from: &Path| load(self.build(&from.join(path), out, "changed"));
            let [rules, configuration] = &copies;
            rollout::check(&build(kubernetes)?, &build(rules)?, &build(configuration)?)
                .with_context(|| (*path).to_owned())?;
        }
        rollout::remove(&copies)?;
        let minor = *VERSIONS.end();
        let template = |values| load(self.template(chart, out, "changed", values, minor));
        let [rules, configuration] = rollout::CHART;
        rollout::check(&template(&[])?, &template(rules)?, &template(configuration)?)
            .context("the chart")?;
        println!("manifests: other rules leave pods as they are, another configuration does not");
        Ok(())
    }

    /// The objects of a file.
    fn load(&self, path: &Path) -> Result<Vec<Value>> {
        const TO_JSON: &str = "\
import json, sys, yaml
print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
        let mut python = Command::new(self.venv().join("bin/python"));
        let text = read(python.args(["-c", TO_JSON]).arg(path))?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }
}

fn write(out: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = out.join(format!("{name}.yaml"));
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
