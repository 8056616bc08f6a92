//! Programs of a container that run as another user than who starts them, or get capabilities by
//! their file. What its image brought is
//! looked through once for each image, what the container itself wrote each time, and told is what
//! is there in its root by now.

use serde::{Deserialize, Serialize};

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use monitor_inventory::{
    root::{Bounded, Bounds, Folder, Root, RootError},
    set_ids::{self, SetId, SetIds},
};

use super::{file_capabilities::FileCapabilities, observed::Observed, process::Process};
use crate::{
    event::Reason,
    limits::SET_ID_ROOTS,
    packages::{self, Roots as _},
};

/// How long one root may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is told of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct SetIdFiles {
    /// The programs.
    pub files: Vec<SetIdFile>,
    /// Not all could be looked at, or there are more than are kept.
    pub is_cut: bool,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct SetIdFile {
    /// Its path in the root of the container.
    pub path: Vec<u8>,
    /// It runs as its owner, or with its group.
    pub changes_id: bool,
    /// What is written of its capabilities, as it is there.
    pub capabilities: Vec<u8>,
}

impl SetIdFile {
    /// For people; None where it gives nothing to who starts it.
    fn text(&self) -> Option<String> {
        let path = String::from_utf8_lossy(&self.path);
        match FileCapabilities::parse(&self.capabilities) {
            Some(it) => Some(format!("{path} ({})", it.text())),
            None => self.changes_id.then(|| path.into_owned()),
        }
    }
}

/// Who looks for them, and remembers what images have.
#[derive(Debug, Default)]
pub struct Finder {
    /// By what tells the layers of an image.
    images: HashMap<u64, SetIds>,
    /// By process and its start, of roots that were looked at just now.
    roots: HashMap<(u32, u64), Result<SetIdFiles, String>>,
}

impl Finder {
    /// Those of the root of a process.
    pub(super) fn of(&mut self, process: &Process) -> Result<SetIdFiles, String> {
        let key = (process.pid, process.started);
        if let Some(known) = self.roots.get(&key) {
            return known.clone();
        }
        let found = self.look(process.pid).map(told).map_err(|reason| reason.name().to_owned());
        if self.roots.len() >= SET_ID_ROOTS {
            self.roots.clear();
        }
        self.roots.insert(key, found.clone());
        found
    }

    fn look(&mut self, pid: u32) -> Result<SetIds, Reason> {
        let seen = Folder::open(Path::new(&format!("/proc/{pid}/root")));
        let seen = seen.map_err(|_gone| Reason::Gone)?.without_mounts().without_links();
        let mut image = packages::Here::default();
        let told = image.open(Some(pid))?;
        let Some(fingerprint) = told.fingerprint else { return Ok(walk(&seen)) };
        if self.images.len() >= SET_ID_ROOTS && !self.images.contains_key(&fingerprint) {
            self.images.clear();
        }
        let known = self.images.entry(fingerprint).or_insert_with(|| walk(image.root())).clone();
        let own = packages::upper(pid)?.map(|upper| walk(&upper)).unwrap_or_default();
        Ok(by_now(&seen, [known, own]))
    }
}

fn told(found: SetIds) -> SetIdFiles {
    let one = |it: SetId| SetIdFile {
        changes_id: it.changes_id(),
        path: it.path.into_os_string().into_encoded_bytes(),
        capabilities: it.capabilities,
    };
    SetIdFiles { files: found.files.into_iter().map(one).collect(), is_cut: found.is_cut }
}

/// What of that is there still.
fn by_now(seen: &dyn Root, found: [SetIds; 2]) -> SetIds {
    let mut is_cut = found.iter().any(|it| it.is_cut);
    let paths = found.into_iter().flat_map(|it| it.files).map(|it| it.path);
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort_unstable();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let Ok(stat) = seen.stat(&path) else { continue };
        match SetId::of(seen, &path, stat) {
            Ok(program) => files.extend(program),
            Err(RootError::NotFound) => {}
            Err(_) => is_cut = true,
        }
    }
    SetIds { files, is_cut }
}

fn walk(root: &dyn Root) -> SetIds {
    let until = Instant::now() + PATIENCE;
    let is_late = || Instant::now() > until;
    set_ids::of(&Bounded::new(root, Bounds::default(), &is_late))
}

/// Of a list that a text names, so many.
const SHOWN: usize = 8;

/// Whether they are wrong, and what there is. Who gains no privileges gains none by them.
pub(super) fn judge(observed: &Observed) -> super::assess::Said {
    let found = match &observed.set_ids {
        None => return Err("only `runmon posture` looks for them".to_owned()),
        Some(Err(why)) => return Err(format!("its root cannot be looked through: {why}")),
        Some(Ok(found)) => found,
    };
    let all: Vec<String> = found.files.iter().filter_map(SetIdFile::text).collect();
    if all.is_empty() {
        return match found.is_cut {
            true => Err("not all of its root could be looked through".to_owned()),
            false => Ok((false, String::new())),
        };
    }
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(" ");
    let more = match (all.len().saturating_sub(SHOWN), found.is_cut) {
        (0, false) => String::new(),
        (more, false) => format!(" and {more} more"),
        (more, true) => format!(" and at least {more} more"),
    };
    let gains_none = observed.processes.iter().all(|it| it.no_new_privs == Some(true));
    let why = if gains_none { "; its programs gain no privileges by them" } else { "" };
    Ok((!gains_none, format!("{shown}{more}{why}")))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::posture::compare::tests::{observed, process};

    fn with(files: &[&str], is_cut: bool) -> Observed {
        let one = |it: &&str| SetIdFile {
            path: it.as_bytes().to_vec(),
            changes_id: true,
            capabilities: Vec::new(),
        };
        let files = files.iter().map(one).collect();
        let mut found = observed(vec![process(7, 1000)]);
        found.set_ids = Some(Ok(SetIdFiles { files, is_cut }));
        found
    }

    #[test]
    fn they_matter_unless_nobody_gains_anything() {
        let mut found = with(&["/bin/su"], false);
        found.processes[0].no_new_privs = Some(false);
        assert_eq!(judge(&found), Ok((true, "/bin/su".to_owned())));
        found.processes[0].no_new_privs = Some(true);
        let text = "/bin/su; its programs gain no privileges by them".to_owned();
        assert_eq!(judge(&found), Ok((false, text)));
        assert_eq!(judge(&with(&[], false)), Ok((false, String::new())));
        assert!(judge(&with(&[], true)).is_err(), "what was not seen is not called good");
        found.set_ids = None;
        assert!(judge(&found).is_err());
        let many: Vec<String> = (0..10).map(|it| format!("/{it}")).collect();
        let many: Vec<&str> = many.iter().map(|it| &**it).collect();
        let text = judge(&with(&many, true)).unwrap().1;
        assert!(text.starts_with("/0 /1") && text.contains(" and at least 2 more"), "{text}");
    }

    #[test]
    fn capabilities_of_files_are_named_and_what_gives_none_is_not() {
        let mut found = with(&["/bin/ping", "/bin/su", "/bin/odd"], false);
        found.processes[0].no_new_privs = Some(false);
        let files = &mut found.set_ids.as_mut().unwrap().as_mut().unwrap().files;
        let raw = [0x0200_0001_u32, 1 << 13, 0, 0, 0];
        files[0].capabilities = raw.into_iter().flat_map(u32::to_le_bytes).collect();
        files[2].capabilities = vec![0xff; 24];
        files[0].changes_id = false;
        files[2].changes_id = false;
        let text = "/bin/ping (CAP_NET_RAW) /bin/su".to_owned();
        assert_eq!(judge(&found), Ok((true, text)));
    }

    #[test]
    fn what_the_container_took_away_is_not_told_of() {
        let folder = crate::records::folder::Folder::new("set-ids");
        for (name, mode) in [("kept", 0o4755), ("harmless", 0o755)] {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink("/kept", folder.path().join("link")).unwrap();
        let found = |all: &[&str]| SetIds {
            files: all
                .iter()
                .map(|it| SetId { path: PathBuf::from(it), mode: 0o4755, capabilities: Vec::new() })
                .collect(),
            is_cut: false,
        };
        let image = found(&["/kept", "/harmless", "/gone", "/link"]);
        let seen = Folder::open(folder.path()).unwrap().without_mounts().without_links();
        assert_eq!(by_now(&seen, [image, found(&["/kept"])]), found(&["/kept"]));
    }
}
