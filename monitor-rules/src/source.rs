//! The texts that diagnostics point into: rule files, and conditions given on a command line.

use std::sync::Arc;

/// One rule file: what it is called in diagnostics, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RuleFile<'a> {
    /// The name that diagnostics show, usually the path.
    pub name: &'a str,
    /// The content, not yet known to be UTF-8.
    pub bytes: &'a [u8],
}

/// A byte range of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A text that was read, with its name.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
    /// Where each line but the first begins.
    breaks: Arc<[usize]>,
}

/// All texts of one load, addressed by [`Place::source`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    all: Vec<Source>,
}

impl Sources {
    pub(crate) fn add(&mut self, name: &str, text: &str) -> u32 {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        self.all.push(Source { name: name.into(), text: text.into(), breaks });
        u32::try_from(self.all.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Source> {
        self.all.get(id as usize)
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.all.iter().map(|source| Arc::clone(&source.name)).collect()
    }

    /// The line of a place, from 1.
    pub(crate) fn line(&self, place: Place) -> usize {
        self.get(place.source).map_or(1, |source| source.line(place).0)
    }

    /// Line and column of a place, both from 1; columns count characters.
    pub(crate) fn line_column(&self, place: Place) -> (usize, usize) {
        let Some(source) = self.get(place.source) else { return (1, 1) };
        let (line, start) = source.line(place);
        let before = source.text.get(start..place.start as usize).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

impl Source {
    /// The line of a place, from 1, and where it begins.
    fn line(&self, place: Place) -> (usize, usize) {
        let before = self.breaks.partition_point(|start| *start <= place.start as usize);
        let last = before.checked_sub(1).and_then(|at| self.breaks.get(at));
        (before + 1, last.copied().unwrap_or(0))
    }
}
