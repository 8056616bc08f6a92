//! What the kubelet was told: its command line counts over its file. Where both are silent, it is
//! as the kubelet has it, which is safer where it has a file.

use serde_json::Value;

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

/// Where its file is with most installers.
pub(super) const FILE: &str = "/var/lib/kubelet/config.yaml";

/// What is kept of it.
const KEYS: [&str; 15] = [
    "authentication.anonymous.enabled",
    "authentication.x509.clientCAFile",
    "authorization.mode",
    "eventRecordQPS",
    "featureGates.RotateKubeletServerCertificate",
    "makeIPTablesUtilChains",
    "podPidsLimit",
    "protectKernelDefaults",
    "readOnlyPort",
    "rotateCertificates",
    "seccompDefault",
    "serverTLSBootstrap",
    "streamingConnectionIdleTimeout",
    "tlsCertFile",
    "tlsCipherSuites",
];

/// Programs that have a kubelet within them.
const AROUND: [&str; 4] = ["k3s", "k0s", "kubelite", "rke2"];

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kubelet {
    /// Its process; without one its command line is not known.
    pub pid: Option<u32>,
    /// Its command line.
    pub arguments: Arguments,
    /// The path of its file; None where it has none.
    pub file: Option<String>,
    /// What the file says, or why that is not known.
    pub settings: Result<Settings, String>,
    /// The name of the program that it is within.
    pub within: Option<String>,
}

/// Reads; None where there is none.
pub(super) fn read(root: &dyn Root, processes: &Looked<Processes>) -> Option<Kubelet> {
    let running = processes.as_ref().ok().and_then(Option::as_ref);
    let found = |pid, arguments: &Arguments, file: Option<&str>, within| {
        let more = arguments.last(&["--config-dir"]).is_some();
        let settings = match file {
            _ if more => Err("its settings are in a directory of files".to_owned()),
            Some(file) => settings(root, file),
            None => Ok(Settings::new()),
        };
        let file = file.map(str::to_owned);
        Some(Kubelet { pid, arguments: arguments.clone(), file, settings, within })
    };
    if let Some(it) = running.and_then(|it| it.of("kubelet").next()) {
        return found(Some(it.pid), &it.arguments, it.arguments.last(&["--config"]), None);
    }
    let around = AROUND.iter().find_map(|name| running?.of(name).next());
    let none = Arguments::default();
    match around {
        Some(it) => found(Some(it.pid), &none, None, Some(it.program.clone())),
        None if root.has(FILE) => found(None, &none, Some(FILE), None),
        None => None,
    }
}

fn settings(root: &dyn Root, file: &str) -> Result<Settings, String> {
    let shown = || terminal(file.as_bytes()).into_owned();
    let text = root.text(file)?.ok_or_else(|| format!("{} is not there", shown()))?;
    let value: Value = serde_saphyr::from_str(&text)
        .map_err(|_error| format!("{} is no YAML that can be read", shown()))?;
    Ok(chosen(&value, &KEYS))
}

impl Kubelet {
    /// What a setting is; None where nothing sets it.
    fn value(&self, key: &str, flag: &str) -> Result<Option<&str>, String> {
        if let Some(name) = &self.within {
            return Err(format!("it is within {name}, whose settings are not looked at"));
        }
        if self.pid.is_none() {
            return Err("it does not run: what its command line says is not known".to_owned());
        }
        if let Some(told) = self.arguments.last(&[flag]) {
            return Ok(Some(told));
        }
        let settings = self.settings.as_ref().map_err(Clone::clone)?;
        Ok(settings.get(key).map(String::as_str))
    }

    /// The file of the authorities whose certificates it takes.
    pub(super) fn authorities(&self) -> Option<&str> {
        self.value("authentication.x509.clientCAFile", "--client-ca-file").ok().flatten()
    }
}

/// A value, or that there is none, and whether it has a file.
type Wrong = fn(Option<&str>, bool) -> Option<String>;

/// Each check with its setting in the file and on the command line.
const RULES: [(&Check, &str, &str, Wrong); 15] = [
    (
        &checks::KUBELET_ANONYMOUS,
        "authentication.anonymous.enabled",
        "--anonymous-auth",
        |it, has| {
            let is_on = it.map_or(!has, |it| it == "true");
            is_on.then(|| "who does not say who they are is let in".to_owned())
        },
    ),
    (&checks::KUBELET_AUTHORIZATION, "authorization.mode", "--authorization-mode", |it, has| {
        let mode = it.unwrap_or(if has { "Webhook" } else { "AlwaysAllow" });
        mode.split(',').any(|it| it == "AlwaysAllow").then(|| format!("its mode is {mode}"))
    }),
    (
        &checks::KUBELET_CLIENT_CA,
        "authentication.x509.clientCAFile",
        "--client-ca-file",
        |it, _| it.is_none_or(str::is_empty).then(|| "no client CA is set".to_owned()),
    ),
    (&checks::KUBELET_READ_ONLY, "readOnlyPort", "--read-only-port", |it, has| {
        let port = it.unwrap_or(if has { "0" } else { "10255" });
        (port != "0").then(|| format!("port {port}"))
    }),
    (
        &checks::KUBELET_IDLE,
        "streamingConnectionIdleTimeout",
        "--streaming-connection-idle-timeout",
        |it, _| {
            let is_never = it.is_some_and(|it| it.trim_end_matches(['s', 'm', 'h']) == "0");
            is_never.then(|| "idle streams are never closed".to_owned())
        },
    ),
    (
        &checks::KUBELET_IPTABLES,
        "makeIPTablesUtilChains",
        "--make-iptables-util-chains",
        |it, _| (it == Some("false")).then(|| "makeIPTablesUtilChains is false".to_owned()),
    ),
    // No file sets it.
    (&checks::KUBELET_HOSTNAME, "", "--hostname-override", |it, _| {
        it.map(|it| format!("hostname-override is {it}"))
    }),
    (&checks::KUBELET_EVENTS, "eventRecordQPS", "--event-qps", |it, _| {
        // None: 50 a second; zero: all.
        let few = it.filter(|it| it.parse::<i64>().is_ok_and(|it| it < 5 && it != 0));
        few.map(|it| format!("eventRecordQPS is {it}"))
    }),
    (&checks::KUBELET_TLS, "tlsCertFile", "--tls-cert-file", |it, _| {
        it.is_none_or(str::is_empty).then(|| "its certificate is one that it made".to_owned())
    }),
    (&checks::KUBELET_ROTATE, "rotateCertificates", "--rotate-certificates", |it, _| {
        (it != Some("true")).then(|| "rotateCertificates is off".to_owned())
    }),
    (
        &checks::KUBELET_ROTATE_SERVER,
        "featureGates.RotateKubeletServerCertificate",
        "--feature-gates",
        |it, _| {
            let is_off = it.is_some_and(|it| {
                it == "false" || it.contains("RotateKubeletServerCertificate=false")
            });
            is_off.then(|| "RotateKubeletServerCertificate is off".to_owned())
        },
    ),
    (&checks::KUBELET_CIPHERS, "tlsCipherSuites", "--tls-cipher-suites", |it, _| match it {
        None => Some("tlsCipherSuites is not set".to_owned()),
        Some(list) => {
            let is_weak = |it: &&str| !STRONG.contains(&it.trim());
            let weak: Vec<&str> = list.split(',').filter(is_weak).collect();
            (!weak.is_empty()).then(|| weak.join(", "))
        }
    }),
    (&checks::KUBELET_PIDS, "podPidsLimit", "--pod-max-pids", |it, _| {
        let is_set = it.and_then(|it| it.parse::<i64>().ok()).is_some_and(|it| it > 0);
        (!is_set).then(|| "podPidsLimit is not set".to_owned())
    }),
    (&checks::KUBELET_SECCOMP, "seccompDefault", "--seccomp-default", |it, _| {
        (it != Some("true")).then(|| "seccompDefault is off".to_owned())
    }),
    (&checks::KUBELET_KERNEL, "protectKernelDefaults", "--protect-kernel-defaults", |it, _| {
        (it != Some("true")).then(|| "protectKernelDefaults is off".to_owned())
    }),
];

/// Suites of ciphers that are strong, those of TLS 1.3 too.
const STRONG: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
];

/// What of that is not as it should be.
pub(super) fn judge(kubelet: Option<&Kubelet>) -> Vec<Assessment> {
    let of = |(check, key, flag, wrong): &(&'static Check, &str, &str, Wrong)| {
        let Some(it) = kubelet else {
            return Found::not_applicable("there is no kubelet here").of(check);
        };
        let found = match it.value(key, flag) {
            Err(why) => Found::Unknown(why),
            Ok(value) => Found::bad(wrong(value, it.file.is_some()).map(|text| {
                let evidence = it.pid.iter().map(|pid| ("pid", pid.to_string()));
                (terminal(text.as_bytes()).into_owned(), evidence.collect())
            })),
        };
        found.of(check)
    };
    RULES.iter().map(of).collect()
}
