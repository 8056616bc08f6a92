//! Which environment variables the kernel side looks for where it cannot record all of them.

use monitor_common::limits::ENV_KEYS;

use crate::env::EnvKeys;

const _: () = assert!(
    crate::limits::ENV_VARIABLE_BYTES == monitor_common::limits::ENV_VARIABLE_BYTES,
    "what the kernel side keeps"
);

/// No variable starts with a zero byte.
const FREE: [u64; 2] = [0, u64::MAX];

/// Every variable.
const ALL: [u64; 2] = [0, 0];

/// First bytes of variables, and masks of the bytes that count. Where there are more keys than
/// places every variable is asked for: what then finds no room is known to be cut.
pub(super) fn patterns(keys: &EnvKeys) -> [[u64; 2]; ENV_KEYS] {
    if keys.starts().count() > ENV_KEYS {
        return [ALL; ENV_KEYS];
    }
    let mut places = [FREE; ENV_KEYS];
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
        const ANY: u8 = 0xff;
        let [path, loader, tunables, free, ..] =
            patterns(&EnvKeys::new(["PATH", "LD_*", "GLIBC_TUNABLES"]));
        let path = path.map(u64::to_ne_bytes);
        assert_eq!(path, [*b"PATH=\0\0\0", [ANY, ANY, ANY, ANY, ANY, 0, 0, 0]]);
        let loader = loader.map(u64::to_ne_bytes);
        assert_eq!(loader, [*b"LD_\0\0\0\0\0", [ANY, ANY, ANY, 0, 0, 0, 0, 0]]);
        assert_eq!(tunables.map(u64::to_ne_bytes), [*b"GLIBC_TU", [ANY; 8]]);
        assert_eq!(free, FREE);
        assert_eq!(patterns(&EnvKeys::new(["*"]))[0], ALL);
        let many = EnvKeys::new((0..=ENV_KEYS).map(|at| format!("K{at}")));
        assert_eq!(patterns(&many), [ALL; ENV_KEYS]);
    }
}
