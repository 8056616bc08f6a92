//! When an image was made: what its configuration says, wherever an engine keeps that.

use std::path::Path;

use serde::Deserialize;

use super::files::{self, fill, is_file_name, lacks, plain_id};
use crate::{
    container::Container,
    event::{FactSource, Reason},
    reach::Reach,
};

/// There were no images before 2013. Builds that are to be the same each time say 1970, or 1980.
const FIRST_NS: i64 = 1_356_998_400_000_000_000;

/// What is read of an image's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ImageConfig {
    created: Option<String>,
}

/// The time that an image's configuration says it was made at; None where it says none, or one that
/// says nothing.
pub(crate) fn time_of(text: &str) -> Option<i64> {
    files::time(text).filter(|at| *at >= FIRST_NS)
}

/// Fills in what a text says.
pub(super) fn fill_time(container: &mut Container, text: Option<&str>, source: FactSource) {
    match text.and_then(time_of) {
        Some(at) => fill(&mut container.image_created_ns, Some(at), source),
        None => lacks(&mut container.image_created_ns, Reason::NotApplicable),
    }
}

/// Docker keeps configurations of images by their ids, beside what it keeps of a storage driver.
/// With images of containerd's there are none.
pub(super) fn fill_of_docker(
    reach: &dyn Reach,
    data: &Path,
    (driver, image): (&str, &str),
    container: &mut Container,
) {
    let id = plain_id(image);
    if !is_file_name(driver) || !is_file_name(id) {
        return;
    }
    let place = data.join("image").join(driver).join("imagedb/content/sha256").join(id);
    if let Ok(config) = files::read::<ImageConfig>(reach, &place) {
        fill_time(container, config.created.as_deref(), FactSource::Docker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_there_were_images_say_nothing() {
        for text in
            ["0001-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "1980-01-01T00:00:01Z", "", "x"]
        {
            assert_eq!(time_of(text), None, "{text}");
        }
        assert_eq!(time_of("2026-01-02T03:04:05.5Z"), Some(1_767_323_045_500_000_000));
    }
}
