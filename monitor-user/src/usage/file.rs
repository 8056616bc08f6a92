//! What is used, as a file: JSON, in order, so that other programs of ours can read it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Coverage, How, ImageUse, Used};
use crate::document::printable::lossless;

/// The version of the form.
const VERSION: u32 = 1;

/// Writes it: also since when all that was used is in it.
#[must_use]
pub fn write(images: &[ImageUse], whole_since_ns: i64, now_ns: i64) -> String {
    let used = |(path, used): (&Vec<u8>, &Used)| {
        json!([lossless(path), used.how.name(), used.first_ns, used.last_ns, used.by_root])
    };
    let image = |it: &ImageUse| {
        let Coverage { containers, from_start, observed_seconds, lost, no_room, .. } = it.coverage;
        json!({
            "image": it.image,
            "key": it.key,
            "coverage": {
                "containers": containers,
                "from_start": from_start,
                "observed_seconds": observed_seconds,
                "lost": lost,
                "no_room": no_room,
                "unnamed": it.coverage.unnamed,
                "since_ns": it.coverage.since_ns,
            },
            "files": it.files.iter().map(used).collect::<Vec<_>>(),
        })
    };
    let images: Vec<Value> = images.iter().map(image).collect();
    json!({
        "version": VERSION,
        "written_ns": now_ns,
        "whole_since_ns": whole_since_ns,
        "images": images,
    })
    .to_string()
}

/// Since when all that was used is in such a file, and when it was written; None where it does not
/// say so.
#[must_use]
pub fn whole_since(text: &str) -> Option<(i64, i64)> {
    #[derive(Deserialize)]
    struct Since {
        whole_since_ns: i64,
        written_ns: i64,
    }
    let since: Since = serde_json::from_str(text).ok()?;
    Some((since.whole_since_ns, since.written_ns))
}

#[derive(Deserialize)]
struct Form {
    version: u32,
    written_ns: i64,
    images: Vec<FormImage>,
}

#[derive(Deserialize)]
struct FormImage {
    image: String,
    key: String,
    coverage: FormCoverage,
    files: Vec<(String, String, i64, i64, bool)>,
}

#[derive(Deserialize)]
struct FormCoverage {
    containers: u64,
    from_start: u64,
    observed_seconds: u64,
    lost: u64,
    no_room: u64,
    #[serde(default)]
    unnamed: u64,
    /// Who does not say so says nothing of what is not used.
    since_ns: Option<i64>,
}

impl FormCoverage {
    fn coverage(self) -> Coverage {
        let Self { containers, from_start, observed_seconds, lost, no_room, unnamed, since_ns } =
            self;
        let is_over = false;
        Coverage {
            containers,
            from_start,
            observed_seconds,
            lost,
            no_room,
            unnamed,
            since_ns,
            is_over,
        }
    }
}

/// Reads it: the images, and when it was written.
///
/// # Errors
///
/// It is none, or one of another version.
pub fn read(text: &str) -> Result<(Vec<ImageUse>, i64), String> {
    let form: Form = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if form.version != VERSION {
        return Err(format!("it has version {}, and not {VERSION}", form.version));
    }
    let used = |(path, how, first_ns, last_ns, by_root): (String, String, i64, i64, bool)| {
        let how = How::from_name(&how)?;
        Some((path.into_bytes(), Used { how, first_ns, last_ns, by_root }))
    };
    let image = |it: FormImage| ImageUse {
        image: it.image,
        key: it.key,
        coverage: it.coverage.coverage(),
        files: it.files.into_iter().filter_map(used).collect::<BTreeMap<_, _>>(),
    };
    Ok((form.images.into_iter().map(image).collect(), form.written_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let used = Used { how: How::Mapped, first_ns: 1, last_ns: 2, by_root: true };
        let image = ImageUse {
            image: "shop:1".to_owned(),
            key: "sha256:1".to_owned(),
            coverage: Coverage {
                containers: 3,
                from_start: 2,
                observed_seconds: 9,
                lost: 1,
                no_room: 4,
                unnamed: 5,
                since_ns: Some(6),
                is_over: false,
            },
            files: [(b"/lib/x.so".to_vec(), used)].into(),
        };
        let text = write(std::slice::from_ref(&image), 66, 77);
        assert_eq!((whole_since(&text), whole_since("{}")), (Some((66, 77)), None));
        assert_eq!(read(&text), Ok((vec![image], 77)));
        assert!(read("{}").is_err());
        assert!(read(&text.replace("\"version\":1", "\"version\":2")).is_err());
    }
}
