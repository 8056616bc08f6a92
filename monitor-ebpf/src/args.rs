//! A hash of arguments that are too long to be recorded whole.

use monitor_common::limits::ARGV_HASH_BYTES;

use crate::{maps::PATHS, read};

const CHUNK: usize = 4096;

/// FNV-1a over the 64-bit words of the arguments, final zeros added: two long command lines that
/// differ behind the recorded part are still told apart.
///
/// Global functions: the verifier looks at each once, by itself.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn rm_hash_args(slot: u32, start: u64, length: u64) -> u64 {
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return 0 };
    let bytes: *mut u8 = buffer.cast();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut done = 0;
    while done < ARGV_HASH_BYTES as u64 {
        if done >= length {
            break;
        }
        // A read of address 0 fails and leaves zeros: so the last chunk has zeros behind it.
        // SAFETY: the buffer is larger than a chunk and belongs to the claimed slot.
        unsafe { read::copy_user(bytes, CHUNK as u64, 0) };
        let left = length - done;
        // Older verifiers lose track of the bound in a loop, but believe a mask.
        let part = if left < CHUNK as u64 {
            read::forget(left) & (CHUNK as u64 - 1)
        } else {
            CHUNK as u64
        };
        // SAFETY: as above.
        if !unsafe { read::copy_user(bytes, part, start + done) } {
            break;
        }
        hash = rm_hash_chunk(slot, hash);
        done += CHUNK as u64;
    }
    hash
}

/// Goes on with `hash` over a chunk in the buffer.
#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn rm_hash_chunk(slot: u32, mut hash: u64) -> u64 {
    /// Words a round: a round less is one that the verifier need not walk.
    const UNROLL: usize = 32;
    let Some(buffer) = PATHS.get_ptr_mut(slot) else { return hash };
    let words: *mut u64 = buffer.cast();
    let mut word = 0;
    while word < CHUNK / 8 {
        let mut unrolled = 0;
        while unrolled < UNROLL {
            // SAFETY: a word within the chunk, which lies in the buffer.
            hash ^= unsafe { words.wrapping_add(word + unrolled).read_volatile() };
            hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
            unrolled += 1;
        }
        word += UNROLL;
    }
    hash
}
