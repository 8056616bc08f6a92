//! dpkg's diversions, `var/lib/dpkg/diversions`: of each three lines, the path that lists of files
//! have, where the file lies in truth, and the package that took its place; `:` for whoever made it
//! by hand, so that no package's file is where its list says.

use std::collections::HashMap;

use crate::{files::unmerged, limits::DIVERSIONS};

/// Where files of packages lie in truth.
#[derive(Debug, Default)]
pub struct Diversions {
    /// By the path of the lists.
    by_path: HashMap<Box<[u8]>, Diversion>,
}

#[derive(Debug)]
struct Diversion {
    /// Where the file is.
    to: Box<[u8]>,
    /// Whose file is not moved.
    by: Box<[u8]>,
}

impl Diversions {
    /// Reads them. None: there are more than are read.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut by_path = HashMap::new();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        while let (Some(from), Some(to), Some(by)) = (lines.next(), lines.next(), lines.next()) {
            if !from.starts_with(b"/") || !to.starts_with(b"/") {
                continue;
            }
            if by_path.len() >= DIVERSIONS {
                return None;
            }
            by_path.insert(unmerged(from).into(), Diversion { to: to.into(), by: by.into() });
        }
        Some(Self { by_path })
    }

    /// Where a file is that the list of a package has at a path.
    #[must_use]
    pub fn place<'p>(&'p self, path: &'p [u8], package: &str) -> &'p [u8] {
        match self.by_path.get(unmerged(path)) {
            Some(Diversion { to, by }) if **by != *package.as_bytes() => to,
            _ => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_diverted_a_file_has_it_where_its_list_says() {
        let text = b"/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/x\n/usr/bin/x.real\n:\n/torn\n/to";
        let diversions = Diversions::parse(text).unwrap();
        let is = |path: &str, package: &str, place: &str| {
            let found = diversions.place(path.as_bytes(), package);
            assert_eq!(String::from_utf8_lossy(found), place);
        };
        is("/bin/sh", "bash", "/bin/sh.distrib");
        is("/usr/bin/sh", "bash", "/bin/sh.distrib");
        is("/bin/sh", "dash", "/bin/sh");
        is("/usr/bin/x", "any", "/usr/bin/x.real");
        is("/torn", "any", "/torn");
    }

    #[test]
    fn what_is_too_much_is_not_cut_silently() {
        let one = |number: usize| format!("/a{number}\n/b\n:\n");
        let text: String = (0..=DIVERSIONS).map(one).collect();
        assert!(Diversions::parse(text.as_bytes()).is_none());
        assert!(Diversions::parse(b"\xff\n\n\n\0\n").is_some());
    }
}
