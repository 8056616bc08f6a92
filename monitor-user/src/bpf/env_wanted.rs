//! Which environment variables the kernel side looks for where it cannot record all of them.

use monitor_common::limits::ENV_KEYS;

use crate::env::EnvKeys;

/// First bytes of variables, and masks of the bytes that count. Keys that find no place are looked
/// for in shorter environments only.
pub(super) fn patterns(keys: &EnvKeys) -> [[u64; 2]; ENV_KEYS] {
    let mut places = [[0; 2]; ENV_KEYS];
    for (place, start) in places.iter_mut().zip(keys.starts()) {
        let (mut bytes, mut mask) = ([0; 8], [0; 8]);
        for ((to, counts), from) in bytes.iter_mut().zip(&mut mask).zip(start.bytes()) {
            (*to, *counts) = (from, 0xff);
        }
        *place = [u64::from_ne_bytes(bytes), u64::from_ne_bytes(mask)];
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_looks_for_first_bytes() {
        const ALL: u8 = 0xff;
        let [path, loader, tunables, free, ..] =
            patterns(&EnvKeys::new(["PATH", "LD_*", "GLIBC_TUNABLES"]));
        let path = path.map(u64::to_ne_bytes);
        assert_eq!(path, [*b"PATH=\0\0\0", [ALL, ALL, ALL, ALL, ALL, 0, 0, 0]]);
        let loader = loader.map(u64::to_ne_bytes);
        assert_eq!(loader, [*b"LD_\0\0\0\0\0", [ALL, ALL, ALL, 0, 0, 0, 0, 0]]);
        assert_eq!(tunables.map(u64::to_ne_bytes), [*b"GLIBC_TU", [ALL; 8]]);
        assert_eq!(free, [0; 2]);
    }
}
