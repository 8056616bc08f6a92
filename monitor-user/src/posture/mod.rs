//! Declared against observed: what a container was declared to be, what its processes are, and what
//! of that is more than was declared.
//!
//! [`declared`] and [`observed`] read, [`compare()`] and [`assess()`] touch nothing: the one says
//! what is more than was declared, the other what is not as it should be, whatever was declared.
//! What is less than declared is no difference, and what cannot be seen is never counted as the
//! same or as good. [`Assessor`] does all that off the line, for each container again and again.

/// A table of checks: what each is called, how much it matters, where standards have it, and what
/// to do about it.
macro_rules! checks {
    ($($name:ident = $id:literal, $priority:ident, $title:literal,
        [$(($of:ident, $number:literal)),*], $cure:literal;)+) => {
        $(
            pub(super) static $name: $crate::state::Check = $crate::state::Check {
                id: $id,
                title: $title,
                priority: monitor_rules::Priority::$priority,
                standards: &[$(($of, $number)),*],
                cure: $cure,
            };
        )+

        /// All of them, in the order in which they are shown.
        pub const ALL: &[&$crate::state::Check] = &[$(&$name),+];
    };
}

pub mod accepted;
mod assess;
pub mod checks;
pub mod compare;
pub mod declared;
mod devices;
mod file_capabilities;
pub mod host;
pub mod in_use;
pub mod listeners;
pub mod maps;
mod members;
mod mounts;
pub mod observed;
pub mod ports;
mod process;
mod resources;
mod sensitive;
pub mod set_ids;
mod task;
pub mod traffic;

pub use assess::assess;
pub use compare::{Comparison, Difference, Outcome, Part, compare};
pub use declared::Declared;
pub use observed::Observed;
pub(crate) use process::is_program_of_runtime;
pub use sensitive::configured_sockets;
pub use task::{AGAIN, Assessed, Assessor, Eyes, Question, Seen, look_twice};
