//! The filter that is made of the rules: it takes nothing from them.

mod peers;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Case, EACH};
use crate::daemon::{Daemon, Ended, Options, is_alert};
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::new("filter::smoke_alerts_are_the_same_without_it", same_alerts),
    Case {
        name: "filter::alerts_are_the_same_by_each_family",
        needs: &[],
        programs: &[],
        is_long: false,
        is_for_guests: false,
        hooks: EACH,
        run: same_alerts,
    },
    Case {
        name: "filter::ports_that_no_rule_names_are_left_out",
        needs: &[],
        programs: &[],
        is_long: false,
        is_for_guests: false,
        hooks: EACH,
        run: peers::ports,
    },
    Case {
        name: "filter::addresses_and_users_that_no_rule_names_are_left_out",
        needs: &[],
        programs: &[],
        is_long: false,
        is_for_guests: false,
        hooks: EACH,
        run: peers::addresses_and_users,
    },
    Case::new("filter::what_was_remembered_ends_with_its_rules", remembered),
];

/// Rules of every sort that the kernel can look for, below one directory.
fn rules(dir: &str) -> String {
    let long = [dir, "/", LONG].concat();
    let rules = [
        ("whole", format!("fd.name = {dir}/whole/file and evt.is_open_write = true")),
        ("start", format!("fd.name startswith {dir}/start/ and evt.is_open_write = true")),
        ("name", "fd.filename = runmon-e2e-name and evt.is_open_write = true".to_owned()),
        ("end", "fd.name endswith /runmon-e2e-end and evt.is_open_write = true".to_owned()),
        ("parent", "fd.directory endswith /runmon-e2e-parent".to_owned()),
        ("read", format!("fd.name pmatch ({dir}/read) and evt.is_open_write = false")),
        ("mounted", "fd.filename = runmon-e2e-mounted and evt.is_open_write = true".to_owned()),
        ("around", "fd.directory endswith /runmon-e2e-around".to_owned()),
        ("root", "fd.name = / and proc.cmdline endswith \"ls -l -i /\"".to_owned()),
        // The kernel looks at the start of a path alone, which these two have in common.
        ("long-read", format!("fd.name = {long}/a and evt.is_open_write = false")),
        ("long-write", format!("fd.name = {long}/b and evt.is_open_write = true")),
    ];
    let rule = |(name, condition): (&str, String)| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type = open and {condition}\n  \
             output: o\n  priority: notice\n"
        )
    };
    rules.map(rule).concat()
}

/// A name of so many bytes that rules about what is below it look alike to the kernel.
const LONG: &str = concat!(
    "a-directory-whose-name-alone-fills-all-that-the-kernel-looks-at-of-a-path-",
    "so-that-two-files-in-it-cannot-be-told-from-one-another-there",
);

/// Opens of files that a rule names, and of others beside them, before and after what is above them
/// was given another name or place.
const WORK: &str = r#"
cd "$1"
for n in 1 2 3; do echo x > other$n; cat other$n > /dev/null; done
mkdir whole start read runmon-e2e-parent plain
echo x > whole/file; echo x > whole/file2; echo x > start/one; echo x > started
echo x > plain/runmon-e2e-name; echo x > plain/runmon-e2e-name2; echo x > plain/runmon-e2e-end
echo x > runmon-e2e-parent/one; cat runmon-e2e-parent/one > /dev/null
echo x > read/one; cat read/one > /dev/null; cat plain/runmon-e2e-name > /dev/null
ln -s ../start plain/link; echo x > plain/link/two
# A directory of which nothing was asked becomes one of which something is, and back.
mkdir moved; echo x > moved/file; echo x > moved/file
mv whole gone; mv moved whole; echo x > whole/file
mv whole again; echo x > again/file
mkdir -p up/start2; echo x > up/start2/one; mv start kept; mv up/start2 start; echo x > start/one
# The same by a mount.
mkdir bound; echo x > bound/one
if mount --bind bound start 2> /dev/null; then
    echo x > start/three; umount start; echo x > bound/four
fi
# Names that only mounts give: of a file, of a directory, of two mounts on one another.
mkdir given around runmon-e2e-around; echo x > given/file; echo x > around/file
touch plain/runmon-e2e-mounted
mount --bind given/file plain/runmon-e2e-mounted; echo x > plain/runmon-e2e-mounted
mount --bind around/file plain/runmon-e2e-mounted; echo x > plain/runmon-e2e-mounted
mount --bind around runmon-e2e-around; echo x > runmon-e2e-around/file; echo x > around/file
mount --bind given runmon-e2e-around; echo x > runmon-e2e-around/file; cat given/file > /dev/null
umount runmon-e2e-around; echo x > runmon-e2e-around/new
# The root itself, after files in it.
cat /runmon-e2e-none 2> /dev/null; /bin/busybox ls -l -i / > /dev/null
mkdir "$2"; for name in a b; do echo x > "$2/$name"; cat "$2/$name" > /dev/null; done
# Many directories, so that some are forgotten.
for n in 1 2 3 4 5 6 7 8 9; do mkdir d$n; echo x > d$n/file; cat d$n/file > /dev/null; done
cat read/one > /dev/null
"#;

fn same_alerts(stage: &Stage<'_>) {
    let dir = stage.dir("filtered");
    fs::create_dir_all(&dir).expect("make a directory");
    let text = dir.to_str().expect("a plain path");
    let daemon = |filters: bool| {
        let keys = format!("kernel_filter: {filters}");
        stage.daemon(Options { rules: Some(rules(text)), keys, ..Options::default() })
    };
    let (with, without) = (daemon(true), daemon(false));
    let mut script = Command::new("/bin/busybox");
    script.args(["unshare", "-m", "sh", "-c", WORK, "work"]).arg(&dir).arg(LONG);
    let status = script.status().expect("start the work");
    assert!(status.success(), "{status}");
    for daemon in [&with, &without] {
        crate::wait::until("the last act", || (reads(daemon) == 2).then_some(()));
    }
    let (with, without) = (with.stop(), without.stop());
    let (found, expected) = (alerts(&with), alerts(&without));
    assert_eq!(found, expected);
    let rules: BTreeSet<&str> = expected.iter().map(|(rule, ..)| rule.as_str()).collect();
    assert_eq!(rules.len(), 11, "{expected:#?}");
    assert!(filtered(&with) > 10, "nothing was left out: {:#}", with.heartbeat());
    assert_eq!(filtered(&without), 0);
}

/// How often a file was read that a rule names: the work ends with one.
fn reads(daemon: &Daemon) -> usize {
    let reads = |it: &&Value| is_alert(it) && it["rule"]["name"] == "read";
    daemon.documents().iter().filter(reads).count()
}

/// Rule, process and file of each alert, as often as there were such.
fn alerts(ended: &Ended) -> Vec<(String, u64, String)> {
    let mut all: Vec<_> = ended.documents.iter().filter(|it| is_alert(it)).map(key).collect();
    all.sort();
    all
}

fn key(alert: &Value) -> (String, u64, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pid = alert["process"]["pid"].as_u64().unwrap_or_default();
    (text(&alert["rule"]["name"]), pid, text(&alert["file"]["path"]))
}

fn filtered(ended: &Ended) -> u64 {
    let kinds = &ended.heartbeat()["runmon"]["kernel"]["kinds"];
    ["file_open", "file_read"].iter().filter_map(|kind| kinds[kind]["filtered"].as_u64()).sum()
}

/// Filters in the kernel have so many numbers, which come again.
const NUMBERS: usize = 7;

/// A directory of which no rule asked for anything is not taken for that when one does, also where
/// the filter has the number that it had then.
fn remembered(stage: &Stage<'_>) {
    let (dir, rules) = (stage.dir("remembered"), stage.dir("rules").join("rules.yaml"));
    let (file, other) = (dir.join("below/file"), dir.join("other"));
    fs::create_dir_all(dir.join("below")).expect("make a directory");
    fs::write(&file, "x").expect("make a file");
    let about = |file: &std::path::Path| {
        let rule = "- rule: read\n  desc: d\n  output: o\n  priority: notice\n  condition: \
                    evt.type = open and evt.is_open_write = false and fd.name = ";
        fs::write(&rules, format!("{rule}{}\n", file.display())).expect("write the rules");
    };
    about(&other);
    let keys = format!("rules: [{rules:?}]\nwatch_rules: false");
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    let again = |times: usize| {
        daemon.notify(Signal::SIGHUP);
        crate::wait::until("the daemon to read the rules", || {
            (daemon.log().matches("read the rules again").count() == times).then_some(())
        });
    };
    let read = || {
        // Twice: the first time is remembered.
        for _ in 0..2 {
            drop(fs::read_to_string(&file).expect("read the file"));
        }
    };
    read();
    for times in 1..NUMBERS {
        again(times);
    }
    about(&file);
    again(NUMBERS);
    read();
    crate::wait::until("two reads", || (reads(&daemon) == 2).then_some(()));
    daemon.stop();
}
