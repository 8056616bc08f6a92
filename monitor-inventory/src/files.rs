//! Which files are whose: for who asks what of a root is used. Nothing is kept here; each file is
//! handed out as its database says it, and who asks makes an index of what it needs.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    apk, dpkg,
    inventory::Pages,
    limits::DATABASE_BYTES,
    package::{Kind, Package},
    root::{Root, RootError},
    rpm,
};

/// Lists that are read at once.
const AT_ONCE: usize = 64;

/// Where something of a package is. Paths are from the root, as the database writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'p> {
    /// A file. dpkg's lists have directories, too.
    File(&'p [u8]),
    /// All that is below a directory.
    Below(&'p [u8]),
}

/// Tells where the files of packages of a root are: the package's place in the list, and each of
/// its places. Of a program, or an archive, that is itself; of Python's and Node's packages it is
/// a directory.
///
/// # Errors
///
/// A database cannot be read any more.
pub fn each(
    root: &dyn Root,
    packages: &[Package],
    each: &mut dyn FnMut(usize, Place<'_>),
) -> Result<(), RootError> {
    of_dpkg(root, packages, each)?;
    of_apk(root, packages, each)?;
    of_rpm(root, packages, each)?;
    for (at, package) in packages.iter().enumerate() {
        let path = package.path.split("!/").next().unwrap_or_default();
        match package.kind {
            Kind::Dpkg | Kind::Apk | Kind::Rpm => {}
            Kind::Go | Kind::Cargo | Kind::Java => each(at, Place::File(path.as_bytes())),
            Kind::Node => each(at, Place::Below(above(path).as_bytes())),
            // The modules are beside the description, and their names are in it only in part.
            Kind::Python => {
                each(at, Place::Below(above(path).as_bytes()));
                each(at, Place::Below(of_python(path, &package.name).as_bytes()));
            }
        }
    }
    Ok(())
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// The directory of a package's modules, as most have it: its name with `_`.
fn of_python(path: &str, name: &str) -> String {
    // Of a description that is a file itself one level less is taken away.
    let own = if path.ends_with(".egg-info") { above(path) } else { above(above(path)) };
    format!("{own}/{}", name.replace(['-', '.'], "_"))
}

/// A path without the `/usr` that directories were merged into: one that a list has as `/bin/x`
/// is found as `/usr/bin/x`.
#[must_use]
pub fn unmerged(path: &[u8]) -> &[u8] {
    const MERGED: [&[u8]; 4] = [b"bin/", b"sbin/", b"lib/", b"lib64/"];
    match path.strip_prefix(b"/usr/") {
        Some(rest) if MERGED.iter().any(|it| rest.starts_with(it)) => {
            path.get(b"/usr".len()..).unwrap_or(path)
        }
        _ => path,
    }
}

fn of_dpkg(
    root: &dyn Root,
    packages: &[Package],
    each: &mut dyn FnMut(usize, Place<'_>),
) -> Result<(), RootError> {
    let of_dpkg = packages.iter().enumerate().filter(|(_, it)| it.kind == Kind::Dpkg);
    let lists: Vec<(usize, PathBuf)> = of_dpkg
        .flat_map(|(at, package)| dpkg::lists(package).into_iter().map(move |path| (at, path)))
        .collect();
    for some in lists.chunks(AT_ONCE) {
        let paths: Vec<PathBuf> = some.iter().map(|(_, path)| path.clone()).collect();
        for ((at, path), bytes) in some.iter().zip(root.read_each(&paths, DATABASE_BYTES)) {
            let mut one = |path: &[u8]| each(*at, Place::File(path));
            match bytes {
                Ok(bytes) if path.extension().is_some_and(|it| it == "md5sums") => {
                    dpkg::each_of_digests(&bytes, &mut one);
                }
                Ok(bytes) => dpkg::each_of_list(&bytes, &mut one),
                // The list has one of two names.
                Err(RootError::NotFound | RootError::OtherKind) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Packages of a kind by name, or name and version.
fn by<'p, K: std::hash::Hash + Eq>(
    packages: &'p [Package],
    kind: Kind,
    key: impl Fn(&'p Package) -> K,
) -> HashMap<K, usize> {
    let of_kind = packages.iter().enumerate().filter(|(_, it)| it.kind == kind);
    of_kind.map(|(at, package)| (key(package), at)).collect()
}

fn of_apk(
    root: &dyn Root,
    packages: &[Package],
    each: &mut dyn FnMut(usize, Place<'_>),
) -> Result<(), RootError> {
    let known = by(packages, Kind::Apk, |package| &*package.name);
    let path = packages.iter().find(|it| it.kind == Kind::Apk).map(|it| &*it.path);
    let Some(path) = path else { return Ok(()) };
    let bytes = root.read(Path::new(path), DATABASE_BYTES)?;
    apk::each_file(&bytes, |path, package| {
        if let Some(at) = known.get(package) {
            each(*at, Place::File(path));
        }
    });
    Ok(())
}

fn of_rpm(
    root: &dyn Root,
    packages: &[Package],
    each: &mut dyn FnMut(usize, Place<'_>),
) -> Result<(), RootError> {
    let key = |it: &Package| (it.name.clone(), it.version.clone(), it.architecture.clone());
    let known = by(packages, Kind::Rpm, key);
    let path = packages.iter().find(|it| it.kind == Kind::Rpm).map(|it| &*it.path);
    let Some(path) = path else { return Ok(()) };
    let pages = Pages::new(root, Path::new(path));
    let read = rpm::each_header(&pages, &mut |bytes| {
        let Some(header) = bytes.and_then(rpm::parse_header) else { return };
        let package = rpm::package(&header, path);
        if let Some(at) = package.and_then(|package| known.get(&key(&package)).copied()) {
            header.each_file(&mut |path| each(at, Place::File(path)));
        }
    });
    read.map_err(|_broken| RootError::Broken)
}
