//! Rules that are read again and again, and whether their files have changed since.

use std::{
    cell::RefCell,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::Arc,
};

use nix::unistd::{AccessFlags, access};

use super::{files, load_with, read_values, values_path};
use crate::{reload::Source, rules::Rules};

/// The rules that paths stand for.
pub struct RuleFiles {
    paths: Vec<PathBuf>,
    /// What the files were like just before they were read.
    read: Option<State>,
    /// What they were like at the last look, if that was something else.
    seen: Option<State>,
}

/// What files are like.
#[derive(PartialEq)]
struct State {
    rules: u64,
    /// Files that the values of lists stand in.
    values: Vec<(PathBuf, u64)>,
}

impl RuleFiles {
    /// The rules that the paths stand for; without paths the embedded ones.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, read: None, seen: None }
    }

    /// Reads and compiles them; what is wrong with them is said on standard error.
    ///
    /// # Errors
    ///
    /// They cannot be used.
    pub fn load(&mut self) -> anyhow::Result<Arc<Rules>> {
        let (rules, values) = (self.rules(), RefCell::new(Vec::new()));
        let loaded = load_with(&self.paths, &|rule_file, path| {
            let place = values_path(rule_file, path);
            let before = digest(std::slice::from_ref(&place));
            values.borrow_mut().push((place, before));
            read_values(rule_file, path)
        });
        self.read = Some(State { rules, values: values.into_inner() });
        self.seen = None;
        let mut loaded = loaded?;
        loaded.forget_tests();
        Ok(Arc::new(loaded))
    }

    /// What the rule files are like now.
    fn rules(&self) -> u64 {
        let found = self.paths.iter().map(|path| files::named_by(path).unwrap_or_default());
        digest(&found.collect::<Vec<_>>().concat())
    }

    /// What the files are like now, as far as they were read.
    fn now(&self) -> State {
        let values = self.read.iter().flat_map(|read| &read.values);
        let look = |(path, _): &(PathBuf, u64)| (path.clone(), digest(std::slice::from_ref(path)));
        State { rules: self.rules(), values: values.map(look).collect() }
    }
}

impl Source for RuleFiles {
    type Read = Arc<Rules>;

    fn read(&mut self) -> Result<Arc<Rules>, String> {
        self.load().map_err(|error| format!("{error:#}"))
    }

    fn has_changed(&mut self) -> bool {
        let now = Some(self.now());
        if self.read == now {
            self.seen = None;
            return false;
        }
        // Looked at twice: files are often written one after the other.
        let before = std::mem::replace(&mut self.seen, now);
        before == self.seen
    }
}

/// What tells files from ones of other content, without reading them: a link counts as what it
/// leads to. Whether they can be read is part of it: a daemon becomes another user.
pub(in crate::commands) fn digest(paths: &[PathBuf]) -> u64 {
    let mut state = DefaultHasher::new();
    for path in paths {
        path.hash(&mut state);
        access(path, AccessFlags::R_OK).is_ok().hash(&mut state);
        match fs::metadata(path) {
            Ok(file) => {
                (file.dev(), file.ino(), file.size()).hash(&mut state);
                (file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()).hash(&mut state);
            }
            Err(error) => error.kind().hash(&mut state),
        }
    }
    state.finish()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::Path};

    use super::{super::tests::Folder, *};

    const RULE: &str = "- {rule: r, desc: d, condition: evt.type = execve and proc.name in (l), \
                        output: o, priority: info}\n";

    fn write(path: &Path, name: &str) {
        let list = format!("- list: l\n  items: [{name}]\n");
        fs::write(path, format!("{list}{RULE}")).unwrap();
    }

    /// As the daemon does: whether they are read again after some looks, and then no more.
    fn reads_again(files: &mut RuleFiles) -> bool {
        assert!(!files.has_changed(), "what may still be changing is not read");
        let changed = files.has_changed();
        if changed {
            files.read().unwrap();
        }
        assert!(!files.has_changed() && !files.has_changed());
        changed
    }

    #[test]
    fn files_that_change_are_read_again() {
        let folder = Folder::empty("changed");
        let file = folder.0.join("a.yaml");
        write(&file, "one");
        let mut files = RuleFiles::new(vec![folder.0.clone()]);
        files.read().unwrap();
        assert!(!reads_again(&mut files));
        write(&file, "two");
        assert!(reads_again(&mut files), "written to");
        fs::write(folder.0.join("b.yaml"), RULE.replace("rule: r", "rule: s")).unwrap();
        assert!(reads_again(&mut files), "one more");
        fs::remove_file(folder.0.join("b.yaml")).unwrap();
        assert!(reads_again(&mut files), "one less");
        write(&folder.0.join("new"), "two");
        fs::rename(folder.0.join("new"), &file).unwrap();
        assert!(reads_again(&mut files), "put in its place");
        fs::write(folder.0.join("notes.txt"), "x").unwrap();
        assert!(!reads_again(&mut files), "no rule file");
    }

    /// As the kubelet mounts a ConfigMap: files are links through a directory that is replaced.
    #[test]
    fn directories_that_are_swapped_are_read_again() {
        let folder = Folder::empty("swapped");
        let at = |name: &str| folder.0.join(name);
        for (version, name) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(at(version)).unwrap();
            write(&at(version).join("a.yaml"), name);
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a.yaml", at("a.yaml")).unwrap();
        let mut files = RuleFiles::new(vec![folder.0.clone()]);
        files.read().unwrap();
        assert!(!reads_again(&mut files));
        symlink("..2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert!(reads_again(&mut files));
    }

    #[test]
    fn values_of_lists_are_looked_at() {
        let folder = Folder::empty("values");
        let (file, values) = (folder.0.join("a.yaml"), folder.0.join("names.txt"));
        fs::write(&file, format!("- list: l\n  file: names.txt\n{RULE}")).unwrap();
        fs::write(&values, "one\n").unwrap();
        let mut files = RuleFiles::new(vec![file]);
        files.read().unwrap();
        assert!(!reads_again(&mut files));
        fs::write(&values, "one\ntwo\n").unwrap();
        assert!(reads_again(&mut files));
    }

    #[test]
    fn what_is_refused_is_not_read_till_it_changes() {
        let folder = Folder::empty("refused");
        let file = folder.0.join("a.yaml");
        write(&file, "one");
        let mut files = RuleFiles::new(vec![file.clone()]);
        files.read().unwrap();
        fs::write(&file, "- rule: broken").unwrap();
        assert!(!files.has_changed() && files.has_changed());
        assert!(files.read().is_err());
        assert!(!files.has_changed() && !files.has_changed());
        fs::remove_file(&file).unwrap();
        assert!(!files.has_changed() && files.has_changed());
        assert!(files.read().is_err());
        assert!(!files.has_changed() && !files.has_changed());
        write(&file, "two");
        assert!(reads_again(&mut files));
    }
}
