//! Where containers and images are kept, and whether what they write fills a file system of the
//! host's own.

use std::collections::BTreeSet;

use super::{
    checks,
    docker::Docker,
    found::Found,
    root::{Looked, Root},
};
use crate::{document::printable::terminal, limits::PROC_FILE_BYTES, state::Assessment};

/// Where runtimes keep them.
const PLACES: [&str; 3] = ["/var/lib/docker", "/var/lib/containerd", "/var/lib/containers/storage"];

/// What is known of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// Directories that are here.
    pub places: Vec<String>,
    /// Where the host has something mounted, of those and above.
    pub mounts: Looked<Vec<String>>,
}

/// Looks.
pub(super) fn read(root: &dyn Root, dockers: &[Docker]) -> Storage {
    let told = dockers.iter().filter_map(|it| it.value("data-root", "--data-root").ok().flatten());
    let told: BTreeSet<String> = told.collect();
    let mut places = told.clone();
    // Of Docker its own one counts where it is said.
    let usual = PLACES.iter().filter(|it| told.is_empty() || **it != "/var/lib/docker");
    places.extend(usual.map(|it| (*it).to_owned()));
    places.retain(|place| root.has(place));
    let mounts = root.bytes("proc/1/mountinfo", PROC_FILE_BYTES);
    let mounts = mounts.map(|it| it.map(|text| above(&String::from_utf8_lossy(&text), &places)));
    Storage { places: places.into_iter().collect(), mounts }
}

/// Of what is mounted that which is at, or above, one of these.
fn above(text: &str, places: &BTreeSet<String>) -> Vec<String> {
    let at = text.lines().filter_map(|line| line.split(' ').nth(4));
    let is_above = |at: &&str| {
        let within = |place: &String| {
            place.strip_prefix(*at).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        *at == "/" || places.iter().any(within)
    };
    let found: BTreeSet<String> = at.filter(is_above).map(str::to_owned).collect();
    found.into_iter().collect()
}

/// What of that is not as it should be.
pub(super) fn judge(storage: &Storage) -> Vec<Assessment> {
    vec![found(storage).of(&checks::CONTAINER_STORAGE)]
}

fn found(storage: &Storage) -> Found {
    let mounts = match &storage.mounts {
        _ if storage.places.is_empty() => {
            return Found::not_applicable("no runtime keeps containers where they are looked for");
        }
        Err(why) => return Found::Unknown(why.clone()),
        Ok(None) => return Found::Unknown("what is mounted is not known at this root".to_owned()),
        Ok(Some(mounts)) => mounts,
    };
    let on_another = |place: &String| {
        let within = mounts.iter().filter(|at| *at != place && place.starts_with(&***at));
        let holder = within.max_by_key(|at| at.len())?;
        let (place, holder) = (terminal(place.as_bytes()), terminal(holder.as_bytes()));
        (!mounts.iter().any(|at| *at == place)).then(|| format!("{place} is a part of {holder}"))
    };
    let wrong: Vec<String> = storage.places.iter().filter_map(on_another).collect();
    Found::list(&wrong, Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_has_a_file_system_of_its_own_or_not() {
        let of = |places: &[&str], text: Option<&str>| {
            let places: BTreeSet<String> = places.iter().map(|it| (*it).to_owned()).collect();
            let mounts = Ok(text.map(|text| above(text, &places)));
            found(&Storage { places: places.into_iter().collect(), mounts })
        };
        let text = "20 1 8:1 / / rw - ext4 x rw\n21 20 8:2 / /var rw - ext4 y rw\n22 21 8:3 / \
                    /var/lib/docker rw - ext4 z rw\n23 22 0:1 / /var/lib/docker/a rw - tmpfs t rw\n\
                    24 20 8:4 / /var/lib/containerd2 rw - ext4 q rw\n";
        assert_eq!(of(&["/var/lib/docker"], Some(text)), Found::Good);
        let wrong = Found::Bad("/var/lib/containerd is a part of /var".to_owned(), Vec::new());
        assert_eq!(of(&["/var/lib/docker", "/var/lib/containerd"], Some(text)), wrong);
        assert!(matches!(of(&["/var/lib/docker"], None), Found::Unknown(_)));
        assert!(matches!(of(&[], None), Found::NotApplicable(_)));
    }
}
