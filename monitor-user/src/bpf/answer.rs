//! Whether the kernel answers bpf(2) at all: a filter of system calls may do so in its place.

use std::io;

use aya::{maps::MapType, sys::is_map_supported};

/// Makes the smallest map, and lets it go.
///
/// # Errors
///
/// It was refused.
pub fn make_a_map() -> io::Result<()> {
    is_map_supported(MapType::Array).map(drop).map_err(|error| error.io_error)
}
