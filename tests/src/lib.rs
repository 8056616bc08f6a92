//! End-to-end tests: the real daemon, real containers, tiny triggers, on a real kernel.
//!
//! In reading order: what a case is and where they are (`cases`), what they use (`lab`: the daemon,
//! the container runtime, what this kernel can do), what they assert in the end (`laws`), and the
//! acts that the monitor is to see (`triggers`, also a program of its own). README.md tells how to
//! add a case. Tests panic rather than return errors: a panic says where.

#![expect(clippy::expect_used, reason = "a test ends where something does not hold")]
#![expect(clippy::indexing_slicing, reason = "of JSON values, where a missing member is null")]
#![expect(clippy::panic, reason = "a test ends where something does not hold")]

pub mod browser;
pub mod cases;
pub mod cluster;
pub mod containerd;
pub mod cri;
pub mod daemon;
pub mod dated;
pub mod engines;
mod etc;
pub mod features;
pub mod image;
pub mod lab;
pub mod laws;
pub mod leftovers;
pub mod links;
pub mod maps;
pub mod place;
pub mod receiver;
pub mod sockets;
pub mod triggers;
pub mod verifier;
pub mod wait;
