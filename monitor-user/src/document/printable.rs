//! Bytes that a process chose, made safe to show and to put into JSON.

use std::{borrow::Cow, fmt::Write as _};

/// Text that keeps every byte: what is not UTF-8 becomes `\xNN`.
#[must_use]
pub fn lossless(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(escape(bytes, |_| false)),
    }
}

/// Text for a terminal: besides, control characters become `\xNN`, so that nothing that a process
/// chose can move the cursor or change a colour.
#[must_use]
pub fn terminal(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(unsafe_to_show) => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes, unsafe_to_show)),
    }
}

/// Control characters, and the ones that turn the direction of writing.
pub(crate) fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(bytes: &[u8], also: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if also(c) {
                push_escaped(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes())
            } else {
                text.push(c)
            }
        }
        push_escaped(&mut text, chunk.invalid());
    }
    text
}

/// Bytes as `\xNN`.
pub(crate) fn push_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "\\x{byte:02x}").unwrap_or_default();
    }
}

/// Arguments that each end in a zero byte, as one line.
#[must_use]
pub fn command_line(args: &[u8]) -> Vec<u8> {
    let args = args.strip_suffix(b"\0").unwrap_or(args);
    args.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect()
}

/// Strings that each end in a zero byte.
pub fn strings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let some = !bytes.is_empty();
    bytes.split(|byte| *byte == 0).filter(move |_| some)
}
