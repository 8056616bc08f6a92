//! The owners and modes of the files that say what runtimes and the kubelet do: who may write to
//! one has their rights, and who may read a key has its.

use std::collections::BTreeSet;

use super::{
    checks,
    docker::Docker,
    found::Found,
    kubelet::{self, Kubelet},
    processes::Processes,
    root::{Looked, Root, Stat},
};
use crate::{
    document::printable::terminal,
    limits::HOST_LINES,
    state::{Assessment, Check},
};

/// What of a mode is too much.
const OTHERS_WRITE: u32 = 0o022;
const OTHERS_READ: u32 = 0o077;

/// A check with the files that are usually there, and what they may not let others do.
struct Rule {
    check: &'static Check,
    paths: &'static [&'static str],
    too_much: u32,
}

const fn rule(check: &'static Check, paths: &'static [&'static str], too_much: u32) -> Rule {
    Rule { check, paths, too_much }
}

const RULES: [Rule; 14] = [
    rule(
        &checks::FILE_DOCKER_SERVICE,
        &["/etc/systemd/system/docker.service", "/usr/lib/systemd/system/docker.service"],
        OTHERS_WRITE,
    ),
    rule(
        &checks::FILE_DOCKER_SOCKET_UNIT,
        &["/etc/systemd/system/docker.socket", "/usr/lib/systemd/system/docker.socket"],
        OTHERS_WRITE,
    ),
    rule(&checks::FILE_ETC_DOCKER, &["/etc/docker"], OTHERS_WRITE),
    rule(&checks::FILE_REGISTRY_CERTS, &[], OTHERS_WRITE),
    rule(&checks::FILE_DOCKER_CERTS, &[], OTHERS_WRITE),
    rule(&checks::FILE_DOCKER_KEY, &[], OTHERS_READ),
    rule(&checks::FILE_DAEMON_JSON, &["/etc/docker/daemon.json"], OTHERS_WRITE),
    rule(&checks::FILE_DEFAULT_DOCKER, &["/etc/default/docker"], OTHERS_WRITE),
    rule(&checks::FILE_SYSCONFIG_DOCKER, &["/etc/sysconfig/docker"], OTHERS_WRITE),
    rule(
        &checks::FILE_KUBELET_SERVICE,
        &[
            "/etc/systemd/system/kubelet.service",
            "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
            "/usr/lib/systemd/system/kubelet.service",
            "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
        ],
        OTHERS_READ,
    ),
    rule(&checks::FILE_KUBECONFIG, &["/etc/kubernetes/kubelet.conf"], OTHERS_READ),
    rule(
        &checks::FILE_PROXY_KUBECONFIG,
        &[
            "/etc/kubernetes/kube-proxy.conf",
            "/etc/kubernetes/kube-proxy.kubeconfig",
            "/etc/kubernetes/proxy.conf",
            "/var/lib/kube-proxy/kubeconfig",
            "/var/lib/kube-proxy/kubeconfig.conf",
        ],
        OTHERS_READ,
    ),
    rule(&checks::FILE_CLIENT_CA, &["/etc/kubernetes/pki/ca.crt"], OTHERS_WRITE),
    rule(&checks::FILE_KUBELET_CONFIG, &[kubelet::FILE], OTHERS_READ),
];

/// Files of a check, by its id.
pub(super) type Files = Vec<(String, Looked<Vec<Stat>>)>;

/// Looks at them, where they are usually and where daemons were told that they are.
pub(super) fn read(
    root: &dyn Root,
    dockers: &[Docker],
    kubelet: Option<&Kubelet>,
    processes: &Looked<Processes>,
) -> Files {
    let of = |rule: &Rule| {
        let mut paths: BTreeSet<String> = rule.paths.iter().map(|it| (*it).to_owned()).collect();
        paths.extend(told(rule.check, dockers, kubelet, processes));
        if rule.check == &checks::FILE_REGISTRY_CERTS {
            paths.extend(certificates(root));
        }
        let found: Result<Vec<Option<Stat>>, String> =
            paths.iter().take(HOST_LINES).map(|path| root.stat(path)).collect();
        let found = found.map(|all| all.into_iter().flatten().collect::<Vec<_>>());
        (rule.check.id.to_owned(), found.map(|all| (!all.is_empty()).then_some(all)))
    };
    RULES.iter().map(of).collect()
}

fn told(
    check: &Check,
    dockers: &[Docker],
    kubelet: Option<&Kubelet>,
    processes: &Looked<Processes>,
) -> Vec<String> {
    let of_docker = |key: &str, flag: &str| {
        let value = |it: &Docker| it.value(key, flag).ok().flatten();
        dockers.iter().filter_map(value).collect::<Vec<_>>()
    };
    let running = processes.as_ref().ok().and_then(Option::as_ref);
    match check {
        it if it == &checks::FILE_DOCKER_CERTS => {
            [of_docker("tlscacert", "--tlscacert"), of_docker("tlscert", "--tlscert")].concat()
        }
        it if it == &checks::FILE_DOCKER_KEY => of_docker("tlskey", "--tlskey"),
        it if it == &checks::FILE_DAEMON_JSON => {
            let file = |it: &Docker| it.arguments.last(&["--config-file"]).map(str::to_owned);
            dockers.iter().filter_map(file).collect()
        }
        it if it == &checks::FILE_KUBECONFIG => {
            let all = running.iter().flat_map(|it| it.of("kubelet"));
            all.filter_map(|it| it.arguments.last(&["--kubeconfig"]).map(str::to_owned)).collect()
        }
        it if it == &checks::FILE_PROXY_KUBECONFIG => {
            // What is said within a container is a path there.
            let all = running.iter().flat_map(|it| it.of("kube-proxy")).filter(|it| !it.is_inside);
            all.filter_map(|it| it.arguments.last(&["--kubeconfig"]).map(str::to_owned)).collect()
        }
        it if it == &checks::FILE_CLIENT_CA => {
            kubelet.and_then(Kubelet::authorities).map(str::to_owned).into_iter().collect()
        }
        it if it == &checks::FILE_KUBELET_CONFIG => {
            kubelet.and_then(|it| it.file.clone()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Those of registries: a directory for each.
fn certificates(root: &dyn Root) -> Vec<String> {
    const ALL: &str = "/etc/docker/certs.d";
    let names = |path: &str| root.names(path).ok().flatten().unwrap_or_default();
    let of = |registry: &String| {
        let folder = format!("{ALL}/{registry}");
        names(&folder).into_iter().map(move |name| format!("{folder}/{name}"))
    };
    names(ALL).iter().flat_map(of).take(HOST_LINES).collect()
}

/// What of that is not as it should be.
pub(super) fn judge(files: &Files) -> Vec<Assessment> {
    let of = |rule: &Rule| {
        let found = files.iter().find(|(id, _)| id == rule.check.id).map(|(_, found)| found);
        let found = match found {
            None | Some(Ok(None)) => Found::not_applicable("there is no such file here"),
            Some(Err(why)) => Found::Unknown(why.clone()),
            Some(Ok(Some(all))) => {
                let wrong: Vec<String> =
                    all.iter().filter_map(|it| wrong(it, rule.too_much)).collect();
                Found::list(&wrong, Vec::new())
            }
        };
        found.of(rule.check)
    };
    RULES.iter().map(of).collect()
}

fn wrong(file: &Stat, too_much: u32) -> Option<String> {
    let is_wrong = (file.uid, file.gid) != (0, 0) || file.mode & too_much != 0;
    let path = terminal(file.path.as_bytes());
    is_wrong.then(|| format!("{path} (mode {:o}, owner {}:{})", file.mode, file.uid, file.gid))
}
