//! Triggers.
pub mod triggers;
