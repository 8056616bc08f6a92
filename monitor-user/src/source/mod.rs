//! Where records come from: the kernel's ring buffer, or a recording.

pub mod recording;
pub mod seed;
