//! Any texts, one a line, are versions of each scheme or none, and those that are have one order.
//! The other small texts that come from outside are tried on the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_vulns::{
    purl::Purl,
    severity::Severity,
    version::{Scheme, Version},
};
use runmon::vulns::{place, sbom};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for scheme in Scheme::ALL {
        let read: Vec<Version> = text.lines().take(3).filter_map(|it| scheme.parse(it)).collect();
        let less = |one: &Version, two: &Version| one.compare(two).expect("one scheme").is_le();
        for one in &read {
            for two in &read {
                let there = one.compare(two).expect("one scheme");
                let back = two.compare(one).expect("one scheme");
                assert_eq!(there, back.reverse(), "one order: {text:?}");
                for three in &read {
                    let both = less(one, two) && less(two, three);
                    assert!(!both || less(one, three), "{scheme:?}: {text:?}");
                }
            }
        }
    }
    for line in text.lines().take(3) {
        let known = Severity::of_vector(line).and_then(|it| it.tenths);
        assert!(known.is_none_or(|tenths| tenths <= 100));
        if let Some(purl) = Purl::parse(line) {
            let _unplaced = place(&purl, None);
        }
    }
    let _other = sbom::read(text);
});
