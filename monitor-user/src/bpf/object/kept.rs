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

    /// Whether system calls and variables are described as they were.
    fn are_described(&mut self) -> Result<[bool; 2], BpfError> {
        let refused = refused_map(settings::CALL_SPECS);
        let specs: Array<&mut MapData, CallWords> = array(&mut self.ebpf, settings::CALL_SPECS)?;
        let mut are_calls = true;
        for place in 0..2 * limits::CALL_NUMBERS as u32 {
            let words = self.kept.calls.get(&place).copied().unwrap_or_default();
            are_calls &= specs.get(&place, 0).map_err(&refused)? == words;
        }
        let wanted: Array<&mut MapData, [[u64; 2]; limits::ENV_KEYS]> =
            array(&mut self.ebpf, settings::ENV_WANTED)?;
        let wanted = wanted.get(&0, 0).map_err(refused_map(settings::ENV_WANTED))?;
        Ok([are_calls, self.kept.env_wanted.is_none_or(|kept| kept == wanted)])
    }

    /// Looks whether another has changed what the programs were told, and tells them again. Returns
    /// the maps that had been changed since the last time.
    ///
    /// # Errors
    ///
    /// A map cannot be read or written.
    pub fn put_right(&mut self) -> Result<Vec<&'static str>, BpfError> {
        let mut changed = std::mem::take(&mut self.kept.put_right);
        changed.dedup();
        let (bits, places) = self.wanted();
        let wanted: Array<&mut MapData, u64> = array(&mut self.ebpf, settings::WANTED)?;
        let is_wanted = wanted.get(&0, 0).map_err(refused_map(settings::WANTED))? == bits;
        let table: Array<&mut MapData, [u8; limits::CALL_NUMBERS]> =
            array(&mut self.ebpf, settings::CALL_TABLE)?;
        let is_table = table.get(&0, 0).map_err(refused_map(settings::CALL_TABLE))? == places;
        if !is_wanted || !is_table {
            changed.push(if is_wanted { settings::CALL_TABLE } else { settings::WANTED });
            self.tell_wanted()?;
        }
        if !self.kept.filter.is_kept(&mut self.ebpf)? {
            changed.push(settings::FILTER);
            self.kept.filter.put_right(&mut self.ebpf)?;
        }
        let [are_calls, are_variables] = self.are_described()?;
        if !are_calls {
            changed.push(settings::CALL_SPECS);
            self.tell_calls()?;
        }
        if !are_variables {
            changed.push(settings::ENV_WANTED);
            self.tell_env_wanted()?;
        }
        if !self.own_objects_are_told()? {
            changed.push(settings::OWN_OBJECTS);
        }
        Ok(changed)
    }
}
