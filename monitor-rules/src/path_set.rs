//! Path prefixes, component by component: `/etc` is a prefix of `/etc/passwd`, not of `/etcetera`.
//! A glob in a component does not cross `/`.

use crate::glob::Glob;
use crate::matcher::StrSet;

/// A set of path prefixes.
#[derive(Debug, Default)]
pub(crate) struct PathSet {
    plain: StrSet,
    globs: Vec<Vec<Component>>,
}

#[derive(Debug)]
enum Component {
    Plain(Box<[u8]>),
    Glob(Glob),
}

impl PathSet {
    pub(crate) fn new<'t>(prefixes: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let mut globs = Vec::new();
        let mut plain: Vec<Box<[u8]>> = Vec::new();
        for prefix in prefixes {
            if Glob::is_pattern(prefix) {
                let parts = components(prefix.as_bytes());
                let parts: Result<Vec<Component>, String> = parts.map(Component::new).collect();
                globs.push(parts?);
            } else {
                plain.push(without_end_slash(prefix.as_bytes()).into());
            }
        }
        Ok(Self { plain: StrSet::new(plain), globs })
    }

    pub(crate) fn contains_prefix_of(&self, path: &[u8]) -> bool {
        self.plain_prefix_of(path) || self.globs.iter().any(|glob| is_glob_prefix(glob, path))
    }

    /// The prefixes that are no globs.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &[u8]> {
        self.plain.iter()
    }

    /// The prefixes, if none of them is a glob.
    pub(crate) fn plain_only(&self) -> Option<impl Iterator<Item = &[u8]>> {
        self.globs.is_empty().then(|| self.plain.iter())
    }

    fn plain_prefix_of(&self, path: &[u8]) -> bool {
        /// Up to here, comparing each prefix is faster than looking up each part of the path.
        const FEW: usize = 16;
        if self.plain.iter().len() <= FEW {
            return self.plain.iter().any(|prefix| is_plain_prefix(prefix, path));
        }
        let path = without_end_slash(path);
        // The root is its own slash: `/` ends at 1, every other prefix before its slash.
        let ends = memchr::memchr_iter(b'/', path).map(|at| at.max(1)).chain([path.len()]);
        ends.filter_map(|end| path.get(..end)).any(|prefix| self.plain.contains(prefix))
    }
}

/// Whether `path` is `prefix`, which has no slash at its end, or goes on behind it with a slash.
fn is_plain_prefix(prefix: &[u8], path: &[u8]) -> bool {
    match path.strip_prefix(prefix) {
        None => false,
        Some([] | [b'/', ..]) => true,
        Some(_) => prefix == b"/",
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
