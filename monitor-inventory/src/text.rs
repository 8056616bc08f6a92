//! Texts out of files that anybody may have written.

use crate::limits::TEXT_BYTES;

/// A text of a bounded length without control characters; None where it is no such text.
pub(crate) fn clean(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let is_clean = !text.is_empty() && text.len() <= TEXT_BYTES && !text.contains(char::is_control);
    is_clean.then_some(text)
}

/// The same, to keep.
pub(crate) fn kept(bytes: &[u8]) -> Option<Box<str>> {
    clean(bytes).map(Into::into)
}

/// Lines, without their ends.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// A line of a name, a colon and a value.
pub(crate) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
}

/// The first bytes of something, as a path is shown.
pub(crate) fn path(path: &std::path::Path) -> Box<str> {
    let text = path.to_string_lossy();
    text.chars().filter(|it| !it.is_control()).take(1024).collect::<String>().into()
}
