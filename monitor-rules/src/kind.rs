//! Sets of event kinds. A kind is a small integer that the schema gives to each sort of event.

use std::fmt;

/// A set of event kinds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KindSet(u128);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self(0);
    /// Every kind that a schema could have.
    pub const ALL: Self = Self(u128::MAX);

    /// The set of the given kinds. Kinds of 128 and above are left out.
    #[must_use]
    pub const fn of(kinds: &[u8]) -> Self {
        let mut bits = 0u128;
        let mut rest = kinds;
        while let [kind, tail @ ..] = rest {
            bits |= Self::bit(*kind);
            rest = tail;
        }
        Self(bits)
    }

    /// The kinds `0..count`: all that a schema with `count` kinds has.
    #[must_use]
    pub const fn first(count: usize) -> Self {
        if count >= 128 { Self::ALL } else { Self((1u128 << count) - 1) }
    }

    const fn bit(kind: u8) -> u128 {
        if kind < 128 { 1u128 << kind } else { 0 }
    }

    /// Whether `kind` is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, kind: u8) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Whether no kind is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The kinds that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The kinds that are not in the set.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// The kinds of the set, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0u8..128).filter(move |kind| self.contains(*kind))
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        f.debug_set().entries(self.iter()).finish()
    }
}
