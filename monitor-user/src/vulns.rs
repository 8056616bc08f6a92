//! Vulnerabilities of packages, by a pack that was made beforehand: nothing is fetched.
//!
//! Whoever knows packages makes [`Package`]s of them and asks for a [`Report`]; `sbom` makes them
//! of a list of components.

mod place;
mod report;
pub mod sbom;
mod source;

pub use place::{Os, Unplaced, place};
pub use report::{Finding, PackFacts, Package, Report};
pub use source::{PackFile, open};
