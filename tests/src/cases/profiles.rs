//! What images do is learned from recordings, and what they did not do before is told.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Case;
use super::recording::Recorder;
use crate::containerd::Container;
use crate::daemon::{Daemon, Options, is_alert};
use crate::lab::Stage;

pub(super) const CASES: &[Case] = &[
    Case::new("profiles::a_learned_image_drifts_only_where_it_does", learned),
    Case::new("profiles::a_daemon_learns_and_then_alerts", live),
    Case::new("profiles::exported_seccomp_lets_the_load_and_nothing_else", seccomp),
];

/// What the image always does: it starts programs, counts through files, makes up names, and sends.
const LOAD: &str = r#"
mkdir -p /data /tmp
for i in 1 2 3 4 5; do /bin/busybox echo x > /data/shard-$i; done
f=$(/bin/busybox mktemp /tmp/tmp.XXXXXXXXXX) && /bin/busybox mv "$f" /data/last
echo x > /data/$$.pid
/bin/busybox nc -w 1 127.0.0.1 9 < /dev/null
"#;

/// No rule of the user's fires.
const QUIET: &str = "- rule: Quiet\n  desc: x\n  condition: evt.type = execve and proc.name = \
                     no-such-program\n  output: x\n  priority: ERROR\n";

/// What nobody expects of it.
const ATTACK: &str = "mkdir -p /etc/cron.d; echo x > /etc/cron.d/job\n\
                      /bin/busybox cp /bin/busybox /tmp/x; /tmp/x true\n\
                      /bin/busybox nc -w 1 127.0.0.2 4444 < /dev/null\n\
                      /bin/busybox timeout 1 /bin/busybox nc -l -p 4445 < /dev/null\n\
                      /bin/busybox cat /etc/shadow\n\
                      LD_PRELOAD=/tmp/x.so /bin/busybox true\n";

/// Runs a script in a container of the image, to its end.
fn load(stage: &Stage<'_>, name: &str, script: &str) {
    drop(loaded(stage, name, &[], script));
}

/// A container in which a script has run to its end.
fn loaded<'s>(stage: &'s Stage<'_>, name: &str, options: &[&str], script: &str) -> Container<'s> {
    let done = format!("{script}\necho x > /data/done\nexec /bin/busybox sleep 60");
    let command = ["/bin/busybox", "sh", "-c", &done];
    let container = stage.containerd().run_with(&stage.name(name), options, &command);
    let marker = root_of(&container, "/data/done");
    crate::wait::until("the load to be done", || marker.exists().then_some(()));
    container
}

/// A file of a running container.
fn root_of(container: &Container<'_>, path: &str) -> PathBuf {
    format!("/proc/{}/root{path}", container.pid()).into()
}

/// Records what a container does that runs a script.
fn record(stage: &Stage<'_>, file: &Path, name: &str, script: &str) {
    record_with(stage, file, name, script, &[]);
}

fn record_with(stage: &Stage<'_>, file: &Path, name: &str, script: &str, more: &[&str]) {
    let recorder = Recorder::start(stage, file, more);
    load(stage, name, script);
    recorder.end().assert(0, &["recorded"]);
}

fn learned(stage: &Stage<'_>) {
    let dir = stage.dir("profiles");
    let path = |name: &str| dir.join(name).to_str().expect("a plain path").to_owned();
    let run = |args: &[&str]| stage.runmon([&["profile"], args].concat());
    let (one, two) = (path("one.rec"), path("two.rec"));
    record(stage, Path::new(&one), "one", LOAD);
    record(stage, Path::new(&two), "two", LOAD);
    let profiles = path("profiles");
    let learn = run(&["learn", "--from", &one, "--from", &two, "-o", &profiles]);
    learn.assert(0, &[]);
    let of_image: Vec<_> = fs::read_dir(&profiles).expect("profiles").flatten().collect();
    let [file] = &of_image[..] else { panic!("one image, one profile: {of_image:?}") };
    let file = file.path();
    let file = file.to_str().expect("a plain path");
    let text = fs::read_to_string(file).expect("the profile");
    for line in [
        "  containers: 2",
        "  from_start: 2",
        "  agreed: 1",
        "- \"/data/shard-{number}\"",
        "- \"/tmp/tmp.{random}\"",
        "- \"/data/{number}.pid\"",
        "- \"tcp 127.0.0.1:9\"",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    assert!(text.contains("parent: \"outside\""), "{text}");
    run(&["diff", file, file]).assert(0, &["both expect the same"]);
    run(&["approve", file, "--by", "shop team"]).assert(2, &["is not complete", "hint"]);
    run(&["approve", file, "--by", "shop team", "--incomplete"]).assert(0, &[]);
    let listed = run(&["list", &profiles]);
    assert!(listed.stdout.contains("shop team"), "{listed:#?}");

    let rules = path("rules.yaml");
    fs::write(&rules, QUIET).expect("write the rules");
    let drift = |recording: &str| -> Vec<String> {
        let args = ["replay", recording, "--profiles", file, "--rules", &rules, "--json"];
        let ran = stage.runmon(args.iter().chain(&["--rollup-seconds", "0"]));
        ran.assert(0, &[]);
        let documents = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let said = documents.map(|it: Value| it["event"]["reason"].as_str().map(str::to_owned));
        said.flatten().collect()
    };
    assert_eq!(drift(&two), Vec::<String>::new(), "what was learned is expected");
    let ordinary = path("ordinary.rec");
    record(stage, Path::new(&ordinary), "ordinary", LOAD);
    assert_eq!(drift(&ordinary), Vec::<String>::new(), "another day's ordinary load");
    let attack = path("attack.rec");
    record(stage, Path::new(&attack), "attack", &format!("{LOAD}{ATTACK}"));
    let said = drift(&attack);
    for expected in [
        "Unexpected file written in container (found=/etc/cron.d/job ",
        "Unexpected program in container (found=/tmp/x (of /bin/busybox, user 0) ",
        "Unexpected connection of container (found=tcp 127.0.0.2:4444 expected=tcp 127.0.0.1:9 ",
    ] {
        assert!(said.iter().any(|it| it.contains(expected)), "{expected}: {said:#?}");
    }
}

/// Without recordings, and by the rules that are brought along.
fn live(stage: &Stage<'_>) {
    let state = stage.dir("state");
    let options = |keys: &str| Options {
        keys: format!("heartbeat_seconds: 1\nrollup_seconds: 0\n{keys}"),
        rules: Some(QUIET.to_owned()),
        state_dir: Some(state.clone()),
        ..Options::default()
    };
    let daemon = stage.daemon(options("learn_profiles: true"));
    load(stage, "first", LOAD);
    load(stage, "second", LOAD);
    daemon.stop();
    let learned = fs::read_dir(state.join("profiles")).expect("what was learned").flatten();
    let files: Vec<_> = learned.map(|entry| entry.path()).collect();
    let [file] = &files[..] else { panic!("one image, one profile: {files:?}") };
    let mode = fs::metadata(file).expect("the profile").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(file).expect("the profile");
    for line in ["  from_start: 2", "- \"/data/shard-{number}\"", "- \"tcp 127.0.0.1:9\""] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let approved = stage.dir("approved").join("web.yaml");
    fs::copy(file, &approved).expect("take it over");
    let path = approved.to_str().expect("a plain path");
    let args = ["profile", "approve", path, "--by", "shop team", "--incomplete"];
    stage.runmon(args).assert(0, &[]);

    let daemon = stage.daemon(options(&format!("profiles: [{path}]")));
    let drift = |daemon: &Daemon| -> Vec<String> {
        let all = daemon.documents();
        let of_drift = all.iter().filter(|it| {
            is_alert(it)
                && it["rule"]["name"].as_str().is_some_and(|name| name.starts_with("Unexpected"))
        });
        of_drift.filter_map(|it| it["event"]["reason"].as_str().map(str::to_owned)).collect()
    };
    load(stage, "ordinary", LOAD);
    assert_eq!(drift(&daemon), Vec::<String>::new(), "an ordinary day");
    load(stage, "attacked", &format!("{LOAD}{ATTACK}"));
    for expected in [
        "file written in container (found=/etc/cron.d/job expected=",
        "program in container (found=/tmp/x (of /bin/busybox, user 0) expected=/bin/busybox (of ",
        "connection of container (found=tcp 127.0.0.2:4444 expected=tcp 127.0.0.1:9 ",
        "listener in container (found=tcp 4445 expected=<NA> ",
        "secret read in container (found=/etc/shadow expected=<NA> ",
        "library preloaded in container (found=/tmp/x.so expected=<NA> ",
    ] {
        let what = format!("Unexpected {expected}");
        crate::wait::until(&what, || {
            drift(&daemon).iter().any(|it| it.contains(&what)).then_some(())
        });
    }
    daemon.stop();
}

/// What needs a call that the load does not make, and that a container may make otherwise.
const BEYOND: &str =
    "\n/bin/busybox chroot / /bin/busybox true 2> /data/why; echo $? > /data/status";

/// The seccomp profile of a load lets a container start under the runtime, and run the load to its
/// end; another call is refused in it.
fn seccomp(stage: &Stage<'_>) {
    let dir = stage.dir("seccomp");
    let path = |name: &str| dir.join(name).to_str().expect("a plain path").to_owned();
    let run = |args: &[&str]| stage.runmon([&["profile"], args].concat());
    let (recording, profiles, filter) = (path("calls.rec"), path("profiles"), path("filter.json"));
    record_with(stage, Path::new(&recording), "calls", LOAD, &["--syscalls"]);
    run(&["learn", "--from", &recording, "-o", &profiles]).assert(0, &[]);
    let file = fs::read_dir(&profiles).expect("profiles").flatten().next().expect("a profile");
    let file = file.path();
    let file = file.to_str().expect("a plain path");
    let text = fs::read_to_string(file).expect("the profile");
    let calls = text.split("syscalls:\n").nth(1).expect("system calls");
    for made in ["execve", "clock_nanosleep", "connect", "rename", "exit_group"] {
        assert!(calls.contains(&format!("- \"{made}\"")), "{made}: {calls}");
    }
    for of_runtime in
        ["mount", "pivot_root", "sethostname", "seccomp", "chroot", "umount2", "execveat"]
    {
        assert!(!calls.contains(&format!("- \"{of_runtime}\"")), "{of_runtime}: {calls}");
    }
    run(&["export", file, "--as", "seccomp", "-o", &filter]).assert(0, &["is not complete"]);
    run(&["export", file, "--as", "seccomp", "-o", &filter]).assert(1, &["filter.json"]);

    let status = |name: &str, options: &[&str]| {
        let container = loaded(stage, name, options, &format!("{LOAD}{BEYOND}"));
        let read = |path: &str| fs::read_to_string(root_of(&container, path)).expect("what came");
        (read("/data/status"), read("/data/why"))
    };
    assert_eq!(status("free", &[]), ("0\n".to_owned(), String::new()));
    let (refused, why) = status("bound", &["--seccomp", "--seccomp-profile", &filter]);
    assert_ne!(refused, "0\n");
    assert!(why.contains("Operation not permitted"), "{why}");
}
