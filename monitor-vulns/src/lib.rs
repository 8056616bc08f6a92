//! Vulnerability data without a network: reads what others publish, makes one file of it, and says
//! which of it is about a package.
//!
//! ```text
//! OSV, Debian's tracker, Alpine's secdb, KEV, EPSS, OpenVEX → build → pack → match → findings
//! ```
//! Nothing here opens a file, asks for the time or needs a privilege. What cannot be compared is
//! unknown, never unaffected.
#![forbid(unsafe_code)]

pub mod archive;
pub mod build;
pub mod ecosystem;
pub mod epss;
pub mod kev;
pub mod limits;
pub mod matcher;
pub mod model;
pub mod openvex;
pub mod osv;
pub mod pack;
pub mod purl;
pub mod range;
pub mod secdb;
pub mod severity;
pub mod tracker;
pub mod version;
