//! Ordinary work on which the shipped rules must keep quiet: builds on the host and in a container,
//! upgrades, the day of a server, and what a node of a cluster does.

mod room;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Case;
use crate::containerd::Container;
use crate::daemon::{Daemon, Options, is_alert};
use crate::lab::Stage;
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case::new("quiet::probes_in_a_container", probes),
    Case::new("quiet::builds_and_scripts_on_the_host", builds),
    Case::new("quiet::upgrade_of_packages", |stage| in_a_room(stage, "upgrade", UPGRADE)),
    Case::new("quiet::day_of_a_server", |stage| in_a_room(stage, "server", SERVER)),
    Case::new("quiet::build_in_a_container", build_in_a_container),
    Case::new("quiet::node_of_a_cluster", node),
];

const UPGRADE: &str = include_str!("quiet/upgrade.sh");
const SERVER: &str = include_str!("quiet/server.sh");
const BUILD: &str = include_str!("quiet/ci.sh");
const NODE: &str = include_str!("quiet/node.sh");

/// What a probe of a cluster runs, again and again.
const PROBES: [&str; 4] =
    ["test -e /etc/hosts", "cat /etc/hosts > /dev/null", "echo ok", "ls / | grep -q etc"];

fn probes(stage: &Stage<'_>) {
    let daemon = shipped(stage);
    let container = stage.containerd().run(&stage.name("probed"), &[]);
    for probe in PROBES.iter().cycle().take(20) {
        let output = container.exec(&["/bin/busybox", "sh", "-c", probe]);
        assert!(output.status.success(), "{probe}: {output:?}");
    }
    expect_quiet(daemon, stage, |it| it["container"]["id"] == container.id());
}

/// A build and what else a machine of its kind does; tools that a small system lacks are left out.
const WORK: &str = r#"
set -e
cd "$1"
has() { command -v "$1" > /dev/null; }
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' > hello.c
printf 'hello: hello.c\n\tcc -O1 -o hello hello.c\n' > Makefile
if has cc; then if has make; then make; else cc -o hello hello.c; fi; ./hello; fi
if has git; then
    git init -q . && git add hello.c
    git -c user.name=a -c user.email=a@b -c commit.gpgsign=false commit -q -m first
    git log --oneline > /dev/null
fi
if has cargo; then
    cargo init -q --vcs none --name quiet crate
    (cd crate && cargo build -q --offline)
fi
if has python3; then python3 -c 'import json; print(json.dumps({"a": 1}))' > out.json; fi
if dpkg-deb --version > /dev/null 2>&1; then
    mkdir -p package/DEBIAN package/usr/share/quiet
    printf 'Package: quiet\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: d\n' \
        > package/DEBIAN/control
    echo text > package/usr/share/quiet/file
    dpkg-deb -b package quiet.deb > /dev/null
    dpkg-deb -x quiet.deb unpacked
fi
tar cf all.tar hello.c Makefile && gzip -f all.tar
find . -type f | sort | head -n 20 > list
grep -r hello . > /dev/null
id > /dev/null; hostname > /dev/null; df > /dev/null; date > /dev/null
cat /etc/passwd /etc/group > /dev/null
mkdir -p logs && for n in 1 2 3; do echo "line $n" >> logs/app.log; done
mv logs/app.log logs/app.log.1 && cp logs/app.log.1 logs/copy && rm -r logs
chmod 640 list
"#;

fn builds(stage: &Stage<'_>) {
    let daemon = shipped(stage);
    // Not below /tmp, where no machine builds what it then runs.
    let dir = std::path::PathBuf::from(format!("/var/lib/runmon-e2e-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("make a directory");
    let mut command = Command::new("/bin/busybox");
    command.args(["setsid", "sh", "-c", WORK, "work"]).arg(&dir);
    let child = command.spawn().expect("start the work");
    let session = child.id();
    let output = child.wait_with_output().expect("wait for the work");
    fs::remove_dir_all(&dir).expect("remove the directory");
    assert!(output.status.success(), "{output:?}");
    expect_quiet(daemon, stage, |it| it["process"]["session_leader"]["pid"] == session);
}

/// Work that changes the system, in a root of its own.
fn in_a_room(stage: &Stage<'_>, name: &str, script: &str) {
    if !room::is_possible() {
        return;
    }
    let daemon = shipped(stage);
    let room = room::work(name, script);
    room.expect_quiet(&daemon);
    daemon.stop();
}

/// The tools are the host's; what is built is in a volume, as a build server has it.
fn build_in_a_container(stage: &Stage<'_>) {
    let volume = Volume::new("ci");
    fs::write(volume.0.join("ci.sh"), BUILD).expect("write the job");
    let mut mounts = vec![volume.mount("/proj", "rw")];
    for (host, inside) in [
        ("/usr", "/usr"),
        ("/usr/lib", "/lib"),
        ("/usr/lib64", "/lib64"),
        ("/etc/alternatives", "/etc/alternatives"),
    ] {
        mounts.extend(Path::new(host).is_dir().then(|| mount(Path::new(host), inside, "ro")));
    }
    let rust = Command::new("rustc").args(["--print", "sysroot"]).output();
    let rust = rust.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    mounts.extend(
        rust.ok().filter(|it| !it.is_empty()).map(|it| mount(it.as_ref(), "/opt/rust", "ro")),
    );
    let options: Vec<&str> = mounts.iter().flat_map(|it| ["--mount", it]).collect();
    let daemon = shipped(stage);
    let container = stage.containerd().run_with(&stage.name("ci"), &options, &[]);
    let output = container.exec(&["/bin/busybox", "sh", "/proj/ci.sh"]);
    assert!(output.status.success(), "{output:?}");
    expect_quiet(daemon, stage, |it| it["container"]["id"] == container.id());
}

/// Pods that come and go, are probed, and have volumes that change; and what the agents do beside.
fn node(stage: &Stage<'_>) {
    let daemon = shipped(stage);
    let mut pods = Vec::new();
    for _ in 0..PODS {
        let volume = Volume::new("volume");
        volume.replace(0);
        let mount = volume.mount("/etc/config", "ro");
        let pod = stage.containerd().run_with(&stage.name("pod"), &["--mount", &mount], &[]);
        for number in 1..=3 {
            volume.replace(number);
            let key = run(&pod, "cat /etc/config/key");
            assert_eq!(key.trim(), number.to_string());
            PROBES.iter().for_each(|probe| drop(run(&pod, probe)));
        }
        pods.push(pod.id().to_owned());
    }
    pods.push(agent(stage));
    let room = room::is_possible().then(|| room::work("node", NODE));
    if let Some(room) = &room {
        room.expect_quiet(&daemon);
    }
    expect_quiet(daemon, stage, |it| pods.iter().any(|pod| it["container"]["id"] == **pod));
}

/// How many pods come and go.
const PODS: usize = 4;

/// The pod of a network plug-in: it has every right, brings programs to the host, and sets it up.
fn agent(stage: &Stage<'_>) -> String {
    let host = Volume::new("host");
    let options = ["--privileged", "--net-host", "--mount", &host.mount("/host", "rw")];
    let pod = stage.containerd().run_with(&stage.name("agent"), &options, &[]);
    run(&pod, "mkdir -p /host/opt/cni/bin /host/etc/cni/net.d");
    run(
        &pod,
        "cp /bin/busybox /host/opt/cni/bin/.bridge && cd /host/opt/cni/bin && mv .bridge bridge",
    );
    run(&pod, "echo {} > /host/etc/cni/net.d/10-pods.conflist.tmp");
    run(&pod, "cd /host/etc/cni/net.d && mv 10-pods.conflist.tmp 10-pods.conflist");
    run(&pod, "sysctl net.ipv4.ip_forward; ip route; ip addr");
    pod.id().to_owned()
}

fn run(pod: &Container<'_>, command: &str) -> String {
    let output = pod.exec(&["/bin/busybox", "sh", "-c", command]);
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder of the host for a container, gone when it is dropped.
struct Volume(PathBuf);

impl Volume {
    fn new(what: &str) -> Self {
        let dir = PathBuf::from(format!("/var/lib/runmon-e2e-{}-{what}", std::process::id()));
        fs::create_dir_all(&dir).expect("make a volume");
        Self(dir)
    }

    fn mount(&self, inside: &str, mode: &str) -> String {
        mount(&self.0, inside, mode)
    }

    /// Puts new content in place as a kubelet does: a reader sees the old or the new one, whole.
    fn replace(&self, number: u32) {
        let (version, new) = (format!("..version-{number}"), self.0.join("..data_tmp"));
        fs::create_dir(self.0.join(&version)).expect("make a version");
        fs::write(self.0.join(&version).join("key"), format!("{number}\n")).expect("write a key");
        symlink(&version, &new).expect("link the version");
        fs::rename(&new, self.0.join("..data")).expect("put the version in place");
        if number == 0 {
            symlink("..data/key", self.0.join("key")).expect("link the key");
        }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn mount(host: &Path, inside: &str, mode: &str) -> String {
    format!("type=bind,src={},dst={inside},options=rbind:{mode}", host.display())
}

fn shipped(stage: &Stage<'_>) -> Daemon {
    stage.daemon(Options { rules: None, ..Options::default() })
}

/// Waits until what came before was told of, and expects no alert among it.
fn expect_quiet(daemon: Daemon, stage: &Stage<'_>, is_meant: impl Fn(&Value) -> bool) {
    // An act that a shipped rule alerts on: alerts come, in order.
    let report = Place::Host(stage.lab).trigger(&["exec", "memfd"]);
    Place::Host(stage.lab).expect(&daemon, &report, "exec", |_| true);
    let ended = daemon.stop();
    let alerts: Vec<&Value> =
        ended.documents.iter().filter(|it| is_alert(it) && is_meant(it)).collect();
    assert!(alerts.is_empty(), "{:#}", serde_json::json!(alerts));
}
