//! Jars: what Maven wrote into them, or else their manifest, or their name; and jars in a jar, one
//! level of them.

use crate::{
    limits::{DESCRIPTION_BYTES, NESTED_ARCHIVES, NESTED_BYTES, NESTED_BYTES_ALL},
    package::{Kind, Package},
    text,
    zip::{Bytes, Entry, ZipError, content, entries},
};

/// Endings of such archives.
pub(crate) const ENDS: [&str; 4] = [".jar", ".war", ".ear", ".hpi"];

const MANIFEST: &str = "META-INF/MANIFEST.MF";

/// How far a jar was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// It, or one in it, is torn.
    pub is_broken: bool,
    /// Something in it is beyond what is looked at.
    pub is_cut: bool,
}

impl Told {
    fn of(error: ZipError) -> Self {
        Self { is_broken: error == ZipError::Broken, is_cut: error == ZipError::TooLarge }
    }

    fn and(&mut self, other: Self) {
        self.is_broken |= other.is_broken;
        self.is_cut |= other.is_cut;
    }
}

/// Whether a name is one of such an archive.
#[must_use]
pub fn is_archive(name: &str) -> bool {
    ENDS.iter().any(|end| name.ends_with(end))
}

/// The packages in a jar.
pub fn parse(bytes: &[u8], path: &str, each: &mut dyn FnMut(Package)) -> Told {
    let of = |offset: u64, length: usize| slice(bytes, offset, length);
    parse_by(&of, bytes.len() as u64, path, each)
}

fn slice(bytes: &[u8], offset: u64, length: usize) -> Option<Vec<u8>> {
    let begin = usize::try_from(offset).ok()?;
    Some(bytes.get(begin..begin.checked_add(length)?)?.to_vec())
}

/// The same of one that is read piece by piece.
pub(crate) fn parse_by(
    bytes: Bytes<'_>,
    size: u64,
    path: &str,
    each: &mut dyn FnMut(Package),
) -> Told {
    let mut told = Told::default();
    let is_wanted = |name: &str| is_archive(name) || is_description(name);
    let entries = match entries(bytes, size, &is_wanted) {
        Ok(entries) => entries,
        Err(error) => return Told::of(error),
    };
    told.and(described(bytes, &entries, path, each));
    let mut left = NESTED_BYTES_ALL;
    for (count, entry) in entries.iter().filter(|entry| is_archive(&entry.name)).enumerate() {
        if count >= NESTED_ARCHIVES {
            told.is_cut = true;
            break;
        }
        let inner = match content(bytes, entry, NESTED_BYTES.min(left)) {
            Ok(inner) => inner,
            Err(error) => {
                told.and(Told::of(error));
                continue;
            }
        };
        left = left.saturating_sub(inner.len() as u64);
        let within = format!("{path}!/{}", entry.name);
        let Some(within) = text::clean(within.as_bytes()) else {
            told.is_broken = true;
            continue;
        };
        let of = |offset: u64, length: usize| slice(&inner, offset, length);
        told.and(match self::entries(&of, inner.len() as u64, &is_description) {
            Ok(entries) => described(&of, &entries, within, each),
            Err(error) => Told::of(error),
        });
    }
    told
}

fn is_description(name: &str) -> bool {
    let is_maven = || name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties");
    name == MANIFEST || is_maven()
}

/// What describes a jar: of several of Maven's each is a package that was put into it.
fn described(
    bytes: Bytes<'_>,
    entries: &[Entry],
    path: &str,
    each: &mut dyn FnMut(Package),
) -> Told {
    let mut told = Told::default();
    let mut is_any = false;
    let mut manifest = None;
    for entry in entries.iter().filter(|entry| is_description(&entry.name)) {
        match content(bytes, entry, DESCRIPTION_BYTES) {
            Ok(content) if &*entry.name == MANIFEST => manifest = Some(content),
            Ok(content) => match of_maven(&content, path) {
                Some(package) => {
                    is_any = true;
                    each(package);
                }
                None => told.is_broken = true,
            },
            Err(error) => told.and(Told::of(error)),
        }
    }
    if !is_any {
        let manifest = manifest.unwrap_or_default();
        of_manifest(&manifest, path).or_else(|| of_name(path)).into_iter().for_each(each);
    }
    told
}

/// `groupId`, `artifactId` and `version`, a line each.
fn of_maven(bytes: &[u8], path: &str) -> Option<Package> {
    let field = |wanted: &[u8]| {
        let value = |line: &[u8]| {
            let (key, value) = line.split_at_checked(memchr::memchr(b'=', line)?)?;
            let value = value.get(1..)?;
            (key.trim_ascii() == wanted).then(|| text::clean(value).map(str::to_owned))?
        };
        text::lines(bytes).find_map(value)
    };
    let (group, artifact) = (field(b"groupId")?, field(b"artifactId")?);
    let name = format!("{group}:{artifact}");
    Some(Package::new(Kind::Java, name.into(), field(b"version")?.into(), path))
}

/// What the manifest says of the whole jar.
fn of_manifest(bytes: &[u8], path: &str) -> Option<Package> {
    let main: Vec<&[u8]> = text::lines(bytes).take_while(|line| !line.is_empty()).collect();
    let field = |name: &[u8]| {
        let mut fields = main.iter().filter_map(|line| text::field(line));
        let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        text::clean(value)
    };
    let version = field(b"Implementation-Version").or_else(|| field(b"Bundle-Version"))?;
    let bundle = || field(b"Bundle-SymbolicName")?.split(';').next();
    let title = field(b"Implementation-Title").filter(|it| !it.contains(' '));
    let artifact = title.or_else(bundle)?;
    let name = match field(b"Implementation-Vendor-Id") {
        Some(group) if !group.contains(' ') => format!("{group}:{artifact}"),
        _ => artifact.to_owned(),
    };
    Some(Package::new(Kind::Java, name.into(), version.into(), path))
}

/// `name-1.2.3.jar`.
fn of_name(path: &str) -> Option<Package> {
    let file = path.rsplit('/').next()?;
    let stem = ENDS.iter().find_map(|end| file.strip_suffix(end))?;
    let is_number = |it: &str| it.starts_with(|it: char| it.is_ascii_digit());
    let mut dashes = stem.match_indices('-').map(|(at, _)| at);
    let at = dashes.find(|at| stem.get(at + 1..).is_some_and(is_number))?;
    let (name, version) = stem.split_at_checked(at)?;
    let version = version.strip_prefix('-')?;
    (!name.is_empty()).then(|| Package::new(Kind::Java, name.into(), version.into(), path))
}

#[cfg(test)]
pub(crate) mod tests;
