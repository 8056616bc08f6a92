//! Where a package belongs: from a package URL, and the system that it is installed in, to how
//! vulnerability data call it.

use monitor_vulns::{matcher::Coordinate, purl::Purl};

/// The system that packages are installed in, as `os-release` calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Os {
    /// As `debian`.
    pub id: String,
    /// As `12` or `3.18.4`.
    pub version: String,
}

/// Why nothing can be asked about a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unplaced {
    /// It has no package URL, or one that is none.
    NoPurl,
    /// It has no version.
    NoVersion,
    /// Its release is not said: neither by it nor by the system.
    NoRelease,
    /// Of such packages nothing is known.
    UnknownKind,
}

impl Unplaced {
    /// What people are told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPurl => "no package URL",
            Self::NoVersion => "no version",
            Self::NoRelease => "the release of the system is not said",
            Self::UnknownKind => "a kind of package that no data are about",
        }
    }
}

/// Kinds of package URLs whose names are those of registries: the ecosystem, and what stands
/// between a name and what it is within.
const REGISTRIES: &[(&str, &str, char)] = &[
    ("cargo", "crates.io", '/'),
    ("composer", "Packagist", '/'),
    ("gem", "RubyGems", '/'),
    ("golang", "Go", '/'),
    ("hex", "Hex", '/'),
    ("maven", "Maven", ':'),
    ("npm", "npm", '/'),
    ("nuget", "NuGet", '/'),
    ("pub", "Pub", '/'),
    ("pypi", "PyPI", '/'),
    ("swift", "SwiftURL", '/'),
];

/// What distributions are called: in `os-release` and package URLs, and in the data.
const RPM: &[(&str, &str)] = &[
    ("almalinux", "AlmaLinux"),
    ("azurelinux", "Azure Linux"),
    ("mageia", "Mageia"),
    ("openeuler", "openEuler"),
    ("photon", "Photon OS"),
    ("rocky", "Rocky Linux"),
];

/// Debian's releases by name, as some package URLs have them.
fn debian_number(release: &str) -> &str {
    monitor_vulns::ecosystem::debian_release(release).unwrap_or(release)
}

/// What to ask about a package; the first is that of its source, where it has one.
///
/// # Errors
///
/// If nothing can be asked.
pub fn place(purl: &Purl, os: Option<&Os>) -> Result<Vec<Coordinate>, Unplaced> {
    if purl.version.is_empty() {
        return Err(Unplaced::NoVersion);
    }
    let registry = REGISTRIES.iter().find(|(kind, _, _)| *kind == purl.kind);
    if let Some((_, ecosystem, separator)) = registry {
        // Versions of modules begin with a v, which the data leave out.
        let version = match purl.kind.as_str() {
            "golang" => purl.version.strip_prefix('v').unwrap_or(&purl.version),
            _ => &purl.version,
        };
        return Ok(vec![at(ecosystem, &purl.full_name(*separator), version)]);
    }
    match purl.kind.as_str() {
        "deb" => deb(purl, os),
        "apk" => apk(purl, os),
        "rpm" => rpm(purl, os),
        _ => Err(Unplaced::UnknownKind),
    }
}

fn at(ecosystem: &str, name: &str, version: &str) -> Coordinate {
    let [ecosystem, name, version] = [ecosystem, name, version].map(str::to_owned);
    Coordinate { ecosystem, name, version }
}

/// The distribution, in lower case, and its release.
fn release(purl: &Purl, os: Option<&Os>) -> Result<(String, String), Unplaced> {
    let own = purl.namespace.to_ascii_lowercase();
    // As debian-12, or bookworm alone.
    if let Some(distro) = purl.qualifier("distro").filter(|distro| !distro.is_empty()) {
        let (name, release) = distro.rsplit_once('-').unwrap_or((&own, distro));
        let name = if own.is_empty() { name } else { &own };
        return Ok((name.to_ascii_lowercase(), release.to_owned()));
    }
    let os = os.filter(|os| own.is_empty() || own == os.id).ok_or(Unplaced::NoRelease)?;
    match os.version.as_str() {
        "" => Err(Unplaced::NoRelease),
        version => Ok((os.id.clone(), version.to_owned())),
    }
}

fn major(release: &str) -> &str {
    release.split('.').next().unwrap_or_default()
}

fn deb(purl: &Purl, os: Option<&Os>) -> Result<Vec<Coordinate>, Unplaced> {
    let (distro, release) = release(purl, os)?;
    let ecosystem = match distro.as_str() {
        "debian" => format!("Debian:{}", debian_number(major(&release))),
        "ubuntu" => format!("Ubuntu:{release}"),
        _ => return Err(Unplaced::UnknownKind),
    };
    let (source, version) = match purl.qualifier("upstream").filter(|it| !it.is_empty()) {
        Some(upstream) => match upstream.split_once('@') {
            Some((source, version)) => (source, version.to_owned()),
            None => (upstream, source_version(&purl.version)),
        },
        None => (purl.name.as_str(), source_version(&purl.version)),
    };
    Ok(vec![at(&ecosystem, source, &version)])
}

/// A rebuild of a binary package has the version of its source, and +b1 behind it.
fn source_version(version: &str) -> String {
    let digits = version.trim_end_matches(|digit: char| digit.is_ascii_digit());
    match digits.strip_suffix("+b") {
        Some(source) if digits.len() < version.len() => source.to_owned(),
        _ => version.to_owned(),
    }
}

fn apk(purl: &Purl, os: Option<&Os>) -> Result<Vec<Coordinate>, Unplaced> {
    let source = purl.qualifier("upstream").filter(|it| !it.is_empty()).unwrap_or(&purl.name);
    // All that is built of one source has its version.
    let source = source.split_once('@').map_or(source, |(name, _)| name);
    let ecosystem = match purl.namespace.as_str() {
        "wolfi" => "Wolfi".to_owned(),
        "chainguard" => "Chainguard".to_owned(),
        _ => {
            let (distro, release) = release(purl, os)?;
            let mut parts = release.trim_start_matches('v').split('.');
            match (distro.as_str(), parts.next(), parts.next()) {
                ("wolfi", _, _) => "Wolfi".to_owned(),
                ("chainguard", _, _) => "Chainguard".to_owned(),
                ("alpine", Some(major), Some(minor)) => format!("Alpine:v{major}.{minor}"),
                ("alpine", Some("edge"), None) => "Alpine:edge".to_owned(),
                _ => return Err(Unplaced::NoRelease),
            }
        }
    };
    Ok(vec![at(&ecosystem, source, &purl.version)])
}

/// Some data call the source and others the binary package, so that both are asked for.
fn rpm(purl: &Purl, os: Option<&Os>) -> Result<Vec<Coordinate>, Unplaced> {
    let (distro, release) = release(purl, os)?;
    let known = RPM.iter().find(|(name, _)| *name == distro);
    let (_, ecosystem) = known.ok_or(Unplaced::UnknownKind)?;
    let release = if distro == "openeuler" { &release } else { major(&release) };
    let ecosystem = format!("{ecosystem}:{release}");
    let version = match purl.qualifier("epoch") {
        Some(epoch) if !purl.version.contains(':') => format!("{epoch}:{}", purl.version),
        _ => purl.version.clone(),
    };
    // As openssl-3.0.7-1.el9.src.rpm.
    let mut parts = purl.qualifier("upstream").unwrap_or_default().rsplitn(3, '-').skip(2);
    let source = parts.next().filter(|source| !source.is_empty() && *source != purl.name);
    let names = source.into_iter().chain([purl.name.as_str()]);
    Ok(names.map(|name| at(&ecosystem, name, &version)).collect())
}

/// Whether a version is a later one than another, as the ecosystem orders them.
#[must_use]
pub fn is_later(ecosystem: &str, version: &str, than: &str) -> bool {
    let Some(scheme) = monitor_vulns::ecosystem::scheme(ecosystem) else { return false };
    let order = scheme.parse(version).zip(scheme.parse(than));
    let order = order.and_then(|(version, than)| version.compare(&than));
    order == Some(std::cmp::Ordering::Greater)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn placed(purl: &str, os: Option<(&str, &str)>) -> String {
        let os = os.map(|(id, version)| Os { id: id.into(), version: version.into() });
        match place(&Purl::parse(purl).unwrap(), os.as_ref()) {
            Ok(all) => all
                .iter()
                .map(|it| format!("{} {} {}", it.ecosystem, it.name, it.version))
                .collect::<Vec<_>>()
                .join(", "),
            Err(why) => why.name().to_owned(),
        }
    }

    #[test]
    fn packages_of_distributions_are_asked_for_by_source_and_release() {
        let deb = "pkg:deb/debian/libssl3@3.0.11-1?distro=debian-12.4";
        assert_eq!(placed(deb, None), "Debian:12 libssl3 3.0.11-1");
        let source = "pkg:deb/debian/libssl3@3.0.11-1%2Bb2?distro=debian-12&upstream=openssl";
        assert_eq!(placed(source, None), "Debian:12 openssl 3.0.11-1");
        let other =
            "pkg:deb/debian/libgcc-s1@12.2.0-14?distro=bookworm&upstream=gcc-12%4012.2.0-13";
        assert_eq!(placed(other, None), "Debian:12 gcc-12 12.2.0-13");
        let ubuntu = "pkg:deb/ubuntu/bash@5.1-6ubuntu1?distro=ubuntu-22.04";
        assert_eq!(placed(ubuntu, None), "Ubuntu:22.04 bash 5.1-6ubuntu1");
        let alpine = "pkg:apk/alpine/libcrypto3@3.1.0-r0?upstream=openssl";
        assert_eq!(placed(alpine, Some(("alpine", "3.18.4"))), "Alpine:v3.18 openssl 3.1.0-r0");
        assert_eq!(placed(alpine, None), "the release of the system is not said");
        // Of another system.
        assert_eq!(placed(alpine, Some(("debian", "12"))), "the release of the system is not said");
        let rocky = "pkg:rpm/rocky/openssl-libs@3.0.7-1.el9?epoch=1&distro=rocky-9.2&\
                     upstream=openssl-3.0.7-1.el9.src.rpm";
        let both = "Rocky Linux:9 openssl 1:3.0.7-1.el9, Rocky Linux:9 openssl-libs 1:3.0.7-1.el9";
        assert_eq!(placed(rocky, None), both);
    }

    #[test]
    fn packages_of_registries_are_asked_for_by_their_names() {
        assert_eq!(placed("pkg:npm/%40babel/core@7.0.0", None), "npm @babel/core 7.0.0");
        assert_eq!(placed("pkg:maven/org.x/y@1", None), "Maven org.x:y 1");
        assert_eq!(placed("pkg:golang/golang.org/x/net@v0.7.0", None), "Go golang.org/x/net 0.7.0");
        assert_eq!(placed("pkg:pypi/jinja2", None), "no version");
        assert_eq!(placed("pkg:conan/x@1", None), "a kind of package that no data are about");
    }
}
