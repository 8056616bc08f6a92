//! Files, and what is done with them.

use serde_json::{Value, json};

use super::{
    activity::About,
    class::{Activity, FILE},
};
use crate::{
    act::ActKind,
    document::{members::set, printable::lossless},
    event::{Act, Event, FileAct, FileFacts, Reason, base_name},
};

const O_ACCMODE: u32 = 3;

/// The type of a file: number and name.
type Sort = (u32, &'static str);

const UNKNOWN: Sort = (0, "Unknown");
const REGULAR: Sort = (1, "Regular File");
const FOLDER: Sort = (2, "Folder");
const LINK: Sort = (7, "Symbolic Link");

/// What a file must be called where no name of it is known.
const NAMELESS: &str = "unknown";

/// A file was opened.
pub(super) fn of_open(act: &FileAct) -> About {
    let activity = if act.created { FILE.activity(1, "Create") } else { FILE.activity(14, "Open") };
    let value = file(&act.path, act.file.as_ref(), UNKNOWN);
    About::of(activity, [("file", value), ("access_mask", json!(act.open_flags))])
}

/// An act on a file or a name. None if it is of another class.
pub(super) fn of_act(act: &Act) -> Option<About> {
    let activity = activity(act)?;
    let sort = match act.kind {
        ActKind::Mkdir { .. } | ActKind::Rmdir => FOLDER,
        ActKind::Symlink => LINK,
        ActKind::Mknod { mode, .. } => sort(mode),
        ActKind::Memfd { .. } => REGULAR,
        _ => UNKNOWN,
    };
    let mut about = About::of(activity, [("file", file(&act.path, act.file.as_ref(), sort))]);
    match act.kind {
        ActKind::Rename { .. } | ActKind::Link => {
            about.members.push(("file_result", file(&act.other, act.file.as_ref(), sort)));
        }
        ActKind::FileReceive { open_flags } => {
            about.members.push(("access_mask", json!(open_flags)));
        }
        _ => {}
    }
    Some(about)
}

fn activity(act: &Act) -> Option<Activity> {
    let (id, name) = match act.kind {
        ActKind::FileReceive { .. } => (14, "Open"),
        ActKind::Link
        | ActKind::Symlink
        | ActKind::Mkdir { .. }
        | ActKind::Mknod { .. }
        | ActKind::Memfd { .. } => (1, "Create"),
        ActKind::Truncate { .. } => (3, "Update"),
        ActKind::Unlink | ActKind::Rmdir => (4, "Delete"),
        ActKind::Rename { .. } => (5, "Rename"),
        ActKind::Utimes => (6, "Set Attributes"),
        ActKind::Xattr { .. } if is_security(&act.other) => (7, "Set Security"),
        ActKind::Xattr { .. } => (6, "Set Attributes"),
        ActKind::Chmod { .. } | ActKind::Chown { .. } => (7, "Set Security"),
        ActKind::Mount { .. } => (12, "Mount"),
        ActKind::Umount { .. } => (13, "Unmount"),
        ActKind::Map { .. }
        | ActKind::Protect { .. }
        | ActKind::SocketCreate { .. }
        | ActKind::Ptrace { .. }
        | ActKind::Bpf { .. }
        | ActKind::Module
        | ActKind::Setns { .. }
        | ActKind::Unshare { .. }
        | ActKind::PivotRoot
        | ActKind::Chroot
        | ActKind::SetUid { .. }
        | ActKind::SetGid { .. }
        | ActKind::Capset { .. }
        | ActKind::Userfaultfd { .. }
        | ActKind::Signal { .. } => return None,
    };
    Some(FILE.activity(id, name))
}

/// Whether an extended attribute says who may do what.
fn is_security(name: &[u8]) -> bool {
    name.starts_with(b"security.") || name.starts_with(b"system.posix_acl_")
}

/// A file; of this sort if no facts about it are known.
pub(super) fn file(path: &[u8], facts: Option<&FileFacts>, otherwise: Sort) -> Value {
    let name = Some(base_name(path)).filter(|name| !name.is_empty()).unwrap_or(path);
    let name = if name.is_empty() { NAMELESS.into() } else { lossless(name) };
    let facts = facts.filter(|facts| facts.inode != 0);
    let (type_id, sort) = facts.map_or(otherwise, |facts| sort(facts.mode));
    let mut value = json!({ "name": name, "type_id": type_id, "type": sort });
    if !path.is_empty() {
        set(&mut value, &["path"], json!(lossless(path)));
    }
    if let Some(folder) = folder(path) {
        set(&mut value, &["parent_folder"], json!(lossless(folder)));
    }
    if let Some(facts) = facts {
        set(&mut value, &["uid"], json!(facts.inode.to_string()));
        set(&mut value, &["owner", "uid"], json!(facts.uid.to_string()));
        set(&mut value, &["is_deleted"], json!(facts.links == 0));
    }
    value
}

/// The file of a sort that the schema has a number for.
pub(super) fn regular(path: &[u8], facts: Option<&FileFacts>) -> Value {
    file(path, facts, REGULAR)
}

/// A file of which nobody said what it is.
pub(super) fn any(path: &[u8], facts: Option<&FileFacts>) -> Value {
    file(path, facts, UNKNOWN)
}

fn folder(path: &[u8]) -> Option<&[u8]> {
    match path.iter().rposition(|byte| *byte == b'/')? {
        0 => Some(b"/"),
        at => path.get(..at),
    }
}

fn sort(mode: u32) -> Sort {
    match mode & 0xf000 {
        0x8000 => REGULAR,
        0x4000 => FOLDER,
        0x2000 => (3, "Character Device"),
        0x6000 => (4, "Block Device"),
        0xc000 => (5, "Local Socket"),
        0x1000 => (6, "Named Pipe"),
        0xa000 => LINK,
        _ => UNKNOWN,
    }
}

/// What the schema has no place for.
pub(super) fn unmapped(about: &mut Value, event: &Event) {
    let opened = event.action.open().map(|act| (&act.path, act.file.as_ref()));
    let acted = event.action.act().map(|act| (&act.path, act.file.as_ref()));
    if let Some(act) = event.action.open() {
        let access = match act.open_flags & O_ACCMODE {
            0 => "read",
            1 => "write",
            _ => "read_write",
        };
        set(about, &["file", "access"], json!(access));
    }
    let Some((path, facts)) = opened.or(acted) else { return };
    let has_file = |act: &Act| {
        activity(act).is_some() || matches!(act.kind, ActKind::Map { .. } | ActKind::Module)
    };
    if path.is_empty() && event.action.act().is_none_or(has_file) {
        set(about, &["unknown_because", "file.path"], json!(Reason::NotSeen.name()));
    }
    if let Some(facts) = facts.filter(|facts| facts.inode != 0) {
        set(about, &["file", "device"], json!(format!("{}:{}", facts.major, facts.minor)));
        set(about, &["file", "mode"], json!(format!("{:04o}", facts.mode & 0o7777)));
        set(about, &["file", "links"], json!(facts.links));
        set(about, &["file", "upper_layer"], json!(facts.upper_layer));
    }
}
