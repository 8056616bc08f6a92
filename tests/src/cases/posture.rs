//! How containers and the host are set up: what the daemon tells of it by itself, and `runmon
//! posture`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Case;
use crate::daemon::{Daemon, Options, is_alert, is_heartbeat};
use crate::engines::{Docker, Engine as _, Runc};
use crate::image::TRIGGER;
use crate::lab::{Ran, Stage};
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("posture::a_privileged_container_is_told_of_within_a_second", privileged),
    Case::new("posture::a_root_that_is_mounted_again_is_told_of_and_closed", remounted),
    Case::new("posture::a_limit_that_is_raised_is_told_of", raised),
    Case::new("posture::an_ordinary_container_is_quiet", ordinary),
    Case::with(&["openssl"], "posture::listeners_are_told_apart_by_what_passes", listeners),
    Case::new("posture::programs_that_get_capabilities_are_named", with_capabilities),
    Case::new("posture::what_leads_to_the_host_is_named", leads_to_the_host),
    Case::with(&["dockerd"], "posture::what_docker_was_told_to_give_away", in_docker),
    Case::with(&["dockerd"], "posture::the_host_is_looked_at", host),
];

/// What a container does meanwhile.
const NAP: [&str; 3] = [TRIGGER, "nap", "600000"];

/// Findings about a container, each as its check and what happens to it.
fn findings(daemon: &Daemon, id: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = daemon.documents();
    let of_it = all.iter().filter(|it| {
        it["runmon"]["document"] == "state"
            && (it["container"]["id"] == id || it["container"]["name"] == id)
    });
    let told = of_it.map(|it| {
        let state = &it["runmon"]["state"];
        (text(&state["check"]), text(&state["activity"]))
    });
    told.collect()
}

fn waits_for(daemon: &Daemon, id: &str, check: &str, activity: &str) {
    wait::until(&format!("{activity} {check}"), || {
        let found = findings(daemon, id);
        found.iter().any(|it| it.0 == check && it.1 == activity).then_some(())
    });
}

fn seconds(document: &Value) -> f64 {
    let time = document["@timestamp"].as_str().expect("a time");
    let clock = time.split_once('T').expect("a time").1.trim_end_matches('Z');
    clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().expect("a number"))
}

fn privileged(stage: &Stage<'_>) {
    let daemon = stage.daemon(Options::default());
    // What else this host does is no fault of the monitor's: four of five are enough.
    let mut after = [1, 2, 3, 4, 5].map(|number| {
        let name = stage.name(&format!("all-{number}"));
        let container = stage.containerd().run_with(&name, &["--privileged"], &NAP);
        let id = container.id().to_owned();
        let first = daemon.expect("its first program", |it| {
            is_alert(it) && it["container"]["id"] == id && it["process"]["executable"] == TRIGGER
        });
        let told = daemon.expect_document("a finding", |it| {
            it["runmon"]["state"]["check"] == "posture.privileged" && it["container"]["id"] == id
        });
        assert_eq!(told["runmon"]["state"]["activity"], "create", "{told:#}");
        assert_eq!(told["runmon"]["state"]["evidence"]["executable"], TRIGGER, "{told:#}");
        assert_eq!(told["event"]["kind"], "alert", "{told:#}");
        drop(container);
        waits_for(&daemon, &id, "posture.privileged", "close");
        seconds(&told) - seconds(&first)
    });
    after.sort_by(f64::total_cmp);
    assert!(after[3] < 1.0, "told of after {after:?} s");
    daemon.stop();
}

/// The daemon would look at it again in an hour.
fn remounted(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let keys = "posture_seconds: 3600".to_owned();
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    let (name, host) = (stage.name("readonly"), stage.dir("host"));
    let all = json!(["CAP_SYS_ADMIN", "CAP_KILL"]);
    runc.run_as(&name, &host, &NAP, |config| {
        config["process"]["capabilities"] =
            json!({ "bounding": all, "effective": all, "permitted": all });
    });
    waits_for(&daemon, &name, "posture.capabilities", "create");
    let mount = |mode: &str| {
        let options = format!("remount,bind,{mode}");
        runc.exec(&name, false, &["/bin/busybox", "mount", "-o", &options, "/"]);
    };
    mount("rw");
    waits_for(&daemon, &name, "declared.readonly_root", "create");
    mount("ro");
    waits_for(&daemon, &name, "declared.readonly_root", "close");
    let of_root = |it: &&(String, String)| it.0 == "declared.readonly_root";
    assert_eq!(findings(&daemon, &name).iter().filter(of_root).count(), 2);
    daemon.stop();
}

/// Nothing that the monitor sees tells of it: it is found by looking again.
fn raised(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let keys = "posture: debug\nposture_seconds: 1".to_owned();
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    let (name, host) = (stage.name("raised"), stage.dir("host"));
    runc.run_as(&name, &host, &NAP, |config| {
        config["linux"]["resources"]["pids"] = json!({ "limit": 50 });
    });
    waits_for(&daemon, &name, "posture.memory_limit", "create");
    let cgroups = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"];
    let file = cgroups.map(|root| Path::new(root).join(&name).join("pids.max"));
    let file = file.iter().find(|file| file.exists()).expect("its limit");
    fs::write(file, "60").expect("raise a limit");
    waits_for(&daemon, &name, "declared.pids_limit", "create");
    fs::write(file, "max").expect("raise it again");
    waits_for(&daemon, &name, "declared.pids_limit", "update");
    waits_for(&daemon, &name, "posture.pids_limit", "create");
    fs::write(file, "50").expect("put it right");
    waits_for(&daemon, &name, "declared.pids_limit", "close");
    waits_for(&daemon, &name, "posture.pids_limit", "close");
    daemon.stop();
}

const LISTENERS: &str = include_str!("posture/listeners.sh");

/// Servers and clients of OpenSSL's and busybox's in a container: the command and the daemon know
/// by what passes how each is spoken to, and nothing that listens is left behind.
fn listeners(stage: &Stage<'_>) {
    let (runc, host) = (Runc::start(&stage.engine_dir("r")), stage.dir("host"));
    fs::write(host.join("listeners.sh"), LISTENERS).expect("write a script");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"])
        .args(["-days", "2", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(&host)
        .output();
    assert!(made.expect("start openssl").status.success());
    let name = stage.name("servers");
    runc.run_as(&name, &host, &["/bin/busybox", "sh", "/host/listeners.sh"], |config| {
        let mounts = config["mounts"].as_array_mut().expect("there are mounts");
        mounts.extend(["/usr", "/lib", "/lib64"].map(|place| {
            json!({ "destination": place, "type": "bind", "source": place,
                    "options": ["rbind", "ro"] })
        }));
        config["process"]["env"] = json!(["PATH=/bin:/usr/bin"]);
        config["root"]["readonly"] = json!(false);
    });
    let configured = stage.configuration(&Options::default());
    let configured = configured.to_str().expect("a plain path");
    let check = |ran: &Ran| {
        let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let all = report["checks"].as_array().expect("checks").clone();
        let found = all.into_iter().find(|it| it["check"] == "posture.plaintext_listener");
        found.expect("the check")
    };
    let asked = ["posture", &name, "--json", "--config", configured];
    let silent = check(&stage.runmon(asked));
    assert_eq!(silent["status"], "unknown", "{silent:#}");
    let heard = check(&stage.runmon(asked.iter().chain(&["--traffic", "6"])));
    assert_eq!(
        (&heard["status"], &heard["text"]),
        (&json!("fail"), &json!("8080/tcp")),
        "{heard:#}"
    );
    let told = heard["evidence"]["listeners"].as_str().expect("a text");
    for expected in [
        ":8080 plaintext (",
        ":8441 TLS 1.2, client certificate asked for (",
        ":8442 TLS 1.2, no client certificate asked for (",
        ":8443 TLS 1.3, whether a client certificate is asked for is not seen (",
        ":8444 no connection to it was seen to begin (0 connections",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("8445"), "nobody else can come to it: {told}");
    let keys = "posture: debug\nposture_seconds: 1\nlistener_traffic: true".to_owned();
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    waits_for(&daemon, &name, "posture.plaintext_listener", "create");
    let taps = format!("/proc/{}/net/packet", runc.pid(&name));
    // But for its first line, each is a packet socket.
    let taps = || fs::read_to_string(&taps).expect("packet sockets").lines().count() - 1;
    wait::until("the tap to be closed", || (taps() == 0).then_some(()));
    daemon.stop();
}

fn ordinary(stage: &Stage<'_>) {
    let options = Options {
        rules: None,
        keys: "posture_seconds: 1\nheartbeat_seconds: 1".into(),
        ..Options::default()
    };
    let daemon = stage.daemon(options);
    let container = stage.containerd().run(&stage.name("plain"), &NAP);
    let looks = |least: u64| {
        wait::until("looks", || {
            let all = daemon.documents();
            let beat = all.iter().rev().find(|it| is_heartbeat(it))?;
            let looks = beat["runmon"]["tables"]["posture_looks"].as_u64();
            looks.filter(|looks| *looks >= least)
        })
    };
    let before = looks(1);
    looks(before + 3);
    assert_eq!(findings(&daemon, container.id()), []);
    daemon.stop();
}

/// Directories above what is the host's own, a socket that only the configuration knows, and a
/// device.
fn leads_to_the_host(stage: &Stage<'_>) {
    let known = Path::new("/var/lib/kubelet");
    let is_made = !known.exists() && fs::create_dir_all(known).is_ok();
    let (runtime, name) = (stage.containerd(), stage.name("open"));
    let socket = runtime.socket();
    let above = socket.parent().expect("a directory");
    let bind = |source: &Path, at: &str| {
        format!("type=bind,src={},dst={at},options=bind:ro", source.display())
    };
    let (parent, of_socket) = (bind(Path::new("/var/lib"), "/hvl"), bind(above, "/above"));
    let own = bind(&socket, "/plain");
    let devices = ["/dev/vda", "/dev/sda", "/dev/loop0", "/dev/kmsg"];
    let device = devices.into_iter().find(|it| Path::new(it).exists()).expect("a device");
    let mounts = ["--mount", &parent, "--mount", &of_socket, "--mount", &own];
    let options: Vec<&str> = mounts.into_iter().chain(["--device", device]).collect();
    let container = runtime.run_with(&name, &options, &NAP);
    let configured = stage.configuration(&Options::default());
    let configured = configured.to_str().expect("a plain path");
    let ran = stage.runmon(["posture", &name, "--json", "--config", configured]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let socket = socket.display();
    for (check, parts) in [
        (
            "posture.sensitive_mount",
            &["/var/lib at /hvl (read-only, with ", "/var/lib/kubelet"][..],
        ),
        (
            "posture.runtime_socket",
            &[
                &format!("{} at /above (read-only, with {socket})", above.display()),
                &format!("{socket} at /plain (read-only)"),
            ],
        ),
        ("posture.host_devices", &[device]),
    ] {
        let all = report["checks"].as_array().expect("checks");
        let found = all.iter().find(|it| it["check"] == check).expect(check);
        assert_eq!(found["status"], "fail", "{found:#}");
        let text = found["text"].as_str().expect("a text");
        assert!(parts.iter().all(|part| text.contains(part)), "{found:#}");
    }
    drop(container);
    // The daemon asks the keeper, which knows of that socket by its own configuration.
    let daemon = stage.daemon(Options { rules: None, ..Options::default() });
    let container = runtime.run_with(&stage.name("again"), &options, &NAP);
    for check in ["runtime_socket", "sensitive_mount", "host_devices"] {
        waits_for(&daemon, container.id(), &format!("posture.{check}"), "create");
    }
    daemon.stop();
    if is_made {
        fs::remove_dir(known).expect("remove it again");
    }
}

fn in_docker(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let daemon = stage.daemon(Options { rules: None, ..Options::default() });
    let name = stage.name("open");
    let socket = docker.socket().display().to_string();
    let mount = format!("{socket}:/var/run/docker.sock");
    docker.run_with(
        &name,
        &[
            "--pid=host",
            "--cap-add=SYS_ADMIN",
            "-v",
            &mount,
            "-v",
            "/etc:/host/etc",
            "-e",
            "DB_PASSWORD=x",
        ],
        &NAP,
    );
    let made = "cp /bin/busybox /root/become; chmod 4755 /root/become";
    docker.start_in(&name, &["/bin/busybox", "sh", "-c", made]);
    for check in ["runtime_socket", "sensitive_mount", "capabilities", "host_pid"] {
        waits_for(&daemon, &name, &format!("posture.{check}"), "create");
    }
    daemon.stop();
    let config = stage.configuration(&Options::default());
    let config = config.to_str().expect("a plain path");
    let ran = stage.runmon(["posture", &name, "--json", "--config", config]);
    ran.assert(1, &[]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let of = |check: &str| {
        let all = report["checks"].as_array().expect("checks");
        all.iter().find(|it| it["check"] == check).expect(check).clone()
    };
    for (check, status, text) in [
        ("posture.privileged", "pass", ""),
        ("posture.host_pid", "fail", "its pid namespace is the host's"),
        ("posture.host_network", "pass", ""),
        ("posture.capabilities", "fail", "CAP_SYS_ADMIN"),
        ("posture.secrets_in_env", "fail", "DB_PASSWORD"),
        ("posture.setuid_files", "fail", "/root/become"),
        ("posture.root_user", "fail", "user 0 of the host"),
        ("posture.memory_limit", "fail", "no limit of memory in its cgroup or one above"),
        ("declared.user", "pass", ""),
        ("declared.mounts", "pass", ""),
    ] {
        let found = of(check);
        assert_eq!((&found["status"], &found["text"]), (&json!(status), &json!(text)), "{found:#}");
    }
    let mounts = of("posture.sensitive_mount");
    let text = mounts["text"].as_str().expect("a text");
    assert!(text.contains("/etc at /host/etc (writable)"), "{mounts:#}");
    let text = stage.runmon(["posture", &name, "--config", config, "--priority", "warning"]);
    text.assert(1, &[]);
    assert!(text.stdout.contains("It can command the container runtime: "), "{text:#?}");
    let keys = "posture_exceptions: [{check: posture.host_pid, reason: known}]".to_owned();
    let accepting = stage.configuration(&Options { keys, ..Options::default() });
    let accepting = accepting.to_str().expect("a plain path");
    let ran = stage.runmon(["posture", &name, "--config", accepting]);
    ran.assert(1, &[]);
    let line = ran.stdout.lines().find(|line| line.contains("posture.host_pid")).expect("a line");
    assert!(line.trim_start().starts_with("accepted ") && line.contains("(known)"), "{ran:#?}");
    let none = stage.runmon(["posture", "no-such-container", "--config", config]);
    none.assert(2, &["no container runs whose name is", "hint: these run:"]);
}

/// As setcap(8) gives them: one that is whole, and one that gives nothing.
fn with_capabilities(stage: &Stage<'_>) {
    let dir = stage.engine_dir("r");
    let runc = Runc::start(&dir);
    let words = |words: &[u32]| words.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let raw = words(&[0x0200_0001, 1 << 13, 0, 0, 0]);
    let none = words(&[0x0200_0001, 0, 0, 0, 0]);
    for (program, value) in [("raw", &raw), ("none", &none)] {
        let path = dir.join("rootfs/bin").join(program);
        fs::copy(crate::lab::trigger_path(), &path).expect("copy a program");
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, "security.capability", value, flags).expect("write it");
    }
    let name = stage.name("raw");
    runc.run_as(&name, &stage.dir("host"), &NAP, |config| {
        config["process"]["noNewPrivileges"] = json!(false);
    });
    let config = stage.configuration(&Options::default());
    let config = config.to_str().expect("a plain path");
    let ran = stage.runmon(["posture", &name, "--json", "--config", config]);
    ran.assert(1, &[]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let all = report["checks"].as_array().expect("checks");
    let found = all.iter().find(|it| it["check"] == "posture.setuid_files").expect("the check");
    assert_eq!(found["status"], "fail", "{found:#}");
    assert_eq!(found["text"], "/bin/raw (CAP_NET_RAW)", "{found:#}");
}

/// A Docker of its own shows what this host has, and a root of its own what another one has.
fn host(stage: &Stage<'_>) {
    let docker = Docker::start(&stage.engine_dir("d"));
    let keys = "posture: debug\nposture_seconds: 1".to_owned();
    let daemon = stage.daemon(Options { rules: None, keys, ..Options::default() });
    waits_for(&daemon, "host", "host.docker.iptables", "create");
    let socket = docker.socket();
    let give = |user| chown(&socket, Some(user), None).expect("give the socket away");
    give(12_345);
    let told = daemon.expect_document("a finding", |it| {
        it["runmon"]["state"]["check"] == "host.runtime_sockets"
    });
    assert_eq!(told["container"]["id"], "host", "{told:#}");
    let text = told["message"].as_str().expect("a message");
    let expected = format!("{}: its owner is not root", socket.display());
    assert!(text.contains(&expected), "{told:#}");
    give(0);
    waits_for(&daemon, "host", "host.runtime_sockets", "close");
    daemon.stop();
    let ran = stage.runmon(["posture", "host", "--json"]);
    ran.assert(1, &[]);
    let of = |ran: &str, check: &str| {
        let report: Value = serde_json::from_str(ran).expect("JSON");
        assert_eq!(report["container"]["id"], "host");
        let all = report["checks"].as_array().expect("checks");
        all.iter().find(|it| it["check"] == check).expect(check).clone()
    };
    let iptables = of(&ran.stdout, "host.docker.iptables");
    assert_eq!(iptables["text"], "iptables is off", "{iptables:#}");
    assert!(iptables["evidence"]["pid"].is_string(), "{iptables:#}");
    assert_eq!(of(&ran.stdout, "host.manual.docker_4_5")["status"], "not_decidable");
    let root = stage.dir("root");
    let file = root.join("etc/docker/daemon.json");
    fs::create_dir_all(file.parent().expect("a directory")).expect("make it");
    fs::write(&file, r#"{"icc": false, "hosts": ["tcp://0.0.0.0:2375"]}"#).expect("write it");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("open it");
    let place = root.to_str().expect("a plain path");
    let ran = stage.runmon(["posture", "--root", place, "--json"]);
    ran.assert(1, &[]);
    for (check, status) in [
        ("host.docker.tcp", "fail"),
        ("host.docker.icc", "pass"),
        ("host.docker.live_restore", "unknown"),
        ("host.files.daemon_json", "fail"),
        ("host.kubelet.anonymous", "not_applicable"),
    ] {
        let found = of(&ran.stdout, check);
        assert_eq!(found["status"], status, "{found:#}");
    }
    let none = stage.runmon(["posture", "--root", "/no/such/root"]);
    none.assert(2, &["/no/such/root cannot be looked at", "hint: name a directory"]);
}
