//! Which system calls the processes of each cgroup made, by name.

use aya::maps::{HashMap, Map, MapData};
use monitor_common::{
    counter,
    limits::{SYSCALL_MARKS, SYSCALL_NARROW, SYSCALL_NUMBERS},
    settings,
};
use syscalls::Sysno;

use super::BpfError;
use crate::{profile::NARROW_CALLS, raw_event::CgroupKey};

type Marks = [u8; SYSCALL_MARKS];

/// Reader of the marks.
pub struct Syscalls {
    marks: HashMap<MapData, u64, Marks>,
    /// What was told already; as many as the map has.
    told: std::collections::HashMap<u64, Marks, ahash::RandomState>,
}

/// What a cgroup calls: names, with a space between.
pub type Calls = (CgroupKey, String);

impl Syscalls {
    pub(super) fn new(marks: Map) -> Result<Self, BpfError> {
        let name = settings::SYSCALLS;
        let refused = |source| BpfError::Map { name, source: Box::new(source) };
        let told = std::collections::HashMap::default();
        Ok(Self { marks: HashMap::try_from(marks).map_err(refused)?, told })
    }

    /// What is new since this was asked last, or all.
    pub(super) fn take(&mut self, all: bool) -> Vec<Calls> {
        if all {
            self.told.clear();
        }
        let mut new = Vec::new();
        for (key, marks) in self.marks.iter().flatten() {
            let told = self.told.entry(key).or_insert([0; SYSCALL_MARKS]);
            let names: Vec<String> = (0..)
                .zip(marks.iter().zip(told.iter()))
                .filter(|(_, (mark, told))| **mark != 0 && **told == 0)
                .filter_map(|(number, _)| name(number))
                .collect();
            *told = marks;
            if !names.is_empty() {
                let (id, hierarchy) = counter::loss_cgroup(key);
                new.push((CgroupKey { hierarchy, id }, names.join(" ")));
            }
        }
        new
    }
}

/// Number of the mount namespace of process 1, or else our own; 0 where neither is told.
pub(super) fn host_mounts() -> u32 {
    let number = |process: &str| {
        let link = std::fs::read_link(format!("/proc/{process}/ns/mnt")).ok()?;
        link.to_str()?.strip_prefix("mnt:[")?.strip_suffix(']')?.parse().ok()
    };
    ["1", "self"].into_iter().find_map(number).unwrap_or_default()
}

/// The name of a mark; of a call that this program does not know yet its number.
fn name(number: usize) -> Option<String> {
    match number {
        0..SYSCALL_NUMBERS => {
            let known = Sysno::new(number).map(|call| call.name().to_owned());
            Some(known.unwrap_or_else(|| format!("syscall_{number}")))
        }
        SYSCALL_NARROW => Some(NARROW_CALLS.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_the_names_of_this_machine() {
        let number = |call: nix::libc::c_long| usize::try_from(call).unwrap();
        for (call, expected) in [
            (nix::libc::SYS_openat, "openat"),
            (nix::libc::SYS_execve, "execve"),
            (nix::libc::SYS_unshare, "unshare"),
            (nix::libc::SYS_clone3, "clone3"),
        ] {
            assert_eq!(name(number(call)).as_deref(), Some(expected));
        }
        assert_eq!(name(511).as_deref(), Some("syscall_511"));
        assert_eq!(name(SYSCALL_NARROW).as_deref(), Some(NARROW_CALLS));
        assert_eq!(name(SYSCALL_NARROW + 1), None);
    }
}
