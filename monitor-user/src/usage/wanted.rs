//! What has to be seen to know what is used.

use crate::profile::wanted::Wanted;

/// Starts, mappings of code, what becomes code once it is mapped, and of opens those by which
/// modules of interpreters are told: their names are known, so that the kernel leaves out all
/// others.
const TEXT: &str = "\
    evt.type in (execve, execveat, mmap, mprotect, pkey_mprotect) \
    or (evt.type in (open, openat, openat2) and evt.is_open_write = false \
        and fd.filename in (package.json, __init__.py, __init__.cpython-36.pyc, \
                            __init__.cpython-37.pyc, __init__.cpython-38.pyc, \
                            __init__.cpython-39.pyc, __init__.cpython-310.pyc, \
                            __init__.cpython-311.pyc, __init__.cpython-312.pyc, \
                            __init__.cpython-313.pyc, __init__.cpython-314.pyc, \
                            __init__.cpython-315.pyc))";

/// It, if the text is a condition, as a test says.
#[must_use]
pub fn wanted() -> Option<Wanted> {
    Wanted::of("in use", TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Action;

    #[test]
    fn the_kinds_are_those_that_the_book_takes() {
        let wanted = wanted().expect("the text is a condition");
        let names: Vec<&str> =
            wanted.kinds.iter().map(|kind| Action::KINDS[usize::from(kind)]).collect();
        assert_eq!(names, ["exec", "file_read", "map", "protect"]);
    }
}
