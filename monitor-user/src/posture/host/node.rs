//! How old the host is, and whether it is kept up to date: its kernel, when it started, what
//! installs updates, and when that last did. What is missing is for who knows of vulnerabilities.

use std::cmp::Ordering;

use super::{
    checks,
    found::{Found, some},
    root::{Looked, Root},
    updates::{self, Updates},
};
use crate::{
    document::printable::terminal,
    limits::{HOST_QUIET_DAYS, HOST_UPTIME_DAYS},
    state::Assessment,
};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is known of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// The release of the kernel that runs.
    pub kernel: Option<String>,
    /// Those that are installed, by their modules and by their images.
    pub installed: Looked<Vec<String>>,
    /// Seconds since it started.
    pub uptime: Option<i64>,
    /// Whether it is to be started anew; None where nothing here would say so.
    pub restart: Looked<Restart>,
    /// When packages changed last, seconds since 1970; None where no package manager is.
    pub packages: Option<i64>,
    /// What installs updates.
    pub updates: Updates,
    /// Files of runtimes that are here, and whether the rules of the audit name them; None where
    /// there is no audit.
    pub audit: Looked<Vec<(String, bool)>>,
    /// When all that was seen, seconds since 1970.
    pub now: i64,
}

/// Whether the host is to be started anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// It is not.
    NotDue,
    /// It is, and these packages ask for it.
    Due(Vec<String>),
}

/// What package managers write to.
const PACKAGES: [&str; 9] = [
    "/var/lib/dpkg/status",
    "/var/log/dpkg.log",
    "/var/log/apt/history.log",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/var/log/dnf.rpm.log",
    "/lib/apk/db/installed",
    "/var/log/pacman.log",
];

/// What makes the file that says that a restart is due.
const NOTIFIERS: [&str; 3] = [
    "usr/share/update-notifier/notify-reboot-required",
    "etc/kernel/postinst.d/unattended-upgrades",
    "etc/kernel/postinst.d/update-notifier",
];

/// Files of runtimes of which the audit should know.
const AUDITED: [&str; 12] = [
    "/usr/bin/dockerd",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/bin/runc",
    "/usr/sbin/runc",
    "/var/lib/docker",
    "/etc/docker",
    "/etc/default/docker",
    "/etc/containerd/config.toml",
    "/usr/lib/systemd/system/docker.service",
    "/usr/lib/systemd/system/docker.socket",
    "/usr/bin/kubelet",
];

/// Looks.
pub(super) fn read(root: &dyn Root, now: i64) -> Node {
    let line = |path: &str| root.text(path).ok().flatten().map(|text| text.trim().to_owned());
    let uptime = line("proc/uptime").and_then(|it| it.split(['.', ' ']).next()?.parse().ok());
    let changed = PACKAGES.iter().filter_map(|path| root.stat(path).ok()??.modified.into());
    Node {
        kernel: line("proc/sys/kernel/osrelease"),
        installed: installed(root),
        uptime,
        restart: restart(root),
        packages: changed.max(),
        updates: updates::read(root),
        audit: audit(root),
        now,
    }
}

fn installed(root: &dyn Root) -> Looked<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for path in ["/lib/modules", "/usr/lib/modules"] {
        let names = root.names(path)?.unwrap_or_default();
        // What was removed can leave modules behind that were built on this host.
        found.extend(names.into_iter().filter(|it| root.has(&format!("{path}/{it}/modules.dep"))));
    }
    let images = root.names("/boot")?.unwrap_or_default();
    found.extend(images.iter().filter_map(|it| it.strip_prefix("vmlinuz-")).map(str::to_owned));
    found.retain(|it| it.starts_with(|first: char| first.is_ascii_digit()));
    found.sort_unstable();
    found.dedup();
    Ok((!found.is_empty()).then_some(found))
}

fn restart(root: &dyn Root) -> Looked<Restart> {
    for folder in ["/run", "/var/run"] {
        if root.stat(&format!("{folder}/reboot-required"))?.is_some() {
            let packages = root.text(&format!("{folder}/reboot-required.pkgs"))?;
            let packages = packages.unwrap_or_default();
            let mut packages: Vec<String> = packages.lines().map(str::to_owned).collect();
            packages.sort_unstable();
            packages.dedup();
            return Ok(Some(Restart::Due(packages)));
        }
    }
    Ok(NOTIFIERS.iter().any(|path| root.has(path)).then_some(Restart::NotDue))
}

fn audit(root: &dyn Root) -> Looked<Vec<(String, bool)>> {
    let mut text = root.text("/etc/audit/audit.rules")?;
    for name in root.names("/etc/audit/rules.d")?.unwrap_or_default() {
        if name.ends_with(".rules") {
            let more = root.text(&format!("/etc/audit/rules.d/{name}"))?.unwrap_or_default();
            text = Some(text.unwrap_or_default() + "\n" + &more);
        }
    }
    let Some(text) = text else { return Ok(None) };
    let rules = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words: Vec<&str> = rules.flat_map(str::split_whitespace).collect();
    let is_named = |path: &str| {
        let name = |word: &&str| {
            let word =
                word.strip_prefix("path=").or_else(|| word.strip_prefix("dir=")).unwrap_or(word);
            word.trim_end_matches('/') == path
        };
        words.iter().any(name)
    };
    let here = AUDITED.iter().filter(|path| root.has(path));
    Ok(Some(here.map(|path| ((*path).to_owned(), is_named(path))).collect()))
}

/// What of that is not as it should be.
pub(super) fn judge(node: &Node) -> Vec<Assessment> {
    let mut all = vec![
        kernel(node.kernel.as_deref(), &node.installed).of(&checks::KERNEL),
        restart_due(node).of(&checks::RESTART),
        uptime(node).of(&checks::UPTIME),
        quiet(node).of(&checks::QUIET),
        audited(node).of(&checks::AUDIT),
    ];
    all.extend(updates::judge(&node.updates, node.now, node.uptime.map(|it| it / DAY)));
    all
}

fn kernel(running: Option<&str>, installed: &Looked<Vec<String>>) -> Found {
    let Some(running) = running else {
        return Found::Unknown("which kernel runs is not known at this root".to_owned());
    };
    let installed = match installed {
        Err(why) => return Found::Unknown(why.clone()),
        Ok(None) => return Found::not_applicable("no kernel is installed here"),
        Ok(Some(all)) => all,
    };
    let (of, shown) = (flavour(running), terminal(running.as_bytes()));
    let same = installed.iter().filter(|it| flavour(it) == of);
    let newest = same.max_by(|one, other| by_version(one, other));
    match newest {
        Some(newest) if by_version(newest, running) == Ordering::Greater => {
            let newest = terminal(newest.as_bytes());
            Found::Bad(format!("{shown} runs, {newest} is installed"), Vec::new())
        }
        Some(_) if installed.iter().any(|it| it == running) => Found::Good,
        _ => Found::Unknown(format!("{shown} runs, which is none of those installed here")),
    }
}

/// What a release of a kernel is built for: what is behind its numbers.
fn flavour(release: &str) -> String {
    let words = release.split(['-', '.', '+', '_']);
    let is_name = |word: &&str| !word.starts_with(|first: char| first.is_ascii_digit());
    // A distribution's own version, as el9, changes as numbers do.
    let names = words.filter(is_name).map(|it| it.trim_end_matches(|it: char| it.is_ascii_digit()));
    names.collect::<Vec<_>>().join("-")
}

/// Which of two releases is newer: numbers in them count as such.
fn by_version(one: &str, other: &str) -> Ordering {
    numbers(one).cmp(&numbers(other))
}

fn numbers(release: &str) -> Vec<u64> {
    let words = release.split(|it: char| !it.is_ascii_digit()).filter(|word| !word.is_empty());
    words.map(|word| word.parse().unwrap_or(u64::MAX)).collect()
}

fn restart_due(node: &Node) -> Found {
    match &node.restart {
        Err(why) => Found::Unknown(why.clone()),
        Ok(None) => Found::not_applicable("nothing here says when a restart is due"),
        Ok(Some(Restart::NotDue)) => Found::Good,
        Ok(Some(Restart::Due(packages))) => {
            let packages: Vec<String> =
                packages.iter().map(|it| terminal(it.as_bytes()).into_owned()).collect();
            let text = match packages.is_empty() {
                true => "which packages ask for it is not said".to_owned(),
                false => format!("for {}", some(&packages)),
            };
            Found::Bad(text, Vec::new())
        }
    }
}

fn uptime(node: &Node) -> Found {
    let Some(days) = node.uptime.map(|it| it / DAY) else {
        return Found::Unknown("when it started is not known at this root".to_owned());
    };
    let is_long = days > HOST_UPTIME_DAYS;
    // Its text stays the same from day to day: it is one finding.
    let text = format!("more than {HOST_UPTIME_DAYS} days");
    Found::bad(is_long.then(|| (text, vec![("days", days.to_string())])))
}

fn quiet(node: &Node) -> Found {
    let Some(last) = node.packages else {
        return Found::not_applicable("no package manager that is known is here");
    };
    let days = node.now.saturating_sub(last) / DAY;
    let text = format!("more than {HOST_QUIET_DAYS} days");
    let is_long = days > HOST_QUIET_DAYS;
    Found::bad(is_long.then(|| (text, vec![("days", days.to_string())])))
}

fn audited(node: &Node) -> Found {
    let files = match &node.audit {
        Err(why) => return Found::Unknown(why.clone()),
        Ok(None) => return Found::not_applicable("no rules of the Linux audit are here"),
        Ok(Some(files)) => files,
    };
    let missing = files.iter().filter(|(_, is_named)| !is_named).map(|(path, _)| path.clone());
    match files.is_empty() {
        true => Found::not_applicable("no file of a runtime is where they are looked for"),
        false => Found::list(&missing.collect::<Vec<_>>(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_compared_with_those_of_their_sort() {
        let of = |running: &str, installed: &[&str]| {
            let installed = installed.iter().map(|it| (*it).to_owned()).collect();
            kernel(Some(running), &Ok(Some(installed)))
        };
        let bad = |running: &str, newest: &str| {
            Found::Bad(format!("{running} runs, {newest} is installed"), Vec::new())
        };
        for (running, installed, expected) in [
            ("6.1.0-9-amd64", &["6.1.0-9-amd64"][..], Found::Good),
            (
                "6.1.0-9-amd64",
                &["6.1.0-10-amd64", "6.1.0-9-amd64"],
                bad("6.1.0-9-amd64", "6.1.0-10-amd64"),
            ),
            ("6.1.0-9-amd64", &["6.1.0-9-amd64", "6.1.0-10-cloud-amd64"], Found::Good),
            (
                "5.14.0-362.el9.x86_64",
                &["5.14.0-362.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64"],
                bad("5.14.0-362.el9.x86_64", "5.14.0-427.13.1.el9_4.x86_64"),
            ),
            (
                "6.6.9",
                &["6.1.0-9-amd64"],
                Found::Unknown("6.6.9 runs, which is none of those installed here".to_owned()),
            ),
        ] {
            assert_eq!(of(running, installed), expected, "{running}");
        }
    }
}
