//! The capabilities that a program gets by its file: `security.capability`, as the kernel has it
//! since version 1. Who can write to the file system may have written anything there.

/// Bits of the first word: the version, and no more is looked at.
const REVISION: u32 = 0xff00_0000;
/// The versions, with the bytes of each: what has others gives nothing.
const V1: (u32, usize) = (0x0100_0000, 12);
const V2: (u32, usize) = (0x0200_0000, 20);
const V3: (u32, usize) = (0x0300_0000, 24);

/// What a file gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileCapabilities {
    /// To anybody who starts it.
    pub permitted: u64,
    /// To who could pass them on.
    pub inheritable: u64,
    /// Only where this user of the host is root.
    pub root: Option<u32>,
}

impl FileCapabilities {
    /// Of the value; None where it gives nothing.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let bytes = value.get(at * 4..at * 4 + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let found = match (word(0)? & REVISION, value.len()) {
            V1 => Self { permitted: word(1)?.into(), inheritable: word(2)?.into(), root: None },
            it @ (V2 | V3) => {
                let both = |low, high| Some(u64::from(word(low)?) | u64::from(word(high)?) << 32);
                let root = if it == V3 { Some(word(5)?) } else { None };
                // The root of the host is root everywhere.
                let root = root.filter(|root| *root != 0);
                Self { permitted: both(1, 3)?, inheritable: both(2, 4)?, root }
            }
            _ => return None,
        };
        (found.permitted | found.inheritable != 0).then_some(found)
    }

    /// For people.
    pub(super) fn text(self) -> String {
        let mut parts = Vec::new();
        if self.permitted != 0 {
            parts.push(names(self.permitted));
        }
        if self.inheritable != 0 {
            parts.push(format!("inheritable {}", names(self.inheritable)));
        }
        if let Some(root) = self.root {
            parts.push(format!("where user {root} of the host is root"));
        }
        parts.join(", ")
    }
}

/// Names of capabilities; of bits that have none it is said that there are some.
fn names(set: u64) -> String {
    match crate::words::capabilities(set) {
        known if known.is_empty() => "capabilities without a name".to_owned(),
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn each_version_is_read() {
        let text = |words: &[u32]| FileCapabilities::parse(&value(words)).map(|it| it.text());
        for (words, expected) in [
            (&[0x0100_0001, 1 << 13, 0][..], Some("CAP_NET_RAW")),
            (&[0x0200_0001, 1 << 13 | 1, 0, 0, 0], Some("CAP_CHOWN CAP_NET_RAW")),
            (&[0x0200_0000, 0, 0, 1 << 7, 0], Some("CAP_BPF")),
            (&[0x0200_0000, 0, 1 << 10, 0, 0], Some("inheritable CAP_NET_BIND_SERVICE")),
            (&[0x0200_0000, 1, 2, 0, 0], Some("CAP_CHOWN, inheritable CAP_DAC_OVERRIDE")),
            (
                &[0x0300_0001, 1 << 21, 0, 0, 0, 100_000],
                Some("CAP_SYS_ADMIN, where user 100000 of the host is root"),
            ),
            (&[0x0300_0001, 1 << 21, 0, 0, 0, 0], Some("CAP_SYS_ADMIN")),
            (&[0x0200_0001, 0, 0, 1 << 31, 0], Some("capabilities without a name")),
            (&[0x0200_0001, 0, 0, 0, 0], None),
            // The length is not that of the version, or there is no such version.
            (&[0x0100_0001, 1, 0, 0, 0], None),
            (&[0x0200_0001, 1, 0], None),
            (&[0x0200_0001, 1, 0, 0, 0, 0], None),
            (&[0x0300_0001, 1, 0, 0, 0], None),
            (&[0x0400_0001, 1, 0, 0, 0, 0], None),
            (&[0, 1, 0], None),
            (&[], None),
        ] {
            assert_eq!(text(words).as_deref(), expected, "{words:x?}");
        }
    }

    #[test]
    fn whatever_is_there_is_no_trouble() {
        for length in 0..40 {
            for byte in [0, 1, 2, 3, 0x7f, 0xff] {
                let read = FileCapabilities::parse(&vec![byte; length]);
                assert_eq!(read.is_some(), matches!((byte, length), (1, 12) | (2, 20) | (3, 24)));
            }
        }
    }
}
