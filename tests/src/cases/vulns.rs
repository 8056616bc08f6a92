//! What is vulnerable in running containers, and what of that is in use.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::Case;
use super::acts::sees_objects;
use crate::daemon::{Options, is_heartbeat};
use crate::image::TRIGGER;
use crate::lab::Stage;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("vulns::what_is_used_is_told_from_what_is_only_there", of_debian),
    Case::new("vulns::what_is_mapped_to_be_read_can_become_code", of_late_code),
    Case::new("vulns::how_much_was_seen_is_counted_anew_by_each_daemon", of_restart),
    Case::new("vulns::roots_of_other_sorts_are_judged_alike", of_others),
    Case::with(&["openssl"], "vulns::what_listens_on_the_host_exposes_what_it_uses", of_host),
];

/// What a container does meanwhile.
pub(super) const NAP: [&str; 3] = [TRIGGER, "nap", "600000"];

const DEBIAN: &[u8] = b"ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";

/// A package of dpkg.
pub(super) fn dpkg(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
    )
}

/// A record that a package is vulnerable before a version, if there is one without it.
pub(super) fn record(dir: &Path, ecosystem: &str, package: &str, fixed: Option<&str>) {
    let id = format!("TEST-{}-{package}", ecosystem.replace([':', '.'], "-"));
    let mut events = vec![json!({ "introduced": "0" })];
    events.extend(fixed.map(|fixed| json!({ "fixed": fixed })));
    let text = json!({
        "schema_version": "1.7.0", "id": id, "modified": "2026-01-01T00:00:00Z",
        "affected": [{
            "package": { "ecosystem": ecosystem, "name": package },
            "ranges": [{ "type": "ECOSYSTEM", "events": events }],
        }],
    });
    fs::write(dir.join(format!("{id}.json")), text.to_string()).expect("write a record");
}

/// A pack of records of the lab's own, and a configuration that names it.
struct Lab<'s> {
    stage: &'s Stage<'s>,
    pack: PathBuf,
}

impl<'s> Lab<'s> {
    fn new(stage: &'s Stage<'s>, records: &[(&str, &str, Option<&str>)]) -> Self {
        let dir = stage.dir("records");
        for (ecosystem, package, fixed) in records {
            record(&dir, ecosystem, package, *fixed);
        }
        let pack = stage.dir("pack").join("test.pack");
        let [from, to] = [&dir, &pack].map(|path| path.to_str().expect("a plain path"));
        stage.runmon(["data", "build", "--osv", from, "-o", to]).assert(0, &[]);
        Self { stage, pack }
    }

    fn keys(&self) -> String {
        format!("in_use: true\nheartbeat_seconds: 1\nvulnerability_pack: {:?}", self.pack)
    }

    /// What is told of a container, by package: whether it is in use, and the version without it.
    fn of(&self, config: &Path, name: &str) -> Vec<(String, Value, Value)> {
        let config = config.to_str().expect("a plain path");
        let ran = self.stage.runmon(["vulns", name, "--format", "json", "--config", config]);
        assert!(ran.code == Some(1) || ran.code == Some(0), "{ran:#?}");
        let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        let findings = value["roots"][0]["findings"].as_array().expect("findings").clone();
        let one = |it: &Value| {
            let name = it["package"]["name"].as_str().expect("a name").to_owned();
            (name, it["in_use"].clone(), it["fixed"].clone())
        };
        let mut all: Vec<_> = findings.iter().map(one).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

fn states(all: &[(String, Value, Value)]) -> Vec<(&str, &str)> {
    all.iter().map(|(name, used, _)| (&**name, used["state"].as_str().unwrap_or("?"))).collect()
}

const IMAGE: &str = "localhost/vulns:1";
const PYTHON: &str = "usr/lib/python3/dist-packages";

/// Packages that are used, packages that are only there, and one that is mended.
fn import(stage: &Stage<'_>) {
    let names = ["tool", "libused", "libspare", "libmended", "modules", "data"];
    let status = names.map(|name| dpkg(name, "1.0-1")).concat();
    let metadata = b"Metadata-Version: 2.1\nName: PyYAML\nVersion: 6.0\n";
    stage.containerd().import_with(
        IMAGE,
        &[
            ("etc/os-release", DEBIAN),
            ("var/lib/dpkg/status", status.as_bytes()),
            ("var/lib/dpkg/info/tool.list", b"/.\n/bin\n/bin/trigger\n"),
            // Another one's file is there, so that its own lies elsewhere.
            ("var/lib/dpkg/info/libused.list", b"/.\n/opt/used/lib.so\n"),
            ("var/lib/dpkg/info/libmended.list", b"/.\n/opt/used/lib.so\n"),
            ("var/lib/dpkg/diversions", b"/opt/used/lib.so\n/opt/used/mmap/real/old\nlibmended\n"),
            ("var/lib/dpkg/info/modules.list", b"/.\n/bin/other\n/usr/share/perl5/A.pm\n"),
            ("var/lib/dpkg/info/data.list", b"/.\n/usr/share/zoneinfo\n/usr/share/zoneinfo/UTC\n"),
            ("var/lib/dpkg/info/libspare.list", b"/.\n/opt/spare/lib.so\n"),
            ("opt/used/mmap/real/old", b"x"),
            ("opt/spare/lib.so", b"x"),
            (&format!("{PYTHON}/PyYAML-6.0.dist-info/METADATA"), metadata),
            (&format!("{PYTHON}/PyYAML-6.0.dist-info/RECORD"), b"yaml/__init__.py,,\n"),
            (&format!("{PYTHON}/PyYAML-6.0.dist-info/top_level.txt"), b"yaml\n"),
            (&format!("{PYTHON}/yaml/__init__.py"), b"\n"),
        ],
    );
}

/// What the daemon wrote, but for how long it watched.
pub(super) fn watched_longer(state: &Path, image: &str) {
    // Once it was watched for long enough, what was not seen is not used; modules of interpreters
    // are not all seen. What the daemon wrote is all that is changed here.
    let written = state.join("usage/usage.json");
    let text = fs::read_to_string(&written).expect("what is used");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let images = value["images"].as_array_mut().expect("images");
    let own = images.iter_mut().find(|it| it["image"] == image).expect("its image");
    let covered = ["from_start", "lost"].map(|it| &own["coverage"][it]);
    assert_eq!(covered, [&json!(1), &json!(0)], "{own:#}");
    own["coverage"]["observed_seconds"] = json!(4000);
    fs::write(&written, value.to_string()).expect("change it");
}

fn of_debian(stage: &Stage<'_>) {
    let lab = Lab::new(
        stage,
        &[
            ("Debian:12", "tool", Some("9")),
            ("Debian:12", "libused", Some("2.0-1")),
            ("Debian:12", "libspare", None),
            ("Debian:12", "modules", None),
            ("Debian:12", "data", None),
            ("Debian:12", "libmended", Some("1.0-1")),
            ("Debian:11", "libspare", Some("7")),
            ("PyPI", "pyyaml", Some("6.1")),
        ],
    );
    let state = stage.dir("state");
    let state_dir = Some(state.clone());
    let options = Options { rules: None, keys: lab.keys(), state_dir, ..Options::default() };
    let daemon = stage.daemon(options);
    let config = daemon.config();
    import(stage);
    let name = stage.name("vulns");
    let container = stage.containerd().run_image(IMAGE, &name, &[], &NAP);
    let waits = |what: &str, expected: &[(&str, &str)]| {
        let mut last = Vec::new();
        let there = wait::until_or(|| {
            last = lab.of(&config, &name);
            (states(&last) == expected).then_some(())
        });
        assert!(there.is_some(), "waited in vain for {what}: {last:#?}");
    };
    let are = |used, yaml| {
        [
            ("data", "unknown"),
            ("libspare", "unknown"),
            ("libused", used),
            ("modules", "unknown"),
            ("pyyaml", yaml),
            ("tool", "executed"),
        ]
    };
    waits("the program to be in use", &are("unknown", "unknown"));
    // A library that is mapped late, and a module that is loaded.
    let script = "ln -s real /opt/used/mmap/link && \
                  trigger call /opt/used --way native --form absolute mmap";
    let mapped = container.exec(&["/bin/sh", "-c", script]);
    assert!(mapped.status.success(), "{mapped:?}");
    let loaded = container.exec(&["/bin/busybox", "cat", &format!("/{PYTHON}/yaml/__init__.py")]);
    assert!(loaded.status.success(), "{loaded:?}");
    waits("all to be in use that was used", &are("mapped", "opened"));
    let all = lab.of(&config, &name);
    let because = all[1].1["because"].as_str().expect("a reason").to_owned();
    assert!(because.starts_with("watched for "), "{because}");
    let fixed: Vec<&Value> =
        all.iter().map(|(.., fixed)| fixed).filter(|it| !it.is_null()).collect();
    assert_eq!(fixed, [&json!("2.0-1"), &json!("6.1"), &json!("9")]);

    let beat = daemon.documents().iter().rev().find(|it| is_heartbeat(it)).cloned();
    let files = beat.expect("a heartbeat")["runmon"]["tables"]["usage_files"].as_u64();
    assert!(files.is_some_and(|files| files >= 3), "{files:?}");
    daemon.stop();

    watched_longer(&state, IMAGE);
    let all = lab.of(&config, &name);
    assert_eq!(states(&all)[1], ("libspare", "not_observed"), "{all:#?}");
    says_why_unknown(&all);
    own_report(stage, &config, &name);
}

/// A library that is mapped to be read, and made executable then.
fn of_late_code(stage: &Stage<'_>) {
    let lab = Lab::new(stage, &[("Debian:12", "liblate", None)]);
    let image = "localhost/vulns-late:1";
    let status = dpkg("liblate", "1.0-1");
    let files: [(&str, &[u8]); 4] = [
        ("etc/os-release", DEBIAN),
        ("var/lib/dpkg/status", status.as_bytes()),
        ("var/lib/dpkg/info/liblate.list", b"/opt/late/real/old\n"),
        ("opt/late/real/old", b"x"),
    ];
    stage.containerd().import_with(image, &files);
    let daemon = stage.daemon(Options { rules: None, keys: lab.keys(), ..Options::default() });
    let name = stage.name("late");
    let container = stage.containerd().run_image(image, &name, &[], &NAP);
    let report = container.trigger(&["deed", "protect-file", "/opt/late"]);
    assert_eq!(report.errno, 0, "{report}");
    let sees_memory = sees_objects(stage);
    let mut last = Vec::new();
    let there = wait::until_or(|| {
        last = lab.of(&daemon.config(), &name);
        let (_, in_use, _) = &last[0];
        let is_so = match sees_memory {
            true => in_use["state"] == "mapped",
            // Who sees calls only does not know what was mapped there.
            false => {
                let why = in_use["because"].as_str().unwrap_or_default();
                in_use["state"] == "unknown" && why.contains("could not be named")
            }
        };
        is_so.then_some(())
    });
    assert!(there.is_some(), "{last:#?}");
    daemon.stop();
}

/// How much was seen is counted anew by each daemon; what was seen in use stays known.
fn of_restart(stage: &Stage<'_>) {
    let lab = Lab::new(stage, &[("Debian:12", "tool", None), ("Debian:12", "libspare", None)]);
    let image = "localhost/vulns-restart:1";
    let status = ["tool", "libspare"].map(|name| dpkg(name, "1.0-1")).concat();
    let files: [(&str, &[u8]); 4] = [
        ("etc/os-release", DEBIAN),
        ("var/lib/dpkg/status", status.as_bytes()),
        ("var/lib/dpkg/info/tool.list", b"/bin/trigger\n"),
        ("var/lib/dpkg/info/libspare.list", b"/opt/spare/lib.so\n"),
    ];
    stage.containerd().import_with(image, &files);
    let state = stage.dir("state");
    let start = || {
        let state_dir = Some(state.clone());
        stage.daemon(Options { rules: None, keys: lab.keys(), state_dir, ..Options::default() })
    };
    let root = |config: &Path, name: &str| {
        let config = config.to_str().expect("a plain path");
        let ran = stage.runmon(["vulns", name, "--format", "json", "--config", config]);
        let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        value["roots"][0].clone()
    };
    let covers = |config: &Path, name: &str, from_start: u64| {
        wait::until("its container to be counted", || {
            let it = root(config, name)["coverage"].clone();
            (it["containers"] == 1 && it["from_start"] == from_start).then_some(it)
        })
    };
    let daemon = start();
    let name = stage.name("restart");
    let container = stage.containerd().run_image(image, &name, &[], &NAP);
    let before = covers(&daemon.config(), &name, 1);
    daemon.stop();
    watched_longer(&state, image);

    // The container lives on. It may have done anything in between, and is one.
    let daemon = start();
    let config = daemon.config();
    let late = covers(&config, &name, 0);
    assert_eq!(late["lacks"], "its container was not watched from its start", "{late:#}");
    let since = |it: &Value| it["since"].as_str().expect("a time").to_owned();
    assert!(since(&late) > since(&before), "{before:#} {late:#}");
    let expected = [("libspare", "unknown"), ("tool", "executed")];
    assert_eq!(states(&lab.of(&config, &name)), expected);
    // Once it has ended it bears on nothing that is said of the time after that.
    let next = stage.name("next");
    let _next = stage.containerd().run_image(image, &next, &[], &NAP);
    drop(container);
    let whole = covers(&config, &next, 1);
    assert!(since(&whole) > since(&late), "{late:#} {whole:#}");
    daemon.stop();
    watched_longer(&state, image);
    let expected = [("libspare", "not_observed"), ("tool", "executed")];
    assert_eq!(states(&lab.of(&config, &next)), expected);
    let told = stage.runmon(["vulns", &next, "--config", config.to_str().expect("a plain path")]);
    let since = format!("not observed: since {}", since(&whole));
    assert!(told.stdout.contains(&since), "{since}: {told:#?}");
}

/// What is not seen is not called unused.
fn says_why_unknown(all: &[(String, Value, Value)]) {
    for (at, name, why) in
        [(0, "data", "reading of other files"), (3, "modules", "of an interpreter")]
    {
        let because = all[at].1["because"].as_str().unwrap_or_default();
        assert!(states(all)[at] == (name, "unknown") && because.contains(why), "{all:#?}");
    }
}

/// The page has it in the order in which it matters.
fn own_report(stage: &Stage<'_>, config: &Path, name: &str) {
    let config = config.to_str().expect("a plain path");
    let ran = stage.runmon(["report", "--config", config, "--output", "json"]);
    ran.assert(0, &[]);
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let plan = value["update_plan"].as_array().expect("a plan").clone();
    let is_own = |it: &&Value| {
        it["where"].as_array().into_iter().flatten().any(|at| at.to_string().contains(name))
    };
    let own: Vec<&Value> = plan.iter().filter(is_own).map(|it| &it["package"]).collect();
    let place = |package: &str| own.iter().position(|it| **it == package).expect(package);
    assert!(place("tool") < place("libused") && place("libused") < place("libspare"), "{own:?}");
    let html = stage.runmon(["report", "--config", config, "--output", "html"]);
    html.assert(0, &[]);
    assert!(html.stdout.starts_with("<!doctype html>") && html.stdout.contains("libused"));
}

/// Alpine, and what has no shell: no daemon runs.
fn of_others(stage: &Stage<'_>) {
    let lab = Lab::new(
        stage,
        &[("Alpine:v3.18", "tool-src", Some("1.0-r3")), ("Debian:12", "tool", Some("9"))],
    );
    let config = stage.configuration(&Options { keys: lab.keys(), ..Options::default() });
    let alpine: &[(&str, &[u8])] = &[
        ("etc/os-release", b"ID=alpine\nVERSION_ID=3.18.4\n"),
        (
            "lib/apk/db/installed",
            b"P:tool\nV:1.0-r2\nA:x86_64\no:tool-src\nF:bin\nR:trigger\n\n\
              P:other\nV:1\no:tool-src\n\n",
        ),
    ];
    let status = dpkg("tool", "1.0-1");
    let sums = b"d41d8cd98f00b204e9800998ecf8427e  bin/trigger\n";
    let distroless: &[(&str, &[u8])] = &[
        ("etc/os-release", DEBIAN),
        ("var/lib/dpkg/status.d/tool", status.as_bytes()),
        ("var/lib/dpkg/status.d/tool.md5sums", sums),
    ];
    for (sort, files, package) in
        [("alpine", alpine, "tool-src"), ("distroless", distroless, "tool")]
    {
        let (image, name) = (format!("localhost/{sort}:1"), stage.name(sort));
        stage.containerd().import_with(&image, files);
        let _container = stage.containerd().run_image(&image, &name, &[], &NAP);
        let all = lab.of(&config, &name);
        assert_eq!(states(&all)[0], (package, "executed"), "{sort}: {all:#?}");
    }
    says_what_is_not_read(stage, &config);
}

/// That nothing is known of packages is not that none is vulnerable.
fn says_what_is_not_read(stage: &Stage<'_>, config: &Path) {
    const SAID: &str = "/var/lib/rpm/Packages: its format is not read";
    let files: &[(&str, &[u8])] =
        &[("etc/os-release", b"ID=centos\nVERSION_ID=7\n"), ("var/lib/rpm/Packages", b"x")];
    let (image, name) = ("localhost/berkeley:1", stage.name("berkeley"));
    stage.containerd().import_with(image, files);
    let _container = stage.containerd().run_image(image, &name, &[], &NAP);
    let config = config.to_str().expect("a plain path");
    let ran = stage.runmon(["vulns", &name, "--config", config]);
    assert!(ran.stdout.contains(&format!("not all of it is known: {SAID}")), "{ran:#?}");
    let ran = stage.runmon(["vulns", &name, "--format", "json", "--config", config]);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
    assert_eq!(value["roots"][0]["gaps"], json!([SAID]), "{value:#}");
    let ran = stage.runmon(["report", "--config", config, "--output", "json"]);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
    let unknown = value["not_known"].to_string();
    assert!(unknown.contains(&name) && unknown.contains(SAID), "{value:#}");
}

/// A server on the host: what it is made of is exposed while it listens to others, and what is only
/// there is not.
fn of_host(stage: &Stage<'_>) {
    let config = stage.configuration(&Options::default());
    let config = config.to_str().expect("a plain path");
    let args = ["inventory", "host", "--packages", "--output", "json", "--config", config];
    let ran = stage.runmon(args);
    ran.assert(0, &[]);
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let packages = value["roots"][0]["packages"].as_array().expect("packages").clone();
    let coordinates = |name: &str| {
        let it = packages.iter().find(|it| it["name"] == name && it["osv"].is_object());
        let it = it.unwrap_or_else(|| panic!("no package {name}"));
        ["ecosystem", "name"].map(|key| it["osv"][key].as_str().expect("a text").to_owned())
    };
    let ([ecosystem, server], [_, other]) = (coordinates("openssl"), coordinates("tar"));
    let lab = Lab::new(stage, &[(&ecosystem, &server, None), (&ecosystem, &other, None)]);
    let pack = lab.pack.to_str().expect("a plain path");
    let exposed = |name: &str| {
        let args = ["vulns", "host", "--format", "json", "--pack", pack, "--config", config];
        let ran = stage.runmon(args);
        let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        let findings = value["roots"][0]["findings"].as_array().expect("findings").clone();
        let it = findings.iter().find(|it| it["package"]["name"] == name);
        it.unwrap_or_else(|| panic!("{name}: {findings:#?}"))["exposed"].clone()
    };
    let dir = stage.dir("server");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"])
        .args(["-days", "2", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(&dir)
        .output();
    assert!(made.expect("start openssl").status.success());
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let serve = |address: &str| {
        Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("{address}:{port}")])
            .args(["-key", "key.pem", "-cert", "cert.pem"])
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start a server")
    };
    let place = format!("{port}/tcp");
    let is_reached = |at: &Value| at.as_array().expect("a list").iter().any(|it| *it == *place);
    let end = |mut server: Child| {
        server.kill().expect("end the server");
        server.wait().expect("wait for it");
    };
    let open = serve("0.0.0.0");
    wait::until("it to be exposed", || is_reached(&exposed(&server)).then_some(()));
    assert!(!is_reached(&exposed(&other)), "{other} has nothing to do with it");
    end(open);
    let own = serve("127.0.0.1");
    wait::until("it to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
    assert!(!is_reached(&exposed(&server)), "nobody else reaches it");
    end(own);
}
