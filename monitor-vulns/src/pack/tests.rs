use proptest::prelude::*;

use super::*;
use crate::{build::Builder, model::Kind};

fn builder(order: &[usize]) -> Builder {
    let record = |id: &str, package: &str, fixed: &str| {
        format!(
            r#"{{"id": "{id}", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-1"],
            "affected": [{{"package": {{"ecosystem": "npm", "name": "{package}"}}, "ranges": [
            {{"type": "SEMVER", "events": [{{"introduced": "0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#
        )
    };
    let records =
        [record("A-1", "b", "1.0.0"), record("B-1", "a", "2.0.0"), record("C-1", "b", "3.0.0")];
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "osv", "2026-01-02T00:00:00Z");
    order.iter().for_each(|at| builder.osv(records[*at].as_bytes()).unwrap());
    builder
}

fn bytes(order: &[usize]) -> Vec<u8> {
    write(&builder(order).finish(7)).unwrap()
}

#[test]
fn the_same_records_give_the_same_bytes_in_any_order() {
    assert_eq!(bytes(&[0, 1, 2]), bytes(&[2, 1, 0]));
}

#[test]
fn what_was_written_is_read() {
    let bytes = bytes(&[0, 1, 2]);
    let pack = Pack::open(bytes.as_slice()).unwrap();
    pack.verify().unwrap();
    assert_eq!((pack.made_on(), pack.packages(), pack.vulnerabilities()), (7, 2, 1));
    assert_eq!(pack.sources()[0].date, "2026-01-02T00:00:00Z");
    assert_eq!(pack.ecosystems().get("npm"), Some(&3));
    let ids = |name| -> Vec<String> {
        pack.records("npm", name).unwrap().into_iter().map(|(record, _)| record.id).collect()
    };
    assert_eq!(
        (ids("a"), ids("b"), ids("c")),
        (vec!["B-1".into()], vec!["A-1".into(), "C-1".into()], vec![])
    );
    assert_eq!(pack.vulnerability(0).unwrap().id, "CVE-2026-1");
}

#[test]
fn what_cannot_be_used_says_what_to_do() {
    let good = bytes(&[0]);
    let refused = |bytes: &[u8]| Pack::open(bytes).err().unwrap().to_string();
    assert!(refused(b"").contains("runmon data build"));
    assert!(refused(&[b"x".as_slice(), &good].concat()).contains("runmon data build"));
    assert!(refused(&good[..good.len() - 1]).contains("copy it again"));
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(refused(&flipped).contains("checksum"));
    let mut newer = good.clone();
    newer[8] = 9;
    assert!(refused(&newer).contains("form 9"), "{}", refused(&newer));
}

proptest! {
    #[test]
    fn no_byte_is_believed(
        flips in prop::collection::vec((0usize..4096, any::<u8>()), 1..8), cut in 0usize..64
    ) {
        let good = bytes(&[0, 1, 2]);
        let mut bytes = good[..good.len() - 32].to_vec();
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        // With a checksum that is right, as whoever means harm makes it.
        let bytes = seal(bytes);
        if let Ok(pack) = Pack::open(bytes.as_slice()) {
            let _damaged = pack.verify();
            for name in ["a", "b"] {
                let _damaged = pack.records("npm", name);
            }
        }
    }
}
