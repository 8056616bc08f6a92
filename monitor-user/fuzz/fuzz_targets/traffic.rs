//! Any packets are of connections or of none, and any first bytes are judged or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runmon::posture::traffic::{hello::judge, packet::parse, streams::Streams, tap::addresses};

fuzz_target!(|bytes: &[u8]| {
    let Some((at, rest)) = bytes.split_first() else { return };
    let (client, server) = rest.split_at(usize::from(*at).min(rest.len()));
    let early = judge(client, server, false);
    let late = judge(client, server, true);
    // What is said before all has come stays so.
    assert!(early.is_none() || early == late);
    drop(addresses(client, server));
    let mut streams = Streams::default();
    for packet in rest.chunks(usize::from(*at).max(20)) {
        if let Some(segment) = parse(packet) {
            assert!(segment.payload.len() < packet.len());
        }
        streams.take(packet);
    }
    streams.end();
});
