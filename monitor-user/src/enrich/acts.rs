//! Acts on names and files: names become paths from the root.

use super::{absolute, rooted};
use crate::{
    act::ActKind,
    event::{Act, Origin},
    raw_event::RawAct,
};

pub(super) fn act(raw: &RawAct<'_>, origin: Origin) -> Act {
    let named = !matches!(origin, Origin::KernelObject);
    let (path, name) = match raw.kind {
        // Its name is in no directory.
        ActKind::Memfd { .. } => (raw.path.into(), None),
        _ => place(raw.path, raw.base, named),
    };
    let base = if raw.other_base.is_empty() { raw.base } else { raw.other_base };
    let (other, other_name, text): (Box<[u8]>, _, &[u8]) = match raw.kind {
        ActKind::Rename { .. } | ActKind::Link | ActKind::PivotRoot => {
            let (other, name) = place(raw.other, base, named);
            (other, name, b"")
        }
        // What is moved to its place: a path, of a descriptor only what it is by then.
        ActKind::Mount { .. } if named && base.starts_with(b"/") && !raw.other_base.is_empty() => {
            let (other, name) = place(raw.other, base, named);
            (other, name, b"")
        }
        // What the older call mounts is a text, as is the type of the file system.
        _ => (raw.other.into(), None, raw.other_base),
    };
    let looked_at = raw.file.inode != 0 || raw.file.magic != 0;
    Act {
        kind: raw.kind,
        path,
        name,
        file: looked_at.then_some(raw.file),
        other,
        other_name,
        text: text.into(),
    }
}

/// A path, and the name that it was made from, if it was.
fn place(path: &[u8], base: &[u8], named: bool) -> (Box<[u8]>, Option<Box<[u8]>>) {
    if path.is_empty() {
        return (Box::default(), None);
    }
    if named { (absolute(path, base), Some(path.into())) } else { (rooted(path), None) }
}
