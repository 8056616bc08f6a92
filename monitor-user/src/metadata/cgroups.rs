//! The cgroups that were there before the monitor.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    enrich::cgroup_path,
    limits::{CGROUPS, CGROUPS_OF_ONE},
    raw_event::CgroupKey,
};

/// v1 controllers whose hierarchy can name containers, best first.
const CONTROLLERS: [&str; 4] = ["pids", "memory", "cpu", "freezer"];

/// A mounted cgroup hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its number; 0 is v2.
    pub number: u32,
    /// Where it is mounted.
    pub root: PathBuf,
}

/// The v1 controller that the kernel side looks at for processes that are in the v2 root.
#[must_use]
pub fn v1_controller() -> Option<&'static str> {
    let mounted = fs::read_to_string("/proc/cgroups").ok()?;
    CONTROLLERS.into_iter().find(|controller| {
        mounted.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(controller) && words.next().is_some_and(|number| number != "0")
        })
    })
}

/// The hierarchies that cgroup ids can be of: v2, and that of the chosen v1 controller.
#[must_use]
pub fn hierarchies(controller: Option<&str>) -> Vec<Hierarchy> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let cgroups = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let mut found = Vec::new();
    for line in mounts.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, root, kind, options, ..] = words.as_slice() else { continue };
        let number = match (*kind, controller) {
            ("cgroup2", _) => Some(0),
            ("cgroup", Some(name)) if options.split(',').any(|option| option == name) => {
                hierarchy_number(&cgroups, name)
            }
            _ => None,
        };
        if let Some(number) = number
            && !found.iter().any(|known: &Hierarchy| known.number == number)
        {
            found.push(Hierarchy { number, root: PathBuf::from(root) });
        }
    }
    found
}

fn hierarchy_number(cgroups: &str, controller: &str) -> Option<u32> {
    cgroups.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(controller)).then(|| words.next()?.parse().ok())?
    })
}

/// Calls `each` with every cgroup of a hierarchy, outer ones first. What one container or user has
/// over its share is left out: it would keep us from the others. Returns whether nothing was.
pub fn walk(hierarchy: &Hierarchy, each: &mut dyn FnMut(CgroupKey, &str)) -> bool {
    // A cgroup can go while we walk.
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let cannot = |path: &str, error: &io::Error| {
        let root = hierarchy.root.display();
        tracing::warn!(%root, path, %error, "cannot look into a cgroup");
    };
    let mut is_whole = true;
    let mut waiting = vec![hierarchy.root.clone()];
    let mut seen = 0;
    let mut shares: HashMap<String, usize> = HashMap::new();
    while let Some(directory) = waiting.pop() {
        let path = path_in(&hierarchy.root, &directory);
        if let Some(owner) = cgroup_path::outermost(&path) {
            let share = shares.entry(owner.to_owned()).or_default();
            *share += 1;
            if *share > CGROUPS_OF_ONE {
                is_whole = false;
                continue;
            }
        }
        seen += 1;
        if seen > CGROUPS {
            return false;
        }
        let entries = fs::metadata(&directory).and_then(|metadata| {
            each(CgroupKey { hierarchy: hierarchy.number, id: metadata.ino() }, &path);
            fs::read_dir(&directory)
        });
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                if !is_gone(&error) {
                    cannot(&path, &error);
                    is_whole = false;
                }
                continue;
            }
        };
        let children = entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(children.map(|entry| entry.path()));
    }
    is_whole
}

/// Cgroups by id, for those that the kernel's records did not tell of.
pub struct CgroupTree {
    controller: Option<&'static str>,
    /// Those of the last walk: where one record was lost, more were.
    paths: HashMap<CgroupKey, String>,
}

impl CgroupTree {
    /// A tree that was not walked yet.
    #[must_use]
    pub fn new(controller: Option<&'static str>) -> Self {
        Self { controller, paths: HashMap::new() }
    }

    /// Whether a cgroup of this path is in some hierarchy now.
    #[must_use]
    pub fn is_there(&self, path: &str) -> bool {
        let below = path.trim_start_matches('/');
        hierarchies(self.controller).iter().any(|hierarchy| hierarchy.root.join(below).exists())
    }

    /// The cgroups that a process is in, in each hierarchy.
    #[must_use]
    pub fn of_process(&self, pid: i32) -> Vec<String> {
        let pid = pid.to_string();
        let mut found = Vec::new();
        for hierarchy in hierarchies(self.controller) {
            // `/proc/PID/cgroup` tells it from where this process's own namespace begins.
            let mut each = |_, path: &str| {
                let directory = hierarchy.root.join(path.trim_start_matches('/'));
                let processes = fs::read_to_string(directory.join("cgroup.procs"));
                if processes.is_ok_and(|pids| pids.lines().any(|line| line == pid)) {
                    found.push(path.to_owned());
                }
            };
            walk(&hierarchy, &mut each);
        }
        found
    }

    /// The path of a cgroup; None if it is gone.
    pub fn path(&mut self, key: CgroupKey) -> Option<String> {
        // It may be younger than the last walk.
        if !self.paths.contains_key(&key) {
            self.paths.clear();
            for hierarchy in hierarchies(self.controller) {
                let mut each = |key, path: &str| drop(self.paths.insert(key, path.to_owned()));
                walk(&hierarchy, &mut each);
            }
        }
        self.paths.get(&key).cloned()
    }
}

fn path_in(root: &Path, directory: &Path) -> String {
    let below = directory.strip_prefix(root).unwrap_or(directory);
    format!("/{}", below.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::folder::Folder;

    /// Directories stand for cgroups.
    #[test]
    fn a_walk_does_not_stay_in_one_container() {
        let folder = Folder::new("cgroups-walk");
        let [flooder, other] = ["ab", "cd"].map(|id| format!("/docker/{}", id.repeat(32)));
        let make = |path: &str| {
            std::fs::create_dir_all(folder.path().join(path.trim_start_matches('/'))).unwrap();
        };
        (0..=CGROUPS_OF_ONE).for_each(|number| make(&format!("{flooder}/{number}")));
        make(&other);
        let hierarchy = Hierarchy { number: 0, root: folder.path().to_owned() };
        let mut seen = Vec::new();
        assert!(!walk(&hierarchy, &mut |_, path| seen.push(path.to_owned())));
        assert_eq!(seen.iter().filter(|path| path.starts_with(&flooder)).count(), CGROUPS_OF_ONE);
        assert!(seen.contains(&other));
        std::fs::remove_dir_all(folder.path().join(flooder.trim_start_matches('/'))).unwrap();
        assert!(walk(&hierarchy, &mut |_, _| ()));
    }
}
