//! Which devices a container may use: as its cgroup shows it, which only version 1 does, or as it
//! was declared to.

use std::fs;

use serde::{Deserialize, Serialize};

use super::{assess::Said, mounts::Mounted, observed::Observed};

/// Sorts of devices, as the kernel writes them.
const ALL: char = 'a';
const BLOCK: char = 'b';
const CHARACTER: char = 'c';

/// Devices that may be read or written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Device {
    /// `b` is a block device, `c` one of characters, `a` any device.
    pub sort: char,
    /// The first of its numbers; None: each.
    pub major: Option<u32>,
    /// The other one.
    pub minor: Option<u32>,
    /// What it is called, if that is known.
    pub path: Option<String>,
}

/// Those that every container is given, or may be: null, zero, full, random, urandom, tty, console,
/// ptmx, terminals and tun, which older runtimes give to all.
const ORDINARY: [(u32, &[u32]); 4] = [
    (1, &[3, 5, 7, 8, 9]),
    (5, &[0, 1, 2]),
    (10, &[200]),
    // File systems in user space are mounted in its own user namespace, or not at all.
    (FUSE.0, &[FUSE.1]),
];
const TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;
const FUSE: (u32, u32) = (10, 229);

/// What these are called below `/dev`, and what else is there of which each container may have one.
const ORDINARY_NAMES: [&str; 12] = [
    "console", "full", "fuse", "log", "net/tun", "null", "ptmx", "pts", "random", "tty", "urandom",
    "zero",
];

/// Names of those that lead into memory, or to disks past their block devices.
const NAMES: [(u32, u32, &str); 8] = [
    (1, 1, "/dev/mem"),
    (1, 2, "/dev/kmem"),
    (1, 4, "/dev/port"),
    (1, 11, "/dev/kmsg"),
    (1, 12, "/dev/oldmem"),
    (10, 196, "/dev/vfio/vfio"),
    (10, 236, "/dev/mapper/control"),
    (10, 237, "/dev/loop-control"),
];

/// What `devices.list` of a cgroup says, but for devices that may only be made.
pub(super) fn listed(text: &str) -> Vec<Device> {
    let one = |line: &str| {
        let mut words = line.split(' ');
        let (sort, numbers, access) = (words.next()?, words.next()?, words.next()?);
        let (major, minor) = numbers.split_once(':')?;
        let sort = sort.chars().next()?;
        let (major, minor) = (major.parse().ok(), minor.parse().ok());
        access.contains(['r', 'w']).then_some(Device { sort, major, minor, path: None })
    };
    text.lines().filter_map(one).collect()
}

/// What the host calls them.
pub(super) fn named(mut devices: Vec<Device>) -> Vec<Device> {
    for device in &mut devices {
        let (Some(major), Some(minor)) = (device.major, device.minor) else { continue };
        let class = if device.sort == BLOCK { "block" } else { "char" };
        let link = fs::read_link(format!("/sys/dev/{class}/{major}:{minor}")).ok();
        let name = link.as_ref().and_then(|it| it.file_name()?.to_str());
        device.path = name.map(|name| format!("/dev/{}", name.replace('!', "/")));
    }
    devices
}

/// A rule of the declaration: what it allows, or takes away again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    allow: bool,
    #[serde(rename = "type")]
    sort: String,
    major: Option<i64>,
    minor: Option<i64>,
    access: String,
}

/// A device that the declaration has made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Made {
    pub(super) path: String,
    #[serde(rename = "type")]
    sort: String,
    major: i64,
    minor: i64,
}

/// The sort of a device; None of a pipe.
fn sort(word: &str) -> Option<char> {
    match word {
        "" | "a" => Some(ALL),
        "b" => Some(BLOCK),
        "c" | "u" => Some(CHARACTER),
        _ => None,
    }
}

/// What a declaration lets a container use.
pub(super) fn declared(rules: &[Rule], made: &[Made]) -> Vec<Device> {
    let number = |it: i64| u32::try_from(it).ok();
    let made: Vec<Device> = made
        .iter()
        .filter_map(|it| {
            let (major, minor, path) = (number(it.major), number(it.minor), it.path.clone());
            Some(Device { sort: sort(&it.sort)?, major, minor, path: Some(path) })
        })
        .collect();
    let is_same = |one: &Device, other: &Device| {
        (one.sort, one.major, one.minor) == (other.sort, other.major, other.minor)
    };
    let mut found: Vec<Device> = Vec::new();
    for rule in rules {
        let Some(sort) = sort(&rule.sort) else { continue };
        let (major, minor) = (rule.major.and_then(number), rule.minor.and_then(number));
        let mut device = Device { sort, major, minor, path: None };
        let has = |access| rule.access.is_empty() || rule.access.contains(access);
        if !rule.allow && has('r') && has('w') {
            found.retain(|it| sort != ALL && !is_same(it, &device));
        } else if rule.allow && (has('r') || has('w')) {
            device.path =
                made.iter().find(|it| is_same(it, &device)).and_then(|it| it.path.clone());
            found.push(device);
        }
    }
    for device in made {
        if !found.iter().any(|it| is_same(it, &device)) {
            found.push(device);
        }
    }
    found
}

impl Device {
    /// Whether it is any.
    pub(super) fn is_all(&self) -> bool {
        self.sort == ALL
    }

    fn is_ordinary(&self) -> bool {
        let Some(major) = self.major.filter(|_| self.sort == CHARACTER) else { return false };
        let has = |minors: &[u32]| self.minor.is_some_and(|minor| minors.contains(&minor));
        TERMINALS.contains(&major)
            || ORDINARY.iter().any(|(it, minors)| *it == major && has(minors))
    }

    fn is_fuse(&self) -> bool {
        (self.sort, self.major.zip(self.minor)) == (CHARACTER, Some(FUSE))
    }

    /// What it is called, and its numbers.
    fn shown(&self) -> String {
        let number = |it: Option<u32>| it.map_or_else(|| "*".to_owned(), |it| it.to_string());
        let numbers = format!("{} {}:{}", self.sort, number(self.major), number(self.minor));
        let is_it = |(major, minor, _): &&(u32, u32, &str)| {
            self.sort == CHARACTER && (self.major, self.minor) == (Some(*major), Some(*minor))
        };
        let known = || NAMES.iter().find(is_it).map(|(.., path)| *path);
        match self.path.as_deref().or_else(known) {
            Some(path) => format!("{path} ({numbers})"),
            None => numbers,
        }
    }
}

/// Devices that are told of at most.
const SHOWN: usize = 8;

/// Whether it was given devices of the host.
pub(super) fn judge(observed: &Observed, declared: Option<&[Device]>) -> Said {
    let kernel = observed.devices.as_deref();
    let devices = kernel.or(declared);
    if devices.is_some_and(|all| all.iter().any(Device::is_all)) {
        let who = if kernel.is_some() { "its cgroup may" } else { "it was declared to" };
        return Ok((true, format!("{who} use every device")));
    }
    let mounts = observed.mounts.as_ref().map_err(Clone::clone)?;
    let is_given = |it: &&Mounted| {
        let is_whole = it.at == "/dev";
        // Where the cgroup does not let it use a device it does not help to have its file.
        it.kind == "devtmpfs" && (is_whole || kernel.is_none() && !is_ordinary_file(it))
    };
    let shown = |it: &Mounted| {
        let from = it.on_host.as_ref().unwrap_or(&it.source);
        if it.at == *from { from.clone() } else { format!("{from} at {}", it.at) }
    };
    let given = devices.unwrap_or_default().iter().filter(|it| !it.is_ordinary());
    let mut all: Vec<String> = given.map(Device::shown).collect();
    all.extend(mounts.iter().filter(is_given).map(shown));
    if !all.is_empty() {
        let more = all.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        all.truncate(SHOWN);
        return Ok((true, format!("{}{more}", all.join(", "))));
    }
    match devices {
        None => Err("which devices a cgroup of version 2 may use is not shown, and what was \
                     declared is not known"
            .to_owned()),
        Some(all) if all.iter().any(Device::is_fuse) => {
            Ok((false, "it may use /dev/fuse".to_owned()))
        }
        Some(_) => Ok((false, String::new())),
    }
}

/// Whether what is mounted is the file of a device that each container may have.
fn is_ordinary_file(mount: &Mounted) -> bool {
    let from = mount.on_host.as_deref().unwrap_or(&mount.source);
    let name = from.strip_prefix("/dev/").or_else(|| from.strip_prefix('/')).unwrap_or(from);
    ORDINARY_NAMES.contains(&name) || name.starts_with("pts/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::compare::tests::{mounted, observed, process};

    /// What runc gives every container, in version 1.
    const USUAL: &str = "c 1:5 rwm\nb *:* m\nc *:* m\nc 1:3 rwm\nc 1:8 rwm\nc 1:7 rwm\nc 5:0 rwm\n\
                         c 1:9 rwm\nc 5:1 rwm\nc 136:* rwm\nc 5:2 rwm\nc 10:200 rwm\n";

    fn judged(list: Option<&str>, declared: Option<&[Device]>) -> Said {
        let mut seen = observed(vec![process(7, 1000)]);
        seen.devices = list.map(listed);
        judge(&seen, declared)
    }

    #[test]
    fn what_a_cgroup_lists_is_judged() {
        let with = |more: &str| judged(Some(&format!("{USUAL}{more}\n")), None).unwrap();
        assert_eq!(with(""), (false, String::new()));
        assert_eq!(with("c 10:229 rwm"), (false, "it may use /dev/fuse".to_owned()));
        for (more, text) in [
            ("b 254:0 rwm", "b 254:0"),
            ("b 8:* r", "b 8:*"),
            ("b *:* w", "b *:*"),
            ("c *:* rw", "c *:*"),
            ("c 1:* rw", "c 1:*"),
            ("c 1:1 r", "/dev/mem (c 1:1)"),
            ("c 1:2 r", "/dev/kmem (c 1:2)"),
            ("c 1:4 w", "/dev/port (c 1:4)"),
            ("c 1:11 r", "/dev/kmsg (c 1:11)"),
            ("c 21:0 rw", "c 21:0"),
            ("a *:* rwm", "its cgroup may use every device"),
        ] {
            assert_eq!(with(more), (true, text.to_owned()));
        }
        // What the kernel shows counts, whatever was declared.
        let disk = listed("b 8:0 rwm");
        assert_eq!(judged(Some(USUAL), Some(&disk)), Ok((false, String::new())));
    }

    #[test]
    fn what_was_declared_is_judged_where_nothing_is_shown() {
        let of = |rules: &str, made: &str| {
            let rules: Vec<Rule> = serde_json::from_str(rules).unwrap();
            let made: Vec<Made> = serde_json::from_str(made).unwrap();
            judged(None, Some(&super::declared(&rules, &made))).unwrap()
        };
        let none = r#"{"allow": false, "access": "rwm"}"#;
        let disk = r#"{"allow": true, "type": "b", "major": 254, "minor": 0, "access": "rwm"}"#;
        let made = r#"[{"path": "/dev/vda", "type": "b", "major": 254, "minor": 0}]"#;
        let given = (true, "/dev/vda (b 254:0)".to_owned());
        assert_eq!(of(&format!("[{none}]"), "[]"), (false, String::new()));
        assert_eq!(of(&format!("[{none}, {disk}]"), made), given);
        assert_eq!(of(&format!("[{none}]"), made), given);
        assert_eq!(of(&format!("[{disk}, {none}]"), "[]"), (false, String::new()));
        let less = r#"{"allow": false, "type": "b", "major": 254, "minor": 0, "access": "m"}"#;
        assert_eq!(of(&format!("[{none}, {disk}, {less}]"), made), given);
        let made_only = r#"[{"allow": true, "type": "b", "access": "m"}]"#;
        assert_eq!(of(made_only, "[]"), (false, String::new()));
        assert_eq!(
            of(r#"[{"allow": true, "access": "rwm"}]"#, "[]"),
            (true, "it was declared to use every device".to_owned())
        );
        let pipe = r#"[{"path": "/p", "type": "p"}]"#;
        assert_eq!(of(&format!("[{none}]"), pipe), (false, String::new()));
        assert!(judged(None, None).is_err());
    }

    #[test]
    fn files_of_devices_count_where_no_cgroup_keeps_them_shut() {
        let mut seen = observed(vec![process(7, 1000)]);
        let on_host = |path: &str| Some(path.to_owned());
        for (at, from) in [("/dev/null", "/dev/null"), ("/disk", "/dev/vda")] {
            let kind = "devtmpfs".to_owned();
            let mount = Mounted { kind, on_host: on_host(from), ..mounted(at, false) };
            seen.mounts.as_mut().unwrap().push(mount);
        }
        assert_eq!(judge(&seen, None), Ok((false, String::new())));
        seen.devices = None;
        let given = Ok((true, "/dev/vda at /disk".to_owned()));
        assert_eq!(judge(&seen, Some(&[])), given);
        assert_eq!(judge(&seen, None), given);
    }

    #[test]
    fn the_host_says_what_a_device_is_called() {
        let null = named(listed("c 1:3 rwm\nc 4:* rw\n"));
        assert_eq!(null[0].shown(), "/dev/null (c 1:3)");
        assert_eq!(null[1].shown(), "c 4:*");
    }
}
