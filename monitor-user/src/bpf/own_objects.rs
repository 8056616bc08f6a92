//! Says to the programs which programs, maps and links are the monitor's own, so that whoever takes
//! hold of one is told from who only lists what there is.

use std::{collections::BTreeSet, fs, path::Path};

use aya::maps::{HashMap, MapData};
use monitor_common::{limits, settings};

use super::{BpfError, filter::gone, object::refused_map};

/// What the kernel says of a descriptor of such an object, and the command of bpf(2) that reaches
/// it by that number.
const NUMBERS: [(&str, u64); 3] = [("prog_id:", 13), ("map_id:", MAP), ("link_id:", 30)];
const MAP: u64 = 14;

/// Where the kernel says it of the descriptors of this process.
const DESCRIPTORS: &str = "/proc/self/fdinfo";

/// What the programs were told.
#[derive(Debug, Default)]
pub(super) struct OwnObjects {
    told: BTreeSet<u64>,
}

impl OwnObjects {
    /// Whether the map has what was told, and nothing else; if not, what it has counts as told.
    pub(super) fn is_told(&mut self, map: &mut aya::maps::Map) -> Result<bool, BpfError> {
        let refused = refused_map(settings::OWN_OBJECTS);
        let found: BTreeSet<u64> = own(map)?.keys().collect::<Result<_, _>>().map_err(&refused)?;
        let is_told = found == self.told;
        self.told = found;
        Ok(is_told)
    }

    /// Tells of those that this process holds by now, and no longer of those that are gone.
    pub(super) fn tell(&mut self, map: &mut aya::maps::Map) -> Result<(), BpfError> {
        let refused = refused_map(settings::OWN_OBJECTS);
        let mut own = own(map)?;
        let held = held(Path::new(DESCRIPTORS));
        for key in self.told.difference(&held) {
            gone(own.remove(key)).map_err(&refused)?;
        }
        for key in held.difference(&self.told) {
            own.insert(key, 1, 0).map_err(&refused)?;
        }
        self.told = held;
        Ok(())
    }
}

/// The number of some map that this process holds.
pub(super) fn own_map() -> Option<u32> {
    texts(Path::new(DESCRIPTORS)).find_map(|text| {
        let key = keys(&text).find(|key| key >> 32 == MAP)?;
        u32::try_from(key & u64::from(u32::MAX)).ok()
    })
}

fn own(map: &mut aya::maps::Map) -> Result<HashMap<&mut MapData, u64, u8>, BpfError> {
    map.try_into().map_err(refused_map(settings::OWN_OBJECTS))
}

/// The keys of the objects that a process holds descriptors of, as many as there is room for.
fn held(descriptors: &Path) -> BTreeSet<u64> {
    let mut keys: BTreeSet<u64> =
        texts(descriptors).flat_map(|text| keys(&text).collect::<Vec<_>>()).collect();
    while keys.len() > limits::OWN_OBJECTS as usize {
        let left_out = keys.pop_last();
        tracing::warn!(?left_out, "no room to know this BPF object as the monitor's own");
    }
    keys
}

/// What the kernel says of each descriptor.
fn texts(descriptors: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(descriptors).into_iter().flatten().flatten();
    // One that was closed meanwhile is none.
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok())
}

/// The keys that the text on one descriptor names: a link's has its program too.
fn keys(text: &str) -> impl Iterator<Item = u64> {
    text.lines().filter_map(|line| {
        let (name, command) = NUMBERS.iter().find(|(name, _)| line.starts_with(name))?;
        let id: u32 = line.get(name.len()..)?.trim().parse().ok()?;
        (id != 0).then_some(command << 32 | u64::from(id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_their_descriptors() {
        let keys = |text| keys(text).collect::<Vec<_>>();
        let map = "pos:\t0\nflags:\t02000002\nmap_type:\t27\nmax_entries:\t4096\nmap_id:\t7\n";
        assert_eq!(keys(map), [14 << 32 | 7]);
        let link = "link_type:\ttracing\nlink_id:\t3\nprog_tag:\t01\nprog_id:\t65537\nx:\t1\n";
        assert_eq!(keys(link), [30 << 32 | 3, 13 << 32 | 65537]);
        assert!(keys("pos:\t0\nmap_id:\nprog_id:\t0\nlink_id:\tx\nmap_id:\t-1\n").is_empty());
    }

    #[test]
    fn a_process_without_such_descriptors_holds_none() {
        assert!(held(Path::new("/nowhere/at/all")).is_empty());
        assert_eq!(own_map(), None);
    }
}
