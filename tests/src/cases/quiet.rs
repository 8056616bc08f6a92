//! Ordinary work on which the shipped rules must keep quiet: what a build does, what an
//! administrator's script does, and what the probes of a cluster do in a container.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_alert};
use crate::lab::Stage;
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case::new("quiet::probes_in_a_container", probes),
    Case::new("quiet::builds_and_scripts_on_the_host", builds),
];

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
