//! Brings the filter that was made of the rules into the kernel: beside the one in use, which it
//! then takes the place of.

mod tables;

use std::{thread, time::Duration};

use aya::{
    Ebpf,
    maps::{Array, MapError},
};
use monitor_common::{
    filter::{InUse, NUMBERS},
    settings,
};

use self::tables::{Tables, bits, map};
use super::{BpfError, object::refused_map};
use crate::{live::boottime_ns, rules::filter::KernelFilter};

/// Which filter is in use.
#[derive(Debug, Default)]
pub(super) struct FilterState {
    number: u8,
    kinds: u64,
    /// When it was put in use, which never comes again.
    since: u64,
    tables: Tables,
}

impl FilterState {
    /// Puts a filter in use. Where that fails there is none: everything is told.
    pub(super) fn set(&mut self, ebpf: &mut Ebpf, filter: &KernelFilter) -> Result<(), BpfError> {
        let before = self.in_use();
        let number = if self.number >= NUMBERS { 1 } else { self.number + 1 };
        self.tables = Tables::of(filter, number);
        let filled = self.tables.fill(ebpf, number);
        self.kinds = if filled.is_ok() { bits(filter.kinds) } else { 0 };
        self.number = number;
        self.put_in_use(ebpf, before)?;
        // What other filters left behind: numbers come again.
        let emptied = self.tables.take_out_rest(ebpf);
        if filled.is_err() || emptied.is_err() {
            // What did not fit is not what another took out.
            self.tables = Tables::read(ebpf, number)?;
        }
        filled.and(emptied)
    }

    /// Whether the kernel has what it was given.
    pub(super) fn is_kept(&self, ebpf: &mut Ebpf) -> Result<bool, BpfError> {
        let used: Array<_, InUse> = map(ebpf, settings::FILTER, Array::try_from)?;
        let used = used.get(&0, 0).map_err(refused_map(settings::FILTER))?;
        Ok(used == self.in_use() && self.tables.are_in(ebpf, self.number)?)
    }

    /// Gives the kernel the same once more, and takes out what it was not given.
    pub(super) fn put_right(&mut self, ebpf: &mut Ebpf) -> Result<(), BpfError> {
        self.tables.take_out_rest(ebpf)?;
        self.tables.fill(ebpf, self.number)?;
        self.put_in_use(ebpf, self.in_use())
    }

    /// Programs read number, kinds and the rest one after the other. So that none reads some of
    /// this filter and some of that before it, there is no filter in between, for longer than a
    /// program runs. What was remembered by the filter before is not looked at any more.
    fn put_in_use(&mut self, ebpf: &mut Ebpf, before: InUse) -> Result<(), BpfError> {
        let without_kinds =
            |[number, _, since, networks, users]: InUse| [number, 0, since, networks, users];
        self.since = boottime_ns();
        let refused = refused_map(settings::FILTER);
        let mut used: Array<_, InUse> = map(ebpf, settings::FILTER, Array::try_from)?;
        let [_, kinds, ..] = before;
        if kinds != 0 {
            used.set(0, without_kinds(before), 0).map_err(&refused)?;
            thread::sleep(LONGEST_RUN);
        }
        used.set(0, without_kinds(self.in_use()), 0).map_err(&refused)?;
        used.set(0, self.in_use(), 0).map_err(&refused)
    }

    fn in_use(&self) -> InUse {
        let [of_networks, of_users] = self.tables.kinds();
        [self.number.into(), self.kinds, self.since, of_networks, of_users]
    }
}

/// Programs take microseconds, and hardly ever wait for others on the way.
const LONGEST_RUN: Duration = Duration::from_millis(100);

/// What another took out meanwhile is gone as well.
pub(super) fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        removed => removed,
    }
}
