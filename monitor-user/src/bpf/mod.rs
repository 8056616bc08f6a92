//! The kernel side as the daemon sees it: the only module that speaks to the kernel's BPF.
//!
//! `btf` reads the running kernel's types, `object` loads the programs and owns maps and links,
//! `attach_point` says where each program goes, `calls` which system calls are told of, `hooks`
//! which programs see which kind of record, best first; `planner` picks from it what loads,
//! attaches and fires on a `canary` act, `ring`, `counters` and, where they are learned, `syscalls`
//! are what is read while it runs, and `kernel_side` is all of it, as who watches asks it.

pub mod answer;
pub mod attach_point;
pub mod btf;
pub mod calls;
pub mod canary;
pub mod cost;
pub mod counters;
mod env_wanted;
mod filter;
pub mod hooks;
pub mod kernel_log;
pub mod kernel_side;
pub mod object;
mod own_objects;
pub mod planner;
pub mod ring;
pub mod syscalls;

use std::path::PathBuf;

use monitor_common::Program;

/// Why the kernel side could not be brought up, or lost a part.
#[derive(Debug, thiserror::Error)]
pub enum BpfError {
    /// The kernel has no type information. Nothing can be loaded.
    #[error("cannot read the kernel's BTF at {path}")]
    Btf {
        /// Where it was looked for.
        path: PathBuf,
        /// What the read said.
        #[source]
        source: std::io::Error,
    },
    /// The BTF is not of this machine, or cut.
    #[error("the kernel's BTF at {path} cannot be parsed: {what}")]
    BtfFormat {
        /// Where it was read.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A struct member that every supported kernel has is missing.
    #[error("the kernel's BTF has no {container}.{member}: this kernel is not supported")]
    Member {
        /// The struct.
        container: &'static str,
        /// Its member.
        member: &'static str,
    },
    /// The object could not be parsed, or a map could not be made.
    #[error("cannot load the kernel programs")]
    Load(#[source] Box<aya::EbpfError>),
    /// One program was refused.
    #[error("program {} could not be {act}", program.name())]
    Program {
        /// Which.
        program: Program,
        /// What was done with it: loaded, attached, detached.
        act: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A map is missing or of another form than this daemon expects.
    #[error("map {name} cannot be used")]
    Map {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<aya::maps::MapError>,
    },
    /// The object lacks a program or map that this daemon expects.
    #[error("the kernel object has no {0}")]
    Absent(&'static str),
    /// The programs' debug messages cannot be read.
    #[error("the kernel programs' messages cannot be read")]
    KernelLog {
        /// Why.
        #[source]
        source: Box<aya_log::Error>,
    },
    /// No cgroup v2 hierarchy is mounted.
    #[error("no cgroup v2 hierarchy is mounted")]
    NoCgroup2,
    /// A file or directory that is needed cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The capabilities that are not used any more cannot be given up.
    #[error("cannot give capabilities up")]
    Capabilities(#[source] std::io::Error),
    /// The keeper says so.
    #[error("{0}")]
    Kept(String),
    /// Nothing at all can be seen.
    #[error("no hook could be attached for {kinds}: {why}")]
    Blind {
        /// The kinds of record that have no hook.
        kinds: String,
        /// What the last try said.
        why: String,
    },
}
