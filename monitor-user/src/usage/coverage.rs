//! How much was seen of the containers of an image: what was not seen in use is only said to be
//! unused where that allows it.

/// How much was seen of the containers of an image, by the daemon that watches now. It counts those
/// that run, and of those that have ended the ones that were watched as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Containers that were watched.
    pub containers: u64,
    /// Of these, those whose first program was seen to start.
    pub from_start: u64,
    /// Seconds for which the one was watched that was watched longest.
    pub observed_seconds: u64,
    /// Records of them that were lost.
    pub lost: u64,
    /// Files that found no room.
    pub no_room: u64,
    /// Files that were mapped to be executed and could not be named.
    pub unnamed: u64,
    /// Since when it is said, nanoseconds since 1970: since the daemon began, or since the last one
    /// ended that was not watched as a whole. None: nobody says so.
    pub since_ns: Option<i64>,
    /// Who watched does so no more.
    pub is_over: bool,
}

/// How long a container must have been watched for what was not seen to count as not used, seconds.
pub const OBSERVED_SECONDS: u64 = 3_600;

impl Coverage {
    /// Why what was not seen may be in use all the same; nothing: then it is not.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        let late = self.containers.saturating_sub(self.from_start);
        if self.is_over {
            Some("the daemon that notes what is used does not run".to_owned())
        } else if self.containers == 0 {
            Some(match self.since_ns {
                Some(_) => "no container of it was watched from its start".to_owned(),
                None => "no container of it was watched".to_owned(),
            })
        } else if self.since_ns.is_none() {
            Some("it is not written since when it was watched".to_owned())
        } else if late > 0 {
            Some(match (late, self.containers) {
                (1, 1) => "its container was not watched from its start".to_owned(),
                (late, all) => {
                    format!("{late} of {all} containers were not watched from their start")
                }
            })
        } else if self.lost > 0 {
            Some(format!("{} records were lost", self.lost))
        } else if self.no_room > 0 {
            Some(format!("{} files found no room", self.no_room))
        } else if self.unnamed > 0 {
            Some(format!("{} files that were executed could not be named", self.unnamed))
        } else if self.observed_seconds < OBSERVED_SECONDS {
            let seconds = self.observed_seconds;
            Some(format!("watched for {seconds} s, which is less than {OBSERVED_SECONDS}"))
        } else {
            None
        }
    }

    /// Whether all that these did was seen.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let late = self.containers.saturating_sub(self.from_start);
        [late, self.lost, self.no_room, self.unnamed].iter().all(|it| *it == 0)
    }

    /// That of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            containers: self.containers.saturating_add(other.containers),
            from_start: self.from_start.saturating_add(other.from_start),
            observed_seconds: self.observed_seconds.max(other.observed_seconds),
            lost: self.lost.saturating_add(other.lost),
            no_room: self.no_room.saturating_add(other.no_room),
            unnamed: self.unnamed.saturating_add(other.unnamed),
            since_ns: self.since_ns.max(other.since_ns),
            is_over: self.is_over || other.is_over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_unused_only_if_all_was_seen() {
        let whole = Coverage {
            containers: 2,
            from_start: 2,
            observed_seconds: OBSERVED_SECONDS,
            since_ns: Some(7),
            ..Coverage::default()
        };
        assert_eq!((whole.lacks(), whole.is_whole()), (None, true));
        for less in [
            Coverage { from_start: 1, ..whole },
            Coverage { lost: 1, ..whole },
            Coverage { no_room: 1, ..whole },
            Coverage { unnamed: 1, ..whole },
        ] {
            assert!(less.lacks().is_some() && !less.is_whole(), "{less:?}");
        }
        for less in [
            Coverage::default(),
            Coverage { since_ns: None, ..whole },
            Coverage { is_over: true, ..whole },
            Coverage { observed_seconds: OBSERVED_SECONDS - 1, ..whole },
        ] {
            assert!(less.lacks().is_some(), "{less:?}");
        }
        assert_eq!(whole.and(whole).containers, 4);
        assert!(whole.and(Coverage { containers: 1, ..Coverage::default() }).lacks().is_some());
        // Of what both say, the later time is true.
        assert_eq!(whole.and(Coverage { since_ns: Some(9), ..whole }).since_ns, Some(9));
    }
}
