//! The kernel side's counters, summed over the CPUs.

use aya::maps::{HashMap, Map, MapData, PerCpuArray};
use monitor_common::{DropReason, Program, RecordKind, counter, settings};

use super::BpfError;

/// Reader of the counters.
pub struct Counters {
    counters: PerCpuArray<MapData, [u64; counter::COUNT]>,
    losses: HashMap<MapData, u64, [u64; DropReason::COUNT]>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    values: [u64; counter::COUNT],
}

impl Default for Reading {
    fn default() -> Self {
        Self { values: [0; counter::COUNT] }
    }
}

impl Counters {
    pub(super) fn new(counters: Map, losses: Map) -> Result<Self, BpfError> {
        Ok(Self {
            counters: PerCpuArray::try_from(counters).map_err(refused(settings::COUNTERS))?,
            losses: HashMap::try_from(losses).map_err(refused(settings::LOSSES))?,
        })
    }

    /// Reads all counters.
    pub fn read(&self) -> Result<Reading, BpfError> {
        let per_cpu = self.counters.get(&0, 0).map_err(refused(settings::COUNTERS))?;
        let mut reading = Reading::default();
        for values in per_cpu.iter() {
            for (sum, value) in reading.values.iter_mut().zip(values) {
                *sum += value;
            }
        }
        Ok(reading)
    }

    /// Losses by cgroup id, in the order of [`DropReason::ALL`].
    pub fn losses(&self) -> impl Iterator<Item = (u64, [u64; DropReason::COUNT])> + '_ {
        self.losses.iter().flatten()
    }
}

fn refused(name: &'static str) -> impl Fn(aya::maps::MapError) -> BpfError {
    move |source| BpfError::Map { name, source: Box::new(source) }
}

impl Reading {
    /// A reading of these values, by their places.
    #[must_use]
    pub fn of(values: &[u64]) -> Self {
        let mut reading = Self::default();
        reading.values.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
        reading
    }

    /// The values, by their places.
    #[must_use]
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// Acts of a kind that a hook decided to tell of.
    #[must_use]
    pub fn attempted(&self, kind: RecordKind) -> u64 {
        self.value(counter::attempted(kind))
    }

    /// Records of a kind that went into the ring buffer.
    #[must_use]
    pub fn submitted(&self, kind: RecordKind) -> u64 {
        self.value(counter::submitted(kind))
    }

    /// Acts of a kind that were only counted, as repeats.
    #[must_use]
    pub fn collapsed(&self, kind: RecordKind) -> u64 {
        self.value(counter::collapsed(kind))
    }

    /// Records of a kind that were lost for a reason.
    #[must_use]
    pub fn dropped(&self, kind: RecordKind, reason: DropReason) -> u64 {
        self.value(counter::dropped(kind, reason))
    }

    /// Acts of a kind that no rule can be about, left out by the filter.
    #[must_use]
    pub fn filtered(&self, kind: RecordKind) -> u64 {
        self.value(counter::filtered(kind))
    }

    /// Acts of the monitors themselves that a program left out.
    #[must_use]
    pub fn own_acts(&self, program: Program) -> u64 {
        self.value(counter::own_acts(program))
    }

    /// A counter that is not of one kind: one of [`counter`]'s constants.
    #[must_use]
    pub fn value(&self, index: usize) -> u64 {
        self.values.get(index).copied().unwrap_or(0)
    }
}
