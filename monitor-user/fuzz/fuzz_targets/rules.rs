//! Any bytes are rules or diagnostics, in bounded time, and what compiles can be asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use monitor_rules::{RuleFile, RuleSet, parse_event, parse_file};
use runmon::rules::{SCHEMA, testing::run_tests};

fuzz_target!(|bytes: &[u8]| {
    let file = RuleFile { name: "fuzz.yaml", bytes };
    let _diagnostics = parse_file(file);
    let loaded = RuleSet::load(&SCHEMA, &[file]);
    let _reports = run_tests(&loaded.rules);
    let _event = parse_event(file);
    for rule in loaded.rules.rules() {
        let (_outline, _doubts) = (rule.condition.outline(), rule.doubts(0));
    }
});
