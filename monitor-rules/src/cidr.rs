//! Blocks of IP addresses, and sets of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses: all from the first to the last. A single address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cidr {
    V4(u32, u32),
    V6(u128, u128),
}

impl Cidr {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        match ip.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => {
                // The bits that do not count; all of them where the block is everything.
                let free = 32_u32.checked_sub(bits.unwrap_or(32))?;
                let rest = u32::MAX.checked_shr(32 - free).unwrap_or(0);
                let first = ip.to_bits() & !rest;
                Some(Self::V4(first, first | rest))
            }
            IpAddr::V6(ip) => {
                let free = 128_u32.checked_sub(bits.unwrap_or(128))?;
                let rest = u128::MAX.checked_shr(128 - free).unwrap_or(0);
                let first = ip.to_bits() & !rest;
                Some(Self::V6(first, first | rest))
            }
        }
    }
}

/// Addresses, as ranges in ascending order of which no two touch: a look-up is a binary search.
#[derive(Debug, Default)]
pub(crate) struct IpSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl IpSet {
    pub(crate) fn new(blocks: &[Cidr]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for block in blocks {
            match *block {
                Cidr::V4(first, last) => v4.push((first, last)),
                Cidr::V6(first, last) => v6.push((first, last)),
            }
        }
        Self { v4: joined(v4), v6: joined(v6) }
    }

    /// Its ranges, for people: `10.0.0.0/8`, a single address, or two with `-` between.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = String> {
        // Where the bits that differ are the last ones, and free, it is a block.
        let v4 = self.v4.iter().map(|(first, last)| {
            let rest = first ^ last;
            let is_block = rest.leading_zeros() + rest.count_ones() == 32 && first & rest == 0;
            let ends = [first, last].map(|bits| Ipv4Addr::from_bits(*bits).to_string());
            block(ends, rest.leading_zeros(), is_block)
        });
        let v6 = self.v6.iter().map(|(first, last)| {
            let rest = first ^ last;
            let is_block = rest.leading_zeros() + rest.count_ones() == 128 && first & rest == 0;
            let ends = [first, last].map(|bits| Ipv6Addr::from_bits(*bits).to_string());
            block(ends, rest.leading_zeros(), is_block)
        });
        v4.chain(v6)
    }

    /// Its ranges, the first and the last address of each.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let v4 = self.v4.iter().map(|(first, last)| {
            (Ipv4Addr::from_bits(*first).into(), Ipv4Addr::from_bits(*last).into())
        });
        let v6 = self.v6.iter().map(|(first, last)| {
            (Ipv6Addr::from_bits(*first).into(), Ipv6Addr::from_bits(*last).into())
        });
        v4.chain(v6)
    }

    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => is_within(&self.v4, ip.to_bits()),
            IpAddr::V6(ip) => is_within(&self.v6, ip.to_bits()),
        }
    }
}

fn block([first, last]: [String; 2], bits: u32, is_block: bool) -> String {
    match (first == last, is_block) {
        (true, _) => first,
        (false, true) => format!("{first}/{bits}"),
        (false, false) => format!("{first}-{last}"),
    }
}

/// Sorts ranges, and joins those that overlap.
fn joined<T: Copy + Ord>(mut ranges: Vec<(T, T)>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut joined: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined.into()
}

fn is_within<T: Copy + Ord>(ranges: &[(T, T)], address: T) -> bool {
    let behind = ranges.partition_point(|(first, _)| *first <= address);
    let candidate = behind.checked_sub(1).and_then(|at| ranges.get(at));
    candidate.is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(blocks: &[&str]) -> IpSet {
        IpSet::new(&blocks.iter().map(|text| Cidr::parse(text).unwrap()).collect::<Vec<_>>())
    }

    fn holds(set: &IpSet, address: &str) -> bool {
        set.contains(address.parse().unwrap())
    }

    #[test]
    fn blocks_hold_their_ends_and_no_more() {
        let set = set(&["10.1.2.3/8", "192.0.2.7", "198.51.100.0/31", "2001:db8::5/64", "::1"]);
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.7", "198.51.100.1"] {
            assert!(holds(&set, inside), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "198.51.100.2"] {
            assert!(!holds(&set, outside), "{outside}");
        }
        assert!(holds(&set, "2001:db8::ffff:ffff:ffff:ffff") && holds(&set, "::1"));
        assert!(!holds(&set, "2001:db8:0:1::") && !holds(&set, "::2"));
    }

    #[test]
    fn blocks_overlap_as_they_like() {
        let set = set(&["10.0.0.0/24", "10.0.0.0/8", "10.0.0.64/26", "10.0.1.1", "11.0.0.0/8"]);
        assert_eq!(set.v4.len(), 2);
        assert!(holds(&set, "10.200.0.1") && holds(&set, "11.0.0.1") && !holds(&set, "12.0.0.0"));
        let all = super::tests::set(&["0.0.0.0/0", "::/0"]);
        assert!(holds(&all, "255.255.255.255") && holds(&all, "0.0.0.0") && holds(&all, "ffff::"));
        assert!(!set.contains("::".parse().unwrap()));
    }

    #[test]
    fn blocks_are_shown_as_they_are_written() {
        let shown = |blocks: &[&str]| set(blocks).blocks().collect::<Vec<_>>();
        let blocks = ["0.0.0.1", "10.0.0.0/8", "192.0.2.6/31", "::1", "2001:db8::/32"];
        assert_eq!(shown(&blocks), blocks);
        assert_eq!(shown(&["0.0.0.0/0", "::/0"]), ["0.0.0.0/0", "::/0"]);
        let odd = IpSet { v4: [(1, 2), (5, 6), (8, 11)].into(), v6: Box::default() };
        let odd: Vec<String> = odd.blocks().collect();
        assert_eq!(odd, ["0.0.0.1-0.0.0.2", "0.0.0.5-0.0.0.6", "0.0.0.8/30"]);
    }

    #[test]
    fn what_is_no_block() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a", "10.0.0.1/", "10.0.0.1/-1"] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }
}
