//! What patterns find in texts and in lists of them, and those without it.

use std::ops::Range;

use regex::Regex;

/// Stands for what is hidden.
pub(super) const HIDDEN: &str = "(redacted)";

/// The text without what patterns find in it; None where they find nothing.
pub(super) fn hide(patterns: &[Regex], text: &str) -> Option<String> {
    let mut hidden: Option<String> = None;
    for pattern in patterns {
        let so_far = hidden.as_deref().unwrap_or(text);
        let found = found(pattern, so_far);
        if !found.is_empty() {
            hidden = Some(without(so_far, found));
        }
    }
    hidden
}

/// The same of texts of which each is an argument, or the like: patterns see each of them, and
/// all in one line with a space between, as people write a command.
pub(super) fn hide_in_list(patterns: &[Regex], texts: &mut [String]) {
    for pattern in patterns {
        let mut all: Vec<_> = texts.iter().map(|text| found(pattern, text)).collect();
        let line = texts.join(" ");
        let mut begin = 0;
        let places = texts.iter().map(|text| {
            let place = begin..begin + text.len();
            begin = place.end + 1;
            place
        });
        let places: Vec<Range<usize>> = places.collect();
        for range in found(pattern, &line) {
            let first = places.partition_point(|place| place.end <= range.start);
            let of_it = places.iter().zip(&mut all).skip(first);
            for (place, found) in of_it.take_while(|(place, _)| place.start < range.end) {
                let (start, end) = (range.start.max(place.start), range.end.min(place.end));
                // Nothing of an empty one can be hidden.
                if start < end {
                    found.push(start - place.start..end - place.start);
                }
            }
        }
        for (text, found) in texts.iter_mut().zip(all).filter(|(_, found)| !found.is_empty()) {
            *text = without(text, found);
        }
    }
}

/// Where the groups of a pattern match, or it where it has none.
fn found(pattern: &Regex, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for captures in pattern.captures_iter(text) {
        let skipped = usize::from(captures.len() > 1);
        let groups = captures.iter().skip(skipped).flatten();
        found.extend(groups.map(|group| group.range()).filter(|range| !range.is_empty()));
    }
    found
}

/// The text with something else in these places, of which some may lie in others.
fn without(text: &str, mut places: Vec<Range<usize>>) -> String {
    places.sort_by_key(|place| (place.start, place.end));
    let mut told = String::new();
    let mut end = 0;
    for place in places {
        // What begins in the one before goes on it.
        if place.start >= end {
            told += text.get(end..place.start).unwrap_or_default();
            told += HIDDEN;
        }
        end = end.max(place.end);
    }
    told + text.get(end..).unwrap_or_default()
}
