//! The runmon daemon and its commands.
//!
//! ```text
//! kernel                 | one thread, no locks                               | one task a sink
//! hook, record, ring --> live --> decode --> enrich --> judge --> alert --> sink
//! ```
//! bytes → [`raw_event::RawEvent`] → [`event::Event`] → [`alert::Alert`] → [`document`] → bytes:
//! each form is built in one place, and nothing flows back.
#![forbid(unsafe_code)]

pub mod limits;

pub mod act;
pub mod alert;
pub mod bpf;
pub mod cli;
pub mod commands;
pub mod config;
pub mod container;
pub mod control;
pub mod daemon;
pub mod decode;
pub mod dns;
pub mod document;
pub mod endpoint;
pub mod enrich;
pub mod env;
pub mod event;
pub mod executables;
pub mod fact;
pub mod flood;
pub mod hasher;
pub mod host;
pub mod images;
pub mod input;
pub mod instance;
pub mod judge;
pub mod keeper;
pub mod kubernetes;
pub mod line;
pub mod live;
pub mod logging;
pub mod metadata;
pub mod node;
pub mod packages;
pub mod past;
pub mod policy;
pub mod posture;
pub mod private_dir;
pub mod profile;
pub mod raw_event;
pub mod reach;
pub mod recorder;
pub mod reload;
pub mod rollup;
pub mod rules;
pub mod sink;
pub mod source;
pub mod state;
pub mod store;
pub mod stream;
pub mod subscriber;
pub mod support;
#[cfg(any(feature = "top", feature = "web"))]
pub mod top;
pub mod upkeep;
pub mod usage;
pub mod vulns;
pub mod way;
#[cfg(feature = "web")]
pub mod web;

#[cfg(test)]
#[path = "../tests/records/mod.rs"]
mod records;
pub mod words;
