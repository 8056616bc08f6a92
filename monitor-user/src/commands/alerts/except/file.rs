//! The rule file that an exception is added to. It is changed as a whole or not at all, and only if
//! the rules can be used with it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{super::Place, text};
use crate::{
    cli::AlertsExceptArgs,
    commands::{
        Usage,
        rules::{RuleText, is_builtin, load_texts, rule_texts, tests_fail},
        say,
    },
    document::printable::terminal,
    rules::Rules,
};

/// What the file is called in a directory of rules: after all others, since it changes their rules.
const NAME: &str = "zz_exceptions.yaml";

/// Mode of a file that is made: the daemon reads it as another user.
const MODE: u32 = 0o644;

/// The file, and the rules that are used with it.
pub(super) struct Target {
    path: PathBuf,
    /// What stands in it; empty where it is not there yet.
    before: String,
    /// The files of all rules, in order.
    texts: Vec<RuleText>,
    /// How many of them are read before it.
    place: usize,
    /// The daemon reads it.
    is_used: bool,
    /// What the configuration has to say for that, besides this file.
    rules: Vec<PathBuf>,
}

impl Target {
    pub(super) fn of(args: &AlertsExceptArgs, place: &Place) -> anyhow::Result<Self> {
        let rules = place.rules();
        // The embedded rules are no file that could be added to.
        let path = match (&args.output, rules.iter().rfind(|path| !is_builtin(path))) {
            (Some(path), _) => path.clone(),
            (None, Some(last)) if last.is_dir() => last.join(NAME),
            (None, Some(last)) => last.clone(),
            (None, None) if args.dry_run => PathBuf::from(NAME),
            (None, None) => {
                let cure = "name a file with --output, and have the configuration say `rules: \
                            [builtin, FILE]`; --dry-run shows what it would have";
                let what = "the daemon uses the rules that it brings along, and no file";
                return Err(Usage(format!("{what}\nhint: {cure}")).into());
            }
        };
        // A link stays one: what it leads to is changed.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let before =
            match crate::input::read_text(&path, monitor_rules::limits::FILE_BYTES_MAX as u64) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
                Err(error) => {
                    let shown = path.display();
                    let cure = crate::input::cure(&error);
                    return Err(
                        Usage(format!("cannot add to {shown}: {error}\nhint: {cure}")).into()
                    );
                }
            };
        if !takes_items(&before) {
            let cure = "name another file with --output";
            let what = "its rules are not a list of lines that begin with `- `";
            let shown = path.display();
            return Err(Usage(format!("cannot add to {shown}: {what}\nhint: {cure}")).into());
        }
        let texts = rule_texts(&rules)?;
        let found = read_at(&texts, &rules, &path)?;
        let (is_used, place) = (found.is_some(), found.unwrap_or(texts.len()));
        Ok(Self { path, before, texts, place, is_used, rules })
    }

    /// The rules as they are.
    pub(super) fn rules_before(&self) -> anyhow::Result<Rules> {
        load_texts(&self.texts)
    }

    /// What the file has with more at its end.
    pub(super) fn with(&self, added: &str, short: &str) -> String {
        let mut text = self.before.clone();
        if !text.is_empty() {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text.push('\n');
        }
        text.push_str(&format!("# For alert {short}: `runmon alerts show {short}`.\n{added}"));
        text
    }

    /// Whether the rules can be used with it, and do what its tests say.
    pub(super) fn check(&self, changed: &str, ids: &[&str]) -> anyhow::Result<()> {
        let mut texts = self.texts.clone();
        let bytes = changed.as_bytes().to_vec();
        match texts.get_mut(self.place).filter(|text| is_file(text, &self.path)) {
            Some(text) => text.bytes = bytes,
            None => {
                let name = self.path.display().to_string();
                texts.insert(self.place.min(texts.len()), RuleText { name, bytes });
            }
        }
        let rules = load_texts(&texts).map_err(|error| {
            let cure = "nothing was changed; name another file with --output, one that is read \
                        behind the rules that it changes";
            Usage(format!("the rules cannot be used with it: {error}\nhint: {cure}"))
        })?;
        let failed = tests_fail(&rules, ids);
        if failed.is_empty() {
            return Ok(());
        }
        let cure = if failed.contains(text::ANOTHER) {
            "nothing was changed; an exception that was written before holds for less, which its \
             test says: take it and its tests out, since this one holds for it too"
        } else {
            "nothing was changed; compare other fields with --field"
        };
        Err(Usage(format!("its tests fail\n{failed}\nhint: {cure}")).into())
    }

    /// Puts the file in the place of the one that was there, which keeps its owner and mode.
    pub(super) fn write(&self, changed: &str) -> anyhow::Result<()> {
        let shown = self.shown();
        self.replace(changed).with_context(|| format!("cannot write {shown}"))
    }

    fn replace(&self, changed: &str) -> io::Result<()> {
        let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        // Hidden, so that who reads the directory of rules meanwhile passes it over.
        let draft = folder.join(format!(".{name}.{}", std::process::id()));
        let there = fs::metadata(&self.path).ok();
        let written = (|| {
            let options = OpenOptions::new().write(true).create_new(true).mode(MODE).clone();
            let mut file = options.open(&draft)?;
            // Whatever is kept back from files that are made otherwise.
            let mode = there.as_ref().map_or(MODE, |there| there.mode() & 0o7777);
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            if let Some(there) = &there {
                // Who is not root keeps the file as its own.
                drop(fchown(&file, Some(there.uid()), Some(there.gid())));
            }
            file.write_all(changed.as_bytes())?;
            file.sync_all()?;
            self.require_same()?;
            fs::rename(&draft, &self.path)
        })();
        if written.is_err() {
            drop(fs::remove_file(&draft));
        }
        written?;
        fs::File::open(folder)?.sync_all()
    }

    /// Somebody else may have changed it meanwhile.
    fn require_same(&self) -> io::Result<()> {
        let now = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        if now == self.before {
            return Ok(());
        }
        Err(io::Error::other("somebody else changed it meanwhile: try again"))
    }

    /// Its path, for people.
    pub(super) fn shown(&self) -> String {
        terminal(self.path.as_os_str().as_encoded_bytes()).into_owned()
    }

    /// Says what is left to do.
    pub(super) fn say_how_it_is_used(&self) {
        if self.is_used {
            say("a running daemon reads it by itself (`watch_rules`), or on SIGHUP");
        } else {
            let before = "no daemon reads it yet: write in the configuration, and start it again";
            say(&format!("{before}\n{}", self.lines()));
        }
    }

    /// What a configuration says that has the file read behind the rules that it changes.
    fn lines(&self) -> String {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let builtin = self.rules.is_empty().then(|| PathBuf::from("builtin"));
        let named = builtin.iter().chain(&self.rules).chain([&path]);
        let quoted = named.map(|path| super::text::string(&path.to_string_lossy()));
        format!("rules: [{}]", quoted.collect::<Vec<_>>().join(", "))
    }
}

fn is_file(text: &RuleText, path: &Path) -> bool {
    fs::canonicalize(&text.name).is_ok_and(|it| it == path)
}

/// Whether an item can be put at the end of a text: what begins it stands at the left margin.
fn takes_items(text: &str) -> bool {
    let is_said = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let is_begun = |line: &str| line == "-" || line.starts_with("- ");
    text.lines().filter(is_said).find(|line| line.trim_end() != "---").is_none_or(is_begun)
}

/// How many of the files are read before this one, whether it is there yet or not; None where the
/// daemon does not read it.
fn read_at(texts: &[RuleText], rules: &[PathBuf], path: &Path) -> anyhow::Result<Option<usize>> {
    if let Some(at) = texts.iter().position(|text| is_file(text, path)) {
        return Ok(Some(at));
    }
    let is_rule_file = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    // The file may not be there; its folder is.
    let folder = path.parent().and_then(|folder| match folder.as_os_str().is_empty() {
        true => fs::canonicalize(".").ok(),
        false => fs::canonicalize(folder).ok(),
    });
    let Some(path) = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name)) else {
        return Ok(None);
    };
    let mut before = 0;
    for rules in rules {
        let own = rule_texts(std::slice::from_ref(rules))?;
        let root = fs::canonicalize(rules).ok().filter(|root| !is_builtin(rules) && root.is_dir());
        let below = root.as_ref().and_then(|root| path.strip_prefix(root).ok());
        let is_read = |below: &&Path| {
            is_rule_file && !below.iter().any(|part| part.as_encoded_bytes().starts_with(b"."))
        };
        if let Some(below) = below.filter(is_read) {
            // Folders are read in the order of their names, which is that of the parts of paths.
            let name = rules.join(below);
            before += own.iter().filter(|text| Path::new(&text.name) < name.as_path()).count();
            return Ok(Some(before));
        }
        before += own.len();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_at_the_left_margin_can_be_added_to() {
        for text in ["", "# none yet\n", "---\n# rules\n\n- rule: a\n", "-\n  rule: a\n"] {
            assert!(takes_items(text), "{text}");
        }
        for text in ["[]\n", "[{list: l, items: []}]", "  - list: l\n    items: []\n"] {
            assert!(!takes_items(text), "{text}");
        }
    }

    #[test]
    fn a_new_file_is_tried_where_it_is_read() {
        let root = std::env::temp_dir().join(format!("runmon-except-{}", std::process::id()));
        for name in ["a/b.yaml", "a/zzz/late.yaml", "c/d.yaml"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "- list: l\n  items: []\n").unwrap();
        }
        let rules = [PathBuf::from("builtin"), root.join("a"), root.join("c")];
        let texts = rule_texts(&rules).unwrap();
        let embedded = texts.len() - 3;
        let of = |name: &str| read_at(&texts, &rules, &root.join(name)).unwrap();
        let after = |count: usize| Some(embedded + count);
        assert_eq!(of("a/zz_exceptions.yaml"), after(1), "before `zzz/`");
        assert_eq!(of("a/zzz/zz_exceptions.yaml"), after(2));
        assert_eq!(of("c/zz_exceptions.yaml"), after(3));
        for unread in ["zz_exceptions.yaml", "a/.zz.yaml", "a/zz.txt"] {
            assert_eq!(of(unread), None, "{unread}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
