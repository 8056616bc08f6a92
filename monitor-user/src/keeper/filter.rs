//! The filter as it goes over the wire: kinds are lists of their numbers.

use std::{collections::BTreeMap, net::Ipv6Addr};

use ipnet::Ipv6Net;
use monitor_rules::KindSet;

use super::wire::Filter;
use crate::rules::filter::KernelFilter;

impl From<&KernelFilter> for Filter {
    fn from(filter: &KernelFilter) -> Self {
        let network = |network: &Ipv6Net| (network.addr().to_bits(), network.prefix_len());
        Self {
            kinds: filter.kinds.iter().collect(),
            paths: listed(&filter.paths, |path| path.to_vec()),
            directories: listed(&filter.directories, |path| path.to_vec()),
            names: listed(&filter.names, |name| name.to_vec()),
            parents: listed(&filter.parents, |name| name.to_vec()),
            ports: listed(&filter.ports, |port| *port),
            networks: listed(&filter.networks, network),
            users: listed(&filter.users, |users| *users),
        }
    }
}

impl From<Filter> for KernelFilter {
    fn from(filter: Filter) -> Self {
        let network = |(bits, length)| Ipv6Net::new(Ipv6Addr::from_bits(bits), length).ok();
        Self {
            kinds: KindSet::of(&filter.kinds),
            paths: table(filter.paths, |path| Some(path.into())),
            directories: table(filter.directories, |path| Some(path.into())),
            names: table(filter.names, |name| Some(name.into())),
            parents: table(filter.parents, |name| Some(name.into())),
            ports: table(filter.ports, Some),
            networks: table(filter.networks, network),
            users: table(filter.users, Some),
        }
    }
}

fn listed<K, T>(table: &BTreeMap<K, KindSet>, key: impl Fn(&K) -> T) -> Vec<(T, Vec<u8>)> {
    table.iter().map(|(entry, kinds)| (key(entry), kinds.iter().collect())).collect()
}

fn table<K: Ord, T>(list: Vec<(T, Vec<u8>)>, key: impl Fn(T) -> Option<K>) -> BTreeMap<K, KindSet> {
    list.into_iter().filter_map(|(entry, kinds)| Some((key(entry)?, KindSet::of(&kinds)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_comes_as_it_was_sent() {
        let loaded = crate::rules::load(&crate::rules::embedded());
        let mut filter = KernelFilter::of(&loaded.rules);
        filter.ports.insert(53, KindSet::of(&[3]));
        filter.users.insert((0, 7), KindSet::of(&[5, 6]));
        filter.networks.insert("2001:db8::/32".parse().unwrap(), KindSet::of(&[4]));
        let bytes = rmp_serde::to_vec(&Filter::from(&filter)).unwrap();
        let came: Filter = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(KernelFilter::from(came), filter);
    }
}
