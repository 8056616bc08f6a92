//! The rule files that paths stand for. What a path names must be readable, and nothing below it
//! may be another user's alone: rules would be missing without anybody having meant that. What else
//! is found in a directory and cannot be read is left out and told, so that the rest can be used.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use monitor_rules::{
    RuleFile,
    limits::{FILE_BYTES_MAX, FILES_MAX},
};

use super::Usage;
use crate::{
    document::printable::terminal,
    rules::{self, Word},
};

/// Folders within folders that are searched for rule files.
const DEPTH_MAX: usize = 16;

/// What stands for the embedded rules among the paths.
const BUILTIN: &str = "builtin";

/// Whether a path stands for the embedded rules. A file of that name is `./builtin`.
pub(in crate::commands) fn is_builtin(path: &Path) -> bool {
    path.as_os_str() == BUILTIN
}

/// A rule file that was read.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Source {
    pub(super) fn as_rule_file(&self) -> RuleFile<'_> {
        RuleFile { name: &self.name, bytes: &self.bytes }
    }
}

/// What was found in a directory and could not be read.
pub(super) struct Unread {
    path: PathBuf,
    reason: String,
}

impl Unread {
    fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        terminal(format!("{}: {}", self.path.display(), self.reason).as_bytes()).into_owned()
    }
}

/// How much may be read.
pub(super) struct Most {
    pub(super) files: usize,
    /// Together; each has a limit of its own.
    pub(super) bytes: usize,
}

/// As much as a rule set may have.
const MOST: Most = Most { files: FILES_MAX, bytes: usize::MAX };

/// Files that were read, and what was left out.
#[derive(Default)]
pub(super) struct Files {
    pub(super) sources: Vec<Source>,
    pub(super) unread: Vec<Unread>,
}

impl Files {
    /// Tells what was left out on standard error.
    pub(super) fn tell_unread(&self) {
        let lines: Vec<String> =
            self.unread.iter().map(|it| format!("warning: left out: {}\n", it.line())).collect();
        // Nobody may be there to read it.
        drop(io::stderr().lock().write_all(lines.concat().as_bytes()));
    }
}

/// Reads the files that the paths stand for, in order; without paths the embedded ones.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Files> {
    let mut files = Files::default();
    if paths.is_empty() {
        files.add_embedded();
    }
    for path in paths {
        if is_builtin(path) {
            files.add_embedded();
        } else if let Some(word) = word(path) {
            files.add_word(word);
        } else {
            files.add(path, &MOST)?;
        }
    }
    Ok(files)
}

/// The word that a path is.
fn word(path: &Path) -> Option<Word> {
    Word::ALL.into_iter().find(|word| path.as_os_str() == word.name())
}

/// Paths of rules with those of some words behind them, switched on.
pub(in crate::commands) fn with_words(paths: &[PathBuf], words: &[Word]) -> Vec<PathBuf> {
    let mut all = paths.to_vec();
    if paths.is_empty() && !words.is_empty() {
        all.push(BUILTIN.into());
    }
    all.extend(words.iter().map(|word| word.name().into()));
    all
}

/// The rule files that a path stands for, whether they can be read or not.
pub(super) fn named_by(path: &Path) -> Result<Vec<PathBuf>, Usage> {
    if is_builtin(path) || word(path).is_some() {
        return Ok(Vec::new());
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Found { paths: Vec::new(), unread: Vec::new(), most: FILES_MAX };
    found.search(path, 0)?;
    Ok(found.paths)
}

/// Reads the files that the paths stand for, in order; those of a directory by name.
pub(super) fn read_some(paths: &[PathBuf], most: &Most) -> anyhow::Result<Files> {
    let mut files = Files::default();
    paths.iter().try_for_each(|path| files.add(path, most))?;
    Ok(files)
}

impl Files {
    fn add_embedded(&mut self) {
        let owned =
            |file: RuleFile<'_>| Source { name: file.name.to_owned(), bytes: file.bytes.to_vec() };
        self.sources.extend(rules::embedded().into_iter().map(owned));
    }

    /// The rules of a word, which are among the embedded ones, switched on.
    fn add_word(&mut self, word: Word) {
        let files = word.files();
        let is_there = files.iter().all(|file| self.sources.iter().any(|it| it.name == file.name));
        if !is_there {
            let owned = |file: RuleFile<'_>| Source {
                name: file.name.to_owned(),
                bytes: file.bytes.to_vec(),
            };
            self.sources.extend(files.into_iter().map(owned));
        }
        let bytes = word.switch_on().into_bytes();
        self.sources.push(Source { name: word.name().to_owned(), bytes });
    }

    /// Reads the files that a path stands for.
    fn add(&mut self, path: &Path, most: &Most) -> anyhow::Result<()> {
        let mut found = Found { paths: Vec::new(), unread: Vec::new(), most: most.files };
        let is_folder = path.is_dir();
        if is_folder {
            found.search(path, 0)?;
        } else {
            found.paths.push(path.to_owned());
        }
        self.unread.append(&mut found.unread);
        let before = self.sources.len();
        let mut bytes: usize = self.sources.iter().map(|source| source.bytes.len()).sum();
        for path in &found.paths {
            match read_file(path) {
                Ok(source) => {
                    bytes = bytes.saturating_add(source.bytes.len());
                    self.sources.push(source);
                }
                Err(error) if is_folder && !is_refused(&error) => {
                    self.unread.push(Unread::new(path, error))
                }
                Err(error) => return Err(unreadable(path, &error).into()),
            }
            if bytes > most.bytes {
                let text = format!("the files have more than {} bytes", most.bytes);
                return Err(Usage(format!("{text}\nhint: name some of them at a time")).into());
            }
        }
        if self.sources.len() == before {
            return Err(none_in(path, &self.unread).into());
        }
        found.refuse_more_than(self.sources.len())?;
        Ok(())
    }
}

fn none_in(path: &Path, unread: &[Unread]) -> Usage {
    let mut text = format!("no rule files in {}\n", path.display());
    for left in unread {
        text.push_str(&format!("left out: {}\n", left.line()));
    }
    text.push_str("hint: their names end in .yaml or .yml");
    Usage(text)
}

/// A search through directories.
struct Found {
    paths: Vec<PathBuf>,
    unread: Vec<Unread>,
    most: usize,
}

impl Found {
    /// Rule files at any depth. Hidden ones are left out: a mounted ConfigMap keeps its copies
    /// there.
    fn search(&mut self, folder: &Path, depth: usize) -> Result<(), Usage> {
        if depth > DEPTH_MAX {
            let reason = format!("it is nested more than {DEPTH_MAX} deep");
            self.unread.push(Unread::new(folder, reason));
            return Ok(());
        }
        let entries: io::Result<Vec<_>> = fs::read_dir(folder).and_then(Iterator::collect);
        let mut entries = match entries {
            Ok(entries) => entries,
            // The directory that is named must be readable.
            Err(error) if depth == 0 || is_refused(&error) => {
                return Err(unreadable(folder, &error));
            }
            Err(error) => {
                self.unread.push(Unread::new(folder, error));
                return Ok(());
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.take(&entry, depth)?;
            }
            self.refuse_more_than(self.paths.len() + self.unread.len())?;
        }
        Ok(())
    }

    fn take(&mut self, entry: &fs::DirEntry, depth: usize) -> Result<(), Usage> {
        let path = entry.path();
        let sort = match entry.file_type() {
            Ok(sort) => sort,
            Err(error) => {
                self.unread.push(Unread::new(&path, error));
                return Ok(());
            }
        };
        if sort.is_dir() {
            return self.search(&path, depth + 1);
        }
        // A link to a directory could lead back to where it stands.
        if sort.is_symlink() && path.is_dir() {
            let reason = "it is a link to a directory; name that to have it read";
            self.unread.push(Unread::new(&path, reason));
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            self.paths.push(path);
        }
        Ok(())
    }

    fn refuse_more_than(&self, count: usize) -> Result<(), Usage> {
        if count <= self.most {
            return Ok(());
        }
        let text = format!("there are more than {} rule files", self.most);
        Err(Usage(format!("{text}\nhint: join some of them")))
    }
}

/// Reads no more than a rule file may have, and one byte, at which the loader says so.
fn read_file(path: &Path) -> io::Result<Source> {
    let bytes = crate::input::read(path, FILE_BYTES_MAX as u64 + 1)?;
    Ok(Source { name: path.display().to_string(), bytes })
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn unreadable(path: &Path, error: &io::Error) -> Usage {
    let cure = match error.kind() {
        io::ErrorKind::NotFound => "check the path; without one the embedded rules are used",
        io::ErrorKind::PermissionDenied => {
            "let this user read it; a daemon that runs reads rules as the user of `run_as`"
        }
        _ => "give a rule file or a directory of rule files",
    };
    Usage(format!("cannot read rules from {}: {error}\nhint: {cure}", path.display()))
}
