//! What the daemon tells of software that is not kept up.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Case;
use super::vulns::{NAP, dpkg, record};
use crate::daemon::{Daemon, Options, is_heartbeat};
use crate::lab::Stage;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("upkeep::what_is_vulnerable_is_told_until_it_is_gone", vulnerable),
    Case::new("upkeep::images_that_lay_about_or_were_replaced_are_told", images),
    Case::new("upkeep::what_is_accepted_is_closed_and_shown_as_such", accepted),
    Case::new("upkeep::data_that_cannot_be_used_are_told_of", broken_data),
];

pub(super) const IMAGE: &str = "localhost/upkeep:1";

/// Builds a pack in the place of the one before.
pub(super) fn build(stage: &Stage<'_>, records: &Path, pack: &Path) {
    let made = pack.with_extension("new");
    let [from, to] = [records, &made].map(|path| path.to_str().expect("a plain path"));
    stage.runmon(["data", "build", "--osv", from, "-o", to]).assert(0, &[]);
    fs::rename(&made, pack).expect("put the pack in its place");
}

pub(super) fn keys(pack: &Path) -> String {
    format!(
        "in_use: true\nheartbeat_seconds: 1\nposture: \"off\"\nupkeep: debug\nupkeep_seconds: 1\n\
         vulnerability_pack: {pack:?}"
    )
}

fn state(document: &Value) -> &Value {
    &document["runmon"]["state"]
}

/// Whether a finding is about a package, and its container one of these.
fn is_about(document: &Value, package: &str, ids: &BTreeSet<String>) -> bool {
    let id = document["container"]["id"].as_str().unwrap_or_default();
    state(document)["vulnerable"]["package"] == package && ids.contains(id)
}

/// A number of the last heartbeat; before the first one there is nothing.
pub(super) fn number(daemon: &Daemon, name: &str) -> u64 {
    let all = daemon.documents();
    let last = all.iter().rev().find(|it| is_heartbeat(it));
    last.map_or(0, |last| last["runmon"]["tables"][name].as_u64().expect("a number"))
}

/// An image of which one package is in use, and another is not.
pub(super) fn import(stage: &Stage<'_>) {
    let status = ["tool", "libspare"].map(|name| dpkg(name, "1.0-1")).concat();
    stage.containerd().import_with(
        IMAGE,
        &[
            ("etc/os-release", b"ID=debian\nVERSION_ID=\"10\"\n".as_slice()),
            ("var/lib/dpkg/status", status.as_bytes()),
            ("var/lib/dpkg/info/tool.list", b"/.\n/bin\n/bin/trigger\n"),
            ("var/lib/dpkg/info/libspare.list", b"/.\n/opt/spare/lib.so\n"),
            ("opt/spare/lib.so", b"x"),
        ],
    );
}

fn vulnerable(stage: &Stage<'_>) {
    let (records, pack) = (stage.dir("records"), stage.dir("pack").join("test.pack"));
    record(&records, "Debian:10", "tool", Some("9"));
    build(stage, &records, &pack);
    import(stage);
    let daemon = stage.daemon(Options { rules: None, keys: keys(&pack), ..Options::default() });
    let name = |number: u8| stage.name(&format!("upkeep{number}"));
    let one = stage.containerd().run_image(IMAGE, &name(1), &[], &NAP);
    let mut ids = BTreeSet::from([one.id().to_owned()]);
    let is_open = |it: &Value| state(it)["activity"] != "close";

    let told = daemon.expect_document("a vulnerable package", |it| is_about(it, "tool", &ids));
    assert_eq!(state(&told)["activity"], "create", "{told:#}");
    assert_eq!(told["event"]["category"], json!(["vulnerability"]));
    assert_eq!(told["vulnerability"]["id"], json!(["TEST-Debian-10-tool"]));
    assert_eq!(state(&told)["vulnerable"]["fixed"], "9", "{told:#}");
    daemon.expect_document("that it is in use", |it| {
        is_about(it, "tool", &ids) && is_open(it) && state(it)["vulnerable"]["in_use"] == "executed"
    });
    daemon.expect_document("that its system is out of support", |it| {
        let is_own = it["container"]["id"].as_str().is_some_and(|id| ids.contains(id));
        is_own && state(it)["check"] == "upkeep.system_support"
    });

    // Another container of the image, and newer data: nothing is read again.
    wait::until("the host to be read, too", || (number(&daemon, "upkeep_roots") > 1).then_some(()));
    let reads = number(&daemon, "upkeep_reads");
    let other = stage.containerd().run_image(IMAGE, &name(2), &[], &NAP);
    ids.insert(other.id().to_owned());
    record(&records, "Debian:10", "libspare", None);
    build(stage, &records, &pack);
    let told = daemon.expect_document("what newer data know", |it| is_about(it, "libspare", &ids));
    assert_eq!(state(&told)["vulnerable"]["fixed"], Value::Null, "{told:#}");
    assert_eq!(state(&told)["vulnerable"]["in_use"], "unknown", "{told:#}");
    assert_eq!(number(&daemon, "upkeep_reads"), reads, "a root was read again");

    // What is mended in newer data, and what nobody has any more, is closed.
    fs::remove_file(records.join("TEST-Debian-10-libspare.json")).expect("take a record back");
    build(stage, &records, &pack);
    let closed = |package: &'static str| {
        let ids = &ids;
        move |it: &Value| is_about(it, package, ids) && state(it)["activity"] == "close"
    };
    let told = daemon.expect_document("what is mended", closed("libspare"));
    assert_eq!(told["event"]["reason"], "it is so no more", "{told:#}");
    drop((one, other));
    let told = daemon.expect_document("what nobody has any more", closed("tool"));
    assert_eq!(told["event"]["reason"], "no container of it runs any more", "{told:#}");
    daemon.stop();
}

/// An image that nobody used since it came, and one whose name means another one later.
fn images(stage: &Stage<'_>) {
    const NAME: &str = "localhost/upkeep-name:1";
    let keys = "in_use: true\nheartbeat_seconds: 1\nupkeep: debug\nupkeep_seconds: 1\n\
                stale_image_days: 0"
        .to_owned();
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    wait::until("the host to be read", || (number(&daemon, "upkeep_roots") > 0).then_some(()));
    let import = |version: &[u8]| {
        stage.containerd().import_with(NAME, &[("etc/version", version)]);
    };
    import(b"1");
    let run = |name: &str| stage.containerd().run_image(NAME, &stage.name(name), &[], &NAP);
    let of = |id: &str, check: &'static str| {
        let id = id.to_owned();
        move |it: &Value| it["container"]["id"] == *id && state(it)["check"] == check
    };
    let old = run("old");
    let told = daemon.expect_document("a stale image", of(old.id(), "upkeep.stale_image"));
    assert_eq!(told["rule"]["priority"], "Warning", "{told:#}");
    let text = told["message"].as_str().expect("a message");
    assert!(text.contains(NAME) && text.contains("nobody used it"), "{text}");

    // One that runs for a moment only is told of as well.
    const BRIEF: &str = "localhost/upkeep-brief:1";
    stage.containerd().import_with(BRIEF, &[("etc/version", b"brief")]);
    let nap = [NAP[0], NAP[1], "1500"];
    let brief = stage.containerd().run_image(BRIEF, &stage.name("brief"), &[], &nap);
    daemon.expect_document("a brief one", of(brief.id(), "upkeep.stale_image"));

    import(b"2");
    let _new = run("new");
    let check = of(old.id(), "upkeep.superseded_image");
    let told = daemon.expect_document("a name that means another image", check);
    let evidence = &state(&told)["evidence"];
    assert!(evidence["runs"] != evidence["now"] && evidence["now"].is_string(), "{told:#}");
    daemon.stop();
}

/// A package of which the one vulnerability is accepted.
fn accepted(stage: &Stage<'_>) {
    let (records, pack) = (stage.dir("records"), stage.dir("pack").join("test.pack"));
    record(&records, "Debian:10", "tool", Some("9"));
    build(stage, &records, &pack);
    import(stage);
    let state_dir = stage.dir("kept");
    let options = |more: &str| Options {
        rules: None,
        keys: format!("{}{more}", keys(&pack)),
        state_dir: Some(state_dir.clone()),
        ..Options::default()
    };
    let name = stage.name("accepted");
    let container = stage.containerd().run_image(IMAGE, &name, &[], &NAP);
    let ids = BTreeSet::from([container.id().to_owned()]);
    let daemon = stage.daemon(options(""));
    let told = daemon.expect_document("a vulnerable package", |it| is_about(it, "tool", &ids));
    daemon.stop();
    let accepting = options(
        "\nupkeep_exceptions:\n- {package: tool, vulnerability: TEST-Debian-10-tool, image: \
         'localhost/upkeep', reason: never called}",
    );
    let daemon = stage.daemon(accepting.clone());
    let closed = daemon.expect_document("that it is accepted", |it| is_about(it, "tool", &ids));
    assert_eq!(closed["event"]["reason"], "it was accepted", "{closed:#}");
    assert_eq!(state(&closed)["uid"], state(&told)["uid"], "{closed:#}");
    daemon.stop();
    let config = stage.configuration(&accepting);
    let config = config.to_str().expect("a plain path");
    let ran = stage.runmon(["vulns", &name, "--format", "json", "--config", config]);
    ran.assert(0, &[]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["roots"][0]["findings"][0]["accepted"], "never called", "{report:#}");
    let ran = stage.runmon(["vulns", &name, "--config", config]);
    ran.assert(0, &[]);
    assert!(ran.stdout.contains("accepted: never called"), "{ran:#?}");
    assert!(ran.stdout.contains("0 vulnerabilities in "), "{ran:#?}");
}

fn broken_data(stage: &Stage<'_>) {
    let pack = stage.dir("pack").join("test.pack");
    fs::write(&pack, "no pack").expect("write what is no pack");
    let daemon = stage.daemon(Options { rules: None, keys: keys(&pack), ..Options::default() });
    let told = daemon.expect_document("data that cannot be used", |it| {
        it["rule"]["name"] == "Data about vulnerabilities are old or cannot be used"
    });
    let text = told["message"].as_str().expect("a message");
    assert!(text.contains("test.pack"), "{text}");
    // The host is looked at all the same.
    wait::until("the host to be read", || (number(&daemon, "upkeep_roots") == 1).then_some(()));

    let (records, whole) = (stage.dir("records"), stage.dir("pack").join("whole.pack"));
    record(&records, "Debian:10", "tool", Some("9"));
    build(stage, &records, &whole);
    fs::rename(&whole, &pack).expect("put a pack in its place");
    daemon.expect_document("data that can be used again", |it| {
        let text = it["message"].as_str().unwrap_or_default();
        it["rule"]["name"] == told["rule"]["name"] && text.contains("can be used again")
    });
    daemon.stop();
}
