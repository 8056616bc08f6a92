//! Spans and instants as rule files write them.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Nanoseconds of a span such as `500ms`, `60s`, `5m`, `1h` or `7d`.
pub(crate) fn span(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    number.parse::<u64>().ok()?.checked_mul(unit_ns(unit.trim())?)
}

/// Nanoseconds of a unit, by its letter or its name.
pub(crate) fn unit_ns(unit: &str) -> Option<u64> {
    const SECOND: u64 = 1_000_000_000;
    match unit {
        "ms" => Some(SECOND / 1000),
        "s" | "second" => Some(SECOND),
        "m" | "minute" => Some(60 * SECOND),
        "h" | "hour" => Some(3600 * SECOND),
        "d" | "day" => Some(86_400 * SECOND),
        _ => None,
    }
}

/// The instant at which something with this date ends, nanoseconds since 1970: a day ends with it,
/// in UTC.
pub(crate) fn end_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let end: Timestamp = match text.parse::<Date>() {
        Ok(day) if !text.contains(['T', 't', ' ']) => {
            day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()
        }
        _ => text.parse().ok()?,
    };
    i64::try_from(end.as_nanosecond()).ok()
}

/// A day in UTC, for people.
pub(crate) fn day(ns: i64) -> String {
    let instant = Timestamp::from_nanosecond(i128::from(ns));
    instant.map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}
