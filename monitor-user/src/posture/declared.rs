//! What a container was declared to be: `config.json` of its bundle, as far as its processes can be
//! compared with it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::devices::{self, Device, Made, Rule};
use crate::{
    container::limits::Limits, limits::RUNTIME_FILE_BYTES, reach::Reach, words::CAPABILITIES,
};

/// The declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Declared {
    /// User, in the container's own user namespace; so are groups.
    pub uid: u32,
    /// All groups.
    pub gids: Vec<u32>,
    /// Every capability that a program of it can come to have.
    pub capabilities: u64,
    /// Its programs gain no privileges.
    pub no_new_privs: bool,
    /// It is under seccomp.
    pub seccomp: bool,
    /// Name of its AppArmor profile.
    pub apparmor: Option<String>,
    /// Its root is read-only.
    pub readonly_root: bool,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Where the runtime mounts something of its own: over paths that it hides or protects, and
    /// devices.
    pub covered: Vec<String>,
    /// The devices that it may use; None: that is not known.
    pub devices: Option<Vec<Device>>,
    /// Its namespaces, as `/proc/PID/ns` names them, with the one that it joins, if it does.
    pub namespaces: Vec<(String, Option<String>)>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Thousandths of a processor.
    pub cpu: Option<u64>,
    /// Tasks.
    pub pids: Option<u64>,
}

/// A mount that was declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Mount {
    /// Where, without a slash at its end.
    pub destination: String,
    /// It cannot be written to.
    pub is_readonly: bool,
    /// What is mounted below its source is there, too.
    pub is_recursive: bool,
    /// It stands for the hierarchies of cgroups, of which each is mounted below it in version 1.
    pub is_cgroup: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    process: Process,
    root: Root,
    mounts: Vec<MountEntry>,
    linux: Linux,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Process {
    user: User,
    capabilities: Capabilities,
    no_new_privileges: bool,
    apparmor_profile: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct User {
    uid: u32,
    gid: u32,
    additional_gids: Vec<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
    effective: Vec<String>,
    permitted: Vec<String>,
    ambient: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Root {
    readonly: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MountEntry {
    destination: String,
    #[serde(rename = "type")]
    kind: String,
    options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Linux {
    namespaces: Vec<Namespace>,
    resources: Resources,
    devices: Vec<Made>,
    seccomp: Option<serde::de::IgnoredAny>,
    masked_paths: Vec<String>,
    readonly_paths: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
    path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    #[serde(flatten)]
    limits: Limits,
    devices: Vec<Rule>,
}

/// Reads it; an error says why it is not known.
///
/// # Errors
///
/// The bundle is gone, cannot be read, or is none.
pub fn read(reach: &dyn Reach, bundle: &Path) -> Result<Declared, String> {
    let path = bundle.join("config.json");
    let text = crate::input::read_text_by(reach, &path, RUNTIME_FILE_BYTES)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads its text.
///
/// # Errors
///
/// It is not as the OCI's specification has it.
pub fn parse(text: &str) -> Result<Declared, serde_json::Error> {
    let Spec { process, root, mounts, linux } = serde_json::from_str(text)?;
    let Capabilities { bounding, effective, permitted, ambient } = &process.capabilities;
    let bit = |name: &String| CAPABILITIES.iter().position(|known| known == name);
    let all = [bounding, effective, permitted, ambient].into_iter().flatten().filter_map(bit);
    let Resources { limits, devices: rules } = linux.resources;
    let may_use = devices::declared(&rules, &linux.devices);
    let devices = linux.devices.into_iter().map(|device| device.path);
    let gids = std::iter::once(process.user.gid).chain(process.user.additional_gids).collect();
    Ok(Declared {
        uid: process.user.uid,
        gids,
        capabilities: all.fold(0, |set, bit| set | 1 << bit),
        no_new_privs: process.no_new_privileges,
        seccomp: linux.seccomp.is_some(),
        apparmor: Some(process.apparmor_profile).filter(|it| !it.is_empty() && it != "unconfined"),
        readonly_root: root.readonly,
        mounts: mounts.iter().map(MountEntry::mount).collect(),
        covered: linux
            .masked_paths
            .into_iter()
            .chain(linux.readonly_paths)
            .chain(devices)
            .map(|path| plain(&path))
            .collect(),
        devices: Some(may_use),
        namespaces: linux.namespaces.into_iter().map(Namespace::named).collect(),
        memory: limits.memory(),
        cpu: limits.cpu(),
        pids: limits.pids(),
    })
}

/// A path without what does not change it.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|it| !it.is_empty() && *it != ".").collect();
    format!("/{}", parts.join("/"))
}

impl MountEntry {
    fn mount(&self) -> Mount {
        let has = |word: &str| self.options.iter().any(|option| option == word);
        Mount {
            destination: plain(&self.destination),
            is_readonly: (has("ro") || has("rro")) && !has("rw"),
            is_recursive: has("rbind") || self.kind == "cgroup",
            is_cgroup: self.kind == "cgroup",
        }
    }
}

impl Namespace {
    fn named(self) -> (String, Option<String>) {
        let name = match &*self.kind {
            "network" => "net",
            "mount" => "mnt",
            other => other,
        };
        (name.to_owned(), Some(self.path).filter(|path| !path.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_compared_is_read() {
        let text = r#"{
            "process": {"user": {"uid": 7, "gid": 8, "additionalGids": [9]},
                "capabilities": {"bounding": ["CAP_CHOWN", "CAP_NEW"], "ambient": ["CAP_KILL"]},
                "noNewPrivileges": true, "apparmorProfile": "docker-default"},
            "root": {"readonly": true},
            "mounts": [
                {"destination": "/proc", "type": "proc"},
                {"destination": "/data//x/", "type": "bind", "options": ["rbind", "ro"]},
                {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]}],
            "linux": {"namespaces": [{"type": "network", "path": "/proc/9/ns/net"},
                    {"type": "mount"}],
                "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
                "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}],
                "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
                "resources": {"devices": [{"allow": false, "access": "rwm"}],
                    "memory": {"limit": 4096}, "pids": {"limit": -1},
                    "cpu": {"quota": 50000, "period": 100000}}}}"#;
        let mount = |destination: &str, is_readonly, is_recursive| Mount {
            destination: destination.to_owned(),
            is_readonly,
            is_recursive,
            is_cgroup: destination.ends_with("cgroup"),
        };
        assert_eq!(
            parse(text).unwrap(),
            Declared {
                uid: 7,
                gids: vec![8, 9],
                capabilities: 1 | 1 << 5,
                no_new_privs: true,
                seccomp: true,
                apparmor: Some("docker-default".to_owned()),
                readonly_root: true,
                mounts: vec![
                    mount("/proc", false, false),
                    mount("/data/x", true, true),
                    mount("/sys/fs/cgroup", true, true),
                ],
                covered: ["/proc/kcore", "/proc/sys", "/dev/fuse"].map(str::to_owned).into(),
                devices: Some(vec![Device {
                    sort: 'c',
                    major: Some(10),
                    minor: Some(229),
                    path: Some("/dev/fuse".to_owned()),
                }]),
                namespaces: vec![
                    ("net".to_owned(), Some("/proc/9/ns/net".to_owned())),
                    ("mnt".to_owned(), None),
                ],
                memory: Some(4096),
                cpu: Some(500),
                pids: None,
            }
        );
    }

    #[test]
    fn what_is_not_said_is_not_granted() {
        let none = parse("{}").unwrap();
        assert_eq!((none.uid, none.capabilities, none.memory), (0, 0, None));
        assert!(parse("[").is_err());
    }
}
