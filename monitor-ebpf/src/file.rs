//! Facts of a file, from its inode and super block.

use monitor_common::{FileFacts, Member, body::file_flags};

use crate::{
    maps::{has, offset},
    read::{Block, Kptr, raw},
};

const OVERLAYFS_MAGIC: u32 = 0x794c_7630;
const TMPFS_MAGIC: u32 = 0x0102_1994;
const HUGETLBFS_MAGIC: u32 = 0x9584_58f6;
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
    mount: Kptr,
}

impl Opened {
    /// Reads it.
    #[inline(always)]
    pub(crate) fn read(file: Kptr) -> Self {
        let block = Block::read(file);
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
        let dentry: Kptr = raw(self.path().wrapping_add(offset(Member::PathDentry)));
        let parent: Kptr = raw(dentry.wrapping_add(offset(Member::DentryParent)));
        let block: Kptr = raw(self.inode.wrapping_add(offset(Member::InodeSb)));
        let magic: u64 = raw(block.wrapping_add(offset(Member::SbMagic)));
        parent != dentry && magic != MQUEUE_MAGIC
    }

    /// Its `struct path`.
    #[inline(always)]
    pub(crate) fn path(&self) -> Kptr {
        self.file.wrapping_add(offset(Member::FilePath))
    }
}

/// Writes the facts of an open file: of its inode and its super block.
#[inline(always)]
pub(crate) fn describe(facts: &mut FileFacts, opened: &Opened) {
    let inode = Block::read(opened.inode);
    let block: Kptr = inode.member(opened.inode, Member::InodeSb);
    facts.inode = inode.member(opened.inode, Member::InodeIno);
    facts.mode = u32::from(inode.member::<u16>(opened.inode, Member::InodeMode));
    facts.links = inode.member(opened.inode, Member::InodeNlink);
    facts.uid = inode.member(opened.inode, Member::InodeUid);
    let super_block = Block::read(block);
    facts.device = super_block.member(block, Member::SbDev);
    facts.magic = super_block.member::<u64>(block, Member::SbMagic) as u32;
    facts.flags = 0;
    if facts.magic == OVERLAYFS_MAGIC && in_upper_layer(opened.inode) {
        facts.flags |= file_flags::UPPER;
    }
    // Only such mounts have these: their files never had a directory.
    if facts.magic == TMPFS_MAGIC || facts.magic == HUGETLBFS_MAGIC {
        let mount_flags: u32 = raw(opened.mount.wrapping_add(offset(Member::VfsmountFlags)));
        if mount_flags & MNT_INTERNAL != 0 {
            facts.flags |= file_flags::INTERNAL_MOUNT;
        }
    }
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
