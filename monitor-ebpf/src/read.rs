//! Bounded reads of kernel and user memory.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};
use monitor_common::{Member, settings};

use crate::maps::{direct, offset, readable};

/// A pointer into kernel memory. Never dereferenced as such.
pub(crate) type Kptr = *const u8;

/// Values that any bytes are valid for.
pub(crate) trait Plain: Copy {
    /// Whether it stands at addresses that words can be loaded from.
    const ALIGNED: bool = true;

    /// Reads one, word by word: a copy of more would go by way of the stack.
    ///
    /// # Safety
    /// The verifier must let `place` be read from.
    #[inline(always)]
    unsafe fn load(place: *const Self) -> Self {
        // SAFETY: as above.
        unsafe { place.read_volatile() }
    }
}

impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for i32 {}
impl Plain for u64 {}
impl Plain for i64 {}
impl Plain for Kptr {}

impl<T: Plain, const LENGTH: usize> Plain for [T; LENGTH] {
    const ALIGNED: bool = align_of::<T>() > 1;

    #[inline(always)]
    unsafe fn load(place: *const Self) -> Self {
        let first: *const T = place.cast();
        // SAFETY: the words of the array.
        core::array::from_fn(|at| unsafe { T::load(first.wrapping_add(at)) })
    }
}

/// The first bytes of a kernel struct, read with one call into a place that the caller has.
#[derive(Clone, Copy)]
pub(crate) struct Block(*const u8);

/// Room for a block.
pub(crate) type BlockBytes = [u64; BLOCK_BYTES / 8];

/// Enough for what is asked of files, inodes and super blocks; the stack has 512 bytes in all.
const BLOCK_BYTES: usize = 104;

impl Block {
    /// Reads the start of the struct at `base`; zeros where it cannot be read.
    ///
    /// # Safety
    /// `place` must be valid for as long as the block is used, and read through it alone.
    #[inline(always)]
    pub(crate) unsafe fn read(place: *mut BlockBytes, base: Kptr) -> Self {
        if readable() {
            return Self(base);
        }
        // SAFETY: the place has exactly that size; the helper checks the source and leaves zeros
        // behind on a fault.
        unsafe {
            bpf_probe_read_kernel(place.cast(), BLOCK_BYTES as u32, base.cast());
        }
        Self(place.cast())
    }

    /// A member of the struct; read by itself where it is not in the block.
    #[inline(always)]
    pub(crate) fn member<T: Plain>(&self, base: Kptr, member: Member) -> T {
        let at = offset(member);
        if readable() || at > BLOCK_BYTES - size_of::<T>() {
            return raw(base.wrapping_add(at));
        }
        // SAFETY: the value lies within the block, and any bytes are a valid `Plain`; kernel
        // structs keep their members aligned.
        unsafe { self.0.wrapping_add(at).cast::<T>().read_volatile() }
    }
}

/// Reads `base.member`; zero where the memory cannot be read.
///
/// `TYPED`: `base` came from the context or from another typed read, so that the verifier knows
/// its struct. Such a read is one instruction instead of a helper call (where the kernel allows
/// it, see [`direct`]), and a pointer read so is typed again. To verify each such pointer,
/// newer kernels (6.18 does) search all their types by name: what runs seldom is not worth that.
#[inline(always)]
pub(crate) fn member<const TYPED: bool, T: Plain>(base: Kptr, member: Member) -> T {
    at::<TYPED, T>(base, offset(member))
}

/// Reads at `base + offset`; otherwise as [`member`].
#[inline(always)]
pub(crate) fn at<const TYPED: bool, T: Plain>(base: Kptr, offset: usize) -> T {
    if TYPED && direct() {
        // SAFETY: the verifier knows the struct behind `base` and turns the load into one that
        // yields zero on a fault; it refuses the program if the member were not at this offset.
        unsafe { base.wrapping_add(offset).cast::<T>().read_volatile() }
    } else {
        raw(base.wrapping_add(offset))
    }
}

/// Reads a value at any kernel address; zero where it cannot be read.
#[inline(always)]
pub(crate) fn raw<T: Plain>(address: Kptr) -> T {
    if readable() && T::ALIGNED {
        // SAFETY: the verifier turns the loads into such as yield zero on a fault.
        return unsafe { T::load(cast(address).cast()) };
    }
    // SAFETY: all-zero bytes are a valid `Plain`.
    let mut value: T = unsafe { core::mem::zeroed() };
    // SAFETY: the destination is a local of exactly that size; the helper checks the source and
    // leaves zeros behind on a fault.
    unsafe {
        bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, address.cast());
    }
    value
}

/// The address, as one that the verifier lets be read from; only where addresses are
/// [`readable`].
#[inline(always)]
fn cast(address: Kptr) -> Kptr {
    let cast: u64;
    // SAFETY: a call, of a function that changes nothing, in place of one that the loader puts.
    unsafe {
        core::arch::asm!(
            "call {number}",
            number = const settings::CAST_CALL,
            inlateout("r1") address as u64 => _,
            inlateout("r2") 0_u64 => _,
            lateout("r0") cast,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
            options(pure, nomem, nostack),
        );
    }
    cast as Kptr
}

/// Copies `len` bytes of kernel memory; false on a fault.
///
/// # Safety
/// `destination` must have room for `len` bytes in a way that the verifier can see.
#[inline(always)]
pub(crate) unsafe fn copy_kernel(destination: *mut u8, len: u64, source: Kptr) -> bool {
    // SAFETY: the caller vouches for the destination, the helper checks the source.
    unsafe { bpf_probe_read_kernel(destination.cast(), len as u32, source.cast()) == 0 }
}

/// Copies `len` bytes of user memory; false on a fault.
///
/// # Safety
/// `destination` must have room for `len` bytes in a way that the verifier can see.
#[inline(always)]
pub(crate) unsafe fn copy_user(destination: *mut u8, len: u64, source: u64) -> bool {
    // SAFETY: the caller vouches for the destination, the helper checks the source.
    unsafe { bpf_probe_read_user(destination.cast(), len as u32, source as *const _) == 0 }
}

/// A pointer that the verifier takes for a plain number: it can be calculated with.
#[inline(always)]
pub(crate) fn plain(pointer: Kptr) -> Kptr {
    let mut copy = pointer as u64;
    // SAFETY: the bytes of a local, copied onto themselves by a helper that the verifier takes to
    // have written any number there.
    unsafe {
        bpf_probe_read_kernel((&raw mut copy).cast(), 8, (&raw const copy).cast());
    }
    copy as Kptr
}

/// `value`, about which the compiler forgets all it knew: what is checked afterwards is checked
/// in the very register that is then used, as the verifier wants to see it.
#[inline(always)]
pub(crate) fn forget(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: the instruction copies a register onto itself. (An empty body would leave two line
    // records at one offset, which the kernel refuses.)
    unsafe {
        core::arch::asm!("{0} = {0}", inout(reg) value, options(nomem, nostack, preserves_flags));
    }
    value
}

/// `value` if it is at most `limit`, in a form that the verifier believes.
#[inline(always)]
pub(crate) fn bounded(value: u64, limit: u64) -> Option<u64> {
    let value = forget(value);
    if value > limit { None } else { Some(value) }
}

/// The smaller of the two, in a form that the verifier believes.
#[inline(always)]
pub(crate) fn at_most(value: u64, limit: u64) -> u64 {
    let value = forget(value);
    if value > limit { limit } else { value }
}
