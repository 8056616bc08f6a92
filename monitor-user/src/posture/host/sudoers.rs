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
        let (who, asks_none) = match line.strip_prefix("Defaults") {
            Some(rest) => {
                let (who, settings) = defaults(rest);
                (who, settings.contains("!authenticate"))
            }
            None => (list(line).0, line.contains("NOPASSWD")),
        };
        if asks_none {
            self.found.lines += 1;
            if self.found.who.len() < HOST_LINES {
                self.found.who.insert(who);
            }
        }
    }
}

/// For whom settings count, and the settings: for all, or as the sign behind the word says, for
/// users, on hosts, as other users, or for commands.
fn defaults(rest: &str) -> (String, &str) {
    let Some(sign) = rest.chars().next().filter(|it| ":@>!".contains(*it)) else {
        return ("all".to_owned(), rest);
    };
    let (of, settings) = list(rest.strip_prefix(sign).unwrap_or_default());
    let who = match sign {
        ':' => of,
        '@' => format!("all (on {of})"),
        '>' => format!("all (as {of})"),
        _ => format!("all (for {of})"),
    };
    (who, settings)
}

/// The list that a text begins with, and what comes behind it: there can be blanks beside its
/// commas, and in quotes.
fn list(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let (mut is_quoted, mut is_open) = (false, true);
    for (at, it) in text.char_indices() {
        let is_blank = it.is_whitespace() && !is_quoted;
        let next = || text.get(at..).unwrap_or_default().trim_start();
        if !is_quoted && it == '=' || is_blank && !is_open && !next().starts_with(',') {
            return (tidy(text.get(..at).unwrap_or_default()), next());
        }
        is_quoted ^= it == '"';
        if !is_blank {
            is_open = it == ',' && !is_quoted;
        }
    }
    (tidy(text), "")
}

/// A list without blanks beside its commas.
fn tidy(list: &str) -> String {
    list.split(',').map(str::trim).collect::<Vec<_>>().join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_for_whom_settings_count() {
        for (line, who) in [
            ("Defaults !authenticate", "all"),
            ("Defaults env_reset, !authenticate", "all"),
            ("Defaults:alice !authenticate", "alice"),
            ("Defaults: alice , %wheel,bob\t!authenticate", "alice, %wheel, bob"),
            ("Defaults:\"the operator\" !authenticate", "\"the operator\""),
            ("Defaults>operator !authenticate", "all (as operator)"),
            ("Defaults@web1 !authenticate", "all (on web1)"),
            ("Defaults!/usr/bin/id !authenticate", "all (for /usr/bin/id)"),
            ("alice, bob ALL=(ALL) NOPASSWD: ALL", "alice, bob"),
            ("%wheel\tALL=(ALL) NOPASSWD: ALL", "%wheel"),
        ] {
            let directory = super::super::Directory::at(std::path::Path::new("/")).unwrap();
            let mut reader = Reader { root: &directory, found: Sudoers::default(), files: 0 };
            reader.line(line);
            assert_eq!(reader.found.lines, 1, "{line}");
            assert_eq!(reader.found.who, BTreeSet::from([who.to_owned()]), "{line}");
        }
        assert_eq!(defaults("!/usr/bin/!authenticate env_reset").1, "env_reset");
    }
}
