//! `os-release`: which operating system a root is of, as it says itself.

use std::path::Path;

use crate::{
    limits::DESCRIPTION_BYTES,
    root::{Root, RootError},
    text,
};

/// Where it is; the first one counts.
const PATHS: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// What an operating system says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`, in small letters.
    pub id: Box<str>,
    /// `ID_LIKE`: those that it is derived from.
    pub like: Vec<Box<str>>,
    /// `VERSION_ID`.
    pub version: Option<Box<str>>,
    /// `VERSION_CODENAME`.
    pub codename: Option<Box<str>>,
    /// `PRETTY_NAME`.
    pub name: Option<Box<str>>,
    /// `SUPPORT_END`: the last day on which it is supported.
    pub support_end: Option<Box<str>>,
    /// `VARIANT_ID`.
    pub variant: Option<Box<str>>,
}

impl OsRelease {
    /// Name and version, for people.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// `ID-VERSION_ID`, as package URLs name it.
    #[must_use]
    pub fn distro(&self) -> Option<String> {
        Some(format!("{}-{}", self.id, self.version.as_deref()?))
    }

    /// The version up to its nth number.
    pub(crate) fn numbers(&self, count: usize) -> Option<String> {
        let version = self.version.as_deref()?;
        Some(version.split('.').take(count).collect::<Vec<_>>().join("."))
    }

    /// Whether it is one that is never released: what is newest counts.
    #[must_use]
    pub fn is_rolling(&self) -> bool {
        const ALWAYS: [&str; 9] = [
            "arch",
            "chainguard",
            "gentoo",
            "kali",
            "opensuse-microos",
            "opensuse-tumbleweed",
            "solus",
            "void",
            "wolfi",
        ];
        let ends = |text: &Option<Box<str>>, end: &str| {
            text.as_deref().is_some_and(|text| text.ends_with(end))
        };
        match &*self.id {
            // Testing and unstable have no number.
            "debian" => self.version.is_none() && ends(&self.name, "/sid"),
            "alpine" => self.version.as_deref().is_some_and(|it| it.contains("_alpha")),
            "fedora" => self.name.as_deref().is_some_and(|it| it.contains("Rawhide")),
            id => ALWAYS.contains(&id),
        }
    }

    /// OSV's ecosystem of its packages; None where OSV has none.
    #[must_use]
    pub fn ecosystem(&self) -> Option<String> {
        let version = self.version.as_deref();
        Some(match &*self.id {
            "debian" => format!("Debian:{}", self.numbers(1)?),
            "ubuntu" => {
                let version = version?;
                let (year, month) = version.split_once('.')?;
                let is_lts = month.starts_with("04") && year.parse::<u32>().ok()? % 2 == 0;
                format!("Ubuntu:{version}{}", if is_lts { ":LTS" } else { "" })
            }
            "alpine" if self.is_rolling() => "Alpine:edge".to_owned(),
            "alpine" => format!("Alpine:v{}", self.numbers(2)?),
            "wolfi" => "Wolfi".to_owned(),
            "chainguard" => "Chainguard".to_owned(),
            "rocky" => format!("Rocky Linux:{}", self.numbers(1)?),
            "almalinux" => format!("AlmaLinux:{}", self.numbers(1)?),
            // Its advisories are for products, which the root does not name.
            "rhel" => "Red Hat".to_owned(),
            "mageia" => format!("Mageia:{}", self.numbers(1)?),
            "opensuse-leap" => format!("openSUSE:Leap {}", version?),
            "opensuse-tumbleweed" => "openSUSE:Tumbleweed".to_owned(),
            "sles" => {
                let version = version?;
                let named = match version.split_once('.') {
                    Some((major, pack)) if major != "16" => format!("{major} SP{pack}"),
                    _ => version.to_owned(),
                };
                format!("SUSE:Linux Enterprise Server {named}")
            }
            _ => return None,
        })
    }
}

/// Parses a file of it; None where it names no system.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<OsRelease> {
    let mut os = OsRelease::default();
    for line in text::lines(bytes) {
        let Some(equals) = memchr::memchr(b'=', line) else { continue };
        let (key, value) = line.split_at(equals);
        let value = text::clean(value.get(1..).unwrap_or_default()).map(unquoted);
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        match key {
            b"ID" => os.id = value.to_ascii_lowercase().into(),
            b"ID_LIKE" => os.like = value.split(' ').take(16).map(Into::into).collect(),
            b"VERSION_ID" => os.version = Some(value.into()),
            b"VERSION_CODENAME" => os.codename = Some(value.into()),
            b"PRETTY_NAME" => os.name = Some(value.into()),
            b"SUPPORT_END" => os.support_end = Some(value.into()),
            b"VARIANT_ID" => os.variant = Some(value.into()),
            _ => {}
        }
    }
    (!os.id.is_empty()).then_some(os)
}

/// A value as a shell takes it, without what a shell would do beyond quotes and backslashes.
fn unquoted(value: &str) -> String {
    let inner = ['"', '\''].into_iter().find_map(|quote| {
        let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
        Some((inner, quote))
    });
    match inner {
        Some((inner, '\'')) => inner.to_owned(),
        inner => {
            let mut text = String::new();
            let mut chars = inner.map_or(value, |(inner, _)| inner).chars();
            while let Some(char) = chars.next() {
                text.extend(if char == '\\' { chars.next() } else { Some(char) });
            }
            text.trim().to_owned()
        }
    }
}

/// What the root says.
///
/// # Errors
///
/// There is a file, and it cannot be read.
pub fn read(root: &dyn Root) -> Result<Option<OsRelease>, RootError> {
    for path in PATHS {
        match root.read(Path::new(path), DESCRIPTION_BYTES) {
            Ok(bytes) => {
                if let Some(os) = parse(&bytes) {
                    return Ok(Some(os));
                }
            }
            Err(RootError::NotFound | RootError::OtherKind) => {}
            Err(error) => return Err(error),
        }
    }
    old(root)
}

/// What systems have that are older than `os-release`.
fn old(root: &dyn Root) -> Result<Option<OsRelease>, RootError> {
    let first = |path: &str| match root.read(Path::new(path), DESCRIPTION_BYTES) {
        Ok(bytes) => Ok(text::lines(&bytes).next().and_then(text::kept)),
        Err(RootError::NotFound | RootError::OtherKind) => Ok(None),
        Err(error) => Err(error),
    };
    let of = |id: &str, version: Option<&str>, name: Option<Box<str>>| OsRelease {
        id: id.into(),
        version: version.map(Into::into),
        name,
        ..OsRelease::default()
    };
    if let Some(version) = first("etc/alpine-release")? {
        return Ok(Some(of("alpine", Some(&version), None)));
    }
    if let Some(line) = first("etc/redhat-release")? {
        let id = if line.starts_with("CentOS") { "centos" } else { "rhel" };
        let is_number = |word: &&str| word.starts_with(|it: char| it.is_ascii_digit());
        let version = line.split(' ').find(is_number);
        return Ok(Some(of(id, version, Some(line.clone()))));
    }
    if let Some(version) = first("etc/debian_version")? {
        let is_number = version.starts_with(|it: char| it.is_ascii_digit());
        return Ok(Some(of("debian", Some(&*version).filter(|_| is_number), None)));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, ecosystem: Option<&str>) {
        assert_eq!(parse(text.as_bytes()).unwrap().ecosystem().as_deref(), ecosystem, "{text}");
    }

    #[test]
    fn ecosystems_have_the_release() {
        check("ID=debian\nVERSION_ID=\"12\"", Some("Debian:12"));
        check("ID=ubuntu\nVERSION_ID='24.04'\r\n", Some("Ubuntu:24.04:LTS"));
        check("ID=ubuntu\nVERSION_ID=23.10", Some("Ubuntu:23.10"));
        check("ID=ubuntu\nVERSION_ID=23.04", Some("Ubuntu:23.04"));
        check("ID=alpine\nVERSION_ID=3.18.4", Some("Alpine:v3.18"));
        check("ID=alpine\nVERSION_ID=3.24_alpha20260127", Some("Alpine:edge"));
        check("ID=\"rocky\"\nVERSION_ID=\"9.3\"", Some("Rocky Linux:9"));
        check("ID=sles\nVERSION_ID=15.5", Some("SUSE:Linux Enterprise Server 15 SP5"));
        check("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux forky/sid\"", None);
        check("ID=amzn\nVERSION_ID=2023", None);
    }

    #[test]
    fn what_is_no_value_is_passed_over() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"VERSION_ID=1\nID=\nID=\"\"\n\xff=\xff\n=\n"), None);
        let os = parse(b"#ID=x\nID=\"a\\\"b\"\nVERSION_ID=\"1\x1b2\"\n").unwrap();
        assert_eq!((&*os.id, os.version), ("a\"b", None));
    }
}
