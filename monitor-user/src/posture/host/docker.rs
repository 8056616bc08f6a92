//! What Docker's daemon was told, by its command line and by `daemon.json`: where both are silent,
//! it is as Docker has it by default. It does not start where both say the same setting.

use std::collections::BTreeSet;

use super::{
    checks,
    found::Found,
    processes::Processes,
    root::{Looked, Root},
    settings::{Arguments, Settings, chosen},
};
use crate::{
    document::printable::terminal,
    state::{Assessment, Check},
};

/// Where its file is, unless it is told otherwise.
const FILE: &str = "/etc/docker/daemon.json";

/// What is kept of it.
const KEYS: [&str; 25] = [
    "authorization-plugins",
    "cgroup-parent",
    "data-root",
    "default-ulimits",
    "experimental",
    "hosts",
    "icc",
    "insecure-registries",
    "iptables",
    "live-restore",
    "log-driver",
    "log-level",
    "no-new-privileges",
    "seccomp-profile",
    "storage-driver",
    "storage-opts",
    "tls",
    "tlscacert",
    "tlscert",
    "tlskey",
    "tlsverify",
    "userland-proxy",
    "userns-remap",
    "debug",
    "selinux-enabled",
];

/// The ports of its API.
const API: [u16; 2] = [2375, 2376];

/// A daemon, or what is installed of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Docker {
    /// Its process; without one its command line is not known.
    pub pid: Option<u32>,
    /// Its command line.
    pub arguments: Arguments,
    /// What its file says.
    pub settings: Result<Settings, String>,
    /// The ports of its API at which it waits for others.
    pub listens: Vec<String>,
}

/// Those that are here.
pub(super) fn read(root: &dyn Root, processes: &Looked<Processes>) -> Vec<Docker> {
    let running = processes.as_ref().ok().and_then(Option::as_ref);
    let of = |pid, arguments: &Arguments, listens| {
        let file = arguments.last(&["--config-file"]).unwrap_or(FILE);
        Docker { pid, arguments: arguments.clone(), settings: settings(root, file), listens }
    };
    let found: Vec<Docker> = running
        .iter()
        .flat_map(|it| it.of("dockerd"))
        .map(|it| {
            let api = it.listens.iter().filter(|(_, port)| API.contains(port));
            let listens = api.map(|(address, port)| format!("{address}:{port}")).collect();
            of(Some(it.pid), &it.arguments, listens)
        })
        .collect();
    let places = ["usr/bin/dockerd", "usr/sbin/dockerd", "usr/local/bin/dockerd", FILE];
    if found.is_empty() && places.iter().any(|path| root.has(path)) {
        return vec![of(None, &Arguments::default(), Vec::new())];
    }
    found
}

fn settings(root: &dyn Root, file: &str) -> Result<Settings, String> {
    let Some(text) = root.text(file)? else { return Ok(Settings::new()) };
    let value = serde_json::from_str(&text)
        .map_err(|error| format!("{} is no JSON: {error}", terminal(file.as_bytes())))?;
    Ok(chosen(&value, &KEYS))
}

impl Docker {
    /// What a setting is; None where nothing sets it.
    pub(super) fn value(&self, key: &str, flag: &str) -> Result<Option<String>, String> {
        let told = match SWITCHES.contains(&key) {
            true => self.arguments.switch(flag).map(|it| it.to_string()),
            // It is said once for each option.
            false if key == "storage-opts" => {
                let all = self.arguments.all(&[flag]).collect::<Vec<_>>().join(",");
                Some(all).filter(|it| !it.is_empty())
            }
            false => self.arguments.last(&[flag]).map(str::to_owned),
        };
        if told.is_some() {
            return Ok(told);
        }
        let settings = self.settings.as_ref().map_err(Clone::clone)?;
        match (settings.get(key), self.pid) {
            (Some(value), _) => Ok(Some(value.clone())),
            (None, Some(_)) => Ok(None),
            (None, None) => Err(NOT_RUNNING.to_owned()),
        }
    }

    /// Where it was told to wait for others.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        let told = self.arguments.all(&["-H", "--host"]).map(str::to_owned);
        let short = self.arguments.0.iter().filter_map(|it| it.strip_prefix("-H"));
        let short = short.filter(|it| it.contains("://")).map(|it| it.trim_start_matches('='));
        let settings = self.settings.as_ref().ok().and_then(|it| it.get("hosts"));
        let settings = settings.iter().flat_map(|it| it.split(',')).map(str::to_owned);
        told.chain(short.map(str::to_owned)).chain(settings).collect()
    }

    fn evidence(&self) -> Vec<(&'static str, String)> {
        self.pid.iter().map(|pid| ("pid", pid.to_string())).collect()
    }
}

const NOT_RUNNING: &str =
    "its file does not say so, and it does not run: what its command line says is not known";

/// Settings that are on or off.
const SWITCHES: [&str; 11] = [
    "debug",
    "experimental",
    "icc",
    "iptables",
    "live-restore",
    "no-new-privileges",
    "selinux-enabled",
    "tls",
    "tlsverify",
    "userland-proxy",
    "ip-masq",
];

/// What is wrong about a value, or about there being none.
type Wrong = fn(Option<&str>) -> Option<String>;

/// Each check with its setting in the file and on the command line.
const RULES: [(&Check, &str, &str, Wrong); 16] = [
    (&checks::DOCKER_CGROUP, "cgroup-parent", "--cgroup-parent", |it| {
        it.filter(|it| !it.is_empty()).map(|it| format!("cgroup-parent is {it}"))
    }),
    (&checks::DOCKER_BASE_SIZE, "storage-opts", "--storage-opt", |it| {
        let mut options = it.unwrap_or_default().split(',');
        options.find(|it| it.trim().starts_with("dm.basesize")).map(str::to_owned)
    }),
    (&checks::DOCKER_ICC, "icc", "--icc", |it| unless(it, "false", "icc is on")),
    (&checks::DOCKER_LOG_LEVEL, "log-level", "--log-level", |it| {
        it.filter(|it| !["info", ""].contains(it)).map(|it| format!("log-level is {it}"))
    }),
    (&checks::DOCKER_IPTABLES, "iptables", "--iptables", |it| only(it, "false", "iptables is off")),
    (&checks::DOCKER_INSECURE, "insecure-registries", "--insecure-registry", |it| {
        it.filter(|it| !it.is_empty()).map(str::to_owned)
    }),
    (&checks::DOCKER_STORAGE, "storage-driver", "--storage-driver", |it| {
        only(it, "aufs", "storage-driver is aufs")
    }),
    (&checks::DOCKER_ULIMITS, "default-ulimits", "--default-ulimit", |it| {
        it.is_none().then(|| "default-ulimits is not set".to_owned())
    }),
    (&checks::DOCKER_USERNS, "userns-remap", "--userns-remap", |it| {
        it.is_none_or(str::is_empty).then(|| "userns-remap is not set".to_owned())
    }),
    (&checks::DOCKER_AUTHORIZATION, "authorization-plugins", "--authorization-plugin", |it| {
        it.is_none_or(str::is_empty).then(|| "no plugin authorizes what clients ask".to_owned())
    }),
    (&checks::DOCKER_LOGS, "log-driver", "--log-driver", |it| {
        let driver = it.unwrap_or("json-file");
        let stays = ["json-file", "local", "none"].contains(&driver);
        stays.then(|| format!("log-driver is {driver}"))
    }),
    (&checks::DOCKER_PRIVILEGES, "no-new-privileges", "--no-new-privileges", |it| {
        unless(it, "true", "no-new-privileges is off")
    }),
    (&checks::DOCKER_LIVE_RESTORE, "live-restore", "--live-restore", |it| {
        unless(it, "true", "live-restore is off")
    }),
    (&checks::DOCKER_PROXY, "userland-proxy", "--userland-proxy", |it| {
        unless(it, "false", "userland-proxy is on")
    }),
    (&checks::DOCKER_SECCOMP, "seccomp-profile", "--seccomp-profile", |it| {
        only(it, "unconfined", "seccomp-profile is unconfined")
    }),
    (&checks::DOCKER_EXPERIMENTAL, "experimental", "--experimental", |it| {
        only(it, "true", "experimental is on")
    }),
];

fn unless(value: Option<&str>, good: &str, wrong: &str) -> Option<String> {
    (value != Some(good)).then(|| wrong.to_owned())
}

fn only(value: Option<&str>, bad: &str, wrong: &str) -> Option<String> {
    (value == Some(bad)).then(|| wrong.to_owned())
}

/// What of that is not as it should be; `rootless` is one that a user runs who is not root.
pub(super) fn judge(all: &[Docker], rootless: Option<u32>) -> Vec<Assessment> {
    let rules = RULES.iter().map(|(check, key, flag, wrong)| {
        worst(all, |it| match it.value(key, flag) {
            Err(why) => Found::Unknown(why),
            Ok(value) => Found::bad(
                wrong(value.as_deref())
                    .map(|text| (terminal(text.as_bytes()).into_owned(), it.evidence())),
            ),
        })
        .of(check)
    });
    rules.chain([worst(all, tcp).of(&checks::DOCKER_TCP), root(all, rootless)]).collect()
}

/// Whether root runs it.
fn root(all: &[Docker], rootless: Option<u32>) -> Assessment {
    let found = match rootless {
        Some(_) if all.iter().all(|it| it.pid.is_none()) => Found::Good,
        _ => worst(all, |it| match it.pid {
            Some(_) => Found::Bad("dockerd runs as user 0".to_owned(), it.evidence()),
            None => Found::Unknown("it does not run".to_owned()),
        }),
    };
    found.of(&checks::DOCKER_ROOT)
}

/// What is found of several: what is wrong with one is.
fn worst(all: &[Docker], find: impl Fn(&Docker) -> Found) -> Found {
    let mut found: Vec<Found> = all.iter().map(find).collect();
    let at = |wanted: fn(&Found) -> bool| found.iter().position(wanted);
    let place = at(|it| matches!(it, Found::Bad(..)))
        .or_else(|| at(|it| matches!(it, Found::Unknown(_))))
        .unwrap_or(0);
    match found.is_empty() {
        true => Found::not_applicable("there is no Docker here"),
        false => found.swap_remove(place),
    }
}

/// Whether others than this host's can command it, without a certificate of theirs.
fn tcp(docker: &Docker) -> Found {
    let told = docker.hosts().into_iter().filter(|it| it.starts_with("tcp://"));
    let hosts: Vec<String> = told.chain(docker.listens.iter().cloned()).collect();
    let verifies = docker.value("tlsverify", "--tlsverify").map(|it| it.as_deref() == Some("true"));
    match (hosts.is_empty(), verifies) {
        (true, _) if docker.pid.is_none() || docker.settings.is_err() => {
            let why = docker.settings.as_ref().err().map_or(NOT_RUNNING, String::as_str);
            Found::Unknown(why.to_owned())
        }
        (true, _) | (false, Ok(true)) => Found::Good,
        (false, Ok(false) | Err(_)) => {
            let hosts = hosts.join(", ");
            let hosts = terminal(hosts.as_bytes());
            Found::Bad(format!("{hosts}, without tlsverify"), docker.evidence())
        }
    }
}
