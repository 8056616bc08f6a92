//! Files that hold what is expected. With `UPDATE_REFERENCE=1` in the environment they are written
//! instead; look at the difference before it is committed.

use std::{env, fs, path::Path};

/// Whether files are written rather than compared with.
pub(crate) fn updating() -> bool {
    env::var_os("UPDATE_REFERENCE").is_some()
}

/// Compares with a file below the crate.
#[track_caller]
pub(crate) fn compare(file: &str, found: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if updating() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
        return;
    }
    let expected = fs::read(&path).unwrap_or_default();
    if expected == found {
        return;
    }
    let (expected, found) = (String::from_utf8_lossy(&expected), String::from_utf8_lossy(found));
    let mut pairs = expected.lines().zip(found.lines()).zip(1..);
    let (first, line) = pairs.find(|((one, other), _)| one != other).unwrap_or((
        ("(the rest is missing, or more than expected)", "(see left)"),
        expected.lines().count().min(found.lines().count()) + 1,
    ));
    panic!(
        "{file}:{line} is not what is found (UPDATE_REFERENCE=1 writes it)\n  there: {}\n  found: {}",
        first.0, first.1
    );
}
