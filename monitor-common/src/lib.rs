//! The wire contract: the records that the kernel programs write and the daemon reads.
//!
//! A record is a [`Header`], one fixed body (see [`RecordKind`] for which) and then the body's
//! variable sections, back to back, in the order in which the body declares their lengths.
//! `Header::len` covers all of it. Integers are in the byte order of the machine.
//!
//! Everything here is fixed-width integers and byte arrays without padding, so that both sides
//! convert to and from bytes without `unsafe`. This crate holds constants, layouts and checked
//! conversions; it must never hold logic.
#![no_std]
#![forbid(unsafe_code)]

pub mod body;
pub mod call;
pub mod counter;
pub mod filter;
pub mod header;
pub mod hook;
pub mod kind;
pub mod limits;
pub mod member;
pub mod settings;

pub use body::{Act, Cgroup, Dns, Exit, FileFacts, FileOpen, Fork, Image, Socket};
pub use call::CallSpec;
pub use counter::DropReason;
pub use header::Header;
pub use hook::Program;
pub use kind::RecordKind;
pub use member::Member;

/// Version of this contract. A recording carries it; a change of any layout raises it, a further
/// kind or program does not.
pub const WIRE_VERSION: u32 = 1;
