//! Declared against observed: what a container was declared to be, what its processes are, and what
//! of that is more than was declared.
//!
//! [`declared`] and [`observed`] read, [`compare()`] touches nothing. What is less than declared is
//! no difference, and what cannot be compared is never counted as the same.

pub mod compare;
pub mod declared;
mod listeners;
mod members;
mod mounts;
pub mod observed;
pub mod ports;
mod process;
mod resources;

pub use compare::{Comparison, Difference, Outcome, Part, compare};
pub use declared::Declared;
pub use observed::Observed;
