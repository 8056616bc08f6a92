//! What is told of the store and the sinks: that it cannot be written, that documents are lost in
//! it, and that a task is gone.

use super::{CountedOutlet, Daemon};
use crate::{
    document::{finding, heartbeat::StoreCounters},
    logging::count,
};

/// What was told of it.
#[derive(Debug, Default)]
pub(super) struct StoreTold {
    is_failing: bool,
    /// Documents that it lost.
    lost: u64,
    broken_bytes: u64,
}

impl<O: CountedOutlet> Daemon<O> {
    /// Tells of what is not as it should be. What is lost is told of once for each second.
    pub(super) fn watch_store(&mut self) {
        let Some(store) = self.line.outlet().inner().store() else { return };
        let StoreCounters { bytes_max, evicted, unwritten, broken_bytes, is_failing, .. } = store;
        if is_failing && !self.store_told.is_failing {
            let text = "the store cannot be written: documents wait in memory, and are lost when \
                        runmon ends before sinks have them; the log says why. Make room on its \
                        disk, or let it be written"
                .to_owned();
            self.find(finding::STORE_FAILING, text);
        }
        let lost = evicted + unwritten;
        if lost > self.store_told.lost {
            let documents = count(
                usize::try_from(lost - self.store_told.lost).unwrap_or(usize::MAX),
                "document",
            );
            let text = format!(
                "{documents} gave way to newer or graver ones before all sinks had them: the store \
                 has its {bytes_max} bytes (store_bytes), or its disk takes no more"
            );
            self.find(finding::STORE_FULL, text);
        }
        let broken = broken_bytes.saturating_sub(self.store_told.broken_bytes);
        if broken > 0 {
            let text = format!(
                "{broken} bytes of the store cannot be read: what stood there is lost, and leaves \
                 gaps in the numbers; all else is read. Look at the disk of state_dir"
            );
            tracing::error!(bytes = broken, "the store was damaged: what stood there is lost");
            self.find(finding::STORE_BROKEN, text);
        }
        self.store_told = StoreTold { is_failing, lost, broken_bytes };
    }

    /// Tells of tasks that ended by themselves, as by a panic. What they were to get is counted as
    /// dropped, or waits in the store; the other sinks go on.
    pub(super) fn watch_tasks(&mut self) {
        let gone = self.line.outlet().inner().gone();
        let told = std::mem::replace(&mut self.health.tasks_gone, gone.clone());
        for task in gone.iter().filter(|task| !told.contains(task)) {
            let text = format!(
                "the task of the {task} ended by itself, which is a fault of runmon: what it is \
                 given is lost, and counted, until runmon is started anew"
            );
            tracing::error!(task, "a task ended by itself: see what was logged before");
            self.find(finding::TASK_GONE, text);
        }
    }
}
