//! A policy as a file: YAML, strictly. What is wrong with it is told with its place and a cure.

use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Exception, Pattern, Policy, reference};
use crate::{config::read_strictly, limits::POLICY_ENTRIES};

/// Days of the oldest image that may be allowed.
const AGE_DAYS_MAX: u32 = 36_500;

/// What a file has.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    registries: Option<Spanned<Vec<Spanned<String>>>>,
    repositories: Option<Spanned<Vec<Spanned<String>>>>,
    digests: Option<Spanned<Vec<Spanned<String>>>>,
    max_age_days: Option<Spanned<u32>>,
    except: Vec<Spanned<RawException>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawException {
    image: Option<Spanned<String>>,
    namespace: Option<Spanned<String>>,
    name: Option<Spanned<String>>,
    reason: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
}

/// A mistake at a place.
fn at<T>(place: &Spanned<T>, what: &str) -> String {
    format!("{}:{}: {what}", place.referenced.line(), place.referenced.column())
}

/// Reads a policy.
///
/// # Errors
///
/// What is wrong with it, where, and what would be right.
pub fn read(text: &str) -> Result<Policy, String> {
    let raw: Raw = read_strictly(text)?;
    let has_bound = raw.registries.is_some()
        || raw.repositories.is_some()
        || raw.digests.is_some()
        || raw.max_age_days.is_some();
    if !has_bound {
        let keys = "`registries`, `repositories`, `digests` or `max_age_days`";
        return Err(format!("1:1: it forbids nothing: give it {keys}"));
    }
    let lists = [&raw.registries, &raw.repositories, &raw.digests];
    let count = |list: &&Option<Spanned<Vec<_>>>| list.as_ref().map_or(0, |it| it.value.len());
    if lists.iter().map(count).sum::<usize>() + raw.except.len() > POLICY_ENTRIES {
        return Err(format!("1:1: it has more than {POLICY_ENTRIES} entries"));
    }
    Ok(Policy {
        registries: list(raw.registries.as_ref(), registry)?,
        repositories: list(raw.repositories.as_ref(), repository)?,
        digests: list(raw.digests.as_ref(), digest)?.into_iter().collect(),
        max_age_days: raw.max_age_days.as_ref().map(age).transpose()?,
        except: raw.except.iter().map(exception).collect::<Result<_, _>>()?,
    })
}

fn list<T>(
    raw: Option<&Spanned<Vec<Spanned<String>>>>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    if raw.value.is_empty() {
        return Err(at(raw, "an empty list says nothing: leave the key out, or name something"));
    }
    raw.value.iter().map(|one| read(&one.value).map_err(|what| at(one, &what))).collect()
}

fn registry(text: &str) -> Result<Pattern, String> {
    let plain = reference::plain_registry(text.to_lowercase());
    // A pattern is checked as what it would match.
    match reference::parse(&format!("{}/x", plain.replace('*', "x"))) {
        Ok(reference::Name::Reference(it)) if it.path == "x" || it.path == "library/x" => {
            Ok(Pattern::new(&plain))
        }
        _ => Err(format!("`{text}` is no registry: write HOST or HOST:PORT, without a path")),
    }
}

fn repository(text: &str) -> Result<Pattern, String> {
    let wrong = |why: String| format!("`{text}` is no repository: {why}");
    let sample = text.replace('*', "x");
    match reference::parse(&sample).map_err(wrong)? {
        reference::Name::Reference(it) if it.tag.is_none() && it.digest.is_none() => {
            let (registry, path) = reference::split_registry(text);
            Ok(Pattern::new(&format!("{registry}/{path}")))
        }
        _ => Err(wrong("it has no tag, and digests go into `digests`".to_owned())),
    }
}

fn digest(text: &str) -> Result<Box<str>, String> {
    match reference::is_digest(text) {
        true => Ok(text.into()),
        false => Err(format!("`{text}` is no digest: write `sha256:` and 64 hexadecimal digits")),
    }
}

fn age(raw: &Spanned<u32>) -> Result<u32, String> {
    match raw.value {
        days @ 1..=AGE_DAYS_MAX => Ok(days),
        _ => Err(at(raw, &format!("`max_age_days` is from 1 to {AGE_DAYS_MAX}"))),
    }
}

fn exception(raw: &Spanned<RawException>) -> Result<Exception, String> {
    let RawException { image, namespace, name, reason, until } = &raw.value;
    if image.is_none() && namespace.is_none() && name.is_none() {
        let what = "it excepts everything: say which `image`, `namespace` or `name`";
        return Err(at(raw, what));
    }
    let reason = reason.as_ref().filter(|it| !it.value.trim().is_empty());
    let reason = reason.ok_or_else(|| at(raw, "an exception has a `reason`"))?;
    let pattern = |text: &Option<Spanned<String>>| text.as_ref().map(|it| Pattern::new(&it.value));
    let of_image = |one: &Spanned<String>| repository(&one.value).map_err(|what| at(one, &what));
    Ok(Exception {
        image: image.as_ref().map(of_image).transpose()?,
        namespace: pattern(namespace),
        name: pattern(name),
        reason: reason.value.trim().into(),
        until: until.as_ref().map(end).transpose()?,
    })
}

/// The end of a day, and the day.
fn end(raw: &Spanned<String>) -> Result<(Box<str>, i64), String> {
    let wrong = || at(raw, "`until` is the last day that it holds, as `2027-01-31`");
    let day: Date = raw.value.parse().map_err(|_none| wrong())?;
    let next = day.checked_add(1.day()).map_err(|_late| wrong())?;
    let next = next.to_zoned(TimeZone::UTC).map_err(|_late| wrong())?;
    let end_ns = i64::try_from(next.timestamp().as_nanosecond()).map_err(|_late| wrong())?;
    Ok((raw.value.as_str().into(), end_ns))
}
