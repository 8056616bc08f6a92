//! Any bytes are a record of a vulnerability or a reason why not, and what is read is written into
//! a pack and found there. The other feeds and archives are tried on the same bytes.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use monitor_vulns::{
    archive,
    build::Builder,
    model::Kind,
    osv,
    pack::{Pack, write},
};

fuzz_target!(|bytes: &[u8]| {
    let mut builder = Builder::default();
    builder.begin(Kind::Osv, "fuzz", "");
    let read = osv::read(bytes);
    assert_eq!(read.is_ok(), builder.osv(bytes).is_ok());
    let _none = builder.tracker(bytes);
    let _none = builder.secdb(bytes);
    let _none = builder.kev(bytes);
    let _none = builder.epss(bytes);
    let _none = builder.vex(bytes);
    let limit = 1 << 16;
    let _torn = archive::read(Cursor::new(bytes), limit, |(_, content)| {
        assert!(content.is_err() || content.is_ok_and(|content| content.len() as u64 <= limit));
        true
    });
    let pack = write(&builder.finish(0)).expect("a small pack");
    let pack = Pack::open(pack.as_slice()).expect("what was written is a pack");
    pack.verify().expect("and is whole");
    for about in read.map(|read| read.about).unwrap_or_default() {
        let found = pack.records(&about.ecosystem, &about.name).expect("it is there");
        assert!(found.iter().any(|(record, _)| record.id == about.record.id));
    }
});
