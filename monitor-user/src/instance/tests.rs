use std::os::unix::fs::MetadataExt as _;

use super::*;

/// A run directory that goes away with the test.
struct RunDir(PathBuf);

impl RunDir {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("runmon-instance-{}-{name}", std::process::id())))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_name_is_taken_once() {
    let run = RunDir::new("once");
    let first = Instance::register(&run.0, "a").unwrap();
    let own = std::process::id();
    let error = Instance::register(&run.0, "a").err().unwrap().to_string();
    assert_eq!(error, format!("a runmon named `a` is already running (pid {own})"));
    let second = Instance::register(&run.0, "b").unwrap();
    drop(first);
    let again = Instance::register(&run.0, "a").unwrap();
    assert_eq!(again.pids(), [own]);
    drop((second, again));
    assert_eq!(fs::read_dir(run.0.join("instances")).unwrap().count(), 0);
}

#[test]
fn only_the_owner_may_look() {
    let run = RunDir::new("mode");
    let _instance = Instance::register(&run.0, DEFAULT_NAME).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&run.0.join("instances")), 0o700);
    assert_eq!(mode(&run.0.join("instances/default.pid")), 0o600);
}

#[test]
fn the_lock_of_a_dead_instance_is_free() {
    let run = RunDir::new("dead");
    fs::create_dir_all(run.0.join("instances")).unwrap();
    fs::write(run.0.join("instances/a.pid"), "4194304 and more than fits\n").unwrap();
    fs::write(run.0.join("instances/gone.pid"), "77\n").unwrap();
    let instance = Instance::register(&run.0, "a").unwrap();
    // Nobody holds the other one.
    assert_eq!(instance.pids(), [std::process::id()]);
    let text = fs::read_to_string(run.0.join("instances/a.pid")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}

#[test]
fn names_are_file_names() {
    let run = RunDir::new("names");
    for name in ["", "..", "a/b", "a b", "ä", "a\0"] {
        let error = Instance::register(&run.0, name).err().unwrap();
        assert!(matches!(error, InstanceError::Name { .. }), "{name:?}");
    }
    assert!(!run.0.exists());
    let file = RunDir::new("file");
    fs::write(&file.0, "").unwrap();
    let error = Instance::register(&file.0, "a").err().unwrap();
    assert!(error.to_string().starts_with("cannot use "), "{error}");
    fs::remove_file(&file.0).unwrap();
}
