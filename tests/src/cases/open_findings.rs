//! Findings about how something is outlive the daemon: what is open stays so under one id, and
//! what is over by the next start is closed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Case;
use super::upkeep::{IMAGE, build, import, keys, number};
use super::vulns::{NAP, record};
use crate::daemon::{Daemon, Options, is_heartbeat};
use crate::engines::Runc;
use crate::lab::Stage;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("open_findings::of_containers_outlive_the_daemon", of_containers),
    Case::new("open_findings::of_software_outlive_the_daemon", of_software),
    Case::new("open_findings::of_an_image_whose_name_moved_stay", of_moved),
    Case::new("open_findings::of_a_damaged_file_are_told_anew", damaged),
];

fn state(document: &Value) -> &Value {
    &document["runmon"]["state"]
}

fn is_state(document: &Value, activity: &str) -> bool {
    document["runmon"]["document"] == "state" && state(document)["activity"] == activity
}

/// The ids of what was told so.
fn uids(documents: &[Value], activity: &str) -> BTreeSet<String> {
    let told = documents.iter().filter(|it| is_state(it, activity));
    told.map(|it| state(it)["uid"].as_str().expect("an id").to_owned()).collect()
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("findings/open.json")
}

/// Waits until these are written down as told and, to be asked in the next run, not doubtful.
fn waits_until_kept(state_dir: &Path, wanted: &[&str]) {
    wait::until("open findings to be written down", || {
        let text = fs::read_to_string(file(state_dir)).ok()?;
        let written: Value = serde_json::from_str(&text).ok()?;
        let findings = written["findings"].as_array().expect("findings");
        let is_kept = |uid: &&str| findings.iter().any(|it| it["uid"] == **uid);
        let is_sure = findings.iter().all(|it| it["doubtful"].is_null());
        (is_sure && wanted.iter().all(is_kept)).then_some(())
    });
}

/// Waits until so many more looks are over.
fn waits_for_looks(daemon: &Daemon, more: u64) {
    let looks = || {
        let all = daemon.documents();
        let beat = all.iter().rev().find(|it| is_heartbeat(it))?;
        beat["runmon"]["tables"]["posture_looks"].as_u64()
    };
    let first = wait::until("a look", || looks().filter(|it| *it > 0));
    wait::until("looks", || looks().filter(|it| *it >= first + more));
}

fn of(check: &str, container: &str, activity: &str) -> impl Fn(&Value) -> bool {
    let [check, container, activity] = [check, container, activity].map(str::to_owned);
    move |it| {
        let is_there = it["container"]["id"] == container || it["container"]["name"] == container;
        is_there && is_state(it, &activity) && state(it)["check"] == check
    }
}

fn uid(document: &Value) -> &str {
    state(document)["uid"].as_str().expect("an id")
}

/// One container is put right while nobody looks, one ends, and one stays as it is.
fn of_containers(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let (name, host, dir) = (stage.name("mended"), stage.dir("host"), stage.dir("kept"));
    let options = || Options {
        rules: None,
        keys: "posture_seconds: 1\nheartbeat_seconds: 1\nposture: debug".to_owned(),
        state_dir: Some(dir.clone()),
        ..Options::default()
    };
    let daemon = stage.daemon(options());
    let run = |name: &str| stage.containerd().run_with(&stage.name(name), &["--privileged"], &NAP);
    let (stays, ends) = (run("stays"), run("ends"));
    runc.run_as(&name, &host, &NAP, |config| {
        config["linux"]["resources"]["pids"] = json!({ "limit": 50 });
    });
    let cgroups = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"];
    let limit = cgroups.map(|root| Path::new(root).join(&name).join("pids.max"));
    let limit = limit.iter().find(|file| file.exists()).expect("its limit");
    fs::write(limit, "60").expect("raise a limit");
    let open = [
        ("posture.privileged", stays.id()),
        ("posture.privileged", ends.id()),
        ("declared.pids_limit", &name),
    ];
    let open = open.map(|(check, id)| daemon.expect_document(check, of(check, id, "create")));
    let [stays_open, ends_open, mended_open] = open.each_ref().map(uid);
    waits_until_kept(&dir, &[stays_open, ends_open, mended_open]);
    let told = uids(&daemon.kill(), "create");

    // All is as it was: nothing is told again.
    let daemon = stage.daemon(options());
    waits_for_looks(&daemon, 9);
    let again = daemon.kill();
    let repeated: Vec<String> = uids(&again, "create").intersection(&told).cloned().collect();
    assert!(repeated.is_empty(), "{repeated:?} of {told:?}");
    assert!(!uids(&again, "close").contains(stays_open));

    let ended = ends.id().to_owned();
    drop(ends);
    fs::write(limit, "50").expect("put it right");
    let daemon = stage.daemon(options());
    let closed = daemon.expect_document("what ended", of("posture.privileged", &ended, "close"));
    assert_eq!(uid(&closed), ends_open, "{closed:#}");
    let text = "the container has ended, while nobody looked";
    assert_eq!(closed["event"]["reason"], text, "{closed:#}");
    assert_eq!(state(&closed)["since"], state(&open[1])["since"], "{closed:#}");
    let closed =
        daemon.expect_document("what is mended", of("declared.pids_limit", &name, "close"));
    assert_eq!(uid(&closed), mended_open, "{closed:#}");
    assert_eq!(closed["event"]["reason"], "it is so no more", "{closed:#}");
    waits_for_looks(&daemon, 6);
    let ended = daemon.stop();
    let closings = ended.documents.iter().filter(|it| is_state(it, "close"));
    let closings = closings.filter(|it| [ends_open, mended_open].contains(&uid(it)));
    assert_eq!(closings.count(), 2, "each is closed once");
    let created = uids(&ended.documents, "create");
    assert!(created.intersection(&told).next().is_none(), "{created:?}");
    // Who looks for nothing any more says so of what is open.
    let keys = "posture: \"off\"".to_owned();
    let daemon = stage.daemon(Options { keys, ..options() });
    let closed = daemon.expect_document("all", of("posture.privileged", stays.id(), "close"));
    assert_eq!(uid(&closed), stays_open, "{closed:#}");
    daemon.stop();
}

/// The name of an image means another one by now: what runs is still the old one.
fn of_moved(stage: &Stage<'_>) {
    const NAME: &str = "localhost/moved:1";
    const EOL: &[u8] = b"ID=debian\nVERSION_ID=\"8\"\n";
    let dir = stage.dir("kept");
    let options = || Options {
        rules: None,
        keys: "heartbeat_seconds: 1\nupkeep: debug\nupkeep_seconds: 1".to_owned(),
        state_dir: Some(dir.clone()),
        ..Options::default()
    };
    let import = |version: &[u8]| {
        let files = [("etc/version", version), ("etc/os-release", EOL)];
        stage.containerd().import_with(NAME, &files);
    };
    import(b"1");
    let daemon = stage.daemon(options());
    let old = stage.containerd().run_image(NAME, &stage.name("moved"), &[], &NAP);
    let id = old.id();
    let over = daemon.expect_document("no support", of("upkeep.system_support", id, "create"));
    let digest = over["container"]["image"]["hash"]["all"].clone();
    assert!(digest[0].is_string(), "{over:#}");
    import(b"2");
    let _new = stage.containerd().run_image(NAME, &stage.name("newer"), &[], &NAP);
    let moved = daemon.expect_document("a name", of("upkeep.superseded_image", id, "create"));
    waits_until_kept(&dir, &[uid(&over), uid(&moved)]);
    daemon.kill();

    let daemon = stage.daemon(options());
    wait::until("both images to be read", || (number(&daemon, "upkeep_roots") >= 3).then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(12));
    let told = daemon.stop().documents;
    let of_it = told
        .iter()
        .filter(|it| it["runmon"]["document"] == "state" && it["container"]["id"] == *id);
    assert_eq!(of_it.count(), 0, "{told:#?}");
    let closed = uids(&told, "close");
    assert!(!closed.contains(uid(&over)) && !closed.contains(uid(&moved)), "{closed:?}");
}

fn of_software(stage: &Stage<'_>) {
    let (records, pack) = (stage.dir("records"), stage.dir("pack").join("test.pack"));
    let dir = stage.dir("kept");
    for package in ["tool", "libspare"] {
        record(&records, "Debian:10", package, Some("9"));
    }
    build(stage, &records, &pack);
    import(stage);
    let options = || Options {
        rules: None,
        keys: keys(&pack),
        state_dir: Some(dir.clone()),
        ..Options::default()
    };
    let daemon = stage.daemon(options());
    let container = stage.containerd().run_image(IMAGE, &stage.name("software"), &[], &NAP);
    let id = container.id().to_owned();
    let about = |package: &'static str, activity: &'static str| {
        let id = id.clone();
        move |it: &Value| {
            let is_about = state(it)["vulnerable"]["package"] == package;
            is_about && it["container"]["id"] == *id && is_state(it, activity)
        }
    };
    let tool = daemon.expect_document("a package", about("tool", "create"));
    let spare = daemon.expect_document("another", about("libspare", "create"));
    let (tool, spare) = (uid(&tool), uid(&spare));
    waits_until_kept(&dir, &[tool, spare]);
    let told = uids(&daemon.kill(), "create");

    fs::remove_file(records.join("TEST-Debian-10-libspare.json")).expect("take a record back");
    build(stage, &records, &pack);
    let daemon = stage.daemon(options());
    let closed = daemon.expect_document("what is mended", about("libspare", "close"));
    assert_eq!(uid(&closed), spare, "{closed:#}");
    assert_eq!(closed["event"]["reason"], "it is so no more", "{closed:#}");
    wait::until("the host to be read", || (number(&daemon, "upkeep_roots") > 1).then_some(()));
    waits_until_kept(&dir, &[tool]);
    let again = daemon.kill();
    let repeated: Vec<String> = uids(&again, "create").intersection(&told).cloned().collect();
    assert!(repeated.is_empty(), "{repeated:?} of {told:?}");
    assert!(!uids(&again, "close").contains(tool));

    drop(container);
    let daemon = stage.daemon(options());
    let closed = daemon.expect_document("what nobody has", about("tool", "close"));
    assert_eq!(uid(&closed), tool, "{closed:#}");
    let text = "no container of it runs any more; they ended while nobody looked";
    assert_eq!(closed["event"]["reason"], text, "{closed:#}");
    daemon.stop();
}

/// It is said, and the daemon begins anew; where it cannot write there, that is told.
fn damaged(stage: &Stage<'_>) {
    let dir = stage.dir("kept");
    let options = || Options {
        rules: None,
        keys: "posture_seconds: 1\nheartbeat_seconds: 1".to_owned(),
        state_dir: Some(dir.clone()),
        ..Options::default()
    };
    let container = stage.containerd().run_with(&stage.name("all"), &["--privileged"], &NAP);
    let is_told = || of("posture.privileged", container.id(), "create");
    let daemon = stage.daemon(options());
    let first = daemon.expect_document("a finding", is_told());
    daemon.stop();
    let text = fs::read_to_string(file(&dir)).expect("what is open");
    let (half, _) = text.split_at(text.len() / 2);
    fs::write(file(&dir), half).expect("damage it");
    let in_the_way = dir.join("findings/draft");
    fs::create_dir(&in_the_way).expect("be in the way");
    let daemon = stage.daemon(options());
    let second = daemon.expect_document("the same", is_told());
    assert_eq!(uid(&second), uid(&first));
    daemon.expect_document("that it cannot be written", |it| {
        it["rule"]["name"] == "Open findings cannot be written"
    });
    assert!(daemon.log().contains("cannot be used, and is written anew"), "{}", daemon.log());
    fs::remove_dir(&in_the_way).expect("get out of the way");
    waits_until_kept(&dir, &[uid(&first)]);
    daemon.stop();
}
