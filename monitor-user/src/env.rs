//! Choosing environment variables: only the named ones are ever kept or written down.

/// The `KEY=value` strings of `env` (each ends in a zero byte) whose key is among `keys`. A key
/// that ends in `*` stands for all that start so.
#[must_use]
pub fn select(env: &[u8], keys: &[Box<[u8]>]) -> Vec<u8> {
    let mut kept = Vec::new();
    for variable in env.split_inclusive(|byte| *byte == 0) {
        let key = variable.split(|byte| *byte == b'=').next().unwrap_or_default();
        if keys.iter().any(|wanted| matches(wanted, key)) {
            kept.extend_from_slice(variable);
        }
    }
    kept
}

fn matches(wanted: &[u8], key: &[u8]) -> bool {
    match wanted {
        [prefix @ .., b'*'] => key.starts_with(prefix),
        exact => exact == key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_only_what_is_named() {
        let keys: Vec<Box<[u8]>> = vec![b"PATH".as_slice().into(), b"LD_*".as_slice().into()];
        let env = b"HOME=/root\0PATH=/bin\0LD_PRELOAD=/x.so\0PATHX=1\0SECRET=PATH=\0";
        assert_eq!(select(env, &keys), b"PATH=/bin\0LD_PRELOAD=/x.so\0");
        assert_eq!(select(b"PATH=cut", &keys), b"PATH=cut");
        assert_eq!(select(b"", &keys), b"");
    }
}
