//! The root directory of a host, as a running one has it or as an image that is mounted somewhere:
//! nothing that is looked for below it leads out of it, and all that is read has bounds.
//!
//! What is read is asked for, so that who parses it need not be who may open it.

use std::{
    cell::RefCell,
    fs::{self, File},
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat},
    sys::stat::{Mode, fstat},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{
    granted::{Granted, Sort},
    processes::{self, Whose},
};
use crate::{
    input,
    limits::{HOST_FILE_BYTES, HOST_NAMES},
};

/// What is at a place: None where there is nothing, an error says why it cannot be seen.
pub type Looked<T> = Result<Option<T>, String>;

/// Who owns a file, and who may do what with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Stat {
    /// Its path, as it was looked for.
    pub path: String,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permissions, and the bits before them.
    pub mode: u32,
    /// Whether anybody can come to it: each directory above lets them through.
    pub is_reachable: bool,
    /// When its content was changed, seconds since 1970.
    pub modified: i64,
}

/// What is asked about a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Question {
    /// Who may do what with what is there.
    Stat(String),
    /// What is in a regular file, which has so many bytes at most.
    Bytes(String, u64),
    /// Those of its lines that have a word.
    Lines(String, String),
    /// The names in a directory.
    Names(String),
    /// Where a link leads, as it says itself.
    Link(String),
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Answer {
    /// Who may do what with it.
    Stat(Stat),
    /// Bytes of a file.
    Bytes(ByteBuf),
    /// Names, in their order.
    Names(Vec<String>),
    /// Where it leads.
    Link(String),
}

impl Question {
    /// The path that it is about.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Stat(path) | Self::Bytes(path, _) | Self::Lines(path, _) => path,
            Self::Names(path) | Self::Link(path) => path,
        }
    }

    /// Bytes of a file that its answer can have.
    #[must_use]
    pub fn most(&self) -> u64 {
        match self {
            Self::Bytes(_, limit) => *limit,
            Self::Lines(..) => HOST_FILE_BYTES,
            Self::Stat(_) | Self::Names(_) | Self::Link(_) => 0,
        }
    }
}

/// A root directory of a host, of which only so much is told as is judged.
pub trait Root {
    /// What is there, of each question an answer.
    fn ask_all(&self, questions: &[Question]) -> Vec<Looked<Answer>>;

    /// What is there.
    fn ask(&self, question: Question) -> Looked<Answer> {
        self.ask_all(&[question]).pop().unwrap_or_else(|| Err(NO_ANSWER.to_owned()))
    }

    /// Who may do what with the file at a path.
    fn stat(&self, path: &str) -> Looked<Stat> {
        match self.ask(Question::Stat(path.to_owned()))? {
            Some(Answer::Stat(stat)) => Ok(Some(stat)),
            other => none(other),
        }
    }

    /// Whether anything is there.
    fn has(&self, path: &str) -> bool {
        matches!(self.stat(path), Ok(Some(_)))
    }

    /// What is in a regular file.
    fn bytes(&self, path: &str, limit: u64) -> Looked<Vec<u8>> {
        match self.ask(Question::Bytes(path.to_owned(), limit))? {
            Some(Answer::Bytes(bytes)) => Ok(Some(bytes.into_vec())),
            other => none(other),
        }
    }

    /// The text of one; what is no UTF-8 in it is replaced.
    fn text(&self, path: &str) -> Looked<String> {
        let bytes = self.bytes(path, HOST_FILE_BYTES)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The lines of one that have a word.
    fn lines(&self, path: &str, word: &str) -> Looked<String> {
        match self.ask(Question::Lines(path.to_owned(), word.to_owned()))? {
            Some(Answer::Bytes(bytes)) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            other => none(other),
        }
    }

    /// The names in a directory, in their order.
    fn names(&self, path: &str) -> Looked<Vec<String>> {
        match self.ask(Question::Names(path.to_owned()))? {
            Some(Answer::Names(names)) => Ok(Some(names)),
            other => none(other),
        }
    }

    /// Where a link leads, as it says itself.
    fn link(&self, path: &str) -> Option<String> {
        self.links(vec![path.to_owned()]).pop().flatten()
    }

    /// Where links lead, an answer for each.
    fn links(&self, paths: Vec<String>) -> Vec<Option<String>> {
        let questions: Vec<Question> = paths.into_iter().map(Question::Link).collect();
        let link = |answer| match answer {
            Ok(Some(Answer::Link(target))) => Some(target),
            _ => None,
        };
        self.ask_all(&questions).into_iter().map(link).collect()
    }
}

const NO_ANSWER: &str = "there is no answer";

/// That nothing is there, or that the answer is none to what was asked.
fn none<T>(other: Option<Answer>) -> Looked<T> {
    if other.is_none() { Ok(None) } else { Err(NO_ANSWER.to_owned()) }
}

/// A directory that this process may look at.
#[derive(Debug)]
pub struct Directory {
    directory: OwnedFd,
    granted: RefCell<Granted>,
    /// Who counts as root, for tests that may not give files away.
    #[cfg(test)]
    pub(super) owner: Option<(u32, u32)>,
}

impl Directory {
    /// The one at a path.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or is none.
    pub fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self {
            directory: open(path, flags, Mode::empty())?,
            granted: RefCell::default(),
            #[cfg(test)]
            owner: None,
        })
    }

    /// The same, which tells of these sockets of runtimes, too, what they are.
    #[must_use]
    pub fn naming(self, sockets: &[String]) -> Self {
        self.granted.borrow_mut().note_sockets(sockets);
        self
    }

    /// That of this host, wherever this process is.
    ///
    /// # Errors
    ///
    /// It may not be looked at.
    pub fn of_host() -> io::Result<Self> {
        // Whose own view is the host's may not be shown that of the first process.
        Self::at(Path::new("/proc/1/root")).or_else(|_| Self::at(Path::new("/")))
    }

    fn open(&self, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let inside = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(inside);
        openat2(&self.directory, path, how)
    }

    /// What is at a path, if that is told.
    fn look(&self, question: &Question) -> Looked<Answer> {
        let path = question.path();
        if !self.granted.borrow().allows(question) {
            return Err(format!("{path} is none of the files that are looked at"));
        }
        Ok(match question {
            Question::Stat(_) => self.stat_of(path)?.map(Answer::Stat),
            Question::Bytes(_, limit) => self.content(path, *limit)?.map(Answer::Bytes),
            Question::Lines(_, word) => {
                let bytes = self.read(path, HOST_FILE_BYTES)?;
                bytes.map(|bytes| Answer::Bytes(lines_with(&bytes, word).into()))
            }
            Question::Names(_) => self.names_of(path)?.map(Answer::Names),
            Question::Link(_) => self.target(path).map(Answer::Link),
        })
    }

    fn stat_of(&self, path: &str) -> Looked<Stat> {
        let Some(stat) = looked(path, self.open(path, OFlag::O_PATH).and_then(fstat))? else {
            return Ok(None);
        };
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        let is_open = |above: &str| {
            let found = self.open(above, OFlag::O_PATH).and_then(fstat);
            found.is_ok_and(|it| it.st_mode & 0o001 != 0)
        };
        let is_reachable = above.filter(|above| !above.is_empty()).all(is_open);
        let (uid, gid) = self.ids(stat.st_uid, stat.st_gid);
        Ok(Some(Stat {
            path: path.to_owned(),
            uid,
            gid,
            mode: stat.st_mode & 0o7777,
            is_reachable,
            modified: stat.st_mtime,
        }))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "in tests it depends on it")]
    const fn ids(&self, uid: u32, gid: u32) -> (u32, u32) {
        (uid, gid)
    }

    #[cfg(test)]
    fn ids(&self, uid: u32, gid: u32) -> (u32, u32) {
        let of = |id, root: Option<u32>| if root == Some(id) { 0 } else { id };
        (of(uid, self.owner.map(|it| it.0)), of(gid, self.owner.map(|it| it.1)))
    }

    /// What is in a file, of which it is noted what it names. What a process was started with is
    /// told of daemons only.
    fn content(&self, path: &str, limit: u64) -> Looked<ByteBuf> {
        let sort = self.granted.borrow().sort(path);
        let program = match sort {
            Some(Sort::CommandLine) => match self.daemon(path)? {
                None => return Ok(None),
                program => program,
            },
            _ => None,
        };
        let bytes = match sort {
            Some(Sort::Maps) => self.read(path, limit)?.map(|bytes| without_places(&bytes)),
            _ => self.read(path, limit)?,
        };
        if let Some(bytes) = &bytes {
            let mut granted = self.granted.borrow_mut();
            match (program, sort) {
                (Some((program, true)), _) => granted.note_arguments(&program, bytes),
                (Some((_, false)), _) | (None, None) => {}
                (None, Some(sort)) => granted.note(sort, bytes),
            }
        }
        Ok(bytes.map(ByteBuf::from))
    }

    /// The name of the program whose command line is at a path, and whether it is the host's.
    fn daemon(&self, path: &str) -> Looked<(String, bool)> {
        let of = path.trim_end_matches("cmdline");
        let (Some(exe), Some(stat)) = (self.target(&format!("{of}exe")), self.stat_of(of)?) else {
            return Ok(None);
        };
        let program = processes::program(&exe);
        if stat.uid != 0 || !processes::is_daemon(program) {
            return Err(format!("{path} is none of the files that are looked at"));
        }
        let cgroups = self.read(&format!("{of}cgroup"), HOST_FILE_BYTES)?.unwrap_or_default();
        let link = |path: &str| self.target(path);
        let own = ["pid", "mnt"].map(|kind| link(&format!("{of}ns/{kind}")));
        let of_host = ["pid", "mnt"].map(|kind| processes::of_host(kind, link));
        let whose = processes::whose(&own, &of_host, &cgroups);
        Ok(Some((program.to_owned(), whose == Whose::Host)))
    }

    fn read(&self, path: &str, limit: u64) -> Looked<Vec<u8>> {
        let Some(found) = looked(path, self.open(path, OFlag::O_PATH))? else { return Ok(None) };
        let kind = File::from(found).metadata().map_err(|error| cannot(path, &error))?.file_type();
        // Looked at first: opening a device can be an act of its own.
        input::require_regular(kind).map_err(|error| cannot(path, &error))?;
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let Some(opened) = looked(path, self.open(path, flags))? else { return Ok(None) };
        let file = File::from(opened);
        let kind = file.metadata().map_err(|error| cannot(path, &error))?.file_type();
        input::require_regular(kind).map_err(|error| cannot(path, &error))?;
        let bytes = input::read_opened(file, limit.saturating_add(1));
        let bytes = match bytes {
            // Of a process that has ended meanwhile.
            Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => return Ok(None),
            bytes => bytes.map_err(|error| cannot(path, &error))?,
        };
        if bytes.len() as u64 > limit {
            return Err(format!("{path} is larger than {limit} bytes"));
        }
        Ok(Some(bytes))
    }

    fn names_of(&self, path: &str) -> Looked<Vec<String>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK;
        let Some(folder) = looked(path, self.open(path, flags))? else { return Ok(None) };
        let entries = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let entries = entries.map_err(|error| cannot(path, &error))?;
        let mut names: Vec<String> = entries
            .flatten()
            .take(HOST_NAMES + 1)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        if names.len() > HOST_NAMES {
            return Err(format!("{path} has more than {HOST_NAMES} names"));
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    fn target(&self, path: &str) -> Option<String> {
        let found = self.open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW).ok()?;
        readlinkat(&found, "").ok()?.into_string().ok()
    }
}

impl Root for Directory {
    fn ask_all(&self, questions: &[Question]) -> Vec<Looked<Answer>> {
        questions.iter().map(|question| self.look(question)).collect()
    }
}

/// What a process has mapped, without where in its memory that is.
fn without_places(maps: &[u8]) -> Vec<u8> {
    let mut without = Vec::with_capacity(maps.len());
    for line in maps.split_inclusive(|byte| *byte == b'\n') {
        let end = memchr::memchr(b' ', line).unwrap_or(line.len());
        without.extend_from_slice(b"0-0");
        without.extend_from_slice(line.get(end..).unwrap_or_default());
    }
    without
}

/// The lines that have a word, each with its end.
fn lines_with(bytes: &[u8], word: &str) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let has = |line: &&[u8]| memchr::memmem::find(line, word.as_bytes()).is_some();
    lines.filter(has).flatten().copied().collect()
}

/// What an attempt shows: that a way leads nowhere is no error.
fn looked<T>(path: &str, tried: nix::Result<T>) -> Looked<T> {
    match tried {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH) => Ok(None),
        Err(error) => Err(cannot(path, &error.into())),
    }
}

fn cannot(path: &str, error: &io::Error) -> String {
    format!("{path} cannot be read: {error}")
}
