//! dpkg's lists of files: `var/lib/dpkg/info/<package>[:<architecture>].list`, a path a line, with
//! directories; and what distroless images have instead,
//! `var/lib/dpkg/status.d/<package>.md5sums`, a digest and a path from the root a line.

/// The package of a file's name, if it is such a list.
pub(super) fn package_of(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".list").or_else(|| name.strip_suffix(".md5sums"))?;
    Some(stem.split_once(':').map_or(stem, |(package, _)| package))
}

/// Each path of a list.
pub(super) fn each_of_list(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    text.split(|byte| *byte == b'\n').filter(|path| path.starts_with(b"/")).for_each(each);
}

/// Each path of a file of digests, from the root.
pub(super) fn each_of_digests(text: &[u8], each: &mut dyn FnMut(&[u8])) {
    for line in text.split(|byte| *byte == b'\n') {
        let Some(end) = line.iter().position(|byte| *byte == b' ') else { continue };
        let path = line.get(end..).unwrap_or_default().trim_ascii_start();
        if !path.is_empty() {
            each(&[b"/", path.strip_prefix(b"/").unwrap_or(path)].concat());
        }
    }
}
