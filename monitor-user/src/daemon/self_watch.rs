//! What the monitor notices of itself: hooks that went silent, maps that were changed.

use super::{CountedOutlet, Daemon};
use crate::{
    bpf::{attach_point::attach_point, planner::Silence},
    document::finding,
    live::{Live, boottime_ns},
    logging::say,
};

impl<O: CountedOutlet> Daemon<O> {
    /// Tells of hooks that do not fire any more.
    pub(super) fn check_hooks(&mut self, live: &mut Live) {
        let checked = live.kernel().check_hooks();
        self.line.leave_out(&live.kernel().take_canary_pids(), boottime_ns());
        let silent = match checked {
            Ok(silent) => silent,
            Err(error) => {
                let error = anyhow::Error::from(error);
                return say(&format!("whether hooks fire cannot be looked at: {error:#}"));
            }
        };
        for Silence { kind, program, again } in silent {
            let (kind, label) = (kind.name(), attach_point(program).label());
            let then = match again {
                Ok(()) => "it is attached again".to_owned(),
                Err(why) => format!("it cannot be attached again: {why}"),
            };
            let text = format!(
                "{kind}: {label} did not see an act of the monitor's own: acts of this kind went \
                 unseen; {then}"
            );
            say(&text);
            self.find(finding::HOOK_SILENT, text);
        }
    }

    /// Tells of maps that another wrote to.
    pub(super) fn check_maps(&mut self, live: &mut Live) {
        let (changed, result) = live.kernel().put_right();
        let after =
            if result.is_ok() { "it is as it was again" } else { "not all can be put right" };
        for map in changed {
            // As the programs call it.
            let map = map.trim_start_matches(".data.");
            let text = format!(
                "another process wrote to the map {map}, by which programs are told what to look \
                 for: acts may have gone unseen; {after}"
            );
            say(&text);
            self.find(finding::MAP_CHANGED, text);
        }
        if let Err(error) = result {
            let error = anyhow::Error::from(error);
            say(&format!("maps cannot be looked at, or not be put right: {error:#}"));
        }
    }
}
