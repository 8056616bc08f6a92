//! What the programs are told while they run, and whether it is still that: a map can be written to
//! by whoever gets hold of it, and programs that ask for nothing see nothing.

use std::collections::BTreeMap;

use aya::maps::{Array, MapData};
use monitor_common::{call::CallWords, limits, settings};

use super::{Object, array, refused_map};
use crate::{
    bpf::{BpfError, calls::program_table, env_wanted, filter::FilterState},
    env::EnvKeys,
    rules::filter::KernelFilter,
};

/// What was last told.
#[derive(Debug, Default)]
pub(super) struct Kept {
    filter: FilterState,
    own_pids: Option<[u32; limits::SELF_PIDS]>,
    env_wanted: Option<[[u64; 2]; limits::ENV_KEYS]>,
    /// What each system call does, by its place.
    calls: BTreeMap<u32, CallWords>,
    /// Maps that another has written to, and that are as they were again.
    put_right: Vec<&'static str>,
}

impl Object {
    /// Tells of the kinds that are asked for, and of the system calls that are looked at for them.
    pub(super) fn tell_wanted(&mut self) -> Result<(), BpfError> {
        let (bits, places) = self.wanted();
        let mut wanted: Array<&mut MapData, u64> = array(&mut self.ebpf, settings::WANTED)?;
        wanted.set(0, bits, 0).map_err(refused_map(settings::WANTED))?;
        let mut table: Array<&mut MapData, [u8; limits::CALL_NUMBERS]> =
            array(&mut self.ebpf, settings::CALL_TABLE)?;
        table.set(0, places, 0).map_err(refused_map(settings::CALL_TABLE))
    }

    fn wanted(&self) -> (u64, [u8; limits::CALL_NUMBERS]) {
        let bits = self.wanted.keys().fold(0_u64, |bits, kind| bits | 1 << *kind as u64);
        (bits, program_table(|kind| self.wanted.get(&kind) == Some(&true)))
    }

    /// Leaves out what no rule can be about.
    pub fn set_filter(&mut self, filter: &KernelFilter) -> Result<(), BpfError> {
        self.kept.filter.set(&mut self.ebpf, filter)
    }

    /// Names the monitors whose own acts are left out; more than fit are not left out.
    pub fn set_own_pids(&mut self, pids: &[u32]) -> Result<(), BpfError> {
        let refused = refused_map(settings::OWN_PIDS);
        let mut own: Array<&mut MapData, [u32; limits::SELF_PIDS]> =
            array(&mut self.ebpf, settings::OWN_PIDS)?;
        let now = own.get(&0, 0).map_err(&refused)?;
        if self.kept.own_pids.is_some_and(|kept| kept != now) {
            self.kept.put_right.push(settings::OWN_PIDS);
        }
        let mut places = [0; limits::SELF_PIDS];
        for (place, pid) in places.iter_mut().zip(pids) {
            *place = *pid;
        }
        self.kept.own_pids = Some(places);
        own.set(0, places, 0).map_err(refused)
    }

    /// Says which variables are looked for in environments that are too long to be recorded.
    pub fn set_env_keys(&mut self, keys: &EnvKeys) -> Result<(), BpfError> {
        self.kept.env_wanted = Some(env_wanted::patterns(keys));
        self.tell_env_wanted()
    }

    fn tell_env_wanted(&mut self) -> Result<(), BpfError> {
        let Some(patterns) = self.kept.env_wanted else { return Ok(()) };
        let mut wanted: Array<&mut MapData, [[u64; 2]; limits::ENV_KEYS]> =
            array(&mut self.ebpf, settings::ENV_WANTED)?;
        wanted.set(0, patterns, 0).map_err(refused_map(settings::ENV_WANTED))
    }

    /// Says which arguments of each system call mean what, by the call's place.
    pub(super) fn set_calls(&mut self, calls: BTreeMap<u32, CallWords>) -> Result<(), BpfError> {
        self.kept.calls = calls;
        self.tell_calls()
    }

    fn tell_calls(&mut self) -> Result<(), BpfError> {
        let mut specs: Array<&mut MapData, CallWords> =
            array(&mut self.ebpf, settings::CALL_SPECS)?;
        for place in 0..2 * limits::CALL_NUMBERS as u32 {
            let words = self.kept.calls.get(&place).copied().unwrap_or_default();
            specs.set(place, words, 0).map_err(refused_map(settings::CALL_SPECS))?;
        }
        Ok(())
    }

    /// Looks whether another has changed what the programs were told, and tells them again. Returns
    /// the maps that had been changed since the last time.
    ///
    /// # Errors
    ///
    /// The first of what could not be read or written; the rest was looked at all the same.
    pub fn put_right(&mut self) -> (Vec<&'static str>, Result<(), BpfError>) {
        let mut changed = std::mem::take(&mut self.kept.put_right);
        changed.dedup();
        let mut result = Ok(());
        for check in [
            Self::check_wanted,
            Self::check_filter,
            Self::check_calls,
            Self::check_variables,
            Self::check_own_objects,
        ] {
            let checked = check(self, &mut changed);
            result = result.and(checked);
        }
        (changed, result)
    }

    fn check_wanted(&mut self, changed: &mut Vec<&'static str>) -> Result<(), BpfError> {
        let (bits, places) = self.wanted();
        let wanted: Array<&mut MapData, u64> = array(&mut self.ebpf, settings::WANTED)?;
        let is_wanted = wanted.get(&0, 0).map_err(refused_map(settings::WANTED))? == bits;
        let table: Array<&mut MapData, [u8; limits::CALL_NUMBERS]> =
            array(&mut self.ebpf, settings::CALL_TABLE)?;
        let is_table = table.get(&0, 0).map_err(refused_map(settings::CALL_TABLE))? == places;
        if is_wanted && is_table {
            return Ok(());
        }
        changed.push(if is_wanted { settings::CALL_TABLE } else { settings::WANTED });
        self.tell_wanted()
    }

    fn check_filter(&mut self, changed: &mut Vec<&'static str>) -> Result<(), BpfError> {
        if self.kept.filter.is_kept(&mut self.ebpf)? {
            return Ok(());
        }
        changed.push(settings::FILTER);
        self.kept.filter.put_right(&mut self.ebpf)
    }

    fn check_calls(&mut self, changed: &mut Vec<&'static str>) -> Result<(), BpfError> {
        let refused = refused_map(settings::CALL_SPECS);
        let specs: Array<&mut MapData, CallWords> = array(&mut self.ebpf, settings::CALL_SPECS)?;
        let mut is_kept = true;
        for place in 0..2 * limits::CALL_NUMBERS as u32 {
            let words = self.kept.calls.get(&place).copied().unwrap_or_default();
            is_kept &= specs.get(&place, 0).map_err(&refused)? == words;
        }
        if is_kept {
            return Ok(());
        }
        changed.push(settings::CALL_SPECS);
        self.tell_calls()
    }

    fn check_variables(&mut self, changed: &mut Vec<&'static str>) -> Result<(), BpfError> {
        let wanted: Array<&mut MapData, [[u64; 2]; limits::ENV_KEYS]> =
            array(&mut self.ebpf, settings::ENV_WANTED)?;
        let wanted = wanted.get(&0, 0).map_err(refused_map(settings::ENV_WANTED))?;
        if self.kept.env_wanted.is_none_or(|kept| kept == wanted) {
            return Ok(());
        }
        changed.push(settings::ENV_WANTED);
        self.tell_env_wanted()
    }

    fn check_own_objects(&mut self, changed: &mut Vec<&'static str>) -> Result<(), BpfError> {
        let map = self.ebpf.map_mut(settings::OWN_OBJECTS);
        let map = map.ok_or(BpfError::Absent(settings::OWN_OBJECTS))?;
        if self.own.is_told(map)? {
            return Ok(());
        }
        changed.push(settings::OWN_OBJECTS);
        self.tell_own_objects()
    }
}
