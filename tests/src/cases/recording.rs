//! What is recorded, and played again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Case;
use crate::daemon::{EVERY_ACT, Options, is_alert, runmon};
use crate::lab::{Ran, Stage};
use crate::place::Place;

pub(super) const CASES: &[Case] = &[
    Case::new("recording::replay_tells_the_same", replay_tells_the_same),
    Case::new("recording::broken_files_are_refused", broken_files),
    Case::new("recording::limits_are_kept", limits_are_kept),
    Case::new("recording::a_killed_recorder_loses_a_second", killed),
];

/// `runmon record`, ended by SIGTERM.
pub(super) struct Recorder {
    child: Child,
}

impl Recorder {
    pub(super) fn start(stage: &Stage<'_>, file: &Path, more: &[&str]) -> Self {
        let config = stage.configuration(&Options::default());
        let mut command = Command::new(runmon());
        command.arg("record").arg("-o").arg(file).arg("-c").arg(config).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = crate::containerd::end_with_parent(&mut command).spawn();
        let recorder = Self { child: child.expect("start runmon record") };
        // It is there once the hooks are.
        crate::wait::until("the recording to begin", || {
            fs::metadata(file).is_ok_and(|meta| meta.len() > 0).then_some(())
        });
        recorder
    }

    /// Ends it as nobody should.
    fn kill(mut self) {
        self.child.kill().expect("kill the recorder");
        self.child.wait().expect("wait for the recorder");
    }

    pub(super) fn end(self) -> Ran {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        let pid = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("end the recorder");
        Ran::from(self.child.wait_with_output().expect("wait for the recorder"))
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect()
}

/// What a daemon told, its replay tells: the same alerts with the same ids. Replay needs no root.
fn replay_tells_the_same(stage: &Stage<'_>) {
    let dir = stage.dir("recording");
    let file = dir.join("acts.rec");
    let recorder = Recorder::start(stage, &file, &[]);
    let daemon = stage.watch();
    let container = stage.containerd().run(&stage.name("recorded"), &[]);
    let mut told = Vec::new();
    for place in [Place::Host(stage.lab), Place::In(&container)] {
        for (act, action) in [
            (&["exec", "plain"][..], "exec"),
            (&["connect", "udp", "127.0.0.1:9"], "connect"),
            (&["sendto", "127.0.0.1:9"], "send"),
            (&["open", "/etc/hosts"], "file_open_write"),
        ] {
            let report = place.trigger(act);
            told.push(place.expect(&daemon, &report, action, |_| true));
        }
    }
    let live = acts_in(&daemon.stop().documents, container.id());
    recorder.end().assert(0, &["recorded", "0 records were lost"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(&file).expect("the recording is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "a recording is for its owner");

    let rules = dir.join("rules.yaml");
    fs::write(&rules, EVERY_ACT).expect("write the rules");
    let replay = || {
        let args = ["replay".as_ref(), file.as_os_str(), "--rules".as_ref(), rules.as_os_str()];
        let ran = stage.runmon(args.into_iter().chain(PLAIN.map(AsRef::as_ref)));
        ran.assert(0, &[]);
        ran.stdout
    };
    let first = replay();
    assert_eq!(first, replay(), "a replay tells the same each time");
    let documents = lines(&first);
    for alert in &told {
        assert_told_alike(&documents, alert);
    }
    // Nothing more than what was told live either.
    assert_eq!(acts_in(&documents, container.id()), live);
    let text = as_nobody(stage, &file);
    assert_eq!(text, first, "replay needs no root");
}

/// All documents, and each alert by itself: so the daemon runs here, too.
const PLAIN: [&str; 4] = ["--json", "--events", "--rollup-seconds", "0"];

/// Alerts on what was done in a container, without what differs from one monitor to the next.
fn acts_in(documents: &[Value], container: &str) -> BTreeSet<String> {
    let alerts = documents.iter().filter(|it| is_alert(it) && it["container"]["id"] == container);
    alerts
        .map(|it| {
            let process = &it["process"];
            let act = [&it["event"]["action"], &it["file"]["path"], &it["destination"]];
            format!("{act:?} {} {}", process["entity_id"], process["args"])
        })
        .collect()
}

/// The recorder has hooks of its own and so numbers of its own: an act is found by who did what.
fn assert_told_alike(documents: &[Value], alert: &Value) {
    let same_act = |it: &&Value| {
        it["event"]["action"] == alert["event"]["action"]
            && it["process"]["entity_id"] == alert["process"]["entity_id"]
            && it["process"]["args"] == alert["process"]["args"]
            && it["destination"] == alert["destination"]
            && it["file"]["path"] == alert["file"]["path"]
    };
    let of_kind = |form: &str| {
        let documents = documents.iter().filter(|it| it["runmon"]["document"] == form);
        documents.filter(same_act).collect::<Vec<_>>()
    };
    assert!(!of_kind("event").is_empty(), "the replay has no such event: {alert:#}");
    let alerts = of_kind("alert");
    let first = alerts.first().unwrap_or_else(|| panic!("no such alert: {alert:#}"));
    let updates = of_kind("update");
    let last = updates.last().unwrap_or(first);
    assert_eq!(last["container"], alert["container"], "{last:#}");
    assert_eq!(last["rule"], alert["rule"]);
    assert_eq!(last["process"]["parent"]["args"], alert["process"]["parent"]["args"]);
}

fn as_nobody(stage: &Stage<'_>, file: &Path) -> String {
    const NOBODY: u32 = 65534;
    let dir = stage.dir("nobody");
    let rules = dir.join("rules.yaml");
    fs::write(&rules, EVERY_ACT).expect("write the rules");
    let lab = dir.parent().expect("the lab's directory");
    let readable = |path: &Path, mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, mode).expect("change permissions");
    };
    let (copy, program) = (dir.join("acts.rec"), dir.join("runmon"));
    fs::copy(file, &copy).expect("copy the recording");
    fs::copy(runmon(), &program).expect("copy runmon");
    for (path, mode) in [(lab, 0o755), (&dir, 0o755), (&copy, 0o644), (&program, 0o755)] {
        readable(path, mode);
    }
    readable(&rules, 0o644);
    let mut command = Command::new(program);
    command.arg("replay").arg(copy).arg("--rules").arg(rules).args(PLAIN);
    std::os::unix::process::CommandExt::gid(&mut command, NOBODY);
    std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    let output = command.current_dir("/").stdin(Stdio::null()).output();
    let ran = Ran::from(output.expect("start runmon as nobody"));
    ran.assert(0, &[]);
    ran.stdout
}

/// Cut, changed, empty, or something else.
fn broken_files(stage: &Stage<'_>) {
    let dir = stage.dir("broken");
    let file = dir.join("whole.rec");
    let recorder = Recorder::start(stage, &file, &[]);
    for _ in 0..5 {
        stage.trigger(&["exec", "plain"]);
    }
    recorder.end().assert(0, &["recorded"]);
    let whole = fs::read(&file).expect("read the recording");
    let path = dir.join("broken.rec");
    let replay = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("write a broken recording");
        stage.runmon(["replay".as_ref(), path.as_os_str(), "--json".as_ref()])
    };
    // A cut is what a crash leaves: what came before it is of use.
    let (cut, _) = whole.split_at(whole.len() - 7);
    replay(cut).assert(0, &["cut"]);
    // Everywhere else: an error, or what could still be made of it, and never a panic.
    for part in 1..10 {
        let at = whole.len() * part / 10;
        let (cut, _) = whole.split_at(at);
        assert_sane(&replay(cut));
        let mut changed = whole.clone();
        for byte in changed.iter_mut().skip(at).take(16) {
            *byte ^= 0xa5;
        }
        assert_sane(&replay(&changed));
    }
    for bytes in [&b""[..], b"no recording", &[0; 4096], &[0xff; 4096], b"\x93\x01\x02"] {
        let ran = replay(bytes);
        ran.assert(1, &["broken.rec"]);
        assert!(ran.stdout.is_empty(), "{ran:#?}");
    }
    stage.runmon(["replay".as_ref(), dir.as_os_str()]).assert(1, &[]);
    stage.runmon(["replay".as_ref(), dir.join("absent").as_os_str()]).assert(1, &["absent"]);
    // It never writes over a file.
    let config = stage.configuration(&Options::default());
    let ran = stage.runmon([
        "record".as_ref(),
        "-o".as_ref(),
        file.as_os_str(),
        "-c".as_ref(),
        config.as_os_str(),
        "--for".as_ref(),
        "1s".as_ref(),
    ]);
    ran.assert(1, &["whole.rec"]);
    assert_eq!(fs::read(&file).expect("read the recording"), whole);
}

fn assert_sane(ran: &Ran) {
    assert!(matches!(ran.code, Some(0 | 1)), "{:?} {}", ran.code, ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(ran.code == Some(0) || !ran.stderr.is_empty(), "an error says what it is");
}

/// A recording that may not grow on says what found no room.
fn limits_are_kept(stage: &Stage<'_>) {
    const LIMIT: u64 = 16_384;
    let file = stage.dir("limited").join("small.rec");
    let recorder = Recorder::start(stage, &file, &["--limit", &LIMIT.to_string()]);
    for _ in 0..100 {
        stage.trigger(&["connect", "udp", "127.0.0.1:9"]);
    }
    recorder.end().assert(0, &["found no room", "--limit"]);
    let length = fs::metadata(&file).expect("the recording is there").len();
    assert!(length <= LIMIT, "{length} bytes");
    stage.runmon(["replay".as_ref(), file.as_os_str()]).assert(0, &[]);
}

/// What was recorded over a second before the recorder was killed is there; a part of it tells the
/// same of what was chosen, and is made of the recording that the kill left.
fn killed(stage: &Stage<'_>) {
    let dir = stage.dir("killed");
    let (file, part) = (dir.join("killed.rec"), dir.join("part.rec"));
    let rules = dir.join("rules.yaml");
    fs::write(&rules, EVERY_ACT).expect("write the rules");
    let replay = |file: &Path, more: &[&str]| {
        let args = ["replay".as_ref(), file.as_os_str(), "--rules".as_ref(), rules.as_os_str()];
        let ran = stage.runmon(args.into_iter().chain(more.iter().map(AsRef::as_ref)));
        ran.assert(0, &[]);
        lines(&ran.stdout)
    };
    let recorder = Recorder::start(stage, &file, &[]);
    let container = stage.containerd().run(&stage.name("killed"), &[]);
    for place in [Place::Host(stage.lab), Place::In(&container)] {
        for act in [&["exec", "plain"][..], &["connect", "udp", "127.0.0.1:9"]] {
            place.trigger(act);
        }
    }
    let condition = format!("container.id = {}", container.id());
    let chosen = ["--where", &condition];
    let of_container = [&chosen[..], &PLAIN].concat();
    let is_connect = |it: &Value| it["event"]["action"] == "connect" && is_alert(it);
    // It is read while it is written.
    crate::wait::until("the last act to be in the file", || {
        replay(&file, &of_container).iter().any(is_connect).then_some(())
    });
    recorder.kill();
    let whole = replay(&file, &PLAIN);
    let shown = replay(&file, &of_container);
    assert!(shown.iter().any(is_connect));
    assert!(shown.iter().all(|it| it["container"]["id"] == container.id()));
    // Nothing else was in that container, and alerts need no more than their event.
    let inside = whole.iter().filter(|it| it["container"]["id"] == container.id());
    assert_eq!(shown, inside.cloned().collect::<Vec<_>>());

    let args = ["replay".as_ref(), file.as_os_str(), "-o".as_ref(), part.as_os_str()];
    let ran = stage.runmon(args.into_iter().chain(chosen.iter().map(AsRef::as_ref)));
    ran.assert(0, &["events are chosen", "compressed"]);
    assert_eq!(replay(&part, &PLAIN), shown);
    let length = |file: &Path| fs::metadata(file).expect("the recording is there").len();
    assert!(length(&part) < length(&file), "{} of {}", length(&part), length(&file));
}
