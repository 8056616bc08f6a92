//! Declared against observed: what a container was declared to be, what its processes are, and what
//! of that is more than was declared.
//!
//! [`declared`] and [`observed`] read, [`compare()`] and [`assess()`] touch nothing: the one says
//! what is more than was declared, the other what is not as it should be, whatever was declared.
//! What is less than declared is no difference, and what cannot be seen is never counted as the
//! same or as good. [`Assessor`] does all that off the line, for each container again and again.

mod assess;
pub mod checks;
pub mod compare;
pub mod declared;
mod listeners;
pub mod maps;
mod members;
mod mounts;
pub mod observed;
pub mod ports;
mod process;
mod resources;
mod task;

pub use assess::assess;
pub use compare::{Comparison, Difference, Outcome, Part, compare};
pub use declared::Declared;
pub use observed::Observed;
pub use task::{AGAIN, Assessed, Assessor, Eyes, Question, Seen, look_twice};
