//! Who can command the runtimes of the host: who writes to their sockets has its root.

use std::collections::BTreeSet;

use super::{
    checks,
    found::{Found, some},
    root::{Looked, Root, Stat},
};
use crate::{
    document::printable::terminal, limits::HOST_LINES, posture::sensitive::SOCKETS,
    state::Assessment,
};

/// The group that Docker gives its socket to.
const DOCKER: &str = "docker";

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// Who is in it, but for root.
    pub members: BTreeSet<String>,
}

/// What is known of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// The sockets that are there.
    pub sockets: Vec<Stat>,
    /// Those that could not be looked at, and why.
    pub unseen: Option<String>,
    /// Docker's group, and those that sockets belong to.
    pub groups: Looked<Vec<Group>>,
    /// Groups can have members by a directory that is not on this host.
    pub has_directory: bool,
}

/// Looks; `more` are sockets at places of their own.
pub(super) fn read(root: &dyn Root, more: &BTreeSet<String>) -> Access {
    let (mut sockets, mut unseen) = (Vec::new(), None);
    let more = more.iter().map(String::as_str);
    let places: BTreeSet<&str> = SOCKETS.into_iter().chain(more).collect();
    for path in places {
        match root.stat(path) {
            Ok(stat) => sockets.extend(stat),
            Err(why) => unseen = Some(why),
        }
    }
    let groups = groups(root, &sockets);
    let names = root.text("/etc/nsswitch.conf").ok().flatten().unwrap_or_default();
    let of_groups = names.lines().find_map(|line| line.trim().strip_prefix("group:"));
    let is_local = |word: &str| {
        word.starts_with('[')
            || word.ends_with(']')
            || ["files", "compat", "systemd"].contains(&word)
    };
    let has_directory = of_groups.is_some_and(|it| !it.split_whitespace().all(is_local));
    Access { sockets, unseen, groups, has_directory }
}

fn groups(root: &dyn Root, sockets: &[Stat]) -> Looked<Vec<Group>> {
    let Some(text) = root.text("/etc/group")? else { return Ok(None) };
    let users = root.text("/etc/passwd")?.unwrap_or_default();
    let opens = |gid: u32| sockets.iter().any(|it| it.gid == gid && it.mode & 0o020 != 0);
    let mut found: Vec<Group> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(':');
            let (name, _, gid, members) =
                (words.next()?, words.next()?, words.next()?.parse().ok()?, words.next()?);
            let is_asked = gid != 0 && (name == DOCKER || opens(gid));
            let members = members.split(',').map(str::trim).filter(|it| !it.is_empty());
            is_asked.then(|| Group {
                name: name.to_owned(),
                gid,
                members: members.take(HOST_LINES).map(str::to_owned).collect(),
            })
        })
        .take(HOST_LINES)
        .collect();
    for line in users.lines() {
        let words: Vec<&str> = line.split(':').collect();
        let [name, _, _, gid, ..] = words[..] else { continue };
        let of = found.iter_mut().find(|it| gid.parse() == Ok(it.gid));
        if let Some(group) = of.filter(|it| it.members.len() < HOST_LINES) {
            group.members.insert(name.to_owned());
        }
    }
    for group in &mut found {
        group.members.remove("root");
    }
    Ok(Some(found))
}

/// What of that is not as it should be.
pub(super) fn judge(access: &Access) -> Vec<Assessment> {
    vec![sockets(access).of(&checks::RUNTIME_SOCKETS), members(access).of(&checks::RUNTIME_GROUP)]
}

fn sockets(access: &Access) -> Found {
    let wrong = |it: &Stat| {
        let path = terminal(it.path.as_bytes());
        let why = match it {
            it if it.mode & 0o002 != 0 && it.is_reachable => "anybody can write to it",
            it if it.uid != 0 => "its owner is not root",
            _ => return None,
        };
        Some(format!("{path}: {why} (mode {:o}, owner {}:{})", it.mode, it.uid, it.gid))
    };
    let all: Vec<String> = access.sockets.iter().filter_map(wrong).collect();
    match (&access.sockets[..], &access.unseen) {
        _ if !all.is_empty() => Found::list(&all, Vec::new()),
        (_, Some(why)) => Found::Unknown(why.clone()),
        ([], None) => Found::not_applicable("no runtime has a socket here"),
        _ => Found::Good,
    }
}

fn members(access: &Access) -> Found {
    let groups = match &access.groups {
        Err(why) => return Found::Unknown(why.clone()),
        Ok(None) => return Found::Unknown("there is no /etc/group".to_owned()),
        Ok(Some(groups)) => groups,
    };
    let of = |group: &Group| {
        let members: Vec<String> =
            group.members.iter().map(|it| terminal(it.as_bytes()).into_owned()).collect();
        let name = terminal(group.name.as_bytes());
        (!members.is_empty()).then(|| format!("{name}: {}", some(&members)))
    };
    let all: Vec<String> = groups.iter().filter_map(of).collect();
    match groups[..] {
        _ if !all.is_empty() => Found::list(&all, Vec::new()),
        [] => Found::not_applicable("no group can write to a runtime's socket"),
        _ if access.has_directory => {
            Found::Unknown("groups here have members by a directory, too: `getent` tells".into())
        }
        _ => Found::Good,
    }
}
