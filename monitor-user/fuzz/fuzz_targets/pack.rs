//! Any bytes are a pack of vulnerability data or an error, and what is read of one can be asked.
//! The checksum is made right first: no fuzzer guesses one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_vulns::{
    matcher::{Coordinate, ask},
    pack::{Pack, seal},
    purl::Purl,
};

fuzz_target!(|bytes: &[u8]| {
    let sealed = seal(bytes.to_vec());
    let Ok(pack) = Pack::open(sealed.as_slice()) else { return };
    if pack.verify().is_err() {
        return;
    }
    for number in 0..pack.packages().min(100) {
        let Ok((ecosystem, name)) = pack.key(number) else { continue };
        let purls: Vec<Purl> = Purl::parse("pkg:npm/a@1").into_iter().collect();
        for version in ["0", "1.2.3", "1:2-3", "none"] {
            let (ecosystem, name) = (ecosystem.clone(), name.clone());
            let package = Coordinate { ecosystem, name, version: version.to_owned() };
            let answer = ask(&pack, &package, &purls, &purls);
            assert!(answer.is_ok(), "what was verified can be asked");
        }
    }
});
