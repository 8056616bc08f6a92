//! dpkg's database: `var/lib/dpkg/status`, or a file for each package in `status.d`, as images
//! without a package manager have; and its lists of files.

use std::path::{Path, PathBuf};

use crate::{
    package::{Kind, Package, Source},
    text,
};

/// The database.
pub const STATUS: &str = "var/lib/dpkg/status";
/// Where images without a package manager have a file for each package.
pub const STATUS_DIRECTORY: &str = "var/lib/dpkg/status.d";
/// Which files of packages lie elsewhere than their lists say.
pub const DIVERSIONS: &str = "var/lib/dpkg/diversions";
/// Where lists of files are.
pub const INFO: &str = "var/lib/dpkg/info";

/// The packages that are installed, and how many paragraphs are none that can be read.
pub fn parse(bytes: &[u8], path: &str, mut each: impl FnMut(Package)) -> usize {
    let mut broken = 0;
    let mut fields = Fields::default();
    for line in text::lines(bytes).chain([&b""[..]]) {
        if line.is_empty() {
            match std::mem::take(&mut fields).package(path) {
                Ok(package) => package.into_iter().for_each(&mut each),
                Err(Broken) => broken += 1,
            }
            continue;
        }
        // What goes on with the line before is no field that is wanted.
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let Some((name, value)) = text::field(line) else { continue };
        fields.is_any = true;
        match name {
            b"Package" => fields.name = Some(value),
            b"Status" => fields.status = Some(value),
            b"Source" => fields.source = Some(value),
            b"Version" => fields.version = Some(value),
            b"Architecture" => fields.architecture = Some(value),
            _ => {}
        }
    }
    broken
}

/// Fields of a paragraph.
#[derive(Default)]
struct Fields<'b> {
    is_any: bool,
    name: Option<&'b [u8]>,
    status: Option<&'b [u8]>,
    source: Option<&'b [u8]>,
    version: Option<&'b [u8]>,
    architecture: Option<&'b [u8]>,
}

/// A paragraph that has no name or version.
struct Broken;

impl Fields<'_> {
    fn package(self, path: &str) -> Result<Option<Package>, Broken> {
        // What is to be installed, or was and left its configuration, is not there. In all other
        // states (dpkg(1)) some or all of its files are, whatever is still to be done for it.
        let is_away = |status: &[u8]| {
            let state = status.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
            [&b"not-installed"[..], b"config-files"].contains(&state)
        };
        if !self.is_any || self.status.is_some_and(is_away) {
            return Ok(None);
        }
        let text = |field: Option<&[u8]>| field.and_then(text::kept);
        let (Some(name), Some(version)) = (text(self.name), text(self.version)) else {
            return Err(Broken);
        };
        let source = match self.source.map(|it| text::clean(it).ok_or(Broken)).transpose()? {
            Some(source) => of_source(source, &version),
            None => Source { name: name.clone(), version: version.clone() },
        };
        let architecture = text(self.architecture);
        Ok(Some(Package {
            source: Some(source),
            architecture,
            ..Package::new(Kind::Dpkg, name, version, path)
        }))
    }
}

/// `name (version)`, or the name alone where the version is the same.
fn of_source(source: &str, version: &str) -> Source {
    let split =
        source.split_once(" (").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)));
    let (name, version) = split.unwrap_or((source, version));
    Source { name: name.trim().into(), version: version.trim().into() }
}

/// Where the list of a package's files can be.
pub(crate) fn lists(package: &Package) -> Vec<PathBuf> {
    let is_plain = |text: &str| !text.contains('/') && !text.starts_with('.');
    if !is_plain(&package.name) {
        return Vec::new();
    }
    let name = &package.name;
    if package.path.trim_start_matches('/') != STATUS {
        return vec![Path::new(STATUS_DIRECTORY).join(format!("{name}.md5sums"))];
    }
    let by_architecture = package.architecture.as_deref().filter(|it| is_plain(it));
    let by_architecture = by_architecture.map(|it| format!("{name}:{it}.list"));
    let names = [Some(format!("{name}.list")), by_architecture];
    names.into_iter().flatten().map(|name| Path::new(INFO).join(name)).collect()
}

/// Each path of a list, from the root; directories are among them.
pub fn each_of_list(text: &[u8], each: impl FnMut(&[u8])) {
    text.split(|byte| *byte == b'\n').filter(|path| path.starts_with(b"/")).for_each(each);
}

/// Each path of a file of digests, from the root.
pub fn each_of_digests(text: &[u8], mut each: impl FnMut(&[u8])) {
    for line in text.split(|byte| *byte == b'\n') {
        let Some(space) = line.windows(2).position(|pair| pair == b"  ") else { continue };
        let path = line.get(space + 2..).unwrap_or_default();
        if !path.is_empty() {
            each(&[b"/", path].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> (Vec<Package>, usize) {
        let mut packages = Vec::new();
        let broken = parse(text.as_bytes(), STATUS, |package| packages.push(package));
        (packages, broken)
    }

    #[test]
    fn only_what_is_installed_is_told_with_its_source() {
        let (packages, broken) = all("Package: libc6\nStatus: install ok installed\n\
             Architecture: amd64\nSource: glibc (2.36-9)\nVersion: 2.36-9+deb12u4\n\
             Description: x\n Package: no\n\n\
             Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
             Package: plain\nStatus: hold ok installed\nVersion: 2\nSource: other\n\n\n\
             Package: torn\nStatus: install ok installed\n\n\
             Package: last\nVersion: 3");
        let source = |at: usize| {
            let package = packages.get(at).unwrap();
            let source = package.source.as_ref().unwrap();
            (&*package.name, &*source.name, &*source.version)
        };
        assert_eq!(source(0), ("libc6", "glibc", "2.36-9"));
        assert_eq!(source(1), ("plain", "other", "2"));
        assert_eq!(source(2), ("last", "last", "3"));
        assert_eq!((packages.len(), broken), (3, 1));
        let lists = lists(packages.first().unwrap());
        let names: Vec<_> = lists.iter().filter_map(|it| it.file_name()?.to_str()).collect();
        assert_eq!(names, ["libc6.list", "libc6:amd64.list"]);
    }

    #[test]
    fn what_is_half_set_up_is_there_with_its_files() {
        for (state, is_there) in [
            ("install ok unpacked", true),
            ("install ok half-configured", true),
            ("install reinstreq half-installed", true),
            ("install ok triggers-awaited", true),
            ("install ok triggers-pending", true),
            ("deinstall ok config-files", false),
            ("unknown ok not-installed", false),
        ] {
            let (packages, _) = all(&format!("Package: a\nStatus: {state}\nVersion: 1\n"));
            assert_eq!(packages.len(), usize::from(is_there), "{state}");
        }
    }

    #[test]
    fn names_lead_nowhere() {
        let (packages, _) = all("Package: ../../../etc/x\nVersion: 1\n");
        assert!(lists(packages.first().unwrap()).is_empty());
    }
}
