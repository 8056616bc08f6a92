//! Two processes: the keeper keeps the privileges, and the line gives them up.
//!
//! The keeper loads, attaches and detaches programs, tells them what to look for, reads executed
//! files for their hashes and hands out the content of those that are to be kept, opens files of
//! runtimes and the sinks' own, and asks containerd about containers and images: each as it is
//! asked for, over sockets, and only what was allowed when it was started. It parses nothing but
//! those requests, and what containerd answers. The line is everything else: it decodes what the
//! kernel tells, parses what runtimes write, and speaks to the network, as a user without
//! privileges, under seccomp.
//!
//! The line starts the keeper. When the line is gone, the keeper ends, and with it all programs.

mod allowed;
mod answers;
mod archive;
mod asking;
mod beneath;
mod client;
pub mod confine;
mod filter;
mod forms;
mod hosts;
mod kept;
mod privileges;
mod roots;
mod serve;
mod shed;
mod wire;

pub use allowed::Allowed;
pub use client::Keeper;
pub use kept::Kept;
pub use privileges::Privileges;
pub use serve::serve;
