//! What this host or container lets the monitor do, and the lines that add what is missing.
//!
//! [`Facts::read`] reads; [`checks::of`] judges what was read and touches nothing.

pub mod checks;
mod container;
mod facts;
mod finding;
mod needs;

pub use container::{Manager, Place};
pub use facts::{FIRST_USER, Facts, in_initial_pid_namespace, restricts_probes};
pub use finding::{Addition, Finding};
pub use needs::{More, kept_capabilities};
