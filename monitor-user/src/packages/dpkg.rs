//! dpkg's lists of files: `var/lib/dpkg/info/<package>[:<architecture>].list`, a path a line, with
//! directories; and what distroless images have instead,
//! `var/lib/dpkg/status.d/<package>.md5sums`, a digest and a path from the root a line.

/// The package of a file's name, if it is such a list.
pub(super) fn package_of(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".list").or_else(|| name.strip_suffix(".md5sums"))?;
    Some(stem.split_once(':').map_or(stem, |(package, _)| package))
}
