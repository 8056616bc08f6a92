//! Which files are whose: for who asks what of a root is used. Nothing is kept here; each file is
//! handed out as its database says it, and who asks makes an index of what it needs.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    apk,
    diversions::Diversions,
    dpkg,
    inventory::Pages,
    limits::{DATABASE_BYTES, DESCRIPTION_BYTES, DIVERSIONS_BYTES},
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
    /// A program or an archive, which has other packages in it as well.
    Within(&'p [u8]),
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
            Kind::Go | Kind::Cargo | Kind::Java => each(at, Place::Within(path.as_bytes())),
            Kind::Node => each(at, Place::Below(above(path).as_bytes())),
            Kind::Python => of_python(root, path, &package.name, &mut |place| each(at, place)),
        }
    }
    Ok(())
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// Where a package of Python is: its description, and its modules beside that. Which these are a
/// list says, where there is one; most have the package's name, with `_`.
fn of_python(root: &dyn Root, path: &str, name: &str, each: &mut dyn FnMut(Place<'_>)) {
    // Of a description that is a file itself one level less is taken away.
    let is_file = path.ends_with(".egg-info");
    let (own, beside) =
        if is_file { (path, above(path)) } else { (above(path), above(above(path))) };
    each(Place::Below(own.as_bytes()));
    let list = |name: &str| {
        let bytes = root.read(Path::new(&format!("{own}/{name}")), DESCRIPTION_BYTES).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let listed = (!is_file).then(|| list("RECORD").or_else(|| list("top_level.txt"))).flatten();
    let Some(listed) = listed else {
        let name = name.replace(['-', '.'], "_");
        for name in [&name, &name.to_ascii_lowercase()] {
            each(Place::Below(format!("{beside}/{name}").as_bytes()));
        }
        return;
    };
    let mut last = "";
    for line in listed.lines() {
        // The path comes first; one with a comma in it is quoted, and no module's.
        let path = line.split(',').next().unwrap_or_default().trim();
        let (top, rest) = path.split_once('/').unwrap_or((path, ""));
        let is_module = !top.is_empty() && !top.starts_with(['.', '"']);
        let is_description = [".dist-info", ".egg-info"].iter().any(|end| top.ends_with(end));
        if !is_module || is_description || top == "__pycache__" || top == last {
            continue;
        }
        last = top;
        let place = format!("{beside}/{top}");
        match rest.is_empty() && top.contains('.') {
            true => each(Place::File(place.as_bytes())),
            false => each(Place::Below(place.as_bytes())),
        }
    }
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
    let diversions = match root.read(Path::new(dpkg::DIVERSIONS), DIVERSIONS_BYTES) {
        Ok(bytes) => Diversions::parse(&bytes).ok_or(RootError::TooLarge)?,
        Err(RootError::NotFound | RootError::OtherKind) => Diversions::default(),
        Err(error) => return Err(error),
    };
    let lists: Vec<(usize, PathBuf)> = of_dpkg
        .flat_map(|(at, package)| dpkg::lists(package).into_iter().map(move |path| (at, path)))
        .collect();
    for some in lists.chunks(AT_ONCE) {
        let paths: Vec<PathBuf> = some.iter().map(|(_, path)| path.clone()).collect();
        for ((at, path), bytes) in some.iter().zip(root.read_each(&paths, DATABASE_BYTES)) {
            let name = packages.get(*at).map_or("", |package| &*package.name);
            let mut one = |path: &[u8]| each(*at, Place::File(diversions.place(path, name)));
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
