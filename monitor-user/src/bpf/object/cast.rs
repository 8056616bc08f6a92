//! Reading kernel memory without a call: newer kernels have a function, of no cost, that turns any
//! address into one that may be read from. Its number differs by kernel, so that the programs that
//! are compiled for it have a mark in its place.

use std::fs;

use monitor_common::settings::CAST_CALL;

use super::btf::KernelTypes;

/// The function.
const NAME: &str = "bpf_rdonly_cast";

/// Where the kernel says whether programs are compiled to the machine's own instructions.
const JIT: &str = "/proc/sys/net/core/bpf_jit_enable";

/// An instruction is one word: operation, registers, offset and number.
const CALL: u8 = 0x85;
/// In place of the source register: the number is that of a function of the kernel.
const KERNEL_FUNCTION: u8 = 2 << 4;

/// The number of the function, where it turns addresses into what has no type.
pub(super) fn function(types: &KernelTypes<'_>) -> Option<u32> {
    types.enum_value("bpf_features", "BPF_FEAT_RDONLY_CAST_TO_VOID")?;
    // What is interpreted calls no such functions. A network namespace other than the first does
    // not show the file, and hardly a kernel is without.
    let interprets = fs::read_to_string(JIT).is_ok_and(|enabled| enabled.trim() == "0");
    if interprets { None } else { types.function(NAME) }
}

/// The object with calls of the function in place of the marks.
pub(super) fn placed(object: &[u8], function: u32) -> Vec<u64> {
    let call = word(CALL, KERNEL_FUNCTION, function);
    let mark = word(CALL, 0, CAST_CALL.cast_unsigned());
    // The sections that hold programs start at multiples of eight, as does the object.
    let words = object.chunks(size_of::<u64>()).map(|bytes| {
        let mut whole = [0; size_of::<u64>()];
        if let Some(start) = whole.get_mut(..bytes.len()) {
            start.copy_from_slice(bytes);
        }
        let found = u64::from_ne_bytes(whole);
        if found == mark { call } else { found }
    });
    words.collect()
}

fn word(operation: u8, registers: u8, number: u32) -> u64 {
    let [a, b, c, d] = number.to_ne_bytes();
    u64::from_ne_bytes([operation, registers, 0, 0, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_replaced() {
        let object = super::super::READABLE_OBJECT;
        let placed = placed(object, 77);
        let count = |wanted: u64| placed.iter().filter(|word| **word == wanted).count();
        assert!(count(word(CALL, KERNEL_FUNCTION, 77)) > 1000);
        assert_eq!(count(word(CALL, 0, CAST_CALL.cast_unsigned())), 0);
        // It keeps its length, rounded up to words.
        assert_eq!(placed.len(), object.len().div_ceil(8));
    }

    #[test]
    fn there_is_no_mark_in_the_object_for_other_kernels() {
        let mark = word(CALL, 0, CAST_CALL.cast_unsigned()).to_ne_bytes();
        assert!(!super::super::OBJECT.chunks(8).any(|word| word == mark));
    }
}
