//! Values of a test as the types that events have.

use std::{net::IpAddr, sync::Arc};

use monitor_rules::TestValue;

use crate::{
    event::{Fact, FactSource, Reason},
    words::CAPABILITIES,
};

type Read<T> = Result<T, String>;

pub(super) fn text(value: &TestValue) -> Read<String> {
    match value {
        TestValue::Str(text) => Ok(text.clone()),
        TestValue::Int(number) => Ok(number.to_string()),
        TestValue::Bool(yes) => Ok(yes.to_string()),
        TestValue::Null | TestValue::Bytes(_) | TestValue::List(_) => Err(wanted("a text", value)),
    }
}

pub(super) fn bytes(value: &TestValue) -> Read<Box<[u8]>> {
    match value {
        TestValue::Bytes(bytes) => Ok(bytes.as_slice().into()),
        other => text(other).map(|text| text.into_bytes().into()),
    }
}

pub(super) fn maybe_bytes(value: &TestValue) -> Read<Option<Box<[u8]>>> {
    if *value == TestValue::Null { Ok(None) } else { bytes(value).map(Some) }
}

/// Several texts, or one.
pub(super) fn texts(value: &TestValue) -> Read<Vec<String>> {
    match value {
        TestValue::List(items) => items.iter().map(text).collect(),
        TestValue::Null => Ok(Vec::new()),
        one => text(one).map(|text| vec![text]),
    }
}

/// Several words: a list, or a text with spaces.
pub(super) fn words(value: &TestValue) -> Read<Vec<String>> {
    match value {
        TestValue::Str(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        other => texts(other),
    }
}

pub(super) fn yes(value: &TestValue) -> Read<bool> {
    match value {
        TestValue::Bool(yes) => Ok(*yes),
        _ => Err(wanted("`true` or `false`", value)),
    }
}

pub(super) fn int(value: &TestValue) -> Read<i64> {
    match value {
        TestValue::Int(number) => Ok(*number),
        _ => Err(wanted("a number", value)),
    }
}

pub(super) fn number<T: TryFrom<i64>>(value: &TestValue) -> Read<T> {
    T::try_from(int(value)?).map_err(|_| "the number is out of range".to_owned())
}

pub(super) fn ip(value: &TestValue) -> Read<IpAddr> {
    text(value)?.parse().map_err(|_| wanted("an IP address", value))
}

/// Capabilities by their names.
pub(super) fn capabilities(value: &TestValue) -> Read<u64> {
    words(value)?.iter().try_fold(0, |set, name| {
        let bit = CAPABILITIES.iter().position(|known| known == name);
        bit.map(|bit| set | 1 << bit).ok_or_else(|| format!("`{name}` is no capability"))
    })
}

/// A fact: `null` for what does not apply, `<reason>` for what is not known.
pub(super) fn fact(value: &TestValue) -> Read<Fact<Box<str>>> {
    if *value == TestValue::Null {
        return Ok(Fact::Unknown(Reason::NotApplicable));
    }
    let text = text(value)?;
    match text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
        Some(name) => Reason::from_name(name)
            .map(Fact::Unknown)
            .ok_or_else(|| format!("`{name}` is no reason for a fact to be unknown")),
        None => Ok(Fact::Known(text.into(), FactSource::Bundle)),
    }
}

/// Names, as facts are written; several in a list.
pub(super) fn names(value: &TestValue) -> Read<Fact<Box<[Arc<str>]>>> {
    if let TestValue::List(items) = value {
        let names: Read<Box<[Arc<str>]>> =
            items.iter().map(|item| text(item).map(Arc::from)).collect();
        return names.map(|names| Fact::Known(names, FactSource::Dns));
    }
    Ok(match fact(value)? {
        Fact::Known(name, _) => Fact::Known(Box::new([Arc::from(name)]), FactSource::Dns),
        Fact::Unknown(reason) => Fact::Unknown(reason),
    })
}

fn wanted(what: &str, found: &TestValue) -> String {
    let found = match found {
        TestValue::Null => "nothing".to_owned(),
        TestValue::Bool(yes) => format!("`{yes}`"),
        TestValue::Int(number) => format!("`{number}`"),
        TestValue::Str(text) => format!("`{text}`"),
        TestValue::Bytes(_) => "what is no UTF-8".to_owned(),
        TestValue::List(_) => "a list".to_owned(),
    };
    format!("expected {what}, found {found}")
}
