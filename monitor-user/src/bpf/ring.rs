//! The ring buffer's reading end.
//!
//! Waking the reader from the kernel costs more than the record itself. So the reader looks by
//! itself every millisecond while records flow, and asks to be woken only when it finds none.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

pub use aya::maps::Map;
use aya::maps::{Array, MapData, RingBuf};
use monitor_common::settings;

use super::BpfError;

/// The maps that the reading end is made of.
pub struct RingMaps {
    /// The ring.
    pub ring: Map,
    /// Whether the reader sleeps.
    pub sleeps: Map,
}

impl RingMaps {
    /// Further descriptors of the maps, for another process.
    ///
    /// # Errors
    ///
    /// There is no room for more.
    pub fn descriptors(&self) -> io::Result<[OwnedFd; 2]> {
        let of = |map: &Map| match map {
            Map::RingBuf(data) | Map::Array(data) => data.fd().as_fd().try_clone_to_owned(),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        Ok([of(&self.ring)?, of(&self.sleeps)?])
    }

    /// The maps of the descriptors that another process sent.
    ///
    /// # Errors
    ///
    /// They are not two, or are none of maps.
    pub fn from_descriptors(came: Vec<OwnedFd>) -> Result<Self, BpfError> {
        let [ring, sleeps] = <[OwnedFd; 2]>::try_from(came)
            .map_err(|_other| BpfError::Kept("the maps did not come along".to_owned()))?;
        let map = |name, fd| MapData::from_fd(fd).map_err(refused(name));
        Ok(Self {
            ring: Map::RingBuf(map(settings::RECORDS, ring)?),
            sleeps: Map::Array(map(settings::READER_SLEEPS, sleeps)?),
        })
    }
}

/// What has the reader woken.
pub struct Alarm(Array<MapData, u32>);

impl Alarm {
    /// The alarm of this map.
    ///
    /// # Errors
    ///
    /// It is of another form.
    pub fn new(sleeps: Map) -> Result<Self, BpfError> {
        Array::try_from(sleeps).map(Self).map_err(refused(settings::READER_SLEEPS))
    }

    /// Asks for the reader to be woken by the next record.
    ///
    /// # Errors
    ///
    /// This process may not write to maps.
    pub fn set(&mut self) -> Result<(), BpfError> {
        self.0.set(0, 1, 0).map_err(refused(settings::READER_SLEEPS))
    }
}

/// Reading end of the ring buffer.
pub struct Ring {
    ring: RingBuf<MapData>,
    alarm: Alarm,
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
            alarm: Alarm::new(sleeps)?,
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
        self.alarm.set()
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
