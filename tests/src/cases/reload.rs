//! Sinks are changed while the monitor runs, and nothing of what happens meanwhile is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Case;
use super::store::{Scene, names, verify};
use crate::daemon::{Daemon, item};
use crate::lab::Stage;
use crate::laws::number;
use crate::receiver::http::webhook::WEBHOOK;
use crate::receiver::http::{Demands, HttpReceiver};
use crate::receiver::{Mood, Receives};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("reload::sinks_are_changed_under_load", changed_under_load),
    Case::new("reload::a_new_sink_has_a_secret_that_only_root_reads", secret),
    Case::new("reload::what_waits_for_an_unchanged_sink_stays", unchanged),
    Case::new("reload::sinks_that_cannot_be_used_are_refused", refused),
];

/// Puts this in the place of the daemon's configuration, as editors do.
fn change(daemon: &Daemon, text: &str) {
    let (path, new) = (daemon.config(), daemon.config().with_extension("new"));
    fs::write(&new, text).expect("write the configuration");
    fs::rename(new, path).expect("swap the configuration");
}

fn log_has(daemon: &Daemon, what: &str) {
    wait::until(what, || daemon.log().contains(what).then_some(()));
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect()
}

/// One sink stays, one comes, and goes again: by a changed file, and by a signal.
fn changed_under_load(stage: &Stage<'_>) {
    const ACTS: usize = 1200;
    let scene = Scene::new(stage);
    let receiver =
        HttpReceiver::start(&WEBHOOK, Mood::Slow(Duration::from_millis(1)), Demands::default());
    let stays = receiver.sink("heartbeats: false\nformat: ecs\nname: siem");
    let daemon = stage.daemon(scene.options_with(stays, ""));
    let first = fs::read_to_string(daemon.config()).expect("the configuration");
    let comes = stage.dir("comes").join("alerts");
    let more = item(&format!("kind: file\npath: {comes:?}\nformat: ecs\nheartbeats: false"));
    thread::scope(|scope| {
        let acting = scope.spawn(|| {
            for number in 0..ACTS {
                scene.acts(number..number + 1);
                thread::sleep(Duration::from_millis(5));
            }
        });
        change(&daemon, &format!("{first}\n{more}"));
        log_has(&daemon, "changed the sinks: 3 sinks");
        scene.act("n5");
        change(&daemon, &first);
        daemon.notify(Signal::SIGHUP);
        log_has(&daemon, "changed the sinks: 2 sinks");
        acting.join().expect("it acts");
    });
    scene.act("last");
    wait::until("the last alert to come", || {
        names(&receiver.taken()).contains(&"last".to_owned()).then_some(())
    });
    let expected = ACTS + 2;
    let taken = receiver.taken();
    assert_eq!(names(&taken).len(), expected);
    assert_eq!(taken.len(), expected, "something came twice");
    let (is_whole, streams) = verify(stage, &taken);
    assert!(is_whole, "{streams:#}");
    // What came for a while only has what happened then.
    let meanwhile = lines(&comes);
    assert!(!meanwhile.is_empty() && meanwhile.len() < expected, "{}", meanwhile.len());
    assert!(names(&meanwhile).contains(&"n5".to_owned()) || meanwhile.len() > 1);
    let ended = daemon.stop();
    let alerts: Vec<Value> =
        ended.documents.iter().filter(|it| crate::daemon::is_alert(it)).cloned().collect();
    assert_eq!(alerts.len(), expected, "something was matched twice, or not at all");
    let (is_whole, streams) = verify(stage, &ended.documents);
    assert!(is_whole, "{streams:#}");
    let reloads = &ended.heartbeat()["runmon"]["reloads"]["sinks"];
    assert_eq!((number(reloads, "taken"), number(reloads, "refused")), (2, 0), "{reloads:#}");
}

/// Who reads the configuration again may not read the token; the keeper may.
fn secret(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let token = stage.dir("secret").join("token");
    fs::write(&token, "open sesame\n").expect("write the token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("keep it from others");
    let authorization = Some("Bearer open sesame".to_owned());
    let demands = Demands { authorization, ..Demands::default() };
    let receiver = HttpReceiver::start(&WEBHOOK, Mood::Takes, demands);
    let daemon = stage.daemon(scene.options_with(String::new(), ""));
    let first = fs::read_to_string(daemon.config()).expect("the configuration");
    let keys = format!("heartbeats: false\nformat: ecs\ntoken_file: {token:?}");
    change(&daemon, &format!("{first}\n{}", receiver.sink(&keys)));
    log_has(&daemon, "changed the sinks: 2 sinks");
    scene.act("told");
    wait::until("the alert to come", || {
        names(&receiver.taken()).contains(&"told".to_owned()).then_some(())
    });
    // So do receivers with a shared key; the sinks are changed again where theirs is unreadable.
    let shared = format!("{first}\n{}", receiver.sink(&keys));
    let forward = format!("kind: forward\naddress: '127.0.0.1:9'\nshared_key_file: {token:?}");
    change(&daemon, &format!("{shared}\n{}", item(&forward)));
    log_has(&daemon, "changed the sinks: 3 sinks");
    assert!(!daemon.log().contains("sesame"), "{}", daemon.log());
    daemon.stop();
}

/// A sink that is as it was goes on with what waits for it in memory.
fn unchanged(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let receiver = HttpReceiver::start(&WEBHOOK, Mood::Refuses, Demands::default());
    let waits = receiver.sink("heartbeats: false\nformat: ecs\nname: waits\nstored: false");
    let path = stage.dir("other").join("alerts");
    let other = |keys: &str| item(&format!("kind: file\nname: other\npath: {path:?}\n{keys}"));
    let daemon = stage.daemon(scene.options_with(waits + &other("keep: 1"), ""));
    let first = fs::read_to_string(daemon.config()).expect("the configuration");
    scene.acts(0..5);
    let of_waits = |it: &Value| {
        let sinks = it["runmon"]["sinks"].as_array().cloned().unwrap_or_default();
        sinks.into_iter().find(|sink| sink["name"] == "waits").unwrap_or_default()
    };
    daemon.expect_document("what waits", |it| of_waits(it)["queued"] == 5);
    change(&daemon, &first.replace("keep: 1", "keep: 2"));
    log_has(&daemon, "changed the sinks: 3 sinks");
    scene.act("after");
    daemon.expect_document("all of it still waits", |it| {
        of_waits(it)["queued"] == 6 && of_waits(it)["dropped"] == 0
    });
    receiver.becomes(Mood::Takes);
    wait::until("all of it to come", || (receiver.taken().len() == 6).then_some(()));
    let (is_whole, streams) = verify(stage, &receiver.taken());
    assert!(is_whole, "{streams:#}");
    daemon.stop();
}

/// What is wrong is told, and the old sinks go on; so they do where a new one cannot be opened.
fn refused(stage: &Stage<'_>) {
    let scene = Scene::new(stage);
    let log = stage.dir("old").join("alerts");
    let old = item(&format!("kind: file\npath: {log:?}\nformat: ecs\nheartbeats: false"));
    let daemon = stage.daemon(scene.options_with(old, ""));
    let first = fs::read_to_string(daemon.config()).expect("the configuration");
    let is_refusal = |why: &'static str| {
        move |it: &Value| {
            it["rule"]["name"] == "Sinks cannot be reloaded"
                && it["message"].as_str().is_some_and(|text| text.contains(why))
        }
    };
    change(&daemon, &format!("{first}\n- kind: file\n  pth: /x\n"));
    daemon.expect_document("a finding", is_refusal("there is no key `pth`; did you mean `path`?"));
    scene.act("one");
    let nowhere = item("kind: file\nname: nowhere\npath: /nowhere/at/all");
    change(&daemon, &format!("{first}\n{nowhere}"));
    daemon.expect_document("another finding", is_refusal("cannot open /nowhere/at/all"));
    scene.act("two");
    wait::until("both alerts in the file", || {
        let written = names(&lines(&log));
        (written == ["one", "two"]).then_some(())
    });
    // Another key is for the next start.
    change(&daemon, &first.replace("heartbeat_seconds: 1", "heartbeat_seconds: 2"));
    log_has(&daemon, "the configuration changed: `heartbeat_seconds` are taken at the next start");
    let ended = daemon.stop();
    let heartbeat = &ended.heartbeat()["runmon"];
    assert_eq!(number(&heartbeat["reloads"]["sinks"], "refused"), 2, "{heartbeat:#}");
    assert_eq!(heartbeat["degraded"].as_array().map(Vec::len), Some(0), "{heartbeat:#}");
}
