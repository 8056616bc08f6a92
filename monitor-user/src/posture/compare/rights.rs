//! Whom processes run as and what they may do, against what was declared.

use super::{Difference, Found, Group, Part, gathered};
use crate::{
    posture::{
        declared::Declared,
        observed::{IdRange, Observed},
        process::Process,
    },
    words,
};

/// Each group as a line.
pub(super) fn lines(groups: Vec<Group<'_>>) -> Vec<Difference> {
    groups.into_iter().map(Group::line).collect()
}

/// An id of a user namespace, as the host numbers it.
fn on_host(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges.iter().find_map(|(inside, outside, count)| {
        let behind = id.checked_sub(*inside).filter(|behind| behind < count)?;
        outside.checked_add(behind)
    })
}

/// The other way round.
fn inside(ranges: &[IdRange], id: u32) -> Option<u32> {
    let turned: Vec<IdRange> = ranges.iter().map(|(a, b, count)| (*b, *a, *count)).collect();
    on_host(&turned, id)
}

/// An id of the host, and what it is to the container where that is another.
fn shown(ranges: &[IdRange], id: u32) -> String {
    match (id, inside(ranges, id)) {
        (0, _) => "0 (root of the host)".to_owned(),
        (id, Some(0)) => format!("{id} (root of a user namespace)"),
        (id, Some(own)) if own != id => format!("{id} ({own} in its user namespace)"),
        (id, _) => id.to_string(),
    }
}

/// Processes of another user. Whoever is declared to be root may become any user of the container.
pub(super) fn users<'o>(
    declared: &Declared,
    observed: &'o Observed,
) -> Result<Vec<Group<'o>>, String> {
    let ranges = &observed.users;
    let own = on_host(ranges, declared.uid)
        .ok_or("its user namespace has no such user, or its first process has just ended")?;
    let is_more = |uid: &u32| *uid != own && (declared.uid != 0 || inside(ranges, *uid).is_none());
    let other = |process: &Process| {
        let others = process.uids.iter().copied().filter(is_more);
        // Of several the most powerful one tells most.
        others.min_by_key(|uid| inside(ranges, *uid).map_or((0, *uid), |own| (own, *uid)))
    };
    Ok(gathered(Part::User, &shown(ranges, own), observed, |process| {
        other(process).map(|uid| shown(ranges, uid))
    }))
}

/// Groups that were not given, of those who run as the user that was declared.
pub(super) fn groups(declared: &Declared, observed: &Observed, others: &[u32]) -> Found {
    let ranges = &observed.groups;
    let given: Vec<u32> = declared.gids.iter().filter_map(|id| on_host(ranges, *id)).collect();
    if given.is_empty() {
        return Err("its user namespace has no such group".to_owned());
    }
    if declared.uid == 0 {
        return Ok(Vec::new());
    }
    let named = |ids: &[u32]| -> String {
        ids.iter().map(|id| shown(ranges, *id)).collect::<Vec<_>>().join(" ")
    };
    let groups = gathered(Part::Groups, &named(&given), observed, |process| {
        let mut more: Vec<u32> =
            process.gids.iter().copied().filter(|id| !given.contains(id)).collect();
        more.sort_unstable();
        more.dedup();
        (!more.is_empty() && !others.contains(&process.pid)).then(|| named(&more))
    });
    Ok(lines(groups))
}

/// Capabilities beyond those that were declared. What a process has in a user namespace that it
/// made counts there only.
pub(super) fn capabilities(declared: &Declared, observed: &Observed) -> Found {
    let own = observed.processes.first().and_then(|first| first.namespace("user"));
    let of_host = host(observed, "user");
    let counts = |process: &Process| {
        let its = process.namespace("user");
        its.is_none() || its == own || its == of_host
    };
    let named = match declared.capabilities {
        0 => "none".to_owned(),
        set => named(set),
    };
    let groups = gathered(Part::Capabilities, &named, observed, |process| {
        let held = process.capabilities & !declared.capabilities;
        let beyond = held | process.bounding & !declared.capabilities;
        if beyond == 0 || !counts(process) {
            return None;
        }
        // What it cannot use yet, a set-uid file can give it.
        Some(match held {
            0 => format!("it can come to have {}", self::named(beyond)),
            held => format!("beyond it {}", self::named(held)),
        })
    });
    Ok(lines(groups))
}

/// All capabilities have one name.
fn named(set: u64) -> String {
    let all = (1_u64 << words::CAPABILITIES.len()) - 1;
    if set & all == all { "all".to_owned() } else { words::capabilities(set) }
}

/// One of the host's namespaces.
pub(super) fn host(observed: &Observed, kind: &str) -> Option<u64> {
    let mut all = crate::posture::process::NAMESPACES.iter().zip(&observed.host);
    all.find_map(|(known, id)| (*known == kind).then_some(*id))?
}

pub(super) fn no_new_privs(declared: &Declared, observed: &Observed) -> Found {
    if !declared.no_new_privs {
        return Ok(Vec::new());
    }
    if observed.processes.iter().any(|process| process.no_new_privs.is_none()) {
        return Err("this kernel does not show it".to_owned());
    }
    let groups = gathered(Part::NoNewPrivileges, "true", observed, |process| {
        (process.no_new_privs == Some(false)).then(|| "false".to_owned())
    });
    Ok(lines(groups))
}

pub(super) fn seccomp(declared: &Declared, observed: &Observed) -> Found {
    if !declared.seccomp {
        return Ok(Vec::new());
    }
    if observed.processes.iter().any(|process| process.seccomp.is_none()) {
        return Err("this kernel does not show it".to_owned());
    }
    let groups = gathered(Part::Seccomp, "a filter", observed, |process| {
        (process.seccomp == Some(false)).then(|| "no filter".to_owned())
    });
    Ok(lines(groups))
}

pub(super) fn apparmor(declared: &Declared, observed: &Observed) -> Found {
    let Some(profile) = &declared.apparmor else { return Ok(Vec::new()) };
    if observed.processes.iter().any(|process| process.apparmor.is_none()) {
        return Err("AppArmor is not on here, or not shown".to_owned());
    }
    let groups = gathered(Part::Apparmor, profile, observed, |process| {
        let found = process.apparmor.as_deref().unwrap_or_default();
        // The name, then the mode; a profile may have others below it.
        let name = found.split(" (").next().unwrap_or_default();
        let is_it =
            name.strip_prefix(&**profile).is_some_and(|it| it.is_empty() || it.starts_with("//"));
        (!is_it).then(|| found.to_owned())
    });
    Ok(lines(groups))
}
