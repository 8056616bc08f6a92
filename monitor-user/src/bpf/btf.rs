//! Offsets of struct members, from the type information that the kernel carries (BTF).
//!
//! The format is that of the kernel's Documentation/bpf/btf.rst. Only what offsets need is read.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
    path::Path,
};

use monitor_common::member::{ABSENT, MEMBERS, Member, MemberSpec, Need};

use super::BpfError;

/// Where the kernel shows its type information.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const KIND_POINTER: u8 = 2;
const KIND_STRUCT: u8 = 4;
const KIND_UNION: u8 = 5;
const KIND_ENUM: u8 = 6;
const KIND_TYPEDEF: u8 = 8;
const KIND_FUNC: u8 = 12;
const KIND_FUNC_PROTO: u8 = 13;

/// What the names of the types of tracepoints start with.
const TRACEPOINT: &str = "btf_trace_";

/// How deep a member may be nested in anonymous structs and typedefs.
const NESTING: u32 = 16;

struct Type {
    kind: u8,
    bitfields: bool,
    /// Size of a struct, or the type that a typedef or modifier stands for.
    size_or_type: u32,
    /// Number of members that follow.
    entries: usize,
    /// Where they are in the data.
    at: usize,
}

/// The types of the running kernel.
pub struct KernelTypes<'d> {
    data: &'d [u8],
    strings: usize,
    types: Vec<Type>,
    /// Hash of kind and name, and number of the type; by hash. In one piece, which is given back
    /// whole: sixty thousand names would leave the heap in shreds.
    by_name: Vec<(u64, u32)>,
}

/// Room that is asked for to read the types into: address space, of which only what is written to
/// takes memory. From 32 MiB on, the C library gives a block back to the kernel when it is freed,
/// and goes on to do so with lesser ones; a block of five keeps that much unused on the heap ever
/// after (mallopt(3), `M_MMAP_THRESHOLD`).
const ROOM: usize = 33 << 20;

/// Reads the types that the running kernel shows.
pub fn read(path: &Path) -> Result<Vec<u8>, BpfError> {
    let refused = |source| BpfError::Btf { path: path.to_owned(), source };
    let mut data = Vec::with_capacity(ROOM);
    File::open(path).and_then(|mut file| file.read_to_end(&mut data)).map_err(refused)?;
    Ok(data)
}

impl<'d> KernelTypes<'d> {
    /// Parses BTF data; None where it is cut or malformed.
    #[must_use]
    pub fn parse(data: &'d [u8]) -> Option<Self> {
        if u16::from_ne_bytes(data.get(0..2)?.try_into().ok()?) != MAGIC {
            return None;
        }
        let word = |at| word(data, at);
        let header = word(4)? as usize;
        let mut at = header.checked_add(word(8)? as usize)?;
        let end = at.checked_add(word(12)? as usize)?;
        let strings = header.checked_add(word(16)? as usize)?;
        let mut types = Vec::new();
        let mut names = Vec::new();
        while at < end {
            let (name, info, size_or_type) = (word(at)?, word(at + 4)?, word(at + 8)?);
            let kind = (info >> 24 & 0x1f) as u8;
            let entries = (info & 0xffff) as usize;
            names.push((kind, name));
            types.push(Type {
                kind,
                bitfields: info >> 31 != 0,
                size_or_type,
                entries,
                at: at + 12,
            });
            at += 12 + tail_bytes(kind, entries)?;
        }
        let mut known = Self { data, strings, types, by_name: Vec::with_capacity(names.len()) };
        for (index, (kind, name)) in names.into_iter().enumerate() {
            let text = known.string(name)?;
            let tracepoint = kind == KIND_TYPEDEF && text.starts_with(TRACEPOINT.as_bytes());
            if (tracepoint || matches!(kind, KIND_STRUCT | KIND_ENUM | KIND_FUNC)) && name != 0 {
                let hash = hash(kind, text);
                known.by_name.push((hash, u32::try_from(index).ok()? + 1));
            }
        }
        known.by_name.sort_unstable();
        Some(known)
    }

    /// The first type of that kind and name.
    fn named(&self, kind: u8, name: &[u8]) -> Option<u32> {
        let hash = hash(kind, name);
        let first = self.by_name.partition_point(|(known, _)| *known < hash);
        let same = self.by_name.get(first..)?.iter().take_while(|(known, _)| *known == hash);
        same.map(|(_, id)| *id).find(|id| self.is_named(*id, kind, name))
    }

    fn is_named(&self, id: u32, kind: u8, name: &[u8]) -> bool {
        let Some(found) = self.kind(id).filter(|found| found.kind == kind) else { return false };
        // The name stands first of the three words before the members.
        let written = found.at.checked_sub(12).and_then(|at| word(self.data, at));
        written.and_then(|at| self.string(at)) == Some(name)
    }

    /// The offset of every member that the programs read, for the global `OFFSETS`.
    pub fn offsets(&self) -> Result<[u32; Member::COUNT], BpfError> {
        let mut offsets = [ABSENT; Member::COUNT];
        for (offset, spec) in offsets.iter_mut().zip(&MEMBERS) {
            *offset = match (self.offset(spec), spec.need) {
                (Some(found), _) => found,
                (None, Need::Maybe) => ABSENT,
                (None, Need::Always) => {
                    return Err(BpfError::Member { container: spec.container, member: spec.path });
                }
            };
        }
        self.complete_overlayfs(&mut offsets);
        Ok(offsets)
    }

    /// Overlayfs may be a module, whose types are not among the kernel's own. Its inode starts
    /// with data that we do not read; `__upperdentry` follows the embedded inode directly in
    /// every kernel so far, which is all that is needed relative to the inode.
    fn complete_overlayfs(&self, offsets: &mut [u32; Member::COUNT]) {
        let Some(inode_bytes) = self.size("inode") else { return };
        let (upper, vfs) = (Member::OvlInodeUpper as usize, Member::OvlInodeVfs as usize);
        let known = offsets.get(upper).is_some_and(|offset| *offset != ABSENT);
        if !known {
            if let Some(offset) = offsets.get_mut(upper) {
                *offset = inode_bytes;
            }
            if let Some(offset) = offsets.get_mut(vfs) {
                *offset = 0;
            }
        }
    }

    /// Whether the kernel has a function of that name.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.named(KIND_FUNC, name.as_bytes()).is_some()
    }

    /// The number of a function's type, by which programs call it.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<u32> {
        self.named(KIND_FUNC, name.as_bytes())
    }

    /// Whether a tracepoint hands its programs a pointer as this argument, from 0.
    #[must_use]
    pub fn tracepoint_has_pointer(&self, name: &str, argument: usize) -> bool {
        let pointer = || {
            let name = format!("{TRACEPOINT}{name}");
            let typedef = self.named(KIND_TYPEDEF, name.as_bytes())?;
            let to_function = self.kind(self.resolve(typedef)?)?;
            let function = self.kind(self.resolve(to_function.size_or_type)?)?;
            // The first parameter is the tracepoint's own.
            let parameter = argument + 1;
            if function.kind != KIND_FUNC_PROTO || parameter >= function.entries {
                return None;
            }
            let of = word(self.data, function.at + 8 * parameter + 4)?;
            Some(self.kind(self.resolve(of)?)?.kind == KIND_POINTER)
        };
        pointer().unwrap_or(false)
    }

    /// How many arguments a kernel function has; None where there is no such function, or it is
    /// not among the types.
    #[must_use]
    pub fn arity(&self, function: &str) -> Option<u8> {
        let found = self.kind(self.named(KIND_FUNC, function.as_bytes())?)?;
        let prototype = self.kind(found.size_or_type)?;
        u8::try_from(prototype.entries).ok().filter(|_| prototype.kind == KIND_FUNC_PROTO)
    }

    /// Value of an enum's variant.
    #[must_use]
    pub fn enum_value(&self, name: &str, variant: &str) -> Option<u32> {
        let found = self.kind(self.named(KIND_ENUM, name.as_bytes())?)?;
        (0..found.entries).find_map(|index| {
            let at = found.at + 8 * index;
            let named = self.string(word(self.data, at)?)? == variant.as_bytes();
            if named { word(self.data, at + 4) } else { None }
        })
    }

    fn size(&self, container: &str) -> Option<u32> {
        let id = self.named(KIND_STRUCT, container.as_bytes())?;
        Some(self.kind(id)?.size_or_type)
    }

    fn offset(&self, spec: &MemberSpec) -> Option<u32> {
        let container = self.named(KIND_STRUCT, spec.container.as_bytes())?;
        spec.path.split('|').find_map(|spelling| {
            let (mut id, mut total) = (container, 0);
            for name in spelling.split('.') {
                let (offset, of) = self.find(id, name.as_bytes(), NESTING)?;
                total += offset;
                id = of;
            }
            Some(total)
        })
    }

    /// Byte offset and type of a member, also inside anonymous structs and unions.
    fn find(&self, id: u32, name: &[u8], depth: u32) -> Option<(u32, u32)> {
        let found = self.kind(self.resolve(id)?)?;
        if depth == 0 || !matches!(found.kind, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        (0..found.entries).find_map(|index| {
            let at = found.at + 12 * index;
            let (member, of) = (word(self.data, at)?, word(self.data, at + 4)?);
            let mut bits = word(self.data, at + 8)?;
            if found.bitfields {
                bits &= 0x00ff_ffff;
            }
            if member == 0 {
                let (inner, of) = self.find(of, name, depth - 1)?;
                return Some((bits / 8 + inner, of));
            }
            (self.string(member)? == name).then_some((bits / 8, of))
        })
    }

    /// Follows typedefs and modifiers.
    fn resolve(&self, mut id: u32) -> Option<u32> {
        for _ in 0..NESTING {
            let found = self.kind(id)?;
            match found.kind {
                8..=11 | 18 => id = found.size_or_type,
                _ => return Some(id),
            }
        }
        None
    }

    fn kind(&self, id: u32) -> Option<&Type> {
        self.types.get(id.checked_sub(1)? as usize)
    }

    fn string(&self, offset: u32) -> Option<&[u8]> {
        self.data.get(self.strings.checked_add(offset as usize)?..)?.split(|byte| *byte == 0).next()
    }
}

/// Bytes that follow the common part of a type.
fn tail_bytes(kind: u8, entries: usize) -> Option<usize> {
    Some(match kind {
        1 | 14 | 17 => 4,
        3 => 12,
        KIND_STRUCT | KIND_UNION | 15 | 19 => 12 * entries,
        KIND_ENUM | 13 => 8 * entries,
        2 | 7..=12 | 16 | 18 => 0,
        _ => return None,
    })
}

fn hash(kind: u8, name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, name).hash(&mut hasher);
    hasher.finish()
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(data.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
