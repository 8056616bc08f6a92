//! What is known of containers beside what they do: how they are set up, and what they use.

use anyhow::Context as _;

use super::{Config, Daemon, owner};
use crate::{
    commands::{policy::now_ns, usage_path},
    daemon::CountedOutlet,
    state::Ledger,
    usage::{Book, Paper},
};

/// Whether containers are looked at: to tell of how they are set up, or because what they use, or
/// where they listen, is asked for.
pub(super) fn is_looked(config: &Config) -> bool {
    config.posture.is_some() || config.in_use || config.upkeep.is_some()
}

/// Has containers looked at, as it is configured.
pub(super) fn look<O: CountedOutlet>(
    config: &Config,
    daemon: &mut Daemon<O>,
    instance: &str,
    ledger: Option<Ledger>,
) -> anyhow::Result<()> {
    if config.in_use {
        let path = usage_path(config, instance);
        let opened = Paper::open(&path, owner(config));
        let (paper, before) =
            opened.with_context(|| format!("what is used cannot be kept in {}", path.display()))?;
        let now_ns = now_ns();
        let since_ns = before.whole_since_ns(now_ns);
        let mut book = Book::with(before.images, now_ns);
        book.watched_since(since_ns);
        daemon.note_usage_with(book, paper);
    }
    // Who is only to know what is used is told nothing: then there is no ledger.
    if is_looked(config) {
        daemon.assess_with(ledger, config.posture_looks.every);
    }
    Ok(())
}
