//! Bytes of a record → bytes of a record: the two changes that are made before one is decoded or
//! written down. Pure; what is no such record stays as it is.

use monitor_common::{Header, Image, RecordKind, header::origin};
use zerocopy::{FromBytes as _, IntoBytes as _};

/// An image record taken apart.
struct Parts<'a> {
    header: Header,
    image: Image,
    /// Path, file name and working directory.
    before: &'a [u8],
    env: &'a [u8],
    args: &'a [u8],
}

/// Splits records that stand back to back; what follows the last whole one is left out.
pub fn split(mut records: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (header, _) = Header::read_from_prefix(records).ok()?;
        let length = (header.len as usize).max(size_of::<Header>());
        let (record, rest) = records.split_at_checked(length)?;
        records = rest;
        Some(record)
    })
}

/// The process that a record is about.
#[must_use]
pub fn pid(record: &[u8]) -> Option<u32> {
    Header::read_from_prefix(record).ok().map(|(header, _)| header.pid)
}

/// A record of a process that already ran, with arguments that procfs told of.
#[must_use]
pub fn with_arguments(record: &[u8], args: &[u8]) -> Option<Vec<u8>> {
    let mut parts = parts(record)?;
    parts.header.origin = origin::PROCFS;
    parts.image.args_total = u32::try_from(args.len()).ok()?;
    parts.args = args;
    assemble(parts)
}

/// The record with only those variables in its environment that are named. None if there is
/// nothing to leave out.
#[must_use]
pub fn with_selected_env(record: &[u8], keys: &crate::env::EnvKeys) -> Option<Vec<u8>> {
    let mut parts = parts(record)?;
    if parts.env.is_empty() {
        return None;
    }
    let kept = keys.select(parts.env);
    parts.env = &kept;
    assemble(parts)
}

/// Whether a record may hold an environment: it does, or it cannot be told.
#[must_use]
pub fn may_hold_env(record: &[u8]) -> bool {
    let kind =
        Header::read_from_prefix(record).map(|(header, _)| RecordKind::try_from(header.kind));
    match kind {
        Ok(Ok(RecordKind::Task | RecordKind::Exec)) => {
            parts(record).is_none_or(|parts| !parts.env.is_empty())
        }
        _ => false,
    }
}

fn parts(record: &[u8]) -> Option<Parts<'_>> {
    let (header, body) = Header::read_from_prefix(record).ok()?;
    let kind = RecordKind::try_from(header.kind).ok()?;
    if !matches!(kind, RecordKind::Task | RecordKind::Exec) {
        return None;
    }
    let (image, sections) = Image::read_from_prefix(body).ok()?;
    let named = [image.path_len, image.filename_len, image.cwd_len];
    let before: usize = named.iter().map(|length| *length as usize).sum();
    let (before, rest) = sections.split_at_checked(before)?;
    let (env, rest) = rest.split_at_checked(image.env_len as usize)?;
    let (args, _) = rest.split_at_checked(image.args_len as usize)?;
    Some(Parts { header, image, before, env, args })
}

fn assemble(parts: Parts<'_>) -> Option<Vec<u8>> {
    let Parts { mut header, mut image, before, env, args } = parts;
    image.env_len = u32::try_from(env.len()).ok()?;
    image.args_len = u32::try_from(args.len()).ok()?;
    let fixed = size_of::<Header>() + size_of::<Image>();
    let length = fixed + before.len() + env.len() + args.len();
    header.len = u32::try_from(length).ok()?;
    let mut record = Vec::with_capacity(length);
    for part in [header.as_bytes(), image.as_bytes(), before, env, args] {
        record.extend_from_slice(part);
    }
    Some(record)
}
