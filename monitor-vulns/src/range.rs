//! Whether a version is in a range, by the algorithm that OSV's schema specifies.

use std::cmp::Ordering;

use crate::version::{Scheme, Version};

/// What happens at a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// It has the vulnerability from here on; `0` is before all versions.
    Introduced(String),
    /// It has it no more.
    Fixed(String),
    /// It is the last one that has it.
    LastAffected(String),
    /// The range says nothing from here on.
    Limit(String),
}

impl Event {
    /// At which version.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Introduced(version)
            | Self::Fixed(version)
            | Self::LastAffected(version)
            | Self::Limit(version) => version,
        }
    }
}

/// Events of one line of development.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Whether versions are semantic ones, whatever the ecosystem.
    pub is_semver: bool,
    /// In the order of their versions.
    pub events: Vec<Event>,
}

/// What a range says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It has the vulnerability; with the first version after it that has not, if one is known.
    Affected(Option<String>),
    /// It has it not.
    NotAffected,
    /// A version in the range is none.
    Unknown(String),
}

impl Range {
    /// The order of versions in it.
    #[must_use]
    pub fn scheme(&self, ecosystem: Option<Scheme>) -> Option<Scheme> {
        if self.is_semver { Some(Scheme::Semver) } else { ecosystem }
    }

    /// Puts the events into the order of their versions, as far as those can be compared.
    pub fn sort(&mut self, scheme: Scheme) {
        let mut read: Vec<(Option<Version>, Event)> = std::mem::take(&mut self.events)
            .into_iter()
            .map(|event| (point(scheme, event.version()).flatten(), event))
            .collect();
        // Of equal versions the last one that has it comes behind where it begins: it may be the
        // only one. Else they stay in the order in which they are listed.
        let rank = |event: &Event| matches!(event, Event::LastAffected(_));
        // Without an order of all versions theirs stays as it was.
        let is_ordered = read.iter().all(|(at, event)| at.is_some() || event.version() == "0");
        if is_ordered {
            read.sort_by(|(one, first), (two, second)| {
                let order = match (one, two) {
                    (Some(one), Some(two)) => one.compare(two).unwrap_or(Ordering::Equal),
                    (one, two) => one.is_some().cmp(&two.is_some()),
                };
                order.then_with(|| rank(first).cmp(&rank(second)))
            });
        }
        self.events = read.into_iter().map(|(_, event)| event).collect();
    }

    /// What the range says of a version.
    #[must_use]
    pub fn say(&self, scheme: Scheme, version: &Version) -> Said {
        let mut is_affected = false;
        let mut fixed = None;
        // No limit: it holds for all versions.
        let mut is_within: Option<bool> = None;
        for event in &self.events {
            let Some(at) = point(scheme, event.version()) else {
                return Said::Unknown(event.version().to_owned());
            };
            let order = match &at {
                None => Ordering::Greater,
                Some(at) => version.compare(at).unwrap_or(Ordering::Equal),
            };
            match event {
                Event::Introduced(_) if order.is_ge() => (is_affected, fixed) = (true, None),
                Event::Fixed(_) if order.is_ge() => is_affected = false,
                Event::LastAffected(_) if order.is_gt() => is_affected = false,
                Event::Fixed(at) if is_affected && fixed.is_none() => fixed = Some(at.clone()),
                Event::Limit(_) => {
                    is_within = Some(is_within.unwrap_or(false) || order.is_lt());
                }
                _ => {}
            }
        }
        if is_affected && is_within.unwrap_or(true) {
            Said::Affected(fixed)
        } else {
            Said::NotAffected
        }
    }
}

/// Where an event is: `Some(None)` before all versions. None if the version is none.
#[expect(clippy::option_option, reason = "two different answers")]
fn point(scheme: Scheme, version: &str) -> Option<Option<Version>> {
    if version == "0" { Some(None) } else { scheme.parse(version).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(events: &[Event]) -> Range {
        let mut range = Range { is_semver: true, events: events.to_vec() };
        range.sort(Scheme::Semver);
        range
    }

    fn say(range: &Range, version: &str) -> Said {
        range.say(Scheme::Semver, &Scheme::Semver.parse(version).unwrap())
    }

    #[test]
    fn events_decide_in_the_order_of_their_versions() {
        use Event::{Fixed, Introduced};
        let at = |text: &str| text.to_owned();
        let range = range(&[
            Fixed(at("2.5.1")),
            Introduced(at("0")),
            Fixed(at("1.0.2")),
            Introduced(at("2.0.0")),
        ]);
        assert_eq!(say(&range, "0.0.0-alpha"), Said::Affected(Some(at("1.0.2"))));
        assert_eq!(say(&range, "1.0.2"), Said::NotAffected);
        assert_eq!(say(&range, "2.0.0"), Said::Affected(Some(at("2.5.1"))));
        assert_eq!(say(&range, "2.5.1"), Said::NotAffected);
    }

    #[test]
    fn the_last_affected_is_affected_and_has_no_fix() {
        let at = |text: &str| text.to_owned();
        let range = range(&[Event::Introduced(at("1.0.0")), Event::LastAffected(at("1.2.0"))]);
        assert_eq!(say(&range, "1.2.0"), Said::Affected(None));
        assert_eq!(say(&range, "1.2.1"), Said::NotAffected);
        assert_eq!(say(&range, "0.9.0"), Said::NotAffected);
    }

    #[test]
    fn one_version_may_be_all() {
        let at = |text: &str| text.to_owned();
        for events in [
            [Event::Introduced(at("1.0.0")), Event::LastAffected(at("1.0.0"))],
            [Event::LastAffected(at("1.0.0")), Event::Introduced(at("1.0.0"))],
        ] {
            let range = range(&events);
            assert_eq!(say(&range, "1.0.0"), Said::Affected(None));
            assert_eq!(say(&range, "1.0.1"), Said::NotAffected);
        }
        // Introduced again where it was fixed.
        let range = range(&[
            Event::Introduced(at("0")),
            Event::Fixed(at("1.0.0")),
            Event::Introduced(at("1.0.0")),
            Event::Fixed(at("2.0.0")),
        ]);
        assert_eq!(say(&range, "1.0.0"), Said::Affected(Some(at("2.0.0"))));
    }

    #[test]
    fn a_limit_ends_what_is_said() {
        let at = |text: &str| text.to_owned();
        let range = range(&[Event::Introduced(at("0")), Event::Limit(at("2.0.0"))]);
        assert_eq!(say(&range, "1.0.0"), Said::Affected(None));
        assert_eq!(say(&range, "2.0.0"), Said::NotAffected);
    }

    #[test]
    fn what_is_no_version_makes_it_unknown() {
        let range = range(&[Event::Introduced("0".into()), Event::Fixed("soon".into())]);
        assert_eq!(say(&range, "1.0.0"), Said::Unknown("soon".into()));
    }
}
