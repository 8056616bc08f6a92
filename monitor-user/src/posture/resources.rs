//! The limits that hold for a cgroup: the least on the way from it to the root, in both versions.

use serde::{Deserialize, Serialize};

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A limit, or why it is not known. None: there is none.
pub(super) type Limit = Result<Option<u64>, String>;

/// The limits of a container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Limit,
    /// Thousandths of a processor.
    pub cpu: Limit,
    /// Tasks.
    pub pids: Limit,
}

/// Where a controller is, and its files there.
struct Controller {
    root: PathBuf,
    is_first_version: bool,
}

impl Limits {
    /// Those of a cgroup.
    #[must_use]
    pub fn read(cgroup: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let of = |name: &str, read: fn(&Controller, &Path) -> Option<Option<u64>>| {
            let controller = controller(&mounts, name);
            let controller = controller.ok_or_else(|| format!("no cgroup has `{name}`"))?;
            least(&controller, cgroup, read).ok_or_else(|| format!("its cgroup shows no `{name}`"))
        };
        Self {
            memory: of("memory", memory),
            cpu: of("cpu", cpu),
            pids: of("pids", |_, directory| number(directory, "pids.max")),
        }
    }
}

/// Version 1 has a hierarchy of its own for a controller; else it is version 2's.
fn controller(mounts: &str, name: &str) -> Option<Controller> {
    let find = |wanted: &str| {
        mounts.lines().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, root, kind, options, ..] = words.as_slice() else { return None };
            let is_it = *kind == wanted
                && (wanted == "cgroup2" || options.split(',').any(|option| option == name));
            is_it.then(|| PathBuf::from(root))
        })
    };
    let first = find("cgroup").map(|root| Controller { root, is_first_version: true });
    first.or_else(|| Some(Controller { root: find("cgroup2")?, is_first_version: false }))
}

/// The least of a cgroup and those above it. None where its own cannot be read.
fn least(
    controller: &Controller,
    cgroup: &str,
    read: fn(&Controller, &Path) -> Option<Option<u64>>,
) -> Option<Option<u64>> {
    let own = controller.root.join(cgroup.trim_start_matches('/'));
    let mut least = read(controller, &own)?;
    let above = own.ancestors().skip(1).take_while(|it| it.starts_with(&controller.root));
    for limit in above.filter_map(|directory| read(controller, directory)?) {
        least = Some(least.map_or(limit, |known| known.min(limit)));
    }
    Some(least)
}

fn memory(controller: &Controller, directory: &Path) -> Option<Option<u64>> {
    /// What version 1 says where there is no limit is this much, in whole pages.
    const UNLIMITED: u64 = 1 << 62;
    if !controller.is_first_version {
        return number(directory, "memory.max");
    }
    let limit = number(directory, "memory.limit_in_bytes")?;
    Some(limit.filter(|limit| *limit < UNLIMITED))
}

fn cpu(controller: &Controller, directory: &Path) -> Option<Option<u64>> {
    let read = |file: &str| fs::read_to_string(directory.join(file)).ok();
    let (quota, period) = if controller.is_first_version {
        (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
    } else {
        let text = read("cpu.max")?;
        let (quota, period) = text.trim().split_once(' ')?;
        (quota.to_owned(), period.to_owned())
    };
    let period: u64 = period.trim().parse().ok()?;
    // `max` and -1 are none.
    let quota = quota.trim().parse::<u64>().ok();
    Some(quota.and_then(|quota| quota.saturating_mul(1000).checked_div(period)))
}

/// A number, or `max` for none.
fn number(directory: &Path, file: &str) -> Option<Option<u64>> {
    let text = fs::read_to_string(directory.join(file)).ok()?;
    match text.trim() {
        "max" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::folder::Folder;

    fn written(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new(name);
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_least_on_the_way_counts_in_version_two() {
        let folder = written(
            "limits-v2",
            &[
                ("a/memory.max", "4096\n"),
                ("a/b/memory.max", "max\n"),
                ("a/b/cpu.max", "50000 100000\n"),
                ("a/cpu.max", "max 100000\n"),
                ("a/b/pids.max", "7\n"),
            ],
        );
        let second = Controller { root: folder.path().to_owned(), is_first_version: false };
        assert_eq!(least(&second, "/a/b", memory), Some(Some(4096)));
        assert_eq!(least(&second, "/a/b", cpu), Some(Some(500)));
        assert_eq!(least(&second, "/a", cpu), Some(None));
        assert_eq!(least(&second, "/a/c", memory), None);
    }

    #[test]
    fn version_one_has_large_numbers_for_none() {
        let folder = written(
            "limits-v1",
            &[
                ("b/memory.limit_in_bytes", "9223372036854771712\n"),
                ("b/cpu.cfs_quota_us", "-1\n"),
                ("b/cpu.cfs_period_us", "100000\n"),
            ],
        );
        let first = Controller { root: folder.path().to_owned(), is_first_version: true };
        assert_eq!(least(&first, "/b", memory), Some(None));
        assert_eq!(least(&first, "/b", cpu), Some(None));
    }

    #[test]
    fn a_controller_of_version_one_goes_first() {
        let mounts = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
        let of = |name: &str| controller(mounts, name).map(|it| it.root);
        assert_eq!(of("memory"), Some("/sys/fs/cgroup/memory".into()));
        assert_eq!(of("pids"), Some("/sys/fs/cgroup/unified".into()));
    }
}
