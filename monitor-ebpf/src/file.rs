//! Facts of a file, from its inode and super block.

use monitor_common::{FileFacts, Member, body::file_flags};

use crate::{
    maps::{has, offset},
    read::{Kptr, member, raw},
};

const OVERLAYFS_MAGIC: u32 = 0x794c_7630;
const MNT_INTERNAL: u32 = 0x4000;

/// The inode of a `struct file`.
#[inline(always)]
pub(crate) fn inode<const TYPED: bool>(file: Kptr) -> Kptr {
    member::<TYPED, _>(file, Member::FileInode)
}

/// Writes the facts of a `struct file`.
#[inline(always)]
pub(crate) fn describe<const TYPED: bool>(facts: &mut FileFacts, file: Kptr) {
    let inode: Kptr = inode::<TYPED>(file);
    let block: Kptr = member::<TYPED, _>(inode, Member::InodeSb);
    facts.inode = member::<TYPED, _>(inode, Member::InodeIno);
    facts.mode = u32::from(member::<TYPED, u16>(inode, Member::InodeMode));
    facts.links = member::<TYPED, _>(inode, Member::InodeNlink);
    facts.uid = member::<TYPED, _>(inode, Member::InodeUid);
    facts.device = member::<TYPED, _>(block, Member::SbDev);
    facts.magic = member::<TYPED, u64>(block, Member::SbMagic) as u32;
    facts.flags = 0;
    if facts.magic == OVERLAYFS_MAGIC && in_upper_layer(inode) {
        facts.flags |= file_flags::UPPER;
    }
    let mount: Kptr =
        raw(file.wrapping_add(offset(Member::FilePath) + offset(Member::PathMnt)));
    let mount_flags: u32 = raw(mount.wrapping_add(offset(Member::VfsmountFlags)));
    if mount_flags & MNT_INTERNAL != 0 {
        facts.flags |= file_flags::INTERNAL_MOUNT;
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
