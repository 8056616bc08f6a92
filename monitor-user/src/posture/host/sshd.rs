//! What `sshd` was told: its file, those that it includes, and its command line. A setting counts
//! where it is first; those of a `Match` block count for some.

use super::{
    checks,
    found::Found,
    processes::Processes,
    root::{Looked, Root},
    settings::Arguments,
};
use crate::{
    document::printable::terminal,
    limits::{HOST_INCLUDES, HOST_LINES},
    state::{Assessment, Check},
};

/// The settings that are asked for.
const WANTED: [&str; 6] = [
    "permitrootlogin",
    "passwordauthentication",
    "permitemptypasswords",
    "x11forwarding",
    KEYBOARD,
    "usepam",
];

/// Whether programs of PAM may ask what they like, and the name that this had before.
const KEYBOARD: &str = "kbdinteractiveauthentication";
const KEYBOARD_BEFORE: &str = "challengeresponseauthentication";

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A setting, in small letters; for whom, if not for all.
    Set(String, String, Option<String>),
    /// Something that could not be read: it may set anything.
    Unread(String),
}

/// What was read; None where there is no such server.
pub(super) type Sshd = Option<Vec<Line>>;

/// Reads.
pub(super) fn read(root: &dyn Root, processes: &Looked<Processes>) -> Sshd {
    let running = processes.as_ref().ok().and_then(Option::as_ref);
    let running = running.and_then(|it| it.of("sshd").next());
    if running.is_none() && !root.has("usr/sbin/sshd") {
        return None;
    }
    let mut lines = Vec::new();
    let arguments = running.map(|it| it.arguments.clone()).unwrap_or_default();
    let file = file(&arguments).unwrap_or_else(|| "/etc/ssh/sshd_config".to_owned());
    let words = arguments.0.join(" ");
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "-f" => drop(words.next()),
            "-o" => lines.extend(words.next().and_then(|it| wanted(it, None))),
            _ => lines.extend(word.strip_prefix("-o").and_then(|it| wanted(it, None))),
        }
    }
    let mut reader = Reader { root, lines, files: 0 };
    if !matches!(root.stat(&file), Ok(Some(_))) {
        reader.lines.push(Line::Unread(format!("{file} is not there")));
    }
    reader.file(&file, None);
    Some(reader.lines)
}

/// The file that it was told to read. A server writes what it does over its command line: words can
/// be in one.
pub(super) fn file(arguments: &Arguments) -> Option<String> {
    let words = arguments.0.join(" ");
    let mut words = words.split_whitespace();
    let mut file = None;
    while let Some(word) = words.next() {
        match word {
            "-f" => file = Some(words.next().unwrap_or_default().to_owned()),
            "-o" => drop(words.next()),
            _ => {}
        }
    }
    file
}

/// A keyword and what comes behind it: blanks, or one `=`, are between them.
fn split(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let end = line.find(|it: char| it.is_whitespace() || it == '=')?;
    let (keyword, rest) = (line.get(..end)?, line.get(end..)?.trim_start());
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
    (!keyword.starts_with('#')).then(|| (keyword.to_ascii_lowercase(), rest))
}

fn wanted(line: &str, condition: Option<&str>) -> Option<Line> {
    let (mut keyword, rest) = split(line)?;
    if keyword == KEYBOARD_BEFORE {
        KEYBOARD.clone_into(&mut keyword);
    }
    let value = rest.split_whitespace().next()?.trim_matches('"').to_ascii_lowercase();
    WANTED.contains(&&*keyword).then(|| Line::Set(keyword, value, condition.map(str::to_owned)))
}

struct Reader<'r> {
    root: &'r dyn Root,
    lines: Vec<Line>,
    files: usize,
}

impl Reader<'_> {
    /// Reads a file; `condition` says for whom the line counts that includes it.
    fn file(&mut self, path: &str, condition: Option<&str>) {
        self.files += 1;
        if self.files > HOST_INCLUDES {
            let why = format!("more than {HOST_INCLUDES} files are included");
            return self.lines.push(Line::Unread(why));
        }
        let text = match self.root.text(path) {
            Ok(text) => text.unwrap_or_default(),
            Err(why) => return self.lines.push(Line::Unread(why)),
        };
        let mut condition = condition.map(str::to_owned);
        for line in text.lines() {
            if self.lines.len() >= HOST_LINES {
                return;
            }
            match split(line) {
                Some((keyword, rest)) if keyword == "match" => {
                    let is_all = rest.eq_ignore_ascii_case("all");
                    condition = (!is_all).then(|| rest.to_owned());
                }
                Some((keyword, rest)) if keyword == "include" => {
                    for pattern in rest.split_whitespace() {
                        self.include(pattern.trim_matches('"'), condition.as_deref());
                    }
                }
                _ => self.lines.extend(wanted(line, condition.as_deref())),
            }
        }
    }

    fn include(&mut self, pattern: &str, condition: Option<&str>) {
        let path = match pattern.starts_with('/') {
            true => pattern.to_owned(),
            false => format!("/etc/ssh/{pattern}"),
        };
        let (directory, last) = path.rsplit_once('/').unwrap_or_default();
        let is_plain = |text: &str| !text.contains(['*', '?', '[', '~', '\\']);
        if is_plain(&path) {
            return self.file(&path, condition);
        }
        // A star in the last part is what is written; of others it is said that they are not read.
        let star = last.split_once('*').filter(|(one, two)| is_plain(one) && is_plain(two));
        let Some((begin, end)) = star.filter(|_| is_plain(directory)) else {
            return self.lines.push(Line::Unread(format!("what `Include {pattern}` names")));
        };
        match self.root.names(directory) {
            Err(why) => self.lines.push(Line::Unread(why)),
            Ok(names) => {
                for name in names.unwrap_or_default() {
                    let rest = name.strip_prefix(begin);
                    let is_hidden = name.starts_with('.') && begin.is_empty();
                    if !is_hidden && rest.is_some_and(|rest| rest.ends_with(end)) {
                        self.file(&format!("{directory}/{name}"), condition);
                    }
                }
            }
        }
    }
}

/// What is wrong, as sshd has it where nothing is said: check, keyword, value by default, bad ones.
const RULES: [(&Check, &str, &str, &[&str]); 4] = [
    (&checks::SSHD_ROOT, "permitrootlogin", "prohibit-password", &["yes"]),
    (&checks::SSHD_PASSWORDS, "passwordauthentication", "yes", &["yes"]),
    (&checks::SSHD_EMPTY_PASSWORDS, "permitemptypasswords", "no", &["yes"]),
    (&checks::SSHD_X11, "x11forwarding", "no", &["yes"]),
];

/// What of that is not as it should be.
pub(super) fn judge(sshd: &Sshd) -> Vec<Assessment> {
    let of = |(check, keyword, default, bad): &(&'static Check, &str, &str, &[&str])| {
        let Some(lines) = sshd else {
            return Found::not_applicable("there is no SSH server here").of(check);
        };
        let found = match setting(lines, keyword, default, bad) {
            Found::Good if *check == &checks::SSHD_PASSWORDS => by_pam(lines),
            found => found,
        };
        found.of(check)
    };
    RULES.iter().map(of).collect()
}

fn setting(lines: &[Line], keyword: &str, default: &str, bad: &[&str]) -> Found {
    let bad_for = lines.iter().find_map(|line| match line {
        Line::Set(name, value, Some(who)) if name == keyword && bad.contains(&&**value) => {
            Some(format!("{keyword} {value}, for `Match {}`", terminal(who.as_bytes())))
        }
        _ => None,
    });
    let first = lines.iter().find(|line| match line {
        Line::Set(name, _, condition) => name == keyword && condition.is_none(),
        Line::Unread(_) => true,
    });
    match first {
        Some(Line::Set(_, value, _)) if bad.contains(&&**value) => {
            Found::Bad(format!("{keyword} {}", terminal(value.as_bytes())), Vec::new())
        }
        Some(Line::Unread(why)) if bad_for.is_none() => {
            Found::Unknown(format!("{why}; `sshd -T` tells"))
        }
        None if bad.contains(&default) => {
            let text = format!("{keyword} is not set, which means {default}");
            Found::Bad(text, Vec::new())
        }
        _ => Found::bad(bad_for.map(|text| (text, Vec::new()))),
    }
}

/// Whether PAM takes passwords where sshd itself takes none.
fn by_pam(lines: &[Line]) -> Found {
    let asks = setting(lines, KEYBOARD, "yes", &["yes"]);
    match (asks, setting(lines, "usepam", "no", &["yes"])) {
        (Found::Bad(asks, evidence), Found::Bad(..)) => {
            Found::Bad(format!("{asks}, and usepam yes: PAM takes passwords"), evidence)
        }
        (unknown @ Found::Unknown(_), Found::Bad(..) | Found::Unknown(_))
        | (Found::Bad(..), unknown @ Found::Unknown(_)) => unknown,
        _ => Found::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Found) {
        let line = |line: &str| match line.strip_prefix("Match User x: ") {
            Some(line) => wanted(line, Some("User x")),
            None if line == "unread" => Some(Line::Unread("why".to_owned())),
            None => wanted(line, None),
        };
        let lines = Some(text.split("; ").filter_map(line).collect());
        let all = judge(&lines);
        let found = all.into_iter().find(|it| it.check == &checks::SSHD_PASSWORDS).unwrap();
        assert_eq!(found, expected.clone().of(&checks::SSHD_PASSWORDS), "{text}");
    }

    #[test]
    fn passwords_are_taken_by_pam_too() {
        let bad = |text: &str| Found::Bad(text.to_owned(), Vec::new());
        for good in [
            "PasswordAuthentication no",
            "PasswordAuthentication no; UsePAM no; KbdInteractiveAuthentication yes",
            "PasswordAuthentication no; UsePAM yes; KbdInteractiveAuthentication no",
            "PasswordAuthentication no; UsePAM yes; ChallengeResponseAuthentication no",
            "PasswordAuthentication no; KbdInteractiveAuthentication no; unread",
            "PasswordAuthentication no; UsePAM no; unread",
        ] {
            check(good, &Found::Good);
        }
        check(
            "PasswordAuthentication no; UsePAM yes",
            &bad("kbdinteractiveauthentication is not set, which means yes, and usepam yes: PAM \
                  takes passwords"),
        );
        let on = bad("kbdinteractiveauthentication yes, and usepam yes: PAM takes passwords");
        for text in [
            "UsePAM yes; PasswordAuthentication no; ChallengeResponseAuthentication yes; \
             KbdInteractiveAuthentication no",
            "UsePAM yes; PasswordAuthentication no; KbdInteractiveAuthentication yes; UsePAM no",
        ] {
            check(text, &on);
        }
        check(
            "UsePAM yes; PasswordAuthentication no; KbdInteractiveAuthentication no; \
             Match User x: KbdInteractiveAuthentication yes",
            &bad(
                "kbdinteractiveauthentication yes, for `Match User x`, and usepam yes: PAM takes \
                  passwords",
            ),
        );
        let unknown = Found::Unknown("why; `sshd -T` tells".to_owned());
        check("PasswordAuthentication no; unread; UsePAM yes", &unknown);
        check("PasswordAuthentication no; UsePAM yes; unread", &unknown);
        check("PasswordAuthentication no; KbdInteractiveAuthentication yes; unread", &unknown);
    }
}
