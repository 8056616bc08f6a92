//! Any bytes are a message of a name server or none, within their bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runmon::{
    dns::{DnsData, parse},
    limits::{DNS_ANSWERS, DNS_TEXT_BYTES},
};

/// A name has 255 bytes at most, and each is written with four.
const NAME: usize = 4 * 255;

fuzz_target!(|bytes: &[u8]| {
    let Some(message) = parse(bytes) else { return };
    assert!(message.answers.len() <= DNS_ANSWERS);
    assert!(message.resolved().count() <= message.answers.len());
    let question = message.question.iter().map(|question| &question.name);
    for name in question.chain(message.answers.iter().map(|answer| &answer.name)) {
        assert!(!name.is_empty() && name.len() <= NAME && name.is_ascii());
    }
    for answer in &message.answers {
        match &answer.data {
            DnsData::Alias(name) | DnsData::Name(name) => assert!(name.len() <= NAME),
            DnsData::Text(text) => assert!(text.len() <= DNS_TEXT_BYTES),
            DnsData::Address(_) | DnsData::Other => {}
        }
    }
});
