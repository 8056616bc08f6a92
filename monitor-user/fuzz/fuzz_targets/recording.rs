//! Any bytes are a recording, a part of one or errors; what is read goes through the whole line.
#![no_main]

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use libfuzzer_sys::fuzz_target;
use runmon::{
    document::{Document, Schema, Sender},
    enrich::{Enricher, hashes::HashMode},
    env::EnvKeys,
    line::{Line, Outlet},
    rules::{Rules, embedded, load},
    source::recording::Reader,
};

static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| Arc::new(load(&embedded()).rules));

/// Writes documents in every form, and throws them away.
struct Writer(Sender);

impl Outlet for Writer {
    fn offer(&mut self, document: Document) {
        for schema in [Schema::Ecs, Schema::Ocsf, Schema::Falco, Schema::Text { colour: true }] {
            for line in schema.write(&document, &self.0) {
                assert!(!line.contains(&b'\n'), "a document is one line");
            }
        }
    }

    fn wants_events(&self) -> bool {
        true
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut reader) = Reader::new(Path::new("fuzz.rec"), bytes) else { return };
    let preamble = reader.preamble.clone();
    let sender = preamble.sender();
    let env_keys = EnvKeys::new(&preamble.env_keys);
    let mut enricher = Enricher::new(64 << 10, preamble.clock_offset_ns, env_keys);
    enricher.hashes().set_mode(HashMode::Always);
    let mut line = Line::new(enricher, Arc::clone(&RULES), Vec::new(), Writer(sender));
    loop {
        match reader.next() {
            Ok(Some(input)) => line.take(input),
            Ok(None) => break,
            // It goes on behind what is damaged.
            Err(_) => {}
        }
        drop((line.take_lookups(), line.take_hash_questions()));
    }
    line.finish();
});
