//! System calls by their numbers, through the entry for 64-bit programs or that for 32-bit ones.

use std::ffi::CStr;
use std::io;

/// An argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    /// A number, a descriptor, a flag.
    Number(i64),
    /// A text that the kernel reads.
    Text(&'a CStr),
}

/// More than any call takes.
const ARGS: usize = 6;

/// Makes a call. Only for those that write to no memory of the caller.
pub(super) fn call(number: i64, args: &[Arg<'_>]) -> io::Result<i64> {
    let mut words = [0_i64; ARGS];
    for (word, arg) in words.iter_mut().zip(args) {
        *word = match arg {
            Arg::Number(number) => *number,
            Arg::Text(text) => text.as_ptr() as i64,
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: texts are borrowed for as long as the call takes, and no call of the table of acts
    // writes to memory that is not meant for it.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Makes a call as a 32-bit program would: by its number there, with texts below 4 GiB. It takes
/// five arguments at most.
#[cfg(target_arch = "x86_64")]
pub(super) fn int80(number: i64, args: &[Arg<'_>]) -> io::Result<i64> {
    use std::num::NonZeroUsize;

    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

    const ROOM: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_32BIT;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new anonymous mapping where the kernel likes; nothing else is there.
    let low = unsafe { mmap_anonymous(None, ROOM, access, flags) }?;
    let mut used = 0;
    let mut words = [0_u64; ARGS];
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
