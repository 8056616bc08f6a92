//! What only `x86_64` has: the first versions of some calls, and the entry for 32-bit programs.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use nix::sys::mman::MapFlags;

use super::raw::{self, Arg};
use super::sys::{answer, owned};

/// Whether this architecture has all that.
pub const IS_HERE: bool = cfg!(target_arch = "x86_64");

/// Where 32-bit calls reach.
#[cfg(target_arch = "x86_64")]
pub(super) const BELOW_4_GIB: MapFlags = MapFlags::MAP_32BIT;
#[cfg(not(target_arch = "x86_64"))]
pub(super) const BELOW_4_GIB: MapFlags = MapFlags::empty();

/// open(2) itself: libc's function of that name is openat.
pub(super) fn open(path: &CStr, flags: i32, mode: u32) -> io::Result<OwnedFd> {
    const OPEN: i64 = 2;
    let args = [Arg::Text(path), Arg::Number(flags.into()), Arg::Number(mode.into())];
    descriptor(call(OPEN, &args)?)
}

/// creat(2): write, create, truncate.
pub(super) fn creat(path: &CStr, mode: u32) -> io::Result<OwnedFd> {
    const CREAT: i64 = 85;
    descriptor(call(CREAT, &[Arg::Text(path), Arg::Number(mode.into())])?)
}

/// dup2(2).
pub(super) fn dup2(fd: i32, number: i32) -> io::Result<i32> {
    const DUP2: i64 = 33;
    answer(call(DUP2, &[fd, number].map(|fd| Arg::Number(fd.into())))?)
}

/// open(2) through the 32-bit entry of the kernel, as a 32-bit program would call it.
pub(super) fn open_int80(path: &CStr, flags: i32, mode: u32) -> io::Result<OwnedFd> {
    const OPEN: i64 = 5;
    let args = [Arg::Text(path), Arg::Number(flags.into()), Arg::Number(mode.into())];
    descriptor(int80(OPEN, &args)?)
}

fn call(number: i64, args: &[Arg<'_>]) -> io::Result<i64> {
    if IS_HERE { raw::call(number, args) } else { Err(io::ErrorKind::Unsupported.into()) }
}

fn descriptor(number: i64) -> io::Result<OwnedFd> {
    answer(number).map(owned)
}

/// Makes a call as a 32-bit program would: by its number there, with texts below 4 GiB. It takes
/// five arguments at most.
#[cfg(target_arch = "x86_64")]
pub(super) fn int80(number: i64, args: &[Arg<'_>]) -> io::Result<i64> {
    use std::num::NonZeroUsize;

    use nix::sys::mman::{ProtFlags, mmap_anonymous};

    const ROOM: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();
    let flags = MapFlags::MAP_PRIVATE | BELOW_4_GIB;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new anonymous mapping where the kernel likes; nothing else is there.
    let low = unsafe { mmap_anonymous(None, ROOM, access, flags) }?;
    let mut used = 0;
    let mut words = [0_u64; raw::ARGS];
    for (word, arg) in words.iter_mut().zip(args) {
        *word = match arg {
            Arg::Number(number) => *number as u64 & 0xffff_ffff,
            Arg::Text(text) => {
                let bytes = text.to_bytes_with_nul();
                if bytes.len() > ROOM.get() - used {
                    return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
                }
                let to = low.as_ptr().cast::<u8>().wrapping_add(used);
                // SAFETY: the room was checked; the mapping is writable and ours alone.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
                used += bytes.len();
                to as u64
            }
        };
    }
    let [first, second, third, fourth, fifth, _] = words;
    let mut result = number as u64;
    // SAFETY: rbx, which the compiler keeps for itself, is put back; the entry clobbers r8 to r11.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}", "int 0x80", "xchg rbx, {first}",
            first = inout(reg) first => _,
            inout("rax") result, in("rcx") second, in("rdx") third,
            in("rsi") fourth, in("rdi") fifth,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    let result = result as i32;
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result.into()) }
}

/// There is no such entry here.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn int80(_number: i64, _args: &[Arg<'_>]) -> io::Result<i64> {
    Err(io::ErrorKind::Unsupported.into())
}
