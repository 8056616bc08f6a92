//! Programs that start, fork and end.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::Case;
use crate::daemon::Daemon;
use crate::lab::Stage;
use crate::place::Place;
use crate::triggers::Report;

pub(super) const CASES: &[Case] = &[
    Case::new("processes::exec_fork_and_exit_on_the_host", |stage| {
        life(stage, &Place::Host(stage.lab));
    }),
    Case::new("processes::exec_fork_and_exit_in_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("life"), &[]);
        life(stage, &Place::In(&container));
    }),
    Case::each("processes::ways_to_start_a_program_on_the_host", |stage| {
        ways_to_start(stage, &Place::Host(stage.lab));
    }),
    Case::new("processes::ways_to_start_a_program_in_a_container", |stage| {
        let container = stage.containerd().run(&stage.name("ways"), &[]);
        ways_to_start(stage, &Place::In(&container));
    }),
    Case::each("processes::long_arguments_are_cut_and_hashed", long_arguments),
    Case::new("processes::upper_layer_is_told_apart", upper_layer),
    Case::new("processes::ancestors_are_known", ancestors),
    Case::new("processes::older_processes_are_known", older_processes),
];

/// The exec that the trigger itself makes, not the one that started the trigger.
fn started(place: &Place<'_>, daemon: &Daemon, report: &Report) -> Value {
    place.expect(daemon, report, "exec", |it| it["process"]["args"][1] == "nap")
}

fn life(stage: &Stage<'_>, place: &Place<'_>) {
    let daemon = stage.watch();
    let report = place.trigger(&["exec", "plain", "--", "nap", "0", "seen"]);
    let program = place.program();
    let alert = started(place, &daemon, &report);
    let process = &alert["process"];
    assert_eq!(process["executable"], json!(program), "{process:#}");
    assert_eq!(process["args"], json!([program, "nap", "0", "seen"]));
    assert_eq!(process["args_count"], 4);
    assert_eq!(process["thread"]["id"], process["pid"]);
    assert_eq!(alert["event"]["outcome"], "success");
    assert_eq!(alert["runmon"]["arguments_from"], "kernel_object");
    assert_eq!(alert["event"]["category"], json!(["process"]));
    assert_eq!(alert["rule"]["id"], "every_act");
    assert_eq!(alert["event"]["kind"], "alert");
    assert_eq!(alert["user"]["effective"]["id"], "0");
    let exit = place.expect(&daemon, &report, "exit", |_| true);
    assert_eq!(exit["runmon"]["exit_status"], 0);
    assert_eq!(exit["process"]["entity_id"], process["entity_id"], "one process, one id");

    let forked = place.trigger(&["exec", "vfork"]);
    let child = started(place, &daemon, &forked);
    let parent = child["process"]["parent"].clone();
    daemon.expect("the fork", |it| {
        it["event"]["action"] == "fork" && it["process"]["entity_id"] == parent["entity_id"]
    });
    daemon.stop();
}

fn ways_to_start(stage: &Stage<'_>, place: &Place<'_>) {
    let daemon = stage.watch();
    let program = json!(place.program());
    let dir = place.dir("programs");
    let dir = dir.to_str().expect("a plain path");

    let memfd = place.trigger(&["exec", "memfd"]);
    let alert = started(place, &daemon, &memfd);
    assert_eq!(alert["process"]["code_file"]["memfd"], true, "{alert:#}");
    assert_eq!(alert["process"]["executable"], "/memfd:trigger-memfd");

    let deleted = place.trigger(&["exec", "deleted", "--dir", dir]);
    let alert = started(place, &daemon, &deleted);
    assert_eq!(alert["process"]["code_file"]["deleted"], true, "{alert:#}");
    assert_eq!(alert["process"]["code_file"]["memfd"], false);
    assert_eq!(alert["process"]["executable"], json!(deleted.path));

    let script = place.trigger(&["exec", "script", "--dir", dir]);
    let alert = started(place, &daemon, &script);
    assert_eq!(alert["process"]["script"], json!(script.path), "{alert:#}");
    assert_eq!(alert["process"]["executable"], program);

    let odd = place.trigger(&["exec", "not-utf8", "--dir", dir]);
    assert!(odd.path_hex.as_ref().is_some_and(|hex| hex.contains("fffe")));
    let alert = place.expect(&daemon, &odd, "exec", |it| {
        it["process"]["executable"].as_str().is_some_and(|path| path.contains(r"\xff\xfe"))
    });
    let expected = format!("{dir}/\\xff\\xfe-{}", odd.pid);
    assert_eq!(alert["process"]["executable"], expected);

    let thread = place.trigger(&["exec", "thread"]);
    assert_ne!(thread.pid, thread.tid);
    let alert = started(place, &daemon, &thread);
    assert_eq!(alert["process"]["executable"], program);
    assert_eq!(alert["process"]["thread"]["id"], alert["process"]["pid"], "it became the leader");

    for how in ["vfork", "clone3"] {
        let report = place.trigger(&["exec", how]);
        let alert = started(place, &daemon, &report);
        assert_eq!(alert["process"]["executable"], program, "{how}");
        assert_eq!(alert["process"]["parent"]["name"], "trigger", "{how}: {alert:#}");
        let args = &alert["process"]["parent"]["args"];
        assert_eq!(args[2], how, "the parent is known with its arguments: {alert:#}");
        place.expect(&daemon, &report, "exit", |_| true);
    }
    daemon.stop();
}

fn long_arguments(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let place = Place::Host(stage.lab);
    let report = place.trigger(&["exec", "long-args"]);
    let bytes = report.numbers.get("args_bytes").copied().expect("the trigger counts");
    assert!(bytes > 200 * 1024);
    let process = started(&place, &daemon, &report)["process"].clone();
    assert_eq!(process["args_truncated"], true);
    assert_eq!(process["args_total_bytes"], bytes);
    assert!(process["args_hash"].as_str().is_some_and(|hash| hash.len() == 16));
    assert_eq!(process["args"][1], "nap");
    let kept = process["command_line"].as_str().map(str::len).unwrap_or_default();
    assert!((15 * 1024..=16 * 1024).contains(&kept), "16 KiB are kept, not {kept}");
    // The same arguments have the same hash, others another.
    let again = place.trigger(&["exec", "long-args"]);
    let again = started(&place, &daemon, &again)["process"].clone();
    assert_eq!(again["args_hash"], process["args_hash"]);
    let other = place.trigger(&["exec", "long-args", "--", "nap", "0", "other"]);
    let other = started(&place, &daemon, &other)["process"].clone();
    assert_ne!(other["args_hash"], process["args_hash"]);
    daemon.stop();
}

/// What is the image's, and what was put there since.
fn upper_layer(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("upper"), &[]);
    let place = Place::In(&container);
    let of_image = place.trigger(&["exec", "plain"]);
    let alert = started(&place, &daemon, &of_image);
    assert_eq!(alert["process"]["code_file"]["upper_layer"], false, "{alert:#}");
    let fresh = place.trigger(&["exec", "fresh", "--dir", "/root"]);
    let alert = started(&place, &daemon, &fresh);
    assert_eq!(alert["process"]["code_file"]["upper_layer"], true, "{alert:#}");
    assert_eq!(alert["process"]["executable"], json!(fresh.path));
    // A file of the image that was written to since is no longer the image's.
    assert!(container.exec(&["/bin/sh", "-c", "echo >> /bin/trigger"]).status.success());
    let changed = place.trigger(&["exec", "plain"]);
    let alert = started(&place, &daemon, &changed);
    assert_eq!(alert["process"]["code_file"]["upper_layer"], true, "{alert:#}");
    daemon.stop();
}

/// A shell that starts a shell that starts the trigger.
fn ancestors(stage: &Stage<'_>) {
    let daemon = stage.watch();
    let program = crate::lab::trigger_path();
    let program = program.to_str().expect("a plain path");
    let line = format!("/bin/busybox sh -c '{program} connect udp 127.0.0.1:9; true'; true");
    let output = std::process::Command::new("/bin/busybox").args(["sh", "-c", &line]).output();
    let output = output.expect("start busybox");
    let report = crate::lab::report(&output.stdout, &output.stderr);
    let alert = Place::Host(stage.lab).expect(&daemon, &report, "connect", |_| true);
    let parent = &alert["process"]["parent"];
    assert_eq!(parent["name"], "busybox", "{alert:#}");
    assert_eq!(parent["args"][1], "sh");
    let id = &parent["entity_id"];
    let shell = daemon.expect("the inner shell", |it| {
        it["event"]["action"] == "exec" && it["process"]["entity_id"] == *id
    });
    assert_eq!(shell["process"]["parent"]["args"][3], line);
    let this = &daemon.expect("the outer shell", |it| {
        it["event"]["action"] == "exec"
            && it["process"]["entity_id"] == shell["process"]["parent"]["entity_id"]
    })["process"]["parent"];
    assert_eq!(this["pid"], std::process::id(), "this program was there before the monitor");
    assert_eq!(this["name"], "e2e");
    daemon.stop();
}

/// A process that ran before the monitor is known with its file, arguments and container.
fn older_processes(stage: &Stage<'_>) {
    let container = stage
        .containerd()
        .run(&stage.name("older"), &["/bin/sh", "-c", "while sleep 0.2; do : > /tmp/beat; done"]);
    let daemon = stage.watch();
    let alert = daemon.expect("a write of the older shell", |it| {
        it["container"]["id"] == container.id()
            && it["file"]["path"] == "/tmp/beat"
            && it["runmon"]["metadata"]["state"] == "complete"
    });
    Place::In(&container).assert_named_in(&alert);
    let process = &alert["process"];
    assert_eq!(process["pid"], container.pid());
    assert_eq!(process["executable"], "/bin/busybox", "{process:#}");
    assert_eq!(process["args"][1], "-c");
    let root = format!("/proc/{}/root/bin/busybox", container.pid());
    let inode = fs::metadata(Path::new(&root)).expect("the container's busybox").ino();
    assert_eq!(process["code_file"]["inode"], inode.to_string());
    daemon.stop();
}
