//! What an ecosystem is called, how its versions are ordered and its packages named.

use crate::version::Scheme;

/// Ecosystems of distributions: their records are about a release, and without one about nothing.
const RELEASED: &[(&str, Scheme)] = &[
    ("Debian", Scheme::Dpkg),
    ("Ubuntu", Scheme::Dpkg),
    ("Echo", Scheme::Dpkg),
    ("Alpine", Scheme::Apk),
    ("AlmaLinux", Scheme::Rpm),
    ("Azure Linux", Scheme::Rpm),
    ("Mageia", Scheme::Rpm),
    ("Photon OS", Scheme::Rpm),
    ("Red Hat", Scheme::Rpm),
    ("Rocky Linux", Scheme::Rpm),
    ("SUSE", Scheme::Rpm),
    ("openEuler", Scheme::Rpm),
    ("openSUSE", Scheme::Rpm),
];

/// The others. Those that are not here have no order that is known.
const UNRELEASED: &[(&str, Scheme)] = &[
    ("Chainguard", Scheme::Apk),
    ("MinimOS", Scheme::Apk),
    ("Wolfi", Scheme::Apk),
    ("Go", Scheme::Semver),
    ("Hex", Scheme::Semver),
    ("Julia", Scheme::Semver),
    ("Maven", Scheme::Maven),
    ("Pub", Scheme::Semver),
    ("PyPI", Scheme::Pep440),
    ("SwiftURL", Scheme::Semver),
    ("crates.io", Scheme::Semver),
    ("npm", Scheme::Semver),
];

/// Debian's releases, whose tracker has the names and OSV the numbers.
const DEBIAN: &[(&str, &str)] = &[
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

fn family(ecosystem: &str) -> &str {
    ecosystem.split(':').next().unwrap_or_default()
}

/// How versions of an ecosystem are ordered. None if that is not known.
#[must_use]
pub fn scheme(ecosystem: &str) -> Option<Scheme> {
    let family = family(ecosystem);
    let mut known = RELEASED.iter().chain(UNRELEASED);
    known.find(|(name, _)| *name == family).map(|(_, scheme)| *scheme)
}

/// Whether an ecosystem has releases, and none is named.
#[must_use]
pub fn lacks_release(ecosystem: &str) -> bool {
    !ecosystem.contains(':') && RELEASED.iter().any(|(name, _)| *name == ecosystem)
}

/// The number of a release of Debian by its name.
#[must_use]
pub fn debian_release(codename: &str) -> Option<&'static str> {
    DEBIAN.iter().find(|(name, _)| *name == codename).map(|(_, number)| *number)
}

/// An ecosystem as it is written in packs: long-term support is no other release, and Maven has one
/// space of names, whatever repository an artifact is from.
#[must_use]
pub fn normal(ecosystem: &str) -> String {
    match ecosystem.split_once(':') {
        Some(("Ubuntu", release)) => format!("Ubuntu:{}", release.trim_end_matches(":LTS")),
        Some(("Maven", _)) => "Maven".to_owned(),
        _ => ecosystem.to_owned(),
    }
}

/// A package's name as it is written in packs.
#[must_use]
pub fn normal_name(ecosystem: &str, name: &str) -> String {
    match family(ecosystem) {
        "PyPI" => pep503(name),
        _ => name.to_owned(),
    }
}

/// PEP 503: lower case, and one hyphen for any run of hyphens, underscores and dots.
fn pep503(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            other => normal.push(other.to_ascii_lowercase()),
        }
    }
    normal
}

/// A version as its ecosystem's records write it. Go's own library and tools are called by Go's
/// releases, as go1.21rc2 and `go1.20.3 X:boringcrypto`.
#[must_use]
pub fn normal_version(ecosystem: &str, name: &str, version: &str) -> String {
    let is_go = family(ecosystem) == "Go" && ["stdlib", "toolchain"].contains(&name);
    let Some(release) = version.strip_prefix("go").filter(|_| is_go) else {
        return version.to_owned();
    };
    let release = release.split([' ', '+']).next().unwrap_or_default();
    match release.find(|letter: char| letter.is_ascii_alphabetic()) {
        Some(at) if !release.contains('-') => match release.split_at_checked(at) {
            Some((core, pre)) => format!("{core}-{}", dotted(pre)),
            None => release.to_owned(),
        },
        _ => release.to_owned(),
    }
}

/// `rc2` as `rc.2`, so that rc10 comes after it; the database writes both.
fn dotted(pre: &str) -> String {
    match pre.find(|letter: char| letter.is_ascii_digit()).and_then(|at| pre.split_at_checked(at)) {
        Some((word, number)) if !word.is_empty() => format!("{word}.{number}"),
        _ => pre.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normal() {
        assert_eq!(normal_name("PyPI", "Foo.._Bar"), "foo-bar");
        assert_eq!(normal_name("npm", "Foo._Bar"), "Foo._Bar");
        assert_eq!(normal("Ubuntu:22.04:LTS"), "Ubuntu:22.04");
        assert_eq!(normal("Ubuntu:Pro:18.04:LTS"), "Ubuntu:Pro:18.04");
        assert_eq!(normal("Alpine:v3.18"), "Alpine:v3.18");
    }

    #[test]
    fn releases_of_go_are_versions() {
        let normal = |text| normal_version("Go", "stdlib", text);
        assert_eq!(normal("go1.20.3"), "1.20.3");
        assert_eq!(normal("go1.21rc2"), "1.21-rc.2");
        assert_eq!(normal("go1.20.3 X:boringcrypto"), "1.20.3");
        assert_eq!(normal_version("Go", "golang.org/x/net", "v0.1.0"), "v0.1.0");
    }

    #[test]
    fn a_release_is_wanted_where_there_are_some() {
        assert!(lacks_release("Debian") && lacks_release("Alpine"));
        assert!(!lacks_release("Debian:12") && !lacks_release("npm") && !lacks_release("Wolfi"));
        assert_eq!(scheme("Debian:12"), Some(Scheme::Dpkg));
        assert_eq!(scheme("RubyGems"), None);
    }
}
