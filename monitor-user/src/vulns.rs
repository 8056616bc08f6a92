//! Vulnerabilities of packages, by a pack that was made beforehand: nothing is fetched.
//!
//! Whoever knows packages makes [`Package`]s of them and asks for a [`Report`]; `sbom` makes them
//! of a list of components, `installed` of what is found in a root, where it also says whether that
//! is in use.

pub mod installed;
mod place;
mod report;
pub mod sbom;
mod source;

pub use installed::{InUse, Judged, judge};
pub use place::{Os, Unplaced, is_later, place};
pub use report::{Finding, PackFacts, Package, Report};
pub use source::{PackFile, open};
