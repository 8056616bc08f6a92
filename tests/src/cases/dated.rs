//! Packages as they were published, with vulnerabilities that are known: what is told of them is
//! held, one by one, against records whose facts `tests/dated/README.md` accounts for.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Case;
use super::vulns::watched_longer;
use crate::daemon::Options;
use crate::dated::{BUSYBOX, Database, Root};
use crate::lab::Stage;
use crate::wait;

const PACKAGES: &[&str] = &["dated packages"];

pub(super) const CASES: &[Case] = &[
    Case::with(PACKAGES, "dated::a_python_of_debians_loads_things_late", of_python),
    Case::with(PACKAGES, "dated::a_server_in_an_image_without_a_package_manager", of_server),
    Case::with(PACKAGES, "dated::a_program_of_go_is_its_modules", of_go),
    Case::with(PACKAGES, "dated::a_root_of_alpines", of_alpine),
];

const TRACKER: &str = include_str!("../../dated/records/tracker.json");
const SECDB: &str = include_str!("../../dated/records/secdb.json");
const OSV: [(&str, &str); 6] = [
    ("GO-2024-2611", include_str!("../../dated/records/GO-2024-2611.json")),
    ("GO-2022-0493", include_str!("../../dated/records/GO-2022-0493.json")),
    ("GHSA-v845-jxx5-vc9f", include_str!("../../dated/records/GHSA-v845-jxx5-vc9f.json")),
    ("GO-2023-2102", include_str!("../../../monitor-vulns/testdata/osv/GO-2023-2102.json")),
    ("PYSEC-2021-66", include_str!("../../../monitor-vulns/testdata/osv/PYSEC-2021-66.json")),
    (
        "GHSA-g3rq-g295-4j3m",
        include_str!("../../../monitor-vulns/testdata/osv/GHSA-g3rq-g295-4j3m.json"),
    ),
];

/// A pack of the records, and who asks it.
struct Lab<'s> {
    stage: &'s Stage<'s>,
    pack: PathBuf,
}

/// What is told of one vulnerability: its id, the package that data name, the version without it,
/// and whether it is in use.
type Told = (String, String, Value, String);

impl<'s> Lab<'s> {
    fn new(stage: &'s Stage<'s>) -> Self {
        let dir = stage.dir("records");
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().expect("it is below")).expect("create a directory");
            fs::write(&path, text).expect("write a record");
            path.to_str().expect("a plain path").to_owned()
        };
        for (name, text) in OSV {
            write(&format!("osv/{name}.json"), text);
        }
        let (tracker, secdb) = (write("tracker.json", TRACKER), write("secdb.json", SECDB));
        let osv = dir.join("osv").to_str().expect("a plain path").to_owned();
        let pack = stage.dir("pack").join("dated.pack");
        let output = pack.to_str().expect("a plain path");
        let more = ["--debian-tracker", &tracker, "--secdb", &secdb, "--output", output];
        stage.runmon(["data", "build", "--osv", &osv].iter().chain(&more)).assert(0, &[]);
        Self { stage, pack }
    }

    fn keys(&self) -> String {
        format!("in_use: true\nheartbeat_seconds: 1\nvulnerability_pack: {:?}", self.pack)
    }

    /// Imports a root as an image.
    fn import(&self, root: Root, image: &str) {
        let tar = self.stage.dir("image").join("image.tar");
        root.write(&tar, image);
        self.stage.containerd().import_tar(&tar);
        fs::remove_file(tar).expect("remove the archive");
    }

    fn root(&self, config: &Path, name: &str, more: &[&str]) -> Value {
        let config = config.to_str().expect("a plain path");
        let args = ["vulns", name, "--format", "json", "--config", config];
        let ran = self.stage.runmon(args.iter().chain(more));
        assert!(ran.code == Some(1) || ran.code == Some(0), "{ran:#?}");
        let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        value["roots"][0].clone()
    }

    fn told(&self, config: &Path, name: &str) -> Vec<Told> {
        told(&self.root(config, name, &[]))
    }
}

fn told(root: &Value) -> Vec<Told> {
    let text = |it: &Value| it.as_str().unwrap_or("?").to_owned();
    let findings = root["findings"].as_array().unwrap_or_else(|| panic!("{root:#}"));
    let one = |it: &Value| {
        assert_eq!(it["state"], "affected", "{it:#}");
        let package = text(&it["package"]["name"]);
        (text(&it["id"]), package, it["fixed"].clone(), text(&it["in_use"]["state"]))
    };
    let mut all: Vec<Told> = findings.iter().map(one).collect();
    all.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
    all
}

/// As `told` gives it.
fn expected(all: &[(&str, &str, &str, &str)]) -> Vec<Told> {
    let fixed = |version: &str| if version.is_empty() { Value::Null } else { json!(version) };
    let one = |&(id, package, version, state): &(&str, &str, &str, &str)| {
        (id.to_owned(), package.to_owned(), fixed(version), state.to_owned())
    };
    all.iter().map(one).collect()
}

/// It does what it is told by files: loads its module of TLS, and a package.
const LATE: &str = "\
import os, time
def until(path):
    while not os.path.exists(path):
        time.sleep(0.02)
until('/tmp/tls')
import ssl
until('/tmp/package')
import urllib3
until('/tmp/never')
";

const PYTHON: &[&str] = &[
    "libc6",
    "libexpat1",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libssh2-1",
    "libssl3",
    "python3.11-minimal",
    "zlib1g",
];

fn of_python(stage: &Stage<'_>) {
    let lab = Lab::new(stage);
    let image = "localhost/dated-python:1";
    lab.import(Root::debian(PYTHON, Database::Dpkg).with_wheels(), image);
    let state = stage.dir("state");
    let state_dir = Some(state.clone());
    let options = Options { rules: None, keys: lab.keys(), state_dir, ..Options::default() };
    let daemon = stage.daemon(options);
    let config = daemon.config();
    let name = stage.name("python");
    let command = ["/usr/bin/python3.11", "-B", "-c", LATE];
    let container = stage.containerd().run_image(image, &name, &[], &command);
    let are = |expat: &str, jinja: &str, ssh: &str, ssl: &str, urllib: &str| {
        expected(&[
            ("CVE-2024-28757", "expat", "2.5.0-1+deb12u4", expat),
            ("CVE-2020-28493", "jinja2", "2.11.3", jinja),
            ("CVE-2025-15661", "libssh2", "1.10.0-3+deb12u1", ssh),
            ("CVE-2026-63072", "openssl", "3.0.22-1~deb12u1", ssl),
            ("CVE-2026-8328", "python3.11", "3.11.2-6+deb12u9", "executed"),
            ("CVE-2023-43804", "urllib3", "1.26.17", urllib),
            ("CVE-2023-45853", "zlib", "", "mapped"),
        ])
    };
    let mut last = Vec::new();
    let mut waits = |what: &str, expected: Vec<Told>| {
        let there = wait::until_or(|| {
            last = lab.told(&config, &name);
            (last == expected).then_some(())
        });
        assert!(there.is_some(), "waited in vain for {what}: {last:#?}");
    };
    let touch = |path: &str| {
        let done = container.exec(&[BUSYBOX, "touch", path]);
        assert!(done.status.success(), "{done:?}");
    };
    waits("what Python is linked with", are("mapped", "unknown", "unknown", "unknown", "unknown"));
    touch("/tmp/tls");
    waits("what it loads late", are("mapped", "unknown", "unknown", "mapped", "unknown"));
    touch("/tmp/package");
    waits("what it imports", are("mapped", "unknown", "unknown", "mapped", "opened"));
    // What is without effect on security is only told where all are asked for.
    let all = told(&lab.root(&config, &name, &["--all"]));
    assert!(all.iter().any(|it| it.0 == "CVE-2010-4756" && it.3 == "mapped"), "{all:#?}");
    let root = lab.root(&config, &name, &[]);
    assert_eq!((&root["unknown"], &root["coverage"]["lost"]), (&json!(0), &json!(0)), "{root:#}");
    daemon.stop();
    // Watched for long enough, what was not mapped is not used; of modules that is never said.
    watched_longer(&state, image);
    drop(container);
    let _again = stage.containerd().run_image(image, &name, &[], &[BUSYBOX, "sleep", "1000000"]);
    let of_all = are("mapped", "unknown", "not_observed", "mapped", "opened");
    assert_eq!(lab.told(&config, &name), of_all, "what was seen stays with the image");
}

fn of_server(stage: &Stage<'_>) {
    let lab = Lab::new(stage);
    let config = stage.configuration(&Options { keys: lab.keys(), ..Options::default() });
    let image = "localhost/dated-server:1";
    let packages = ["libc6", "libexpat1", "libssl3", "openssl"];
    lab.import(Root::debian(&packages, Database::Distroless), image);
    let name = stage.name("server");
    let command = ["/usr/bin/openssl", "s_server", "-nocert", "-psk", "c0ffee", "-accept", "4433"];
    let _container = stage.containerd().run_image(image, &name, &[], &command);
    // No daemon watches: what is running now is known, and of the rest nothing is.
    let both = expected(&[
        ("CVE-2024-28757", "expat", "2.5.0-1+deb12u4", "unknown"),
        ("CVE-2026-63072", "openssl", "3.0.22-1~deb12u1", "executed"),
    ]);
    wait::until("the server to listen", || {
        let root = lab.root(&config, &name, &[]);
        assert_eq!(told(&root), both, "{root:#}");
        let because = &root["findings"][1]["in_use"]["because"];
        assert_eq!(because, "no container of it was watched");
        (root["listens_at"] == json!(["4433/tcp"])).then_some(())
    });
    let openssl = &lab.root(&config, &name, &[])["findings"][0];
    assert_eq!(openssl["installed"][0]["name"], "libssl3", "{openssl:#}");
    assert_eq!(openssl["installed"][1]["name"], "openssl", "{openssl:#}");
}

fn of_go(stage: &Stage<'_>) {
    let lab = Lab::new(stage);
    let config = stage.configuration(&Options { keys: lab.keys(), ..Options::default() });
    let image = "localhost/dated-go:1";
    let program = "usr/local/bin/protoc-gen-validate";
    lab.import(Root::debian(&["libc6"], Database::Dpkg).with_go(program), image);
    let name = stage.name("go");
    // It waits for what it is asked on its standard input.
    let script = format!("{BUSYBOX} sleep 1000000 | /{program}");
    let command = [BUSYBOX, "sh", "-c", &script];
    let _container = stage.containerd().run_image(image, &name, &[], &command);
    // Its Go has the one of 2022 mended, and its golang.org/x/sys as well; one record is of two.
    let all = expected(&[
        ("CVE-2024-24786", "google.golang.org/protobuf", "1.33.0", "executed"),
        ("CVE-2023-39325", "stdlib", "1.20.10", "executed"),
        ("CVE-2023-44487", "stdlib", "1.20.10", "executed"),
    ]);
    let mut last = Vec::new();
    let there = wait::until_or(|| {
        last = lab.told(&config, &name);
        (last == all).then_some(())
    });
    assert!(there.is_some(), "{last:#?} {:#}", lab.root(&config, &name, &[]));
}

/// What apk writes of a package.
const APK: &[u8] = b"\
C:Q1bHqW8Ce8VVCVhLzVJr2RqoKlUQQ=
P:libcrypto3
V:3.1.4-r2
A:x86_64
S:1720217
I:4407296
T:Crypto library from openssl
U:https://www.openssl.org/
L:Apache-2.0
o:openssl
m:Ariadne Conill <ariadne@dereferenced.org>
t:1701791280
D:so:libc.musl-x86_64.so.1
p:so:libcrypto.so.3=3
F:lib
R:libcrypto.so.3

P:busybox
V:1.36.1-r5
A:x86_64
o:busybox
F:bin
R:busybox
a:0:0:755

";

fn of_alpine(stage: &Stage<'_>) {
    let lab = Lab::new(stage);
    let config = stage.configuration(&Options { keys: lab.keys(), ..Options::default() });
    let image = "localhost/dated-alpine:1";
    let root = Root::default()
        .with_file("etc/os-release", b"ID=alpine\nVERSION_ID=3.18.5\n")
        .with_file("usr/lib/apk/db/installed", APK);
    lab.import(root, image);
    let name = stage.name("alpine");
    let command = [BUSYBOX, "sleep", "1000000"];
    let _container = stage.containerd().run_image(image, &name, &[], &command);
    let all = expected(&[
        ("CVE-2023-6129", "openssl", "3.1.4-r3", "unknown"),
        ("CVE-2023-6237", "openssl", "3.1.4-r4", "unknown"),
        ("CVE-2024-0727", "openssl", "3.1.4-r5", "unknown"),
    ]);
    assert_eq!(lab.told(&config, &name), all);
}
