//! What installs updates on the host by itself: `unattended-upgrades` with the timers of apt, or
//! `dnf-automatic`.

use super::{
    checks,
    found::Found,
    granted::APT,
    root::{Looked, Root},
};
use crate::{limits::HOST_QUIET_DAYS, state::Assessment};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What is known of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Updates {
    /// What is wrong with how it is set up; None where no package manager is that has
    /// it.
    pub wrong: Looked<Vec<String>>,
    /// The timers that start it.
    pub timers: Vec<Timer>,
}

/// A timer of systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timer {
    /// Its name.
    pub name: String,
    /// It cannot be started.
    pub is_masked: bool,
    /// It is started with the host.
    pub is_enabled: bool,
    /// When it ran last, seconds since 1970.
    pub last: Option<i64>,
}

/// Where timers are that are started with the host.
const WANTS: &str = "/etc/systemd/system/timers.target.wants";

/// Looks.
pub(super) fn read(root: &dyn Root) -> Updates {
    let has_apt = root.has("usr/bin/apt-get");
    let has_dnf = root.has("usr/bin/dnf") || root.has("usr/bin/dnf5");
    let names: &[&str] = match (has_apt, has_dnf) {
        (true, _) => &["apt-daily.timer", "apt-daily-upgrade.timer"],
        (false, true) => {
            &["dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer"]
        }
        (false, false) => &[],
    };
    let is_there = |name: &&&str| {
        let folders = ["/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"];
        folders.iter().any(|folder| root.link(&format!("{folder}/{name}")).is_some())
            || folders.iter().any(|folder| root.has(&format!("{folder}/{name}")))
    };
    let timers = names.iter().filter(is_there).map(|name| timer(root, name)).collect();
    let wrong = match (has_apt, has_dnf) {
        (true, _) => apt(root).map(|wrong| Some(wrong.into_iter().collect())),
        (false, true) => dnf(root).map(|wrong| Some(wrong.into_iter().collect())),
        (false, false) => Ok(None),
    };
    Updates { wrong, timers }
}

fn timer(root: &dyn Root, name: &str) -> Timer {
    let own = format!("/etc/systemd/system/{name}");
    let is_empty = || root.text(&own).ok().flatten().is_some_and(|text| text.is_empty());
    let stamp = root.stat(&format!("/var/lib/systemd/timers/stamp-{name}")).ok().flatten();
    Timer {
        name: name.to_owned(),
        is_masked: root.link(&own).as_deref() == Some("/dev/null") || is_empty(),
        is_enabled: root.link(&format!("{WANTS}/{name}")).is_some(),
        last: stamp.map(|it| it.modified),
    }
}

fn apt(root: &dyn Root) -> Result<Option<String>, String> {
    if !root.has("usr/bin/unattended-upgrade") {
        return Ok(Some("unattended-upgrades is not installed".to_owned()));
    }
    let folder = "/etc/apt/apt.conf.d";
    let mut text = String::new();
    for name in root.names(folder)?.unwrap_or_default() {
        // Of other names apt reads the file, too, but for those of backups.
        if !name.contains('.') || name.ends_with(".conf") {
            text += &root.lines(&format!("{folder}/{name}"), APT)?.unwrap_or_default();
            text.push('\n');
        }
    }
    text += &root.lines("/etc/apt/apt.conf", APT)?.unwrap_or_default();
    let mut settings =
        [("Enable", "1"), ("Update-Package-Lists", "0"), ("Unattended-Upgrade", "0")];
    let lines = text.lines().map(str::trim);
    for line in lines.filter_map(|line| line.strip_prefix("APT::Periodic::")) {
        for (name, value) in &mut settings {
            let rest = line.strip_prefix(*name).filter(|it| it.starts_with([' ', '\t', '"']));
            if let Some(rest) = rest {
                *value = rest.trim().trim_end_matches(';').trim().trim_matches('"');
            }
        }
    }
    if settings.iter().any(|(_, value)| *value != "0") && text.contains("APT::Periodic {") {
        return Err("blocks of APT::Periodic are not read: `apt-config dump` tells".to_owned());
    }
    let off = settings.iter().find(|(_, value)| *value == "0");
    Ok(off.map(|(name, _)| format!("APT::Periodic::{name} is 0")))
}

fn dnf(root: &dyn Root) -> Result<Option<String>, String> {
    let files = ["/etc/dnf/automatic.conf", "/etc/dnf/dnf5-plugins/automatic.conf"];
    let mut applies = root.link(&format!("{WANTS}/dnf-automatic-install.timer")).is_some();
    let mut is_there = false;
    for file in files {
        let Some(text) = root.text(file)? else { continue };
        is_there = true;
        applies |= text.lines().any(|line| {
            let line: String = line.split_whitespace().collect();
            matches!(
                &*line.to_ascii_lowercase(),
                "apply_updates=yes" | "apply_updates=true" | "apply_updates=1"
            )
        });
    }
    Ok(match (is_there, applies) {
        (false, _) => Some("dnf-automatic is not installed".to_owned()),
        (true, false) => Some("apply_updates is off".to_owned()),
        (true, true) => None,
    })
}

/// What of that is not as it should be; `up_days`: since when the host runs.
pub(super) fn judge(updates: &Updates, now: i64, up_days: Option<i64>) -> Vec<Assessment> {
    let wrong = match &updates.wrong {
        Err(why) => Found::Unknown(why.clone()),
        Ok(None) => Found::not_applicable("no package manager is here that has it"),
        Ok(Some(wrong)) => Found::list(wrong, Vec::new()),
    };
    vec![wrong.of(&checks::UPDATES), timers(&updates.timers, now, up_days).of(&checks::TIMERS)]
}

fn timers(timers: &[Timer], now: i64, up_days: Option<i64>) -> Found {
    if timers.is_empty() {
        return Found::not_applicable("no timer for updates is here");
    }
    let is_of_dnf = timers.iter().any(|it| it.name.starts_with("dnf"));
    // Of dnf's one is enough: they do the same.
    if is_of_dnf && timers.iter().any(|it| it.is_enabled && !it.is_masked) {
        return Found::Good;
    }
    let wrong = |it: &Timer| {
        let is_late = it.last.is_some_and(|last| now.saturating_sub(last) > HOST_QUIET_DAYS * DAY);
        let why = match it {
            it if it.is_masked => "is masked".to_owned(),
            it if !it.is_enabled => "is not enabled".to_owned(),
            _ if is_late && up_days.is_some_and(|up| up > HOST_QUIET_DAYS) => {
                format!("has not run for more than {HOST_QUIET_DAYS} days")
            }
            _ => return None,
        };
        Some(format!("{} {why}", it.name))
    };
    let all: Vec<String> = timers.iter().filter_map(wrong).collect();
    Found::list(&all, Vec::new())
}
