//! One file a family of acts: its entry functions, one an attach point, and the one body that
//! they share. No hook uses another.

mod attribute;
mod call;
mod cgroup;
mod connect;
mod descriptor;
mod dns;
mod exec;
mod exit;
mod file_open;
mod fork;
mod listen;
mod mapping;
mod path;
mod process;
mod send;
mod syscalls;
mod system;
mod take;
mod task;
mod uring_open;
mod uring_path;
