use std::os::unix::fs::MetadataExt as _;

use super::*;
use crate::records::folder::Folder;

#[test]
fn a_name_is_taken_once() {
    let run = Folder::new("instance-once");
    let first = Instance::register(run.path(), "a").unwrap();
    let own = std::process::id();
    let error = Instance::register(run.path(), "a").err().unwrap().to_string();
    assert_eq!(error, format!("a runmon named `a` is already running (pid {own})"));
    let second = Instance::register(run.path(), "b").unwrap();
    drop(first);
    let again = Instance::register(run.path(), "a").unwrap();
    assert_eq!(again.pids(), [own]);
    drop((second, again));
    assert_eq!(fs::read_dir(run.path().join("instances")).unwrap().count(), 0);
}

#[test]
fn only_the_owner_may_look() {
    let run = Folder::new("instance-mode");
    let _instance = Instance::register(run.path(), DEFAULT_NAME).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&run.path().join("instances")), 0o700);
    assert_eq!(mode(&run.path().join("instances/default.pid")), 0o600);
}

#[test]
fn the_lock_of_a_dead_instance_is_free() {
    let run = Folder::new("instance-dead");
    fs::create_dir_all(run.path().join("instances")).unwrap();
    fs::write(run.path().join("instances/a.pid"), "4194304 and more than fits\n").unwrap();
    fs::write(run.path().join("instances/gone.pid"), "77\n").unwrap();
    let instance = Instance::register(run.path(), "a").unwrap();
    // Nobody holds the other one.
    assert_eq!(instance.pids(), [std::process::id()]);
    let text = fs::read_to_string(run.path().join("instances/a.pid")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}

#[test]
fn names_are_file_names() {
    let run = Folder::new("instance-names");
    for name in ["", "..", "a/b", "a b", "ä", "a\0"] {
        let error = Instance::register(run.path(), name).err().unwrap();
        assert!(matches!(error, InstanceError::Name { .. }), "{name:?}");
    }
    assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
    let file = run.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Instance::register(&file, "a").err().unwrap();
    assert!(error.to_string().starts_with("cannot use "), "{error}");
}
