//! What is used of images, written down from time to time.

use super::{CountedOutlet, Daemon, now_ns};
use crate::{
    live::Live,
    usage::{Book, BookStats, Paper},
};

impl<O: CountedOutlet> Daemon<O> {
    /// Notes what is used, and has it written there.
    pub fn note_usage_with(&mut self, book: Book, paper: Paper) {
        self.line.note_usage(book);
        self.usage = Some(paper);
    }

    /// Has what is known so far written.
    pub(super) fn keep_usage(&mut self, live: &mut Live) {
        self.settle_usage(live);
        if let (Some(book), Some(paper)) = (self.line.usage(), &mut self.usage) {
            let now_ns = now_ns();
            paper.put(book.images(now_ns), book.whole_since_ns(), now_ns);
        }
    }

    /// The same for the last time.
    pub(super) fn finish_usage(&mut self, live: &mut Live) {
        self.settle_usage(live);
        if let (Some(book), Some(paper)) = (self.line.usage(), self.usage.take()) {
            let now_ns = now_ns();
            paper.finish(book.images(now_ns), book.whole_since_ns(), now_ns);
        }
    }

    /// Which containers still run, and what was lost of each.
    fn settle_usage(&mut self, live: &mut Live) {
        if self.usage.is_none() {
            return;
        }
        let losses = self.losses(live.kernel().losses().unwrap_or_default());
        let enricher = self.line.enricher();
        let (live, running) = (enricher.live_paths(), enricher.running());
        let Some(book) = self.line.usage() else { return };
        let now_ns = now_ns();
        book.attend(&running, now_ns);
        for (container, counts) in losses {
            book.set_lost(&container, counts.iter().sum());
        }
        book.settle(|path| live.contains(path), now_ns);
    }

    /// What is known to be used, in numbers, by their names in heartbeats.
    pub(super) fn usage_numbers(&mut self) -> [(&'static str, u64); 4] {
        let stats: BookStats = self.line.usage().map(|book| book.stats()).unwrap_or_default();
        [
            ("usage_containers", stats.places as u64),
            ("usage_images", stats.images as u64),
            ("usage_files", stats.files as u64),
            ("usage_refused", stats.refused),
        ]
    }
}
