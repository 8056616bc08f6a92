//! Names of the host's users and groups, read once at start.
//!
//! Matching does no input or output, so a command reads the files and sets the table before the
//! first event; without it names are unknown, and say so.

use std::{collections::HashMap, sync::OnceLock};

/// Users and groups that are kept; the rest of a file goes without names.
const NAMES_MAX: usize = 65_536;

/// Ids with their names.
pub type Pairs = Vec<(u32, String)>;

/// Names by id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    users: HashMap<u32, Box<str>>,
    groups: HashMap<u32, Box<str>>,
}

impl Names {
    /// Reads the contents of `/etc/passwd` and `/etc/group`. Lines of another form are left out;
    /// of two names for one id the first counts, as for `getpwuid(3)`.
    #[must_use]
    pub fn parse(passwd: &str, group: &str) -> Self {
        Self { users: table(passwd), groups: table(group) }
    }

    /// Names by id, as [`Names::pairs`] tells them.
    #[must_use]
    pub fn of_pairs(users: &[(u32, String)], groups: &[(u32, String)]) -> Self {
        let table = |pairs: &[(u32, String)]| {
            pairs.iter().map(|(id, name)| (*id, name.as_str().into())).collect()
        };
        Self { users: table(users), groups: table(groups) }
    }

    /// Users and groups by id, lowest first, `limit` of each at most.
    #[must_use]
    pub fn pairs(&self, limit: usize) -> (Pairs, Pairs) {
        let pairs = |table: &HashMap<u32, Box<str>>| {
            let mut pairs: Vec<_> =
                table.iter().map(|(id, name)| (*id, name.to_string())).collect();
            pairs.sort_unstable();
            pairs.truncate(limit);
            pairs
        };
        (pairs(&self.users), pairs(&self.groups))
    }

    /// The name of a user.
    #[must_use]
    pub fn user(&self, uid: u32) -> Option<&str> {
        self.users.get(&uid).map(|name| &**name)
    }

    /// The name of a group.
    #[must_use]
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.get(&gid).map(|name| &**name)
    }
}

fn table(text: &str) -> HashMap<u32, Box<str>> {
    let mut names = HashMap::new();
    for line in text.lines().take(NAMES_MAX) {
        let mut parts = line.split(':');
        let (name, id) = (parts.next(), parts.nth(1).and_then(|id| id.parse().ok()));
        if let (Some(name), Some(id)) = (name, id) {
            names.entry(id).or_insert_with(|| name.into());
        }
    }
    names
}

static OF_HOST: OnceLock<Names> = OnceLock::new();

/// Sets the host's names, once for the life of the process; later calls change nothing.
pub fn set_of_host(names: Names) {
    drop(OF_HOST.set(names));
}

/// The host's names, if they were set.
pub(super) fn of_host() -> Option<&'static Names> {
    OF_HOST.get()
}
