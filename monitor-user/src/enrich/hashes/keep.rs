//! Which programs behind alerts are copied: those that neither a package nor an image brought.

use crate::event::{Event, Fact};

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes of the largest file.
    pub bytes_max: u64,
    /// When the monitor was started, nanoseconds since 1970.
    pub since_ns: i64,
}

impl Keep {
    /// Whether a copy of the program of an event's process is wanted: it has no name any more, or
    /// never had one; or it was written in the upper layer of its container, or elsewhere since the
    /// container was started; or, on the host, since the monitor was.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let process = &event.process;
        let file = &process.file;
        if file.links == 0 || process.is_from_memfd() || file.upper_layer {
            return true;
        }
        // The image's own, and what the kernel itself starts.
        if file.is_lower_layer() || file.internal_mount {
            return false;
        }
        // The time of an inode's last change is the kernel's: programs cannot set it.
        let since_ns = match event.container.started_ns {
            Fact::Known(started_ns, _) => started_ns,
            Fact::Unknown(_) => self.since_ns,
        };
        process.ctime_ns >= since_ns
    }
}
