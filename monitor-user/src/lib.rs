//! The runmon daemon and its commands.
#![forbid(unsafe_code)]
pub mod bpf;
