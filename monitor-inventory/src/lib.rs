//! What is installed in a root file system: the packages of its operating system, and those of
//! programming languages, with what tells where their vulnerabilities are listed, and until when
//! they are supported.
//!
//! Everything in such a root may be hostile. So it is read through [`root::Root`], which opens
//! regular files only and leaves the root by no link; parsers are total and bounded; and what was
//! cut, or could not be read, is a [`Problem`] and never silent.
//!
//! Nothing here looks at a clock, asks a network, or needs privileges: who calls says what time it
//! is, and hands in the root.

#![forbid(unsafe_code)]

pub mod apk;
mod binary;
pub mod cargo_auditable;
pub mod diversions;
pub mod dpkg;
pub mod files;
pub mod go;
mod inventory;
pub mod java;
pub mod lifecycle;
pub mod limits;
pub mod node;
pub mod os_release;
mod package;
pub mod python;
pub mod root;
pub mod rpm;
pub mod sbom;
pub mod set_ids;
mod text;
mod walk;
pub mod wanted;
mod zip;

pub use inventory::{Inventory, Options, Problem, ProblemKind, of, of_files};
pub use os_release::OsRelease;
pub use package::{Coordinates, Kind, Package, Source};
