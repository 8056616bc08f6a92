//! One file a kind of record: its entry functions, one an attach point, and the one body that
//! they share. No hook uses another.

mod cgroup;
mod connect;
mod exec;
mod exit;
mod file_open;
mod fork;
mod send;
mod task;
mod uring_open;
