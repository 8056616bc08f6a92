//! System calls by their numbers.

use std::ffi::CStr;
use std::io;

/// An argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    /// A number, a descriptor, a flag.
    Number(i64),
    /// A text that the kernel reads.
    Text(&'a CStr),
}

/// More than any call takes.
pub(super) const ARGS: usize = 6;

/// Makes a call. Only for those that write to no memory of the caller.
pub(super) fn call(number: i64, args: &[Arg<'_>]) -> io::Result<i64> {
    let mut words = [0_i64; ARGS];
    for (word, arg) in words.iter_mut().zip(args) {
        *word = match arg {
            Arg::Number(number) => *number,
            Arg::Text(text) => text.as_ptr() as i64,
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: texts are borrowed for as long as the call takes, and no call of the table of acts
    // writes to memory that is not meant for it.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
