//! Facts of a file, from its inode and super block.

use monitor_common::{FileFacts, Member, body::file_flags};

use crate::{
    maps::{PATHS, has, offset},
    own,
    read::{Block, BlockBytes, Kptr, raw},
    record::Record,
};

/// The open created the file.
pub(crate) const FMODE_CREATED: u32 = 0x10_0000;

const OVERLAYFS_MAGIC: u32 = 0x794c_7630;
const TMPFS_MAGIC: u32 = 0x0102_1994;
const HUGETLBFS_MAGIC: u32 = 0x9584_58f6;
const PROC_MAGIC: u32 = 0x9fa0;
const MNT_INTERNAL: u32 = 0x4000;
const MQUEUE_MAGIC: u64 = 0x1980_0202;
/// What stands in place of the namespace of a mount that is in none: `ERR_PTR(-EINVAL)`.
const MNT_NS_INTERNAL: u64 = -22_i64 as u64;

/// What a `struct file` says, by one read of its start.
pub(crate) struct Opened {
    /// The file.
    pub(crate) file: Kptr,
    /// Its inode.
    pub(crate) inode: Kptr,
    /// `f_mode`.
    pub(crate) mode: u32,
    /// `f_flags`.
    pub(crate) open_flags: u32,
    /// Its `struct vfsmount`.
    pub(crate) mount: Kptr,
}

impl Opened {
    /// Reads it.
    #[inline(always)]
    pub(crate) fn read(file: Kptr) -> Self {
        let mut place = BlockBytes::default();
        // SAFETY: the place outlives the block.
        let block = unsafe { Block::read(&raw mut place, file) };
        let mode = block.member(file, Member::FileMode);
        let open_flags = block.member(file, Member::FileFlags);
        let inode = block.member(file, Member::FileInode);
        let mount = offset(Member::FilePath) + offset(Member::PathMnt);
        Self { file, inode, mode, open_flags, mount: raw(file.wrapping_add(mount)) }
    }

    /// Whether a file system opened it for itself, through a mount that only it has: overlayfs
    /// does, to copy a file up. What a process opened without a name in its tree is no such file:
    /// a memfd (which has no directory) and a message queue.
    #[inline(always)]
    pub(crate) fn is_file_systems_own(&self) -> bool {
        let mount = self.mount.wrapping_sub(offset(Member::MountMnt));
        if raw::<u64>(mount.wrapping_add(offset(Member::MountMntNs))) != MNT_NS_INTERNAL {
            return false;
        }
        let parent: Kptr = raw(self.dentry().wrapping_add(offset(Member::DentryParent)));
        let block: Kptr = raw(self.inode.wrapping_add(offset(Member::InodeSb)));
        let magic: u64 = raw(block.wrapping_add(offset(Member::SbMagic)));
        parent != self.dentry() && magic != MQUEUE_MAGIC
    }

    /// Whether this open made it.
    #[inline(always)]
    pub(crate) fn is_created(&self) -> bool {
        self.mode & FMODE_CREATED != 0
    }

    /// Its entry in a directory.
    #[inline(always)]
    pub(crate) fn dentry(&self) -> Kptr {
        raw(self.path().wrapping_add(offset(Member::PathDentry)))
    }

    /// Its `struct path`.
    #[inline(always)]
    pub(crate) fn path(&self) -> Kptr {
        self.file.wrapping_add(offset(Member::FilePath))
    }
}

/// Writes the facts of an open file into the record: of its inode and its super block.
#[inline(always)]
pub(crate) fn describe(record: &Record, opened: &Opened) {
    describe_inode(record, opened.inode, opened.mount);
}

/// Writes the facts of an inode, if there is one, that is seen through a `struct vfsmount`.
#[inline(always)]
pub(crate) fn describe_inode(record: &Record, inode: Kptr, mount: Kptr) {
    if !inode.is_null() {
        rm_facts(record.index(), inode as u64, mount as u64);
    }
}

/// A global function: the stack is shared by a program and all that it calls, and this one gives
/// its part back. Every body that has facts starts with them.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_facts(index: u32, inode: u64, mount: u64) -> u64 {
    let Some(record) = Record::claimed(index) else { return 0 };
    let facts: &mut FileFacts = record.body();
    let at = inode as Kptr;
    // Not on the stack, where it would not fit beside what the callers have; the path, for which
    // this memory is, is put together later.
    let Some(place) = PATHS.get_ptr_mut(index) else { return 0 };
    let place: *mut BlockBytes = place.cast();
    // SAFETY: map memory that belongs to the claimed slot, larger than a block.
    let block = unsafe { Block::read(place, at) };
    let super_block: Kptr = block.member(at, Member::InodeSb);
    facts.inode = block.member(at, Member::InodeIno);
    facts.mode = u32::from(block.member::<u16>(at, Member::InodeMode));
    facts.links = block.member(at, Member::InodeNlink);
    facts.uid = block.member(at, Member::InodeUid);
    // SAFETY: as above; the block of the inode is not used any more.
    let block = unsafe { Block::read(place, super_block) };
    facts.device = block.member(super_block, Member::SbDev);
    facts.magic = block.member::<u64>(super_block, Member::SbMagic) as u32;
    facts.flags = 0;
    if facts.magic == OVERLAYFS_MAGIC && in_upper_layer(at) {
        facts.flags |= file_flags::UPPER;
    }
    // Only such mounts have these: their files never had a directory.
    if facts.magic == TMPFS_MAGIC || facts.magic == HUGETLBFS_MAGIC {
        let flags = (mount as Kptr).wrapping_add(offset(Member::VfsmountFlags));
        if raw::<u32>(flags) & MNT_INTERNAL != 0 {
            facts.flags |= file_flags::INTERNAL_MOUNT;
        }
    }
    if facts.magic == PROC_MAGIC && own::is_about_monitor(at) {
        facts.flags |= file_flags::OF_MONITOR;
    }
    0
}

/// Whether an overlayfs inode has a dentry in the upper layer: it was created there, or copied up.
#[inline(always)]
fn in_upper_layer(inode: Kptr) -> bool {
    // `ovl_inode` embeds the inode and its upper dentry; the loader fills both offsets in also
    // where overlayfs is a module and its types are not in the kernel's BTF.
    if !has(Member::OvlInodeUpper) || !has(Member::OvlInodeVfs) {
        return false;
    }
    let container = inode.wrapping_sub(offset(Member::OvlInodeVfs));
    raw::<u64>(container.wrapping_add(offset(Member::OvlInodeUpper))) != 0
}
