//! Values that stand encoded, or written in several ways, in what is searched.

use super::Refusal;
use super::pattern::{Part, Pattern};

/// What Windows programs take for the dash of an option, as `windash` says it.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Ways to write one value, at most: four dashes.
const WAYS_MAX: usize = 625;

/// How a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf16Le,
    Utf16Be,
    /// Little-endian, with a byte order mark.
    Utf16,
    Base64,
    /// Base64 inside a longer text, at each of the three places in a group.
    Base64Offset,
}

/// The values that a value becomes.
pub(super) fn encode(value: &Pattern, encodings: &[Encoding]) -> Result<Vec<Pattern>, Refusal> {
    let Some((last, before)) = encodings.split_last() else { return Ok(vec![value.clone()]) };
    let Some(text) = value.plain() else {
        return Err("a value with wildcards cannot be encoded".to_owned());
    };
    let bytes = before.iter().try_fold(text.as_bytes().to_vec(), |bytes, encoding| {
        let text = String::from_utf8(bytes).ok();
        let utf16 = text.as_deref().and_then(|text| utf16(text, *encoding));
        utf16.ok_or_else(|| "its encodings do not go together".to_owned())
    })?;
    match last {
        Encoding::Base64 => Ok(vec![Pattern::literal(&base64(&bytes))]),
        Encoding::Base64Offset => {
            Ok((0..3).map(|at| Pattern::literal(&offset(&bytes, at))).collect())
        }
        Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf16 => {
            Err("UTF-16 is carried only where base64 follows".to_owned())
        }
    }
}

fn utf16(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    match encoding {
        Encoding::Utf16Le => Some(little(text)),
        Encoding::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        Encoding::Utf16 => Some([&[0xff, 0xfe], little(text).as_slice()].concat()),
        Encoding::Base64 | Encoding::Base64Offset => None,
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            let known = DIGITS.get(index).filter(|_| digit <= group.len());
            out.push(known.map_or('=', |digit| char::from(*digit)));
        }
    }
    out
}

/// The digits that hang on the bytes alone if `before` others stand in front of them.
fn offset(bytes: &[u8], before: usize) -> String {
    let all = base64(&[&vec![0; before], bytes].concat());
    let start = [0, 2, 3].get(before).copied().unwrap_or(0);
    let end = match (bytes.len() + before) % 3 {
        0 => all.len(),
        1 => all.len().saturating_sub(3),
        _ => all.len().saturating_sub(2),
    };
    all.get(start..end).unwrap_or_default().to_owned()
}

/// The value with every kind of dash in place of the one that begins an option.
pub(super) fn windash(value: &Pattern) -> Result<Vec<Pattern>, Refusal> {
    let mut ways = vec![Pattern::default()];
    for part in &value.0 {
        let Part::Text(text) = part else {
            ways.iter_mut().for_each(|way| way.0.push(part.clone()));
            continue;
        };
        let characters: Vec<char> = text.chars().collect();
        for (at, c) in characters.iter().enumerate() {
            let is_word = |at: Option<usize>| {
                let c = at.and_then(|at| characters.get(at));
                c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
            };
            if !DASHES.contains(c) || is_word(at.checked_sub(1)) || !is_word(Some(at + 1)) {
                ways.iter_mut().for_each(|way| way.push_char(*c));
                continue;
            }
            if ways.len() * DASHES.len() > WAYS_MAX {
                return Err(format!("with `windash` a value has more than {WAYS_MAX} forms"));
            }
            let with = |way: &Pattern, dash: char| {
                let mut way = way.clone();
                way.push_char(dash);
                way
            };
            ways = ways.iter().flat_map(|way| DASHES.map(|dash| with(way, dash))).collect();
        }
    }
    Ok(ways)
}
