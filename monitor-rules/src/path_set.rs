//! Path prefixes, component by component: `/etc` is a prefix of `/etc/passwd`, not of `/etcetera`.
//! A glob in a component does not cross `/`.

use std::collections::HashSet;

use crate::glob::Glob;

/// A set of path prefixes.
#[derive(Debug, Default)]
pub(crate) struct PathSet {
    plain: HashSet<Box<[u8]>>,
    globs: Vec<Vec<Component>>,
}

#[derive(Debug)]
enum Component {
    Plain(Box<[u8]>),
    Glob(Glob),
}

impl PathSet {
    pub(crate) fn new<'t>(prefixes: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let mut set = Self::default();
        for prefix in prefixes {
            if Glob::is_pattern(prefix) {
                let parts = components(prefix.as_bytes());
                let parts: Result<Vec<Component>, String> = parts.map(Component::new).collect();
                set.globs.push(parts?);
            } else {
                set.plain.insert(without_end_slash(prefix.as_bytes()).into());
            }
        }
        Ok(set)
    }

    pub(crate) fn contains_prefix_of(&self, path: &[u8]) -> bool {
        self.plain_prefix_of(path) || self.globs.iter().any(|glob| is_glob_prefix(glob, path))
    }

    fn plain_prefix_of(&self, path: &[u8]) -> bool {
        if self.plain.is_empty() {
            return false;
        }
        let path = without_end_slash(path);
        let ends = memchr::memchr_iter(b'/', path).map(|at| at.max(1)).chain([path.len()]);
        // The root is its own slash: `/` ends at 1, every other prefix before its slash.
        ends.filter_map(|end| path.get(..end)).any(|prefix| self.plain.contains(prefix))
    }
}

impl Component {
    fn new(part: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(part);
        if Glob::is_pattern(&text) {
            Glob::new(&text, false).map(Self::Glob)
        } else {
            Ok(Self::Plain(part.into()))
        }
    }

    fn matches(&self, part: &[u8]) -> bool {
        match self {
            Self::Plain(plain) => **plain == *part,
            Self::Glob(glob) => glob.is_match(part),
        }
    }
}

fn is_glob_prefix(glob: &[Component], path: &[u8]) -> bool {
    let mut parts = components(path);
    glob.iter().all(|component| parts.next().is_some_and(|part| component.matches(part)))
}

/// Whether `prefix` is a prefix of `path` by components, both plain.
pub(crate) fn is_path_prefix(prefix: &[u8], path: &[u8]) -> bool {
    let mut parts = components(path);
    components(prefix).all(|part| parts.next() == Some(part))
}

/// The parts between slashes; an absolute path starts with an empty one.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let trimmed = path.strip_suffix(b"/").unwrap_or(path);
    trimmed.split(|byte| *byte == b'/')
}

fn without_end_slash(path: &[u8]) -> &[u8] {
    match path {
        [b'/'] => path,
        [head @ .., b'/'] => head,
        all => all,
    }
}
