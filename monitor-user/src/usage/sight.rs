//! Whether a use of a package would be seen, by the paths of its files.
//!
//! What is seen is that a program or a script is run, and that a shared library is mapped. Modules
//! are opened by interpreters under names of which only some are known, and that data are read is
//! not watched at all. Databases say nothing of modes and links, so paths have to tell: what is in
//! a directory of programs, or is called as shared libraries are, is code. A program elsewhere, as
//! below `/usr/lib`, is not known to be one: then it is unknown whether its package is in use.

use crate::event::base_name;

/// Of which sort a file is whose package is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A program or a shared library.
    Code,
    /// A library without a version: beside headers it is a link, which linkers follow.
    Link,
    /// An interpreter loads it.
    Module,
    /// A compiler reads it.
    Header,
}

/// Which sorts of files a package has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    code: bool,
    link: bool,
    module: bool,
    header: bool,
}

impl Sight {
    /// Takes a file in.
    pub(super) fn note(&mut self, sort: Sort) {
        match sort {
            Sort::Code => self.code = true,
            Sort::Link => self.link = true,
            Sort::Module => self.module = true,
            Sort::Header => self.header = true,
        }
    }

    /// Why it may have been used unseen; nothing: a use would have been seen.
    #[must_use]
    pub fn lacks(self) -> Option<&'static str> {
        let has_code = self.code || self.link && !self.header;
        match (self.module, has_code) {
            (true, _) => Some(OF_MODULES),
            (false, false) => Some(OF_DATA),
            (false, true) => None,
        }
    }
}

/// Why it is not known whether what interpreters load is in use.
pub const OF_MODULES: &str =
    "it has modules of an interpreter, and not every one that is loaded is seen";
const OF_DATA: &str =
    "it has no program and no shared library, and reading of other files is not watched";

/// Directories of programs.
const PROGRAMS: [&[u8]; 4] = [b"bin", b"sbin", b"libexec", b"games"];

/// Directories of modules.
const MODULES: [&[u8]; 9] = [
    b"dist-packages",
    b"lua",
    b"node_modules",
    b"nodejs",
    b"perl",
    b"perl5",
    b"php",
    b"ruby",
    b"site-packages",
];

/// What modules end with.
const ENDS: [&[u8]; 17] = [
    b".cjs", b".class", b".ear", b".jar", b".jmod", b".js", b".lua", b".mjs", b".php", b".phar",
    b".pl", b".pm", b".py", b".pyc", b".rb", b".tcl", b".war",
];

/// What only compilers and linkers read.
const HEADERS: [&[u8]; 4] = [b".a", b".h", b".hpp", b".o"];

/// Nothing there is loaded: it is to be read by people.
const DOCUMENTS: &[u8] = b"/usr/share/doc/";

/// The sort of a file; None: its use is not seen, and it is none of these. Lists of dpkg have
/// directories, too: these are not in themselves.
pub(super) fn of(path: &[u8]) -> Option<Sort> {
    if path.starts_with(DOCUMENTS) {
        return None;
    }
    let name = base_name(path);
    let above = path.get(..path.len() - name.len()).unwrap_or_default();
    let is_in = |all: &[&[u8]]| above.split(|byte| *byte == b'/').any(|it| all.contains(&it));
    let ends = |all: &[&[u8]]| all.iter().any(|end| name.ends_with(end) && name.len() > end.len());
    if ends(&ENDS) || is_in(&MODULES) {
        return Some(Sort::Module);
    }
    if ends(&HEADERS) {
        return Some(Sort::Header);
    }
    if is_in(&PROGRAMS) || memchr::memmem::find(name, b".so.").is_some_and(|at| at > 0) {
        return Some(Sort::Code);
    }
    ends(&[b".so"]).then_some(Sort::Link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(paths: &[&str]) -> Option<&'static str> {
        let mut sight = Sight::default();
        paths.iter().filter_map(|it| of(it.as_bytes())).for_each(|sort| sight.note(sort));
        sight.lacks()
    }

    #[test]
    fn a_use_of_programs_and_libraries_is_seen() {
        for paths in [
            &["/.", "/usr", "/usr/bin", "/usr/bin/curl", "/usr/share/doc/curl/examples/x.py"][..],
            &["/bin/busybox"],
            &["/usr/lib/x86_64-linux-gnu/libssl.so.3"],
            &["/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so", "/etc/ssl/openssl.cnf"],
            &["/usr/libexec/git-core/git"],
        ] {
            assert_eq!(lacks(paths), None, "{paths:?}");
        }
    }

    #[test]
    fn not_every_module_is_seen() {
        for path in [
            "/usr/lib/python3/dist-packages/yaml/_yaml.cpython-311-x86_64-linux-gnu.so",
            "/usr/lib/python3.11/json/decoder.py",
            "/usr/lib/python3.11/__pycache__/ast.cpython-311.pyc",
            "/usr/share/perl5/Debconf/Db.pm",
            "/usr/lib/x86_64-linux-gnu/perl5/5.36/auto/x.so",
            "/usr/share/nodejs/semver/index.mjs",
            "/usr/share/java/commons.jar",
            "/usr/share/php/PEAR.php",
            "/usr/lib/ruby/3.1.0/json.rb",
            "/usr/share/tcltk/tcl8.6/init.tcl",
            "/usr/share/lua/5.3/socket.lua",
        ] {
            assert_eq!(lacks(&["/usr/bin/x", path]), Some(OF_MODULES), "{path}");
        }
    }

    #[test]
    fn reading_is_not_watched() {
        for paths in [
            &[][..],
            &["/.", "/usr", "/usr/bin", "/usr/share/zoneinfo/UTC"],
            &["/etc/ssl/certs/a.crt", "/usr/share/doc/ca-certificates/x"],
            &["/usr/include/openssl/ssl.h", "/usr/lib/x86_64-linux-gnu/libssl.so"],
            &["/usr/lib/openssh/sftp-server"],
            &["/usr/share/x/.so"],
        ] {
            assert_eq!(lacks(paths), Some(OF_DATA), "{paths:?}");
        }
    }
}
