//! What containers did that the profiles of their images do not expect, counted by profile.

use super::{
    Mode,
    drift::{Profiles, Verdict},
    remark::Remark,
};
use crate::{
    event::Event,
    limits::{PROFILE_DIFFERENCES, PROFILE_REMARKS},
};

/// How what happens compares to one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub profile: Box<str>,
    /// What is done about what it does not expect. Another build of the image has the same
    /// profile as shadow.
    pub mode: Mode,
    /// Events of which all is expected.
    pub expected: u64,
    /// Events of which something is not.
    pub unexpected: u64,
    /// What is not, as people read it: the first ones, see
    /// [`crate::limits::PROFILE_DIFFERENCES`].
    pub found: Vec<String>,
}

/// Of all profiles that are used, since they were read.
#[derive(Debug, Default)]
pub struct Differences {
    of: Vec<Difference>,
    remarks: Vec<Remark>,
}

impl Differences {
    /// Nothing yet, of these profiles.
    #[must_use]
    pub fn new(profiles: &Profiles) -> Self {
        let mut of = vec![Difference::default(); profiles.used().count()];
        for used in profiles.used() {
            if let Some(difference) = of.get_mut(used.number) {
                (difference.profile, difference.mode) = (used.name.clone(), used.mode);
            }
        }
        Self { of, remarks: Vec::new() }
    }

    /// Takes an event in. Of a shadow the first thing that is not expected is remarks: of what
    /// alerts, alerts are told.
    pub fn take(&mut self, event: &Event) {
        let Ok(verdict) = &event.expectation else { return };
        let used = verdict.profile();
        let Some(difference) = self.of.get_mut(used.number) else { return };
        // A profile that was read again meanwhile may stand elsewhere.
        if difference.profile != used.name || difference.mode != used.mode {
            return;
        }
        let Verdict::Unexpected(_, thing) = verdict else {
            difference.expected += 1;
            return;
        };
        let is_first = difference.unexpected == 0;
        difference.unexpected += 1;
        if difference.found.len() < PROFILE_DIFFERENCES {
            let found = format!("{}: {thing}", thing.part().name());
            if !difference.found.contains(&found) {
                difference.found.push(found);
            }
        }
        if is_first && used.mode == Mode::Shadow && self.remarks.len() < PROFILE_REMARKS {
            let nearest = verdict.nearest().map(|it| it.to_string());
            self.remarks.push(Remark::differs(event, used, thing, nearest.as_deref()));
        }
    }

    /// Each profile that anything was compared to, the ones with most that was not expected first.
    pub fn states(&self) -> impl Iterator<Item = &Difference> {
        let mut states: Vec<&Difference> =
            self.of.iter().filter(|it| it.expected + it.unexpected > 0).collect();
        states.sort_by_key(|it| (std::cmp::Reverse(it.unexpected), &it.profile));
        states.into_iter()
    }

    /// What was not told yet.
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}
