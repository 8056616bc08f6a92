//! A program that sees files of its own in `/etc`.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Has a program see the files of a directory instead of those of the same names in `/etc`, which
/// must be there. What is written to them later it sees, too.
pub(crate) fn put_over(command: &mut Command, dir: &Path) {
    let entries = fs::read_dir(dir).expect("read the directory");
    let name = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("a plain path");
    let mut pairs = Vec::new();
    for entry in entries {
        let entry = entry.expect("an entry");
        pairs.push((name(&entry.path()), name(&Path::new("/etc").join(entry.file_name()))));
    }
    let put = move || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        for (own, shown) in &pairs {
            mount(Some(own.as_c_str()), shown.as_c_str(), none, MsFlags::MS_BIND, none)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec, the child makes system calls on names that are there, and
    // allocates nothing.
    unsafe { command.pre_exec(put) };
}
