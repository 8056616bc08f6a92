//! When an image was used last. Engines do not keep that once a container is removed, so a daemon
//! that watched is asked, and only as far back as it watched without a gap: what nobody watched is
//! unknown, and never unused.

use std::collections::HashMap;

use monitor_inventory::lifecycle::Date;

use super::{DAY_NS, Handle, Image, handles};
use crate::{limits::USAGE_SILENT_NS, usage::ImageUse};

/// When an image was used last, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When it was seen in use last, nanoseconds since 1970.
    pub seen_ns: Option<i64>,
    /// Since when it is certain that nobody used it; or why that is not known.
    pub quiet_since_ns: Result<i64, String>,
}

impl LastUse {
    /// Whether it is certain that nobody used it for so many days.
    #[must_use]
    pub fn is_unused_for(&self, days: u32, now_ns: i64) -> bool {
        let bound = now_ns.saturating_sub(i64::from(days).saturating_mul(DAY_NS));
        self.quiet_since_ns.as_ref().is_ok_and(|since| *since <= bound)
    }
}

/// What a daemon that notes what is used (`in_use`) saw.
#[derive(Clone, Debug)]
pub struct Witness {
    whole_since_ns: Result<i64, String>,
    seen: HashMap<Handle, i64>,
}

impl Witness {
    /// Nobody watched.
    #[must_use]
    pub fn none(why: &str) -> Self {
        Self { whole_since_ns: Err(why.to_owned()), seen: HashMap::new() }
    }

    /// What it wrote down; all that was used since `whole_since_ns` is in it.
    #[must_use]
    pub fn of(
        images: &[ImageUse],
        whole_since_ns: Option<i64>,
        written_ns: i64,
        now_ns: i64,
    ) -> Self {
        let mut seen: HashMap<Handle, i64> = HashMap::new();
        let mut unnamed_ns = i64::MIN;
        for image in images {
            let last = image.files.values().map(|used| used.last_ns).max().unwrap_or(written_ns);
            let keys = handles(&image.key).into_iter().chain(handles(&image.image));
            let mut is_named = !image.image.is_empty();
            for key in keys {
                is_named |= image.key.contains(':') && matches!(key, Handle::Hash(_));
                let known = seen.entry(key).or_insert(last);
                *known = last.max(*known);
            }
            // It could have been of any image.
            if !is_named {
                unnamed_ns = unnamed_ns.max(last);
            }
        }
        let whole_since_ns = match whole_since_ns {
            _ if now_ns.saturating_sub(written_ns) > USAGE_SILENT_NS => {
                Err("the daemon that notes what is used does not run".to_owned())
            }
            None => Err("the daemon does not say since when it watches".to_owned()),
            Some(since) => Ok(since.max(unnamed_ns)),
        };
        Self { whole_since_ns, seen }
    }

    /// When an image was used last.
    #[must_use]
    pub fn last_use(&self, image: &Image) -> LastUse {
        let seen_ns = image.handles().filter_map(|handle| self.seen.get(&handle)).max().copied();
        let begin = seen_ns.max(image.arrived_ns);
        let quiet_since_ns =
            self.whole_since_ns.clone().map(|since| begin.map_or(since, |begin| begin.max(since)));
        LastUse { seen_ns, quiet_since_ns }
    }
}

/// Why an image that is started now is a stale one: nobody used it for so many days while it lay
/// here, or its last day of support is over. None where neither is known to be so. `last` is what
/// was known before this start.
#[must_use]
pub fn stale_at_start(
    end_of_life: Option<Date>,
    last: &LastUse,
    unused_days: u32,
    now_ns: i64,
) -> Option<String> {
    let seconds = now_ns.div_euclid(1_000_000_000);
    let today = jiff::Timestamp::from_second(seconds).ok().map(Date::of);
    if let (Some(end), Some(today)) = (end_of_life, today)
        && end < today
    {
        return Some(format!("its support ended on {end}"));
    }
    if !last.is_unused_for(unused_days, now_ns) {
        return None;
    }
    let since = last.quiet_since_ns.as_ref().ok()?;
    let days = now_ns.saturating_sub(*since) / DAY_NS;
    Some(format!("it lay on this node for {days} days, and nobody used it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{How, Used};

    const NOW: i64 = 1_000 * DAY_NS;

    fn used(image: &str, key: &str, last_ns: i64) -> ImageUse {
        let used = Used { how: How::Executed, first_ns: 0, last_ns, by_root: false };
        ImageUse {
            image: image.to_owned(),
            key: key.to_owned(),
            files: [(b"/bin/x".to_vec(), used)].into(),
            ..ImageUse::default()
        }
    }

    fn image(name: &str, digit: &str) -> Image {
        Image {
            names: vec![name.to_owned()],
            digests: vec![format!("sha256:{}", digit.repeat(64))],
            ..Image::default()
        }
    }

    #[test]
    fn what_nobody_watched_is_not_unused() {
        let (old, one) = (NOW - 90 * DAY_NS, image("a:1", "1"));
        let quiet = |witness: &Witness| witness.last_use(&one).is_unused_for(30, NOW);
        assert!(!quiet(&Witness::none("off")));
        assert!(quiet(&Witness::of(&[], Some(old), NOW, NOW)));
        // It watches for less long, does not say for how long, or watches no more.
        assert!(!quiet(&Witness::of(&[], Some(NOW - 29 * DAY_NS), NOW, NOW)));
        assert!(!quiet(&Witness::of(&[], None, NOW, NOW)));
        assert!(!quiet(&Witness::of(&[], Some(old), NOW - USAGE_SILENT_NS - 1, NOW)));
    }

    #[test]
    fn a_use_counts_under_each_name() {
        let old = NOW - 90 * DAY_NS;
        let mut one = image("docker.io/library/a:1", "1");
        one.id = "2".repeat(64);
        let days = |uses: &[ImageUse]| {
            let last = Witness::of(uses, Some(old), NOW, NOW).last_use(&one);
            (NOW - last.quiet_since_ns.unwrap()) / DAY_NS
        };
        let recent = NOW - 3 * DAY_NS;
        let digest = one.digests[0].clone();
        assert_eq!(days(&[]), 90);
        assert_eq!(days(&[used("other:1", "sha256:3", recent)]), 90);
        assert_eq!(days(&[used("a:1", "0123456789ab", recent)]), 3);
        assert_eq!(days(&[used("", &digest, recent)]), 3);
        assert_eq!(days(&[used("", &"2".repeat(64), recent)]), 3);
        // Nobody knows of which image that container was.
        assert_eq!(days(&[used("", &"4".repeat(64), recent)]), 3);
        one.arrived_ns = Some(NOW - 5 * DAY_NS);
        let last = Witness::of(&[], Some(old), NOW, NOW).last_use(&one);
        assert_eq!(last.quiet_since_ns, Ok(NOW - 5 * DAY_NS));
    }

    #[test]
    fn a_start_of_a_stale_image_has_a_reason() {
        let quiet = |days: i64| LastUse { seen_ns: None, quiet_since_ns: Ok(NOW - days * DAY_NS) };
        let unknown = LastUse { seen_ns: None, quiet_since_ns: Err("off".to_owned()) };
        let reason = stale_at_start(None, &quiet(45), 30, NOW);
        assert_eq!(reason.as_deref(), Some("it lay on this node for 45 days, and nobody used it"));
        assert_eq!(stale_at_start(None, &quiet(29), 30, NOW), None);
        assert_eq!(stale_at_start(None, &unknown, 30, NOW), None);
        let day = |text: &str| Date::parse(text);
        let over = stale_at_start(day("1972-09-26"), &unknown, 30, NOW);
        assert_eq!(over.as_deref(), Some("its support ended on 1972-09-26"));
        // The last day itself is one of support.
        assert_eq!(stale_at_start(day("1972-09-27"), &unknown, 30, NOW), None);
    }
}
