//! Whether what runs is kept up: packages with known vulnerabilities, systems and programs that are
//! not supported any more, security updates of the host that are not installed, images that newer
//! ones replaced or that lay about when they were started.
//!
//! [`Inspector`] is the task that looks, off the line. It keeps what is installed in the roots that
//! it has read (`shelf`), by their layers, so that many containers of one image are read once and
//! newer data (`pack`) are asked about without reading anything again. `images` asks engines,
//! `assess` says what is to be told of all that, `accepted` what of it is accepted, `grade` how
//! much each of it matters, and `daemon/upkeep` when it is looked.

pub mod accepted;
mod assess;
pub mod checks;
pub mod grade;
pub mod images;
mod pack;
mod shelf;
mod task;

pub use task::{Answer, Eyes, Inspector, Looked, Numbers, Place, Round, UpkeepBy};
