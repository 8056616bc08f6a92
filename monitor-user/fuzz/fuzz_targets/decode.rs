//! Any bytes are a record or an error, and rewriting a record never makes an undecodable one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runmon::{
    decode::{decode, rewrite},
    env::EnvKeys,
};

fuzz_target!(|bytes: &[u8]| {
    let decoded = decode(bytes);
    let keys = EnvKeys::new(["LD_*", "PATH"]);
    for rewritten in
        [rewrite::with_selected_env(bytes, &keys), rewrite::with_arguments(bytes, b"sh\0-c\0id\0")]
            .into_iter()
            .flatten()
    {
        if decoded.is_ok() {
            assert!(decode(&rewritten).is_ok(), "a rewritten record is a record");
        }
    }
    for record in rewrite::split(bytes) {
        assert!(!record.is_empty());
    }
});
