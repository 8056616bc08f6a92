//! A package, and what others call it.

use std::fmt::Write as _;

use crate::os_release::OsRelease;

/// Who says that a package is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// dpkg, of Debian and Ubuntu.
    Dpkg,
    /// apk, of Alpine and Wolfi.
    Apk,
    /// rpm.
    Rpm,
    /// A Go program, about the modules that it was built of.
    Go,
    /// A Rust program, about its crates (cargo-auditable).
    Cargo,
    /// Metadata beside Python's modules.
    Python,
    /// A `package.json` in `node_modules`.
    Node,
    /// A jar.
    Java,
}

impl Kind {
    /// All of them, those of operating systems first.
    pub const ALL: [Self; 8] = [
        Self::Dpkg,
        Self::Apk,
        Self::Rpm,
        Self::Go,
        Self::Cargo,
        Self::Python,
        Self::Node,
        Self::Java,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Go => "go",
            Self::Cargo => "cargo",
            Self::Python => "python",
            Self::Node => "node",
            Self::Java => "java",
        }
    }

    /// Whether the operating system installs such.
    #[must_use]
    pub fn is_of_os(self) -> bool {
        matches!(self, Self::Dpkg | Self::Apk | Self::Rpm)
    }
}

/// The source package that a package was built of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: Box<str>,
    /// Its version.
    pub version: Box<str>,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Who says that it is there.
    pub kind: Kind,
    /// Its name, as its kind writes it: of Maven `group:artifact`, where the group is known.
    pub name: Box<str>,
    /// Its version; empty where none is told, as for the main module of a program that was built
    /// from a checkout.
    pub version: Box<str>,
    /// What it was built of, where that is told.
    pub source: Option<Source>,
    /// The architecture, as its kind writes it.
    pub architecture: Option<Box<str>>,
    /// The licence, as its author writes it. dpkg does not know.
    pub licence: Option<Box<str>>,
    /// rpm's label of the module that it is of.
    pub module: Option<Box<str>>,
    /// Where that is said: the database, the program, the archive, or the description. A path in
    /// the root; of an archive within another one `outer!/inner`.
    pub path: Box<str>,
    /// The package of the operating system that brought that file. Where a distribution made that,
    /// it mends it under a version of its own: what is listed of the language's one may not hold.
    pub brought_by: Option<Box<str>>,
}

/// Where vulnerabilities of a package are listed, as OSV has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinates {
    /// The ecosystem, with the release of the operating system: `Debian:12`, `Go`.
    pub ecosystem: String,
    /// The name there: the source package where the ecosystem lists such.
    pub name: String,
    /// The version there.
    pub version: String,
}

impl Package {
    /// A package of which no more is known yet.
    #[must_use]
    pub fn new(kind: Kind, name: Box<str>, version: Box<str>, path: &str) -> Self {
        Self {
            kind,
            name,
            version,
            source: None,
            architecture: None,
            licence: None,
            module: None,
            path: path.into(),
            brought_by: None,
        }
    }

    /// Its package URL, with the operating system that it is of.
    #[must_use]
    pub fn purl(&self, os: Option<&OsRelease>) -> String {
        let (kind, namespace, name) = self.purl_parts(os);
        let mut purl = format!("pkg:{kind}/");
        if let Some(namespace) = namespace {
            let parts: Vec<String> = namespace.split('/').map(encode).collect();
            purl.push_str(&parts.join("/"));
            purl.push('/');
        }
        purl.push_str(&encode(&name));
        let (epoch, version) = match (self.kind, self.version.split_once(':')) {
            (Kind::Rpm, Some((epoch, version))) => (Some(epoch), version),
            _ => (None, &*self.version),
        };
        if !version.is_empty() {
            purl.push('@');
            purl.push_str(&encode(version));
        }
        let distro = os.filter(|_| self.kind.is_of_os()).and_then(OsRelease::distro);
        let upstream = self.upstream();
        let mut sign = '?';
        let qualifiers = [
            ("arch", self.architecture.as_deref()),
            ("distro", distro.as_deref()),
            ("epoch", epoch),
            ("upstream", upstream.as_deref()),
        ];
        for (key, value) in qualifiers {
            if let Some(value) = value {
                // Writing to a text does not fail.
                let _written = write!(purl, "{sign}{key}={}", encode(value));
                sign = '&';
            }
        }
        purl
    }

    /// Its source, where that has another name or version, as `name@version`: databases of
    /// vulnerabilities list sources of these kinds.
    fn upstream(&self) -> Option<String> {
        let source =
            self.source.as_ref().filter(|_| matches!(self.kind, Kind::Dpkg | Kind::Apk))?;
        match (source.name == self.name, source.version == self.version) {
            (true, true) => None,
            (_, true) => Some(source.name.to_string()),
            (_, false) => Some(format!("{}@{}", source.name, source.version)),
        }
    }

    fn purl_parts(&self, os: Option<&OsRelease>) -> (&'static str, Option<String>, String) {
        let name = &*self.name;
        let id =
            |otherwise: &str| Some(os.map_or(otherwise, |os| os.id.as_ref()).to_ascii_lowercase());
        let split = |name: &str, sign: char| match name.rsplit_once(sign) {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, name.to_owned()),
        };
        match self.kind {
            Kind::Dpkg => ("deb", id("debian"), name.to_owned()),
            Kind::Apk => ("apk", id("alpine"), name.to_owned()),
            Kind::Rpm => ("rpm", id("linux"), name.to_owned()),
            Kind::Go => {
                let (namespace, name) = split(name, '/');
                ("golang", namespace, name)
            }
            Kind::Cargo => ("cargo", None, name.to_owned()),
            Kind::Python => ("pypi", None, python_name(name)),
            Kind::Node => {
                let (namespace, name) = split(name, '/');
                ("npm", namespace, name)
            }
            Kind::Java => {
                let (namespace, name) = split(name, ':');
                ("maven", namespace, name)
            }
        }
    }

    /// Where its vulnerabilities are listed; None where they are nowhere: the ecosystem is not
    /// known, or the package has no version or only half a name.
    ///
    /// Debian, Ubuntu, Alpine and SUSE list source packages, so that the name and the version are
    /// those of the source. The other systems of rpm list what is installed.
    #[must_use]
    pub fn osv(&self, os: Option<&OsRelease>) -> Option<Coordinates> {
        let ecosystem = match self.kind {
            Kind::Dpkg | Kind::Apk | Kind::Rpm => os?.ecosystem()?,
            Kind::Go => "Go".to_owned(),
            Kind::Cargo => "crates.io".to_owned(),
            Kind::Python => "PyPI".to_owned(),
            Kind::Node => "npm".to_owned(),
            Kind::Java => "Maven".to_owned(),
        };
        let by_source = match self.kind {
            Kind::Dpkg | Kind::Apk => true,
            Kind::Rpm => ecosystem.starts_with("SUSE") || ecosystem.starts_with("openSUSE"),
            _ => false,
        };
        let source = self.source.as_ref().filter(|_| by_source);
        let (name, version) = match source {
            // The build of a source package of rpm has that version, too, and an epoch besides.
            Some(source) if self.kind == Kind::Rpm => (&*source.name, &*self.version),
            Some(source) => (&*source.name, &*source.version),
            None => (&*self.name, &*self.version),
        };
        let name = match self.kind {
            Kind::Python => python_name(name),
            Kind::Java if !name.contains(':') => return None,
            _ => name.to_owned(),
        };
        let version = match self.kind {
            Kind::Go => version.strip_prefix('v').unwrap_or(version),
            _ => version,
        };
        let version = version.to_owned();
        (!version.is_empty()).then_some(Coordinates { ecosystem, name, version })
    }
}

/// A name of Python's, as its index writes it: runs of `-`, `_` and `.` are one `-`.
fn python_name(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Percent-encodes what has a meaning in a package URL.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _written = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(kind: Kind, name: &str, version: &str) -> Package {
        Package::new(kind, name.into(), version.into(), "/x")
    }

    fn os(text: &str) -> OsRelease {
        crate::os_release::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_are_those_of_the_ecosystem() {
        let debian = os("ID=debian\nVERSION_ID=\"12\"\n");
        let mut ssh = package(Kind::Dpkg, "openssh-server", "1:9.2p1-2+deb12u3");
        ssh.architecture = Some("amd64".into());
        ssh.source = Some(Source { name: "openssh".into(), version: "1:9.2p1-2+deb12u3".into() });
        assert_eq!(
            ssh.purl(Some(&debian)),
            "pkg:deb/debian/openssh-server@1:9.2p1-2%2Bdeb12u3?arch=amd64&distro=debian-12\
             &upstream=openssh"
        );
        let mut rebuilt = package(Kind::Dpkg, "libc6", "2.36-9+b1");
        rebuilt.source = Some(Source { name: "glibc".into(), version: "2.36-9".into() });
        let purl = rebuilt.purl(None);
        assert_eq!(purl, "pkg:deb/debian/libc6@2.36-9%2Bb1?upstream=glibc%402.36-9");
        let told = ssh.osv(Some(&debian)).unwrap();
        assert_eq!((&*told.ecosystem, &*told.name), ("Debian:12", "openssh"));
        assert_eq!(ssh.osv(None), None, "nobody knows where");

        let check = |kind, name, version, purl: &str, osv: (&str, &str)| {
            let package = package(kind, name, version);
            assert_eq!(package.purl(None), purl);
            let told = package.osv(None).unwrap();
            assert_eq!((&*told.name, &*told.version), osv);
        };
        let module = "github.com/opencontainers/runc";
        let purl = "pkg:golang/github.com/opencontainers/runc@v1.1.12";
        check(Kind::Go, module, "v1.1.12", purl, (module, "1.1.12"));
        check(
            Kind::Node,
            "@babel/core",
            "7.1.0",
            "pkg:npm/%40babel/core@7.1.0",
            ("@babel/core", "7.1.0"),
        );
        check(Kind::Python, "Foo__Bar.baz", "1", "pkg:pypi/foo-bar-baz@1", ("foo-bar-baz", "1"));
        let log4j = "org.apache.logging.log4j:log4j-core";
        let purl = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1";
        check(Kind::Java, log4j, "2.14.1", purl, (log4j, "2.14.1"));
        assert_eq!(package(Kind::Java, "log4j-core", "2.14.1").osv(None), None, "half a name");
        assert_eq!(package(Kind::Go, module, "").osv(None), None, "no version");
        let mut bash = package(Kind::Rpm, "bash", "1:5.1-2.el9");
        bash.architecture = Some("x86_64".into());
        let rocky = os("ID=\"rocky\"\nVERSION_ID=\"9.3\"\n");
        assert_eq!(
            bash.purl(Some(&rocky)),
            "pkg:rpm/rocky/bash@5.1-2.el9?arch=x86_64&distro=rocky-9.3&epoch=1"
        );
    }
}
