//! Ways to deceive a monitor: other names for a file, arguments that change meanwhile.

mod programs;
mod rows;
mod sockets;
pub mod table;
mod writes;

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use serde_json::{Value, json};

use super::Case;
use crate::containerd::Container;
use crate::daemon::{ACTS, Daemon, Options, is_alert};
use crate::features::expected_here;
use crate::lab::{Hooks, Stage};
use crate::laws::number;
use crate::place::Place;
use crate::triggers::Report;

pub use rows::ROWS;

pub(super) const CASES: &[Case] = &[
    Case::each("evasion::other_names_of_a_file", other_names),
    Case::each("evasion::other_names_of_a_file_in_a_container", other_names_in_a_container),
    Case::each("evasion::unnamed_file_gets_a_name", unnamed_file),
    Case::each("evasion::kernel_switches_by_other_names", kernel_switches),
    Case::each("evasion::copying_up_is_nobodys_act", copy_up),
    Case::each("evasion::path_is_rewritten_meanwhile", path_is_rewritten),
    Case::each("evasion::descriptor_is_closed_meanwhile", descriptor_is_closed),
    Case::each("evasion::address_is_rewritten_meanwhile", address_is_rewritten),
    Case::each("evasion::deep_paths_and_long_environments_hide_nothing", deep_and_long),
    Case::each("evasion::namespaces_do_not_hide_the_container", namespaces),
    Case::each("evasion::files_are_changed_without_write", writes::without_write),
    Case::each("evasion::descriptor_is_taken_from_another", writes::taken_descriptor),
    Case::each("evasion::what_was_open_before_is_not_seen", writes::older_descriptors),
    Case::each("evasion::disk_is_opened", writes::device),
    Case::each("evasion::memory_is_opened_as_a_file", writes::memory_of_another),
    Case::each("evasion::path_is_longer_than_a_record", writes::too_deep),
    Case::each("evasion::program_is_named_by_its_descriptor", programs::by_descriptor),
    Case::each("evasion::interpreter_is_given_a_script", programs::interpreter),
    Case::each("evasion::loader_is_given_a_program", programs::loader),
    Case::each("evasion::programs_in_disguise", programs::disguises),
    Case::each("evasion::arguments_that_are_meant_for_the_reader", programs::hostile_arguments),
    Case::each("evasion::one_binary_has_many_names", programs::one_binary),
    Case::each("evasion::process_id_is_used_again", programs::same_id),
    Case::each("evasion::container_moves_to_another_cgroup", programs::another_cgroup),
    Case::each("evasion::ring_that_the_kernel_polls", sockets::polled_ring),
    Case::each("evasion::sockets_of_other_families", sockets::other_families),
    Case::each("evasion::multipath_connections", sockets::multipath),
    Case::each("evasion::addresses_that_mean_another", sockets::addresses),
    Case::each("evasion::programs_of_the_monitor_are_reached", sockets::monitors_programs),
    Case::each("evasion::image_takes_the_name_of_another", image_takes_a_name),
];

/// Raises an alert on every act of a trigger.
fn watch_acts(stage: &Stage<'_>) -> Daemon {
    stage.daemon(Options { rules: Some(ACTS.to_owned()), ..Options::default() })
}

/// Whether the hooks of a kind of record say that they do not see this: as `doctor` does.
fn is_blind(heartbeat: &Value, kind: &str, text: &str) -> bool {
    let hooks = heartbeat["runmon"]["hooks"].as_array();
    let hook = hooks.into_iter().flatten().find(|hook| hook["kind"] == kind);
    let blind = hook.and_then(|hook| hook["blind"].as_array()).into_iter().flatten();
    blind.filter_map(Value::as_str).any(|gap| gap.contains(text))
}

/// Whatever name is used, device and inode are those of the file.
fn other_names(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("names");
    let secret = dir.join("secret");
    fs::write(&secret, "").expect("write a file");
    let inode = fs::metadata(&secret).expect("the file is there").ino().to_string();
    let (path, dir) = (secret.to_str().expect("plain"), dir.to_str().expect("plain"));
    for alias in ["handle", "symlink", "hardlink", "bind", "chroot", "proc", "dots", "root"] {
        let report = place.trigger(&["open-through", alias, path, dir]);
        assert_eq!(report.errno, 0, "{report}");
        let is_it = |it: &Value| it["file"]["inode"] == inode;
        let alert = place.expect(&daemon, &report, "file_open_write", is_it);
        // Links, roots and descriptors lead to the one path; other names are as good as it.
        let expected = match alias {
            "hardlink" | "bind" => report.path.as_deref().expect("a report has the name"),
            _ => path,
        };
        assert_eq!(alert["file"]["path"], expected, "{alias}: {alert:#}");
        assert_eq!(alert["runmon"]["arguments_from"], "kernel_object");
    }
    daemon.stop();
}

fn other_names_in_a_container(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("names"), &[]);
    let place = Place::In(&container);
    for alias in ["symlink", "hardlink", "proc"] {
        let report = place.trigger(&["open-through", alias, "/etc/shadow", "/etc"]);
        assert_eq!(report.errno, 0, "{report}");
        let alert = place.expect(&daemon, &report, "file_open_write", |_| true);
        let expected = if alias == "hardlink" { report.path.as_deref() } else { None };
        assert_eq!(alert["file"]["path"], expected.unwrap_or("/etc/shadow"), "{alias}: {alert:#}");
        let inode = alert["file"]["inode"].clone();
        let root = format!("/proc/{}/root/etc/shadow", container.pid());
        let really = fs::metadata(root).expect("the file is there").ino().to_string();
        assert_eq!(inode, really, "{alias}");
    }
    daemon.stop();
}

/// A file is written to before it has any name, and is then given one.
fn unnamed_file(stage: &Stage<'_>) {
    let daemon = stage.daemon(Options { rules: Some(ACTS.to_owned()), ..Options::default() });
    let place = Place::Host(stage.lab);
    let dir = stage.dir("unnamed");
    let new = dir.join("named");
    let path = dir.to_str().expect("plain");
    let report = place.trigger(&["deed", "link-unnamed", path]);
    if report.errno == libc::EOPNOTSUPP {
        not_tried("the file system of the tests has no files without a name");
        return drop(daemon.stop());
    }
    assert_eq!(report.errno, 0, "{report}");
    let inode = fs::metadata(&new).expect("the file has its name").ino().to_string();
    daemon.expect("the write before", |it| {
        place.is_by(&report, it) && it["file"]["inode"] == inode && it["file"]["links"] == 0
    });
    let alert = place.expect(&daemon, &report, "link", |_| true);
    assert_eq!(alert["runmon"]["other"], json!(new), "{alert:#}");
    // The fallback has the names that the call was given.
    if stage.hooks != Hooks::Fallback {
        assert_eq!(alert["file"]["inode"], inode, "{alert:#}");
    }
    daemon.stop();
}

/// Files that make the kernel start programs: on a crash, for a cgroup that is empty, for a module,
/// an event of a device, a format of programs, at the end. Not every kernel has each.
const SWITCHES: &[&str] = &[
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/poweroff_cmd",
    "/proc/sys/fs/binfmt_misc/register",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/systemd/release_agent",
    "/sys/fs/cgroup/memory/release_agent",
];

/// They are opened for writing, under other names too, and not written to.
fn kernel_switches(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("switches");
    let dir = dir.to_str().expect("plain");
    let (there, absent): (Vec<&str>, Vec<&str>) =
        SWITCHES.iter().partition(|path| fs::metadata(path).is_ok());
    assert_eq!(there.first(), SWITCHES.first(), "every kernel has it");
    for switch in there {
        let inode = fs::metadata(switch).expect("the file is there").ino().to_string();
        for alias in ["symlink", "root", "bind", "dots"] {
            let report = place.trigger(&["open-through", alias, switch, dir]);
            assert_eq!(report.errno, 0, "{switch}: {report}");
            let is_it = |it: &Value| it["file"]["inode"] == inode;
            let alert = place.expect(&daemon, &report, "file_open_write", is_it);
            let expected = if alias == "bind" { report.path.as_deref() } else { None };
            assert_eq!(alert["file"]["path"], expected.unwrap_or(switch), "{alias}: {alert:#}");
        }
    }
    if !absent.is_empty() {
        eprintln!("note: not here: {}", absent.join(", "));
    }
    daemon.stop();
}

/// A list of images that may do a thing knows them by name. The name goes to another image: that
/// has a digest of its own, and what ran before keeps the one that it had. A monitor that comes
/// later does not know that one, and does not take the other for it.
fn image_takes_a_name(stage: &Stage<'_>) {
    let runtime = stage.containerd();
    let image = format!("localhost/{}:1", stage.name("moved"));
    let daemon = stage.watch();
    let meant = runtime.import(&image, "meant");
    let first = runtime.run_image(&image, &stage.name("meant"), &[], &[]);
    assert_digest(&daemon, &first, &image, &meant);
    let other = runtime.import(&image, "other");
    assert_ne!(meant, other);
    let second = runtime.run_image(&image, &stage.name("other"), &[], &[]);
    assert_digest(&daemon, &second, &image, &other);
    assert_digest(&daemon, &first, &image, &meant);
    daemon.stop();
    let daemon = stage.watch();
    assert_digest(&daemon, &second, &image, &other);
    let report = first.trigger(&["open", "/etc/hosts"]);
    let place = Place::In(&first);
    let alert = daemon.expect("a write in the first", |it| {
        it["event"]["action"] == "file_open_write" && place.is_by(&report, it)
    });
    let told = &alert["container"];
    assert_eq!(told["image"]["hash"], Value::Null, "{told:#}");
    let why = &told["unknown_because"]["image.hash.all"];
    // As in `assert_image`: emulated machines are slow.
    assert!(why == "changed" || why == "no_answer" && expected_here().is_some(), "{told:#}");
    daemon.stop();
}

fn assert_digest(daemon: &Daemon, container: &Container<'_>, image: &str, digest: &str) {
    let report = container.trigger(&["open", "/etc/hosts"]);
    let place = Place::In(container);
    let alert = daemon.expect(&format!("a write in {}", container.id()), |it| {
        it["event"]["action"] == "file_open_write" && place.is_by(&report, it)
    });
    let told = &alert["container"];
    // As in `assert_image`: emulated machines are slow.
    if told["unknown_because"]["image.name"] == "no_answer" && expected_here().is_some() {
        return not_tried("the runtime did not answer in time");
    }
    assert_eq!(told["image"]["name"], image, "{told:#}");
    assert_eq!(told["image"]["hash"]["all"], json!([digest]), "{told:#}");
}

/// overlayfs copies a file of the image up before it is changed, and marks the copy: the process
/// did one thing.
fn copy_up(stage: &Stage<'_>) {
    let daemon = stage.daemon(Options { rules: Some(ACTS.to_owned()), ..Options::default() });
    let container = stage.containerd().run(&stage.name("up"), &[]);
    let place = Place::In(&container);
    let report = place.trigger(&["path", "chmod", "/etc/hosts"]);
    assert_eq!(report.errno, 0, "{report}");
    place.expect(&daemon, &report, "chmod", |it| it["file"]["path"] == "/etc/hosts");
    place.expect(&daemon, &report, "exit", |_| true);
    let documents = daemon.documents();
    let acts: Vec<&Value> = documents
        .iter()
        .filter(|it| is_alert(it) && place.is_by(&report, it) && !it["runmon"]["act"].is_null())
        .collect();
    assert_eq!(acts.len(), 1, "{acts:#?}");
    daemon.stop();
}

/// As many descriptors of the one and of the other file as there really were; or the record says
/// that it was read where it could have been changed.
fn path_is_rewritten(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("race");
    let (meant, other) = (dir.join("meant"), dir.join("other"));
    for path in [&meant, &other] {
        fs::write(path, "").expect("write a file");
    }
    let (meant, other) = (meant.to_str().expect("plain"), other.to_str().expect("plain"));
    let reports = raced(&place, &daemon, &["open-race", meant, other], "swapped");
    let documents = daemon.stop().documents;
    for report in &reports {
        let count = |path: &str| {
            let opens = documents.iter().filter(|it| is_alert(it) && place.is_by(report, it));
            let opens = opens.filter(|it| it["file"]["path"] == path);
            opens.filter(|it| it["runmon"]["arguments_from"] == "kernel_object").count() as u64
        };
        let really = (really(report, "meant"), really(report, "swapped"));
        assert_eq!((count(meant), count(other)), really, "{report}");
    }
}

/// Every open is told of, by the file or by its name, whatever becomes of the descriptor.
fn descriptor_is_closed(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let path = stage.dir("close").join("closed");
    let path = path.to_str().expect("plain");
    let reports = raced(&place, &daemon, &["close-race", path], "closed");
    let documents = daemon.stop().documents;
    for report in &reports {
        let told = documents.iter().filter(|it| {
            is_alert(it)
                && place.is_by(report, it)
                && it["file"]["path"] == path
                && it["event"]["outcome"] == "success"
        });
        // The trigger opens it once more to learn the number.
        assert_eq!(told.count() as u64, really(report, "opened") + 1, "{report}");
    }
}

/// Lets two threads race until what is counted under a name came about, or often enough.
fn raced(place: &Place<'_>, daemon: &Daemon, args: &[&str], won: &str) -> Vec<Report> {
    const RACES: usize = 20;
    let mut reports = Vec::new();
    let mut times = 0;
    while times == 0 && reports.len() < RACES {
        let report = place.trigger(&[args, &["--rounds", "500"]].concat());
        place.expect(daemon, &report, "exit", |_| true);
        times = really(&report, won);
        reports.push(report);
    }
    note_race(times);
    reports
}

/// How often it came about.
fn really(report: &Report, what: &str) -> u64 {
    report.numbers.get(what).copied().unwrap_or_default()
}

/// A path that is longer than people make them, and a variable behind more environment than a
/// record has room for.
fn deep_and_long(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let dir = stage.dir("deep");
    let report = place.trigger(&["exec", "deep", "--dir", dir.to_str().expect("plain")]);
    let alert = place.expect(&daemon, &report, "exec", |it| it["process"]["args"][1] == "nap");
    assert_eq!(alert["process"]["executable"], json!(report.path), "{alert:#}");
    let report = place.trigger(&["exec", "long-environment"]);
    let alert = place.expect(&daemon, &report, "exec", |it| it["process"]["args"][1] == "nap");
    assert_eq!(alert["process"]["env_vars"], json!(["LD_TRIGGER=seen"]), "{alert:#}");
    daemon.stop();
}

/// A busy machine may run the two threads in turn. What was counted holds all the same.
fn note_race(swapped: u64) {
    if swapped == 0 {
        not_tried("the thread that rewrites never came in between");
    }
}

/// Says that a case passes without the evasion having been done: its cell in the table says so.
fn not_tried(why: &str) {
    eprintln!("not tried: {why}");
}

/// The same for the peers of sockets. Like connections may have been gathered in one document.
fn address_is_rewritten(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let (meant, other) = ("127.0.0.1:1111", "127.0.0.2:2222");
    let report = place.trigger(&["connect-race", meant, other, "--rounds", "500"]);
    place.expect(&daemon, &report, "exit", |_| true);
    let ended = daemon.stop();
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for document in ended.documents.iter().filter(|it| is_alert(it) && place.is_by(&report, it)) {
        if document["event"]["action"] == "connect" && document["event"]["outcome"] != "failure" {
            let end = &document["destination"];
            let name = format!("{}:{}", end["ip"].as_str().unwrap_or_default(), end["port"]);
            let repeats = document["runmon"]["repeats"].as_u64().unwrap_or_default();
            *counts.entry(name).or_default() += 1 + repeats;
        }
    }
    let kinds = &ended.heartbeat()["runmon"]["kernel"]["kinds"]["connect"];
    let collapsed = number(kinds, "collapsed");
    let really = |name: &str| really(&report, name);
    note_race(really("swapped"));
    // The trigger counts a socket whose address is half of each as one that was meant.
    let swapped = counts.get(other).copied().unwrap_or_default();
    let meant = counts.values().sum::<u64>() - swapped;
    for (told, times) in [(meant, really("meant")), (swapped, really("swapped"))] {
        assert!(told <= times, "{told} times told, {times} times done: {counts:?} {report}");
        assert!(told + collapsed >= times, "{told} of {times} times told: {counts:?} {report}");
        assert!(times == 0 || told > 0, "never told: {counts:?} {report}");
    }
}

/// A container's process that makes itself new namespaces stays the container's.
fn namespaces(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run_with(&stage.name("ns"), &["--privileged"], &[]);
    let output = container.exec(&[
        "/bin/unshare",
        "-m",
        "-n",
        "-p",
        "-f",
        "/bin/trigger",
        "connect",
        "udp",
        "127.0.0.1:9",
    ]);
    let report = crate::lab::report(&output.stdout, &output.stderr);
    let alert = daemon.expect("a connection from inner namespaces", |it| {
        it["event"]["action"] == "connect" && it["container"]["id"] == container.id()
    });
    Place::In(&container).assert_named_in(&alert);
    assert_eq!(alert["process"]["vpid"], report.pid);
    daemon.stop();
}
