//! What a container may use, as `config.json` of the OCI runtime specification declares it.

use serde::Deserialize;

/// The limits; a resource without one is unlimited.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    memory: Option<Limit>,
    cpu: Option<Cpu>,
    pids: Option<Limit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limit {
    limit: Option<i64>,
}

/// Microseconds of each period.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cpu {
    quota: Option<i64>,
    period: Option<u64>,
}

impl Limits {
    /// Bytes of memory.
    pub(crate) fn memory(&self) -> Option<u64> {
        above_zero(self.memory.as_ref()?.limit)
    }

    /// Thousandths of a processor.
    pub(crate) fn cpu(&self) -> Option<u64> {
        let cpu = self.cpu.as_ref()?;
        // The kernel's period, where none is said.
        let period = cpu.period.filter(|period| *period > 0).unwrap_or(100_000);
        above_zero(cpu.quota)?.saturating_mul(1000).checked_div(period)
    }

    /// Tasks.
    pub(crate) fn pids(&self) -> Option<u64> {
        above_zero(self.pids.as_ref()?.limit)
    }
}

/// Zero and less are no limit.
fn above_zero(value: Option<i64>) -> Option<u64> {
    value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0)
}
