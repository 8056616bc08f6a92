//! BPF maps of another process, reached as an intruder with the right to would.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use crate::links::{self, bpf};

/// `BPF_MAP_UPDATE_ELEM`, Linux 3.18.
const UPDATE: libc::c_int = 2;
/// `BPF_MAP_GET_FD_BY_ID`, Linux 4.13.
const GET_FD_BY_ID: libc::c_int = 14;
/// `BPF_OBJ_GET_INFO_BY_FD`, Linux 4.13.
const INFO: libc::c_int = 15;

/// Where `struct bpf_map_info` has the name, and how long that is.
const NAME: std::ops::Range<usize> = 24..40;

/// A map that a process holds, by its name, of which the kernel keeps fifteen bytes.
pub fn of(pid: u32, name: &str) -> io::Result<OwnedFd> {
    for (command, _, id) in links::held(pid) {
        if command != GET_FD_BY_ID {
            continue;
        }
        let map = links::reach(command, id)?;
        if name_of(&map)? == name {
            return Ok(map);
        }
    }
    Err(io::Error::other(format!("process {pid} has no map {name}")))
}

fn name_of(map: &OwnedFd) -> io::Result<String> {
    let mut info = [0_u8; 64];
    let [low, high] = halves(info.as_mut_ptr() as u64);
    // descriptor, length, where to
    bpf(INFO, &[number(map), 64, low, high])?;
    let name = info[NAME].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Writes a value; key and value are as long as the map's.
pub fn write(map: &OwnedFd, key: &[u8], value: &[u64]) -> io::Result<()> {
    let [key_low, key_high] = halves(key.as_ptr() as u64);
    let [low, high] = halves(value.as_ptr() as u64);
    // descriptor and padding, key, value, flags
    bpf(UPDATE, &[number(map), 0, key_low, key_high, low, high, 0, 0]).map(drop)
}

fn number(map: &OwnedFd) -> u32 {
    u32::try_from(map.as_raw_fd()).expect("a descriptor is no negative number")
}

/// A word as the two that it is in memory.
fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}
