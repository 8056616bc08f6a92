//! Who may become root without a password, by the files of `sudo`. Of their lines nothing but that
//! is kept.

use std::collections::BTreeSet;

use super::{
    checks,
    found::Found,
    root::{Looked, Root},
};
use crate::{
    document::printable::terminal,
    limits::{HOST_INCLUDES, HOST_LINES},
    state::Assessment,
};

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sudoers {
    /// Lines that ask for no password.
    pub lines: usize,
    /// Whom they are about.
    pub who: BTreeSet<String>,
    /// What could not be read, and why.
    pub unread: Option<String>,
}

/// Reads them; None where there are none.
pub(super) fn read(root: &dyn Root) -> Looked<Sudoers> {
    if root.stat("/etc/sudoers")?.is_none() {
        return Ok(None);
    }
    let mut reader = Reader { root, found: Sudoers::default(), files: 0 };
    reader.file("/etc/sudoers");
    Ok(Some(reader.found))
}

struct Reader<'r> {
    root: &'r dyn Root,
    found: Sudoers,
    files: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &str) {
        self.files += 1;
        let text = match self.root.text(path) {
            _ if self.files > HOST_INCLUDES => {
                Err(format!("more than {HOST_INCLUDES} files are included"))
            }
            text => text,
        };
        let text = match text {
            Ok(text) => text.unwrap_or_default(),
            Err(why) => return self.found.unread = Some(why),
        };
        let whole = text.replace("\\\n", " ");
        for line in whole.lines().map(str::trim) {
            let word = |names: [&str; 2]| names.iter().find_map(|it| line.strip_prefix(it));
            if let Some(rest) = word(["@includedir ", "#includedir "]) {
                self.directory(rest.trim());
            } else if let Some(rest) = word(["@include ", "#include "]) {
                self.file(&below(rest.trim()));
            } else {
                self.line(line);
            }
        }
    }

    fn directory(&mut self, path: &str) {
        let path = below(path);
        match self.root.names(&path) {
            Err(why) => self.found.unread = Some(why),
            Ok(names) => {
                // Sudo leaves these out, too: packages and editors make them.
                let is_read = |name: &&String| !name.contains('.') && !name.ends_with('~');
                for name in names.unwrap_or_default().iter().filter(is_read) {
                    self.file(&format!("{path}/{name}"));
                }
            }
        }
    }

    fn line(&mut self, line: &str) {
        if line.starts_with('#') {
            return;
        }
        let is_default = line.starts_with("Defaults");
        let asks_none = match is_default {
            true => line.contains("!authenticate"),
            false => line.contains("NOPASSWD"),
        };
        if asks_none {
            self.found.lines += 1;
            let who = if is_default {
                "all"
            } else {
                line.split(['=', ' ', '\t']).next().unwrap_or_default()
            };
            if self.found.who.len() < HOST_LINES {
                self.found.who.insert(who.to_owned());
            }
        }
    }
}

/// A path; one that does not begin at the root begins where the files are.
fn below(path: &str) -> String {
    let path = path.trim_matches('"');
    if path.starts_with('/') { path.to_owned() } else { format!("/etc/{path}") }
}

/// Whether anybody may.
pub(super) fn judge(sudoers: &Looked<Sudoers>) -> Vec<Assessment> {
    let found = match sudoers {
        Err(why) => Found::Unknown(why.clone()),
        Ok(None) => Found::not_applicable("there is no sudo here"),
        Ok(Some(it)) => match &it.unread {
            Some(why) if it.lines == 0 => Found::Unknown(why.clone()),
            _ => Found::bad((it.lines > 0).then(|| {
                let who = it.who.iter().map(|who| terminal(who.as_bytes()).into_owned());
                let who = who.collect::<Vec<_>>().join(", ");
                let lines = vec![("lines", it.lines.to_string())];
                (format!("{who}, by {} lines", it.lines), lines)
            })),
        },
    };
    vec![found.of(&checks::SUDO_WITHOUT_PASSWORD)]
}
