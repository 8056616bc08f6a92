//! The ring buffer's reading end.
//!
//! Waking the reader from the kernel costs more than the record itself. So the reader looks by
//! itself every millisecond while records flow, and asks to be woken only when it finds none.

use std::os::fd::{AsFd, BorrowedFd};

use aya::maps::{Array, Map, MapData, RingBuf};
use monitor_common::settings;

use super::BpfError;

/// The maps that the reading end is made of.
pub struct RingMaps {
    /// The ring.
    pub(super) ring: Map,
    /// Whether the reader sleeps.
    pub(super) sleeps: Map,
}

/// Reading end of the ring buffer.
pub struct Ring {
    ring: RingBuf<MapData>,
    sleeps: Array<MapData, u32>,
}

impl Ring {
    /// The reading end of these maps.
    ///
    /// # Errors
    ///
    /// They are of another form.
    pub fn new(RingMaps { ring, sleeps }: RingMaps) -> Result<Self, BpfError> {
        Ok(Self {
            ring: RingBuf::try_from(ring).map_err(refused(settings::RECORDS))?,
            sleeps: Array::try_from(sleeps).map_err(refused(settings::READER_SLEEPS))?,
        })
    }

    /// Hands the next record to `read`; false if there is none. Its place in the ring is free
    /// again when `read` returns.
    pub fn next(&mut self, read: impl FnOnce(&[u8])) -> bool {
        match self.ring.next() {
            Some(record) => {
                read(&record);
                true
            }
            None => false,
        }
    }

    /// Asks to be woken by the next record. Look once more after this, before sleeping: a record
    /// may have come in between.
    pub fn ask_to_be_woken(&mut self) -> Result<(), BpfError> {
        self.sleeps.set(0, 1, 0).map_err(refused(settings::READER_SLEEPS))
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

fn refused(name: &'static str) -> impl Fn(aya::maps::MapError) -> BpfError {
    move |source| BpfError::Map { name, source: Box::new(source) }
}
