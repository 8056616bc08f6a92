//! The programs of the host that run containers, by what they say they were built of, and by the
//! package that brought them.

use std::collections::BTreeMap;

use monitor_inventory::{Inventory, Kind, Package, go::STANDARD_LIBRARY, lifecycle::Verdict};

use super::Support;

/// Names of programs, the module that each is of, and the product whose support counts.
const PROGRAMS: [(&str, &str, &str); 13] = [
    ("buildkitd", "github.com/moby/buildkit", ""),
    ("containerd", "github.com/containerd/containerd", "containerd"),
    ("containerd-shim-runc-v2", "github.com/containerd/containerd", "containerd"),
    ("conmon", "", ""),
    ("cri-dockerd", "github.com/Mirantis/cri-dockerd", ""),
    ("crio", "github.com/cri-o/cri-o", ""),
    ("crun", "", ""),
    ("dockerd", "github.com/docker/docker", "docker"),
    ("kubelet", "k8s.io/kubernetes", "kubernetes"),
    ("netavark", "", ""),
    ("podman", "github.com/containers/podman", ""),
    ("runc", "github.com/opencontainers/runc", "runc"),
    ("runsc", "gvisor.dev/gvisor", ""),
];

/// Where plugins for networks are.
const PLUGINS: [&str; 3] = ["/opt/cni/bin/", "/usr/lib/cni/", "/usr/libexec/cni/"];
const PLUGIN_MODULE: &str = "github.com/containernetworking/plugins";

/// A program, or a package, that runs containers.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// What it is called.
    pub name: String,
    /// Its version, as it says itself or else its package; empty where neither does.
    pub version: String,
    /// The Go that built it.
    pub go: Option<String>,
    /// Where it is; empty where only its package is known.
    pub path: String,
    /// The package of the operating system that it is of, with its version.
    pub package: Option<String>,
    /// What its makers say; a distribution can support it for longer.
    pub upstream: Verdict,
}

/// Those that are there, in the order of their paths.
#[must_use]
pub fn of(inventory: &Inventory, support: &Support) -> Vec<Runtime> {
    let mut programs: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in inventory.packages.iter().filter(|it| it.kind == Kind::Go) {
        programs.entry(&package.path).or_default().push(package);
    }
    let of_os =
        |name: &str| inventory.packages.iter().find(|it| it.kind.is_of_os() && &*it.name == name);
    let mut found: Vec<Runtime> = Vec::new();
    for (path, packages) in programs {
        let name = path.rsplit('/').next().unwrap_or_default();
        let known = PROGRAMS.iter().find(|(known, ..)| *known == name);
        let is_plugin = PLUGINS.iter().any(|place| path.starts_with(place));
        let (module, product) = match known {
            Some((_, module, product)) => (*module, *product),
            None if is_plugin => (PLUGIN_MODULE, ""),
            None => continue,
        };
        let owner = packages.iter().find_map(|it| it.brought_by.as_deref()).and_then(of_os);
        // Its own module, or one of a later major version: `…/v2`.
        let is_own = |it: &&&Package| {
            let rest = it.name.strip_prefix(module);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
        };
        let own = packages.iter().find(is_own).map(|it| it.version.to_string());
        let own = own.filter(|version| !version.is_empty());
        let go = packages.iter().find(|it| &*it.name == STANDARD_LIBRARY);
        let version = own.or_else(|| owner.map(|it| upstream(&it.version))).unwrap_or_default();
        found.push(Runtime {
            name: name.to_owned(),
            upstream: support.product(product, &version),
            version,
            go: go.map(|it| it.version.to_string()),
            path: path.to_owned(),
            package: owner.map(|it| format!("{} {}", it.name, it.version)),
        });
    }
    // Those that say nothing of themselves are known by their packages.
    for (name, _, product) in PROGRAMS {
        let is_there = found.iter().any(|it| it.name == name);
        if let Some(package) = of_os(name).filter(|_| !is_there) {
            let version = upstream(&package.version);
            found.push(Runtime {
                name: name.to_owned(),
                upstream: support.product(product, &version),
                version,
                go: None,
                path: String::new(),
                package: Some(format!("{} {}", package.name, package.version)),
            });
        }
    }
    found
}

/// The version of the makers in that of a package: without epoch and revision.
fn upstream(version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    version.rsplit_once('-').map_or(version, |(version, _)| version).to_owned()
}

#[cfg(test)]
mod tests {
    use monitor_inventory::lifecycle::{DateMap, State, Table, Tier};

    use super::*;

    fn package(kind: Kind, name: &str, version: &str, path: &str, by: Option<&str>) -> Package {
        Package {
            kind,
            name: name.into(),
            version: version.into(),
            source: None,
            architecture: None,
            licence: None,
            module: None,
            path: path.into(),
            brought_by: by.map(Into::into),
        }
    }

    #[test]
    fn what_a_program_says_of_itself_counts_before_its_package() {
        let (runc, kubelet) = ("/usr/bin/runc", "/usr/local/bin/kubelet");
        let module = "github.com/opencontainers/runc";
        let packages = vec![
            package(Kind::Dpkg, "crun", "1.8.1-1+deb12u1", "/var/lib/dpkg/status", None),
            package(Kind::Dpkg, "runc", "1:1.1.5+ds1-1", "/var/lib/dpkg/status", None),
            package(Kind::Go, module, "", runc, Some("runc")),
            package(Kind::Go, STANDARD_LIBRARY, "1.19.8", runc, Some("runc")),
            package(Kind::Go, "k8s.io/kubernetes", "v1.30.2", kubelet, None),
            package(Kind::Go, "k8s.io/kubernetes", "v1.2.3", "/usr/bin/other", None),
        ];
        let inventory = Inventory { packages, ..Inventory::default() };
        let support = Support::new(Table::embedded(), DateMap::default(), Tier::Lts);
        let found = of(&inventory, &support);
        let told: Vec<_> = found.iter().map(|it| (&*it.name, &*it.version)).collect();
        assert_eq!(told, [("runc", "1.1.5+ds1"), ("kubelet", "v1.30.2"), ("crun", "1.8.1")]);
        let [runc, kubelet, _] = &found[..] else { panic!() };
        assert_eq!(runc.go.as_deref(), Some("1.19.8"));
        assert_eq!(runc.package.as_deref(), Some("runc 1:1.1.5+ds1-1"));
        assert_eq!((runc.upstream.state, kubelet.upstream.state), (State::Eol, State::Eol));
    }
}
