//! The program from outside, without root: its command line, replays and the generated reference.
//!
//! Golden files are in `testdata/`, the reference in `docs/`; `UPDATE_REFERENCE=1 cargo test` writes
//! both.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod command_line;
#[path = "../records/folder.rs"]
mod folder;
#[path = "../records/golden.rs"]
mod golden;
mod import;
mod input;
mod monitoring;
mod program;
mod reference;
mod replay;
mod rules;
mod shells;
mod smaller;
mod vulns;
