//! Any bytes are Sigma rules or reasons, in bounded time, and what is carried loads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_rules::{RuleFile, sigma::import};
use runmon::rules::{self, SCHEMA, sigma::PROFILE};

fuzz_target!(|bytes: &[u8]| {
    let file = RuleFile { name: "fuzz.yml", bytes };
    let imported = import(&SCHEMA, &PROFILE, &rules::load(&[]).rules, &[file]);
    let text = imported.file();
    let loaded = rules::load(&[RuleFile { name: "imported.yaml", bytes: text.as_bytes() }]);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    assert_eq!(loaded.rules.rules().len(), imported.rules.len());
});
