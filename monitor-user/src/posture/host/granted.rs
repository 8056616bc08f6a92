//! What of a host's root is told at all, whoever asks: the files that are judged, and of others
//! what daemons of root were told of. Who parses them has no privileges, and by mistake of it no
//! key and no password file is to be read.
//!
//! Nothing is parsed here but words: what is between blanks, quotes and commas.

use std::collections::BTreeSet;

use super::{root::Question, settings::Arguments};
use crate::{
    limits::{HOST_LINES, PROC_FILE_BYTES},
    posture::sensitive::SOCKETS,
};

/// What is in a file, as far as it leads to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Nothing that does.
    Plain,
    /// Settings, which name files whose owners and modes are asked for.
    Settings,
    /// Settings that can include others; relative names begin at this directory.
    Including(&'static str),
    /// What a process was started with.
    CommandLine,
    /// Only lines that have this word.
    Lines(&'static str),
    /// What a process has mapped, and not where: that is nobody's business.
    Maps,
}

/// Files that are read. A star stands for one name.
const FILES: [(&str, Sort); 29] = [
    ("/etc/apt/apt.conf", Sort::Lines(APT)),
    ("/etc/apt/apt.conf.d/*", Sort::Lines(APT)),
    ("/etc/audit/audit.rules", Sort::Plain),
    ("/etc/audit/rules.d/*", Sort::Plain),
    ("/etc/containerd/config.toml", Sort::Lines(CONTAINERD)),
    ("/etc/dnf/automatic.conf", Sort::Plain),
    ("/etc/dnf/dnf5-plugins/automatic.conf", Sort::Plain),
    ("/etc/docker/daemon.json", Sort::Settings),
    ("/etc/group", Sort::Plain),
    ("/etc/nsswitch.conf", Sort::Plain),
    ("/etc/passwd", Sort::Plain),
    ("/etc/ssh/sshd_config", SSHD),
    ("/etc/sudoers", Sort::Including("/etc/")),
    ("/etc/systemd/system/apt-daily.timer", Sort::Plain),
    ("/etc/systemd/system/apt-daily-upgrade.timer", Sort::Plain),
    ("/etc/systemd/system/dnf-automatic.timer", Sort::Plain),
    ("/etc/systemd/system/dnf-automatic-install.timer", Sort::Plain),
    ("/etc/systemd/system/dnf5-automatic.timer", Sort::Plain),
    ("/proc/*/cgroup", Sort::Plain),
    ("/proc/*/cmdline", Sort::CommandLine),
    ("/proc/*/maps", Sort::Maps),
    ("/proc/*/net/tcp", Sort::Plain),
    ("/proc/*/net/tcp6", Sort::Plain),
    ("/proc/1/mountinfo", Sort::Plain),
    ("/proc/sys/kernel/osrelease", Sort::Plain),
    ("/proc/uptime", Sort::Plain),
    ("/run/reboot-required.pkgs", Sort::Plain),
    ("/var/lib/kubelet/config.yaml", Sort::Settings),
    ("/var/run/reboot-required.pkgs", Sort::Plain),
];

/// The settings of apt that are asked for, and of containerd: beside them passwords can be.
pub(super) const APT: &str = "APT::Periodic";
pub(super) const CONTAINERD: &str = "tcp_address";

const SSHD: Sort = Sort::Including("/etc/ssh/");

/// Directories whose names are told.
const DIRECTORIES: [&str; 9] = [
    "/boot",
    "/etc/apt/apt.conf.d",
    "/etc/audit/rules.d",
    "/etc/docker/certs.d",
    "/etc/docker/certs.d/*",
    "/lib/modules",
    "/proc",
    "/proc/*/fd",
    "/usr/lib/modules",
];

/// Links of which it is told where they lead.
const LINKS: [&str; 7] = [
    "/etc/systemd/system/*",
    "/etc/systemd/system/timers.target.wants/*",
    "/lib/systemd/system/*",
    "/proc/*/exe",
    "/proc/*/fd/*",
    "/proc/*/ns/*",
    "/usr/lib/systemd/system/*",
];

/// Below these it is told of anything what it is: they hold programs and settings, and nobody's
/// own files.
const PLACES: [&str; 9] =
    ["/boot/", "/etc/", "/lib/", "/proc/", "/run/", "/usr/", "/var/lib/", "/var/log/", "/var/run/"];

/// What is told, with what came to be known of it.
#[derive(Debug, Default)]
pub(super) struct Granted {
    /// Files that daemons were told to read.
    files: BTreeSet<(String, Sort)>,
    /// What files include: files, directories, and files with a star in their names.
    included: BTreeSet<(String, Sort)>,
    /// Paths of which it is told what is there.
    named: BTreeSet<String>,
}

impl Granted {
    /// Whether a question is answered.
    pub(super) fn allows(&self, question: &Question) -> bool {
        let Some(path) = whole(question.path()) else { return false };
        let is_one_of = |known: &[&str]| known.iter().any(|it| is_like(&path, it));
        match question {
            Question::Stat(_) => {
                PLACES.iter().any(|place| path.starts_with(place))
                    || SOCKETS.contains(&&*path)
                    || self.named.contains(&path)
                    || self.sort_of(&path).is_some()
            }
            Question::Bytes(_, limit) => {
                let sort = self.sort_of(&path);
                *limit <= PROC_FILE_BYTES && sort.is_some_and(|it| !matches!(it, Sort::Lines(_)))
            }
            Question::Lines(_, word) => self
                .sort_of(&path)
                .is_some_and(|it| matches!(it, Sort::Lines(known) if known == word)),
            Question::Names(_) => {
                is_one_of(&DIRECTORIES) || self.included.iter().any(|(it, _)| is_listed(&path, it))
            }
            Question::Link(_) => is_one_of(&LINKS),
        }
    }

    /// What is in the file at a path, if it is read.
    pub(super) fn sort(&self, path: &str) -> Option<Sort> {
        self.sort_of(&whole(path)?)
    }

    fn sort_of(&self, path: &str) -> Option<Sort> {
        let fixed = FILES.iter().find(|(known, _)| is_like(path, known)).map(|(_, sort)| *sort);
        let told = || self.files.iter().find(|(known, _)| known == path).map(|(_, sort)| *sort);
        let is_included = |(known, _): &&(String, Sort)| is_included(path, known);
        let included = || self.included.iter().find(is_included).map(|(_, sort)| *sort);
        fixed.or_else(told).or_else(included)
    }

    /// Takes in what a daemon of the host was started with.
    pub(super) fn note_arguments(&mut self, program: &str, line: &[u8]) {
        let arguments = Arguments::parse(line);
        let last = |names: &[&str]| arguments.last(names).map(str::to_owned);
        let told = match program {
            "containerd" => last(&["--config", "-c"]).map(|it| (it, Sort::Lines(CONTAINERD))),
            "dockerd" => last(&["--config-file"]).map(|it| (it, Sort::Settings)),
            "kubelet" => last(&["--config"]).map(|it| (it, Sort::Settings)),
            "sshd" => super::sshd::file(&arguments).map(|it| (it, SSHD)),
            _ => None,
        };
        if let Some((path, sort)) = told
            && let Some(path) = whole(&path).filter(|_| self.files.len() < HOST_LINES)
        {
            self.files.insert((path, sort));
        }
        self.name(line);
    }

    /// Takes in sockets that a configuration names.
    pub(super) fn note_sockets(&mut self, paths: &[String]) {
        self.named.extend(paths.iter().take(HOST_LINES).filter_map(|path| whole(path)));
    }

    /// Takes in what a file leads to.
    pub(super) fn note(&mut self, sort: Sort, text: &[u8]) {
        match sort {
            Sort::Plain | Sort::CommandLine | Sort::Lines(_) | Sort::Maps => {}
            Sort::Settings => self.name(text),
            Sort::Including(folder) => self.include(sort, folder, text),
        }
    }

    /// Paths that are words of a text.
    fn name(&mut self, text: &[u8]) {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || b"\0\"'=,:;[]".contains(byte);
        for word in text.split(is_between).filter(|word| word.starts_with(b"/")) {
            let path = std::str::from_utf8(word).ok().and_then(whole);
            self.named.extend(path.filter(|_| self.named.len() < HOST_LINES));
        }
    }

    /// What lines name that include others.
    fn include(&mut self, sort: Sort, folder: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text).replace("\\\n", " ");
        for line in text.lines().map(str::trim) {
            let is_between = |it: char| it.is_whitespace() || it == '=';
            let Some((keyword, rest)) = line.split_once(is_between) else { continue };
            // All that is in a directory is included by sudo only.
            let all = match keyword.to_ascii_lowercase().as_str() {
                "@includedir" | "#includedir" => "/*",
                "@include" | "#include" | "include" => "",
                _ => continue,
            };
            for word in rest.split(is_between).map(|word| word.trim_matches('"')) {
                let folder = if word.starts_with('/') { "" } else { folder };
                let path = whole(&format!("{folder}{word}{all}")).filter(|_| !word.is_empty());
                if let Some(path) = path.filter(|_| self.included.len() < HOST_LINES) {
                    self.included.insert((path, sort));
                }
            }
        }
    }
}

/// A path from its root on, without what does not change it; None for one that climbs.
fn whole(path: &str) -> Option<String> {
    let names: Vec<&str> = path.split('/').filter(|it| !it.is_empty() && *it != ".").collect();
    (!names.contains(&"..")).then(|| format!("/{}", names.join("/")))
}

/// Whether a path is one of those that a pattern is about.
fn is_like(path: &str, pattern: &str) -> bool {
    let (mut names, mut known) = (path.split('/'), pattern.split('/'));
    known.all(|known| names.next().is_some_and(|it| known == "*" || known == it))
        && names.next().is_none()
}

/// Whether a path is what is included: a file, or one of those that are known by a star.
fn is_included(path: &str, word: &str) -> bool {
    let starred = || {
        let ((above, name), (_, known)) = (path.rsplit_once('/')?, word.rsplit_once('/')?);
        let (begin, end) = known.split_once('*')?;
        let is_like = name.strip_prefix(begin)?.ends_with(end);
        Some(is_listed(above, word) && is_like)
    };
    path == word || starred().unwrap_or(false)
}

/// Whether files of a directory are included that are known by a star.
fn is_listed(directory: &str, word: &str) -> bool {
    word.rsplit_once('/').is_some_and(|(above, last)| last.contains('*') && directory == above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HOST_FILE_BYTES;

    fn reads(granted: &Granted, path: &str) -> bool {
        granted.allows(&Question::Bytes(path.to_owned(), HOST_FILE_BYTES))
    }

    fn stats(granted: &Granted, path: &str) -> bool {
        granted.allows(&Question::Stat(path.to_owned()))
    }

    fn lists(granted: &Granted, path: &str) -> bool {
        granted.allows(&Question::Names(path.to_owned()))
    }

    #[test]
    fn only_what_is_judged_is_told() {
        let granted = Granted::default();
        for path in ["/etc/ssh/sshd_config", "proc/uptime", "/proc/7/maps", "//etc//sudoers"] {
            assert!(reads(&granted, path), "{path}");
        }
        for path in [
            "/etc/shadow",
            "/etc/ssh/ssh_host_ed25519_key",
            "/etc/ssh/../shadow",
            "/proc/7/environ",
            "/proc/7/root/etc/passwd",
            "/etc/containerd/config.toml",
            "/etc/apt/apt.conf.d/90proxy",
            "/root/.ssh/id_rsa",
            "",
        ] {
            assert!(!reads(&granted, path), "{path}");
        }
        let lines = |path: &str, word: &str| {
            granted.allows(&Question::Lines(path.to_owned(), word.to_owned()))
        };
        assert!(lines("/etc/containerd/config.toml", CONTAINERD));
        assert!(!lines("/etc/containerd/config.toml", "password"));
        assert!(!lines("/etc/sudoers", "") && !lines("/etc/containerd/config.toml", ""));
        let much = Question::Bytes("/proc/1/maps".to_owned(), PROC_FILE_BYTES + 1);
        assert!(!granted.allows(&much));
        assert!(stats(&granted, "/etc/docker/key.pem") && !stats(&granted, "/root/.ssh/id_rsa"));
        assert!(!stats(&granted, "/etc/../root/x"));
        assert!(lists(&granted, "/proc/7/fd") && !lists(&granted, "/root"));
        let links = |path: &str| granted.allows(&Question::Link(path.to_owned()));
        assert!(links("proc/7/exe") && !links("/proc/7/root") && !links("/proc/7/cwd"));
    }

    #[test]
    fn what_daemons_were_told_of_is_told() {
        let mut granted = Granted::default();
        let line = b"dockerd\0--config-file=/srv/docker.json\0--tlskey\0/srv/key.pem\0";
        granted.note_arguments("dockerd", line);
        assert!(reads(&granted, "/srv/docker.json") && stats(&granted, "/srv/docker.json"));
        assert!(!reads(&granted, "/srv/key.pem") && stats(&granted, "/srv/key.pem"));
        let sort = granted.sort("/srv/docker.json").unwrap();
        granted.note(sort, br#"{"data-root":"/srv/data","hosts":["unix:///srv/docker.sock"]}"#);
        assert!(stats(&granted, "/srv/data") && stats(&granted, "/srv/docker.sock"));
        assert!(!reads(&granted, "/srv/data") && !stats(&granted, "/srv"));
        granted.note_arguments("containerd", b"containerd\0-c\0/srv/config.toml\0");
        let word = CONTAINERD.to_owned();
        assert!(granted.allows(&Question::Lines("/srv/config.toml".to_owned(), word)));
        assert!(!reads(&granted, "/srv/config.toml"));
        granted.note_arguments("sshd", b"sshd: /usr/sbin/sshd -D -f /srv/sshd 0 of 10\0\0");
        assert!(!reads(&granted, "/srv/sshd"), "that is the name of its program");
        granted.note_arguments("sshd", b"/usr/sbin/sshd\0-D\0-f\0/srv/sshd\0");
        assert_eq!(granted.sort("/srv/sshd"), Some(SSHD));
        granted.note_arguments("kube-proxy", b"kube-proxy\0--config=/etc/shadow\0");
        assert!(!reads(&granted, "/etc/shadow"));
    }

    #[test]
    fn of_sockets_that_are_configured_it_is_told_what_they_are() {
        let mut granted = Granted::default();
        granted.note_sockets(&["/srv/own.sock".to_owned(), "/srv/../root/x".to_owned()]);
        assert!(stats(&granted, "/srv/own.sock") && !reads(&granted, "/srv/own.sock"));
        assert!(!stats(&granted, "/srv/other.sock") && !stats(&granted, "/root/x"));
    }

    #[test]
    fn what_is_included_is_read_and_not_what_is_beside_it() {
        let mut granted = Granted::default();
        let text = b"# Ciphers /etc/shadow\nInclude sshd_config.d/*.conf \"/srv/a.conf\"\n\
            ChrootDirectory /home\nInclude /srv/ssh/*.conf\n";
        granted.note(granted.sort("/etc/ssh/sshd_config").unwrap(), text);
        for path in ["/etc/ssh/sshd_config.d/x.conf", "/srv/a.conf", "/srv/ssh/b.conf"] {
            assert!(reads(&granted, path), "{path}");
        }
        assert!(lists(&granted, "/etc/ssh/sshd_config.d") && lists(&granted, "/srv/ssh"));
        assert_eq!(granted.sort("/srv/a.conf"), Some(SSHD), "it can include others");
        for path in ["/etc/shadow", "/srv/b.conf", "/home/x", "/etc/ssh/key", "/srv/ssh/a/b.conf"] {
            assert!(!reads(&granted, path), "{path}");
        }
        granted.note(granted.sort("/etc/sudoers").unwrap(), b"@includedir /etc/sudoers.d\n");
        assert!(reads(&granted, "/etc/sudoers.d/x") && lists(&granted, "/etc/sudoers.d"));
        let text = b"Include *.conf\nInclude=/srv/one\n# include .\n#include ../root/x /etc/ssh\n";
        granted.note(SSHD, text);
        assert!(reads(&granted, "/etc/ssh/x.conf") && reads(&granted, "/srv/one"));
        for path in ["/etc/ssh/ssh_host_ed25519_key", "/root/x", "/etc/ssh/d/x.conf"] {
            assert!(!reads(&granted, path), "{path}");
        }
        let many: String = (0..2 * HOST_LINES).map(|it| format!("Include /srv/{it}\n")).collect();
        granted.note(SSHD, many.as_bytes());
        assert_eq!(granted.included.len(), HOST_LINES);
    }
}
