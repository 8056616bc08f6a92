//! What goes where there is no room: first what nobody has to get any more, the oldest of it first;
//! then history, which nobody waits for; then the least of what somebody waits for. Of either the
//! oldest goes first.

use std::{collections::HashSet, io, sync::Arc};

use super::{
    frame::{self, Entry},
    log::Log,
    record::{CLASSES, Record},
    segment::{Segment, SegmentReader},
};

/// Whether there is no room on the disk.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Log {
    /// Makes room for one more segment. Where that fails there is less room for what comes.
    pub(super) fn make_room(&mut self) {
        let limit = self.options.bytes_max.saturating_sub(self.options.segment_bytes);
        while self.bytes_in_all() > limit {
            let went = self.remove_unread() || self.remove_done() || self.evict();
            if !went {
                return;
            }
        }
    }

    /// Makes room on a disk that is full by what nobody has to get any more; whether there was any.
    pub(super) fn give_way(&mut self) -> bool {
        if self.remove_unread() || self.remove_done() {
            return true;
        }
        // What is written to could go, if another segment were there for how far everybody is.
        let done = self.all_done();
        let is_done = self.segments.back().is_some_and(|it| it.first <= it.last && it.last <= done);
        let is_out = |this: &mut Self| {
            this.directory.release();
            this.begin_segment().is_ok() && this.remove_done()
        };
        (is_done && is_out(self)) || self.pass_done()
    }

    fn bytes_in_all(&self) -> u64 {
        let aside = self.directory.set_aside().unwrap_or_default();
        self.bytes() + aside.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    fn remove_unread(&mut self) -> bool {
        let aside = self.directory.set_aside().unwrap_or_default();
        aside.first().is_some_and(|(name, _)| self.directory.remove_file(name).is_ok())
    }

    /// Removes the oldest segment, if all have done with it.
    fn remove_done(&mut self) -> bool {
        let done = self.all_done();
        // What is written to stays.
        let is_old = self.segments.len() > 1;
        let oldest = self.segments.front().filter(|oldest| is_old && oldest.last <= done);
        let Some(first) = oldest.map(|oldest| oldest.first) else { return false };
        self.remove(first)
    }

    fn remove(&mut self, first: u64) -> bool {
        let removed = self.directory.remove(first);
        if let Err(error) = &removed {
            tracing::error!(%error, "a segment of the store cannot be removed");
        }
        self.segments.retain(|segment| segment.first != first);
        // Its room is free once nobody has it open.
        self.sinks.iter_mut().for_each(|sink| sink.leave(first));
        removed.is_ok()
    }

    /// Takes the records that are the first to give way out of the oldest segment that has any.
    fn evict(&mut self) -> bool {
        for class in (0..CLASSES).rev() {
            let has_any = |segment: &&Segment| segment.bytes_of(class) > 0;
            let Some(segment) = self.segments.iter().find(has_any).cloned() else { continue };
            if let Err(error) = self.thin_out(&segment, class) {
                tracing::error!(%error, "a segment of the store cannot be written anew: it goes");
                self.lose_segment(&segment);
            }
            return true;
        }
        false
    }

    /// Writes a segment anew, without the records of a class.
    fn thin_out(&mut self, segment: &Segment, class: usize) -> io::Result<()> {
        let (mut bytes, mut gone) = (Vec::new(), Vec::new());
        let mut thin = Segment { generation: segment.generation + 1, ..segment.clone() };
        thin.by_class = Default::default();
        let mut reader = SegmentReader::new(self.directory.read(segment.first)?);
        // Whom the segment was begun by is still told at its start.
        match reader.next()? {
            Some((Entry::Marks(marks), _)) => {
                frame::write_marks(&marks, &mut bytes)
                    .map_err(|_too_large| io::ErrorKind::Other)?;
            }
            // They are broken.
            Some((Entry::Record(_), _)) => {
                reader = SegmentReader::new(self.directory.read(segment.first)?);
            }
            None => {}
        }
        while let Some(record) = reader.next_record(segment.last)? {
            if record.class() == class {
                gone.push(record);
                continue;
            }
            let begin = bytes.len();
            frame::write_record(&record, &mut bytes).map_err(|_too_large| io::ErrorKind::Other)?;
            thin.note(&record, bytes.len() - begin);
        }
        if self.segments.back().is_some_and(|newest| newest.first == segment.first) {
            // What stood at its end is told nowhere else yet.
            let marks = self.marks(false);
            frame::write_marks(&marks, &mut bytes).map_err(|_too_large| io::ErrorKind::Other)?;
        }
        // Which was its last stays known: what follows it is in the next segment.
        thin.last = segment.last;
        thin.bytes = bytes.len() as u64;
        if thin.by_class.iter().all(|bytes| *bytes == 0) {
            self.remove(segment.first);
        } else {
            self.replace(segment.first, &bytes)?;
            if let Some(place) = self.segments.iter_mut().find(|it| it.first == segment.first) {
                *place = thin;
            }
        }
        self.lose(&gone);
        Ok(())
    }

    /// Puts other bytes into the place of a segment. A disk that has no room for both has room for
    /// one.
    fn replace(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        match self.directory.replace(first, bytes) {
            Err(error) if is_full(&error) => {
                self.sinks.iter_mut().for_each(|sink| sink.leave(first));
                self.directory.remove(first)?;
                self.directory.replace(first, bytes)
            }
            result => result,
        }
    }

    /// Gives up a whole segment.
    fn lose_segment(&mut self, segment: &Segment) {
        let mut gone = Vec::new();
        if let Ok(file) = self.directory.read(segment.first) {
            let mut reader = SegmentReader::new(file);
            while let Ok(Some(record)) = reader.next_record(segment.last) {
                gone.push(record);
            }
        }
        self.remove(segment.first);
        self.lose(&gone);
    }

    fn lose(&mut self, gone: &[Arc<Record>]) {
        let numbers: HashSet<u64> = gone.iter().map(|record| record.sequence).collect();
        self.forget(&numbers);
        for record in gone {
            self.losses.evicted += u64::from(self.tell_lost(record));
        }
    }
}
