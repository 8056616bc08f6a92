//! To which package an executed file belongs, by what the image brought, and what is told of one
//! that belongs to none.

use std::fs;

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_alert};
use crate::engines::{Engine, Runc};
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::new("packages::programs_are_of_those_of_their_image", of_image),
    Case::new("packages::a_root_without_layers_is_read_as_it_is", of_directory),
];

/// Where a file is mapped to be executed.
const MAPS: &str = "/tmp/maps";

/// Waits for the package of each program whose last argument says whose it is.
const RULES: &str = "\
- rule: Program
  id: program
  desc: d
  condition: >
    evt.type in (execve, execveat) and proc.args endswith OF_CASE and proc.name != sh
    and (proc.exe.is_packaged = true or proc.exe.is_packaged = false)
  output: >-
    %proc.exepath is of %proc.exe.package packaged=%proc.exe.is_packaged
    changed=%proc.exe.changed_since_start database=%proc.exe.package_db_changed
  priority: INFO
- rule: No database
  id: no_database
  desc: d
  condition: >
    evt.type in (execve, execveat) and proc.args endswith OF_CASE and proc.name != sh
    and not (proc.exe.is_packaged = true or proc.exe.is_packaged = false)
  output: '%proc.exepath is not told of: %proc.exe.package'
  priority: INFO
- rule: Library
  id: library
  desc: d
  condition: >
    evt.type in (mmap, mmap2) and fd.name startswith MAPS
    and (fd.is_packaged = true or fd.is_packaged = false)
  output: '%fd.name is of %fd.package packaged=%fd.is_packaged upper=%fd.is_upper_layer'
  priority: INFO
";

/// What a shell of a container does, each program with a name of its own behind it.
const SCRIPT: &str = "\
trigger nap 1 OF_CASE
sleep 1
busybox echo first OF_CASE
cp /bin/trigger /tmp/copy
/tmp/copy nap 2 OF_CASE
sleep 1
mkdir -p /var/lib/dpkg/info
echo /tmp/forged > /var/lib/dpkg/info/forged.list
cp /bin/trigger /tmp/forged
/tmp/forged nap 3 OF_CASE
sleep 1
mkdir -p MAPS/mmap/real
echo x > MAPS/mmap/real/old
ln -s real MAPS/mmap/link
trigger call MAPS --way native --form absolute mmap > /dev/null
sleep 1
rm /bin/trigger
cp /tmp/copy /bin/trigger
trigger nap 4 OF_CASE
exec sleep 9999
";

fn watch(stage: &Stage<'_>, case: &str) -> Daemon {
    let rules = RULES.replace("OF_CASE", case).replace("MAPS", MAPS);
    let keys = "rollup_seconds: 0\n".to_owned();
    stage.daemon(Options { rules: Some(rules), keys, ..Options::default() })
}

/// What is said of the program that naps so long, or says so.
fn said(daemon: &Daemon, what: &str) -> String {
    let is_it = |it: &Value| {
        // Who starts the container has the same arguments.
        let path = it["process"]["executable"].as_str().unwrap_or_default();
        let is_own = ["/bin/", "/tmp/"].iter().any(|folder| path.starts_with(folder));
        let args = it["process"]["args"].as_array();
        is_own && is_alert(it) && args.is_some_and(|args| args.iter().any(|it| it == what))
    };
    let alert = daemon.expect(what, is_it);
    alert["event"]["reason"].as_str().unwrap_or_default().to_owned()
}

fn of_image(stage: &Stage<'_>) {
    let containerd = stage.containerd();
    containerd.import_packaged("localhost/packaged:1");
    let name = stage.name("packaged");
    let daemon = watch(stage, &name);
    let script = SCRIPT.replace("OF_CASE", &name).replace("MAPS", MAPS);
    let args = ["/bin/sh", "-c", &script];
    let _container = containerd.run_image("localhost/packaged:1", &name, &[], &args);
    assert_eq!(
        said(&daemon, "1"),
        "/bin/trigger is of trigger packaged=true changed=false database=false"
    );
    assert_eq!(
        said(&daemon, "first"),
        "/bin/busybox is of busybox packaged=true changed=false database=false"
    );
    assert_eq!(
        said(&daemon, "2"),
        "/tmp/copy is of <NA> packaged=false changed=true database=false"
    );
    // Who writes there is not believed.
    assert_eq!(
        said(&daemon, "3"),
        "/tmp/forged is of <NA> packaged=false changed=true database=true"
    );
    assert_eq!(
        said(&daemon, "4"),
        "/bin/trigger is of trigger packaged=true changed=true database=true"
    );
    let mapped = daemon.expect("a mapped file", |it| it["event"]["action"] == "map");
    assert_eq!(
        mapped["event"]["reason"],
        "/tmp/maps/mmap/real/old is of <NA> packaged=false upper=true"
    );
    // The image of the tests has no package manager.
    let name = stage.name("bare");
    drop(daemon.stop());
    let daemon = watch(stage, &name);
    let _container = containerd.run(&name, &["/bin/trigger", "nap", "600000", &name]);
    assert_eq!(said(&daemon, "600000"), "/bin/trigger is not told of: <NA>");
    daemon.stop();
}

/// Its databases are those that its root may write to: that is told.
fn of_directory(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let root = stage.engine_dir("r").join("rootfs");
    let list = |name: &str, path: &str| {
        let info = root.join("var/lib/dpkg/info");
        fs::create_dir_all(&info).expect("make a database");
        fs::write(info.join(name), format!("{path}\n")).expect("write to a database");
    };
    list("trigger.list", "/bin/trigger");
    let name = stage.name("directory");
    let daemon = watch(stage, &name);
    runc.run(&name, &stage.dir("host"), &["/bin/trigger", "nap", "600000", &name]);
    assert_eq!(
        said(&daemon, "600000"),
        "/bin/trigger is of trigger packaged=true changed=false database=false"
    );
    fs::copy(root.join("bin/trigger"), root.join("tmp/late")).expect("copy a program");
    list("late.list", "/tmp/late");
    runc.exec(&name, false, &["/tmp/late", "nap", "5", &name]);
    assert_eq!(said(&daemon, "5"), "/tmp/late is of late packaged=true changed=true database=true");
    fs::remove_dir_all(root.join("var/lib/dpkg")).expect("remove the database");
    daemon.stop();
}
