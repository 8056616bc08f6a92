//! Noise of one container takes nothing from what others do, nor from what else it does itself.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::Case;
use crate::daemon::{Daemon, Options, is_alert};
use crate::image;
use crate::lab::Stage;
use crate::laws::number;
use crate::place::Place;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::each("flood::hides_nothing", hides_nothing),
    Case::each("flood::hides_no_path_that_a_rule_names", hides_no_named_path),
];

/// The flood makes files that a rule names, so that the filter lets them through.
const RULES: &str = r#"
- rule: noise
  desc: d
  condition: >
    (evt.type = open and evt.is_open_write = true and fd.name startswith /tmp/noise/)
    or (evt.type in (unlink, unlinkat) and fs.path.name startswith /tmp/noise/)
  output: o
  priority: debug
- rule: attack
  desc: d
  condition: >
    (evt.type = open and evt.is_open_write = true and fd.name startswith /tmp/attack/)
    or (evt.type in (rename, renameat, renameat2, link, linkat, symlink, symlinkat, unlink,
    unlinkat, mkdir, mkdirat, chmod, fchmodat, truncate)
    and fs.path.name startswith /tmp/attack/)
    or (evt.type in (connect, sendto) and fd.rport = 9)
    or (evt.type = execve and proc.is_exe_from_memfd = true)
  output: o
  priority: error
"#;

/// One rule more, about any path: then the kernel's filter lets all opens through.
const ANY_PATH: &str = r#"
- rule: any
  desc: d
  condition: evt.type = open and evt.is_open_write = true and proc.name = trigger
  output: o
  priority: debug
"#;

/// So few that an emulated machine has more.
const KEYS: &str = "flood_rate: 20\nflood_burst: 50\nheartbeat_seconds: 1";

fn hides_nothing(stage: &Stage<'_>) {
    hidden(stage, RULES.to_owned());
}

fn hides_no_named_path(stage: &Stage<'_>) {
    hidden(stage, [RULES, ANY_PATH].concat());
}

fn hidden(stage: &Stage<'_>, rules: String) {
    let keys = KEYS.to_owned();
    let options = Options { rules: Some(rules), keys, may_lose: true, ..Options::default() };
    // Before the daemon: to make them is much work for the host.
    let nap = [image::TRIGGER, "nap", "600000"];
    let flooder = stage.containerd().run(&stage.name("flooder"), &nap);
    let attacker = stage.containerd().run(&stage.name("attacker"), &nap);
    let (noisy, quiet) = (Place::In(&flooder), Place::In(&attacker));
    let daemon = stage.daemon(options);
    for (place, dir) in [(&noisy, "noise"), (&noisy, "attack"), (&quiet, "attack")] {
        place.dir(dir);
    }
    let flood = ["flood", "/tmp/noise", "/tmp/attack/own", "/tmp/stop"];
    let started = Instant::now();
    let report = thread::scope(|scope| {
        let flooding = scope.spawn(|| noisy.trigger(&flood));
        daemon.expect_document("the flood itself", |document| {
            document["rule"]["name"] == "Flood of events"
                && document["container"]["id"] == flooder.id()
        });
        ten_attacks(&quiet, &daemon);
        flooder.exec(&["/bin/touch", "/tmp/stop"]);
        flooding.join().expect("the flood ends")
    });
    let flooding_for = started.elapsed();
    assert_eq!(report.errno, 0);
    let own = noisy.expect(&daemon, &report, "file_open_write", |alert| {
        alert["file"]["path"] == "/tmp/attack/own"
    });
    assert_eq!(own["process"]["name"], "trigger", "{own:#}");
    let ended = daemon.stop();
    let lost = losses(ended.heartbeat());
    // The host does what it likes meanwhile.
    assert!(!lost.contains_key(attacker.id()), "{lost:#?}");
    // A file is made and removed. So many came through while it took: each of the two kinds has a
    // bucket, and one more for the path that a rule names.
    let made = report.numbers["made"] * 2;
    let let_through = (20 * (flooding_for.as_secs() + 1) + 50) * 4;
    assert!(lost[flooder.id()] > 0, "{lost:#?} of {report}");
    assert!(lost[flooder.id()] + let_through >= made, "{lost:#?} of {report}, {flooding_for:?}");
    for kind in ["exec", "fork", "exit"] {
        let dropped = &ended.heartbeat()["runmon"]["kernel"]["kinds"][kind]["dropped"];
        assert_eq!(number(dropped, "bucket_empty"), 0, "{dropped:#}");
    }
}

/// Each of another kind.
const TEN: &str = "
cd /tmp/attack
echo x > /tmp/attack/file
mv /tmp/attack/file /tmp/attack/moved
ln /tmp/attack/moved /tmp/attack/link
ln -s /tmp/attack/moved /tmp/attack/symlink
chmod 4755 /tmp/attack/moved
mkdir /tmp/attack/dir
rm /tmp/attack/link
trigger connect tcp 127.0.0.1:9
trigger sendto 127.0.0.1:9
trigger exec memfd
";

fn ten_attacks(place: &Place<'_>, daemon: &Daemon) {
    let Place::In(container) = place else { unreachable!("the attacker is in a container") };
    let script = TEN.replace("trigger", image::TRIGGER);
    container.exec(&["/bin/sh", "-c", &script]);
    let told = || -> BTreeSet<String> {
        let documents = daemon.documents();
        let attacks = documents.iter().filter(|it| {
            is_alert(it)
                && it["rule"]["name"] == "attack"
                && it["container"]["id"] == container.id()
        });
        attacks.filter_map(|it| it["event"]["action"].as_str().map(str::to_owned)).collect()
    };
    let all = wait::until_or(|| (told().len() >= 10).then(&told));
    assert!(all.is_some(), "only {:?} are told of", told());
}

/// Records for which there was no token, by container.
fn losses(heartbeat: &Value) -> BTreeMap<String, u64> {
    let losses = heartbeat["runmon"]["kernel"]["losses"].as_array().expect("losses");
    let one = |loss: &Value| {
        let id = loss["container"].as_str().expect("an id").to_owned();
        (id, number(&loss["dropped"], "bucket_empty"))
    };
    losses.iter().map(one).collect()
}
