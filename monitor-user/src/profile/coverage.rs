//! How much of what a container does was really seen: whether a profile may be called complete.

use serde::Deserialize;

/// How long a container is to have been watched, seconds.
const OBSERVED_S: u64 = 600;
/// What part of that time nothing new is to have come in, at its end: a half.
const QUIET: u64 = 2;

/// What was seen, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Containers that were watched.
    pub containers: u32,
    /// Of these, those whose first program was seen to start.
    pub from_start: u32,
    /// Of these, those that did nothing that another one had not done.
    pub agreed: u32,
    /// Seconds for which they were watched, from the first to the last event.
    pub observed_seconds: u64,
    /// Seconds since something new came in, until the end of that.
    pub quiet_seconds: u64,
    /// Events.
    pub events: u64,
    /// Events that an alert is about, and that were not learned.
    pub alerted: u64,
    /// What came in a burst of new things, and was not learned.
    pub held_back: u64,
    /// What found no room.
    pub no_room: u64,
    /// Records of these containers that were lost.
    pub lost: u64,
    /// Kinds of acts that no hook tells of.
    #[serde(default)]
    pub unseen: Vec<String>,
}

impl Coverage {
    /// What keeps a profile from being called complete; nothing if it is.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let mut lacks = Vec::new();
        let late = self.containers.saturating_sub(self.from_start);
        for (count, what) in [
            (u64::from(late), "containers were not watched from their start"),
            (self.lost, "records were lost"),
            (self.alerted, "events were alerted on, and not learned"),
            (self.held_back, "new things came in a burst, and were not learned"),
            (self.no_room, "things found no room"),
        ] {
            if count > 0 {
                lacks.push(format!("{count} {what}"));
            }
        }
        if self.containers == 0 {
            lacks.push("no container was watched".to_owned());
        } else if self.observed_seconds < OBSERVED_S {
            lacks.push(format!(
                "watched for {} s, which is less than {OBSERVED_S}",
                self.observed_seconds
            ));
        } else if self.quiet_seconds.saturating_mul(QUIET) < self.observed_seconds {
            lacks.push(format!(
                "still finding new things: the last one {} s before the end of {} s",
                self.quiet_seconds, self.observed_seconds
            ));
        }
        if !self.unseen.is_empty() {
            lacks.push(format!("no hook tells of {}", self.unseen.join(", ")));
        }
        lacks
    }

    /// What both saw. `is_same` says that neither did what the other one had not seen.
    #[must_use]
    pub fn with(&self, other: &Self, is_same: bool) -> Self {
        let mut unseen = [self.unseen.clone(), other.unseen.clone()].concat();
        unseen.sort_unstable();
        unseen.dedup();
        let agreed = self.agreed + other.agreed;
        Self {
            containers: self.containers + other.containers,
            from_start: self.from_start + other.from_start,
            agreed: if is_same {
                (agreed + 1).min(self.containers + other.containers)
            } else {
                agreed
            },
            observed_seconds: self.observed_seconds.saturating_add(other.observed_seconds),
            quiet_seconds: if is_same {
                self.quiet_seconds.saturating_add(other.quiet_seconds)
            } else {
                self.quiet_seconds.min(other.quiet_seconds)
            },
            events: self.events.saturating_add(other.events),
            alerted: self.alerted.saturating_add(other.alerted),
            held_back: self.held_back.saturating_add(other.held_back),
            no_room: self.no_room.saturating_add(other.no_room),
            lost: self.lost.saturating_add(other.lost),
            unseen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_is_only_what_was_seen_whole_and_long_and_came_to_rest() {
        let whole = Coverage {
            containers: 2,
            from_start: 2,
            agreed: 1,
            observed_seconds: 1000,
            quiet_seconds: 700,
            events: 5,
            ..Coverage::default()
        };
        assert_eq!(whole.lacks(), Vec::<String>::new());
        for lacking in [
            Coverage { from_start: 1, ..whole.clone() },
            Coverage { lost: 1, ..whole.clone() },
            Coverage { alerted: 1, ..whole.clone() },
            Coverage { held_back: 1, ..whole.clone() },
            Coverage { no_room: 1, ..whole.clone() },
            Coverage { observed_seconds: 599, ..whole.clone() },
            Coverage { quiet_seconds: 499, ..whole.clone() },
            Coverage { unseen: vec!["listen".to_owned()], ..whole.clone() },
            Coverage::default(),
        ] {
            assert_eq!(lacking.lacks().len(), 1, "{lacking:?}");
        }
    }
}
