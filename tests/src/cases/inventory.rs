//! What is installed, as `runmon inventory` tells it: of images by their layers, of roots without
//! layers, of roots that were made to harm, and of this host.

mod many;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Case;
use crate::daemon::Options;
use crate::engines::Runc;
use crate::image::TRIGGER;
use crate::lab::{Ran, Stage, trigger_path};

pub(super) const CASES: &[Case] = &[
    Case::new("inventory::an_image_is_read_by_its_layers", of_image),
    Case::new("inventory::roots_without_layers_are_read_as_they_are", of_directories),
    Case::new("inventory::what_an_upper_layer_took_away_is_not_there", of_layers),
    Case::new("inventory::a_root_that_was_made_to_harm", hostile),
    Case::new("inventory::the_host_has_an_inventory", of_host),
    Case::with(&["strace"], "inventory::an_image_is_read_once", many::of_few_images),
];

/// What a container does meanwhile.
const NAP: [&str; 3] = [TRIGGER, "nap", "600000"];

const DEBIAN: &[u8] =
    b"ID=debian\nVERSION_ID=\"10\"\nPRETTY_NAME=\"Debian GNU/Linux 10 (buster)\"\n";
const STATUS: &[u8] = b"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n\
    Source: glibc (2.28-10)\nVersion: 2.28-10+b1\n\n\
    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
const FORGED: &str = "Package: forged\nStatus: install ok installed\nVersion: 1\n";

/// Asks about containers of the lab.
struct Inventory<'s> {
    stage: &'s Stage<'s>,
    config: PathBuf,
}

impl<'s> Inventory<'s> {
    fn new(stage: &'s Stage<'s>) -> Self {
        Self { stage, config: stage.configuration(&Options::default()) }
    }

    fn run(&self, more: &[&str]) -> Ran {
        let config = self.config.to_str().expect("a plain path");
        let ran = self.stage.runmon(["inventory", "--config", config].iter().chain(more));
        ran.assert(0, &[]);
        ran
    }

    fn json(&self, more: &[&str]) -> Value {
        let ran = self.run(&[more, &["--output", "json"]].concat());
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"))
    }

    /// What is told of one root, with its packages.
    fn of(&self, name: &str) -> Value {
        self.json(&[name, "--packages"])["roots"][0].clone()
    }
}

/// The packages as `kind name version`.
fn packages(root: &Value) -> Vec<String> {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let packages = root["packages"].as_array().unwrap_or_else(|| panic!("no packages: {root:#}"));
    let one = |it: &Value| ["kind", "name", "version"].map(|key| text(it, key)).join(" ");
    packages.iter().map(one).collect()
}

fn of_image(stage: &Stage<'_>) {
    let containerd = stage.containerd();
    let image = "localhost/inventory:1";
    let files = [("etc/os-release", DEBIAN), ("var/lib/dpkg/status", STATUS)];
    containerd.import_with(image, &files);
    let (name, other) = (stage.name("inventory"), stage.name("inventory"));
    let container = containerd.run_image(image, &name, &[], &NAP);
    let _other = containerd.run_image(image, &other, &[], &NAP);
    let inventory = Inventory::new(stage);
    let root = inventory.of(&name);
    assert_eq!(packages(&root), ["dpkg libc6 2.28-10+b1"]);
    assert_eq!((&root["read"], &root["database_changed"]), (&"layers".into(), &false.into()));
    assert_eq!(root["lifecycle"]["state"], "eol");
    assert_eq!(root["lifecycle"]["until"], "2024-06-30");
    assert_eq!(root["image"], image);
    let libc = &root["packages"][0];
    let purl = "pkg:deb/debian/libc6@2.28-10%2Bb1?arch=amd64&distro=debian-10\
                &upstream=glibc%402.28-10";
    assert_eq!(libc["purl"], purl);
    assert_eq!(libc["osv"]["ecosystem"], "Debian:10");
    assert_eq!(
        (&libc["osv"]["name"], &libc["osv"]["version"]),
        (&"glibc".into(), &"2.28-10".into())
    );
    // Who writes there is not believed, and it is told.
    let forge = format!("printf '{FORGED}' > /var/lib/dpkg/status");
    let done = container.exec(&["/bin/sh", "-c", &forge]);
    assert!(done.status.success(), "{done:?}");
    let root = inventory.of(&name);
    assert_eq!(packages(&root), ["dpkg libc6 2.28-10+b1"]);
    assert_eq!(root["database_changed"], true);
    let all = inventory.run(&[]).stdout;
    let line = |name: &str| all.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    for name in [&name, &other] {
        let line = line(name).unwrap_or_else(|| panic!("no line of {name}: {all}"));
        assert!(line.contains("buster") && line.contains("eol since 2024-06-30"), "{line}");
        assert!(line.trim_end().ends_with("dpkg 1"), "{line}");
    }
    assert!(all.contains("was changed since it started"), "{all}");
    let standard = inventory.json(&[&name, "--support", "standard"]);
    assert_eq!(standard["roots"][0]["lifecycle"]["until"], "2022-09-10");
    let config = fs::read_to_string(&inventory.config).expect("read the configuration");
    let standard = format!("{config}\nsupport_tier: standard\n");
    fs::write(&inventory.config, standard).expect("write the configuration");
    assert_eq!(inventory.of(&name)["lifecycle"]["until"], "2022-09-10");
    bill(&inventory, &name);
}

/// A bill of materials, which replaces no file.
fn bill(inventory: &Inventory<'_>, name: &str) {
    let path = inventory.stage.dir("bill").join("bom.json");
    let path = path.to_str().expect("a plain path");
    inventory.run(&[name, "--sbom", path]);
    let bill: Value = serde_json::from_slice(&fs::read(path).expect("read it")).expect("JSON");
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    assert_eq!(bill["metadata"]["component"]["name"], "localhost/inventory:1");
    assert_eq!(bill["components"][1]["name"], "libc6");
    let config = inventory.config.to_str().expect("a plain path");
    let again = ["inventory", "--config", config, name, "--sbom", path];
    inventory.stage.runmon(again).assert(1, &["hint: a recording never replaces a file"]);
}

/// A root of its own, with the program of the triggers and these files.
fn root_of(stage: &Stage<'_>, files: &[(&str, &[u8])]) -> PathBuf {
    let root = stage.dir("root");
    let trigger = fs::read(trigger_path()).expect("read the trigger");
    for (path, content) in files.iter().copied().chain([("bin/trigger", &trigger[..])]) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("it is below")).expect("create a directory");
        fs::write(path, content).expect("write a file");
    }
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(root.join("bin/trigger"), executable).expect("make it executable");
    root
}

fn start(stage: &Stage<'_>, runc: &Runc, root: &Path) -> String {
    let name = stage.name("root");
    runc.run_as(&name, &stage.dir("host"), &NAP, |config| {
        config["root"]["path"] = root.to_str().expect("a plain path").into();
    });
    name
}

fn of_directories(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let apk = b"C:Q1\nP:libcrypto3\nV:3.1.4-r1\nA:x86_64\nL:Apache-2.0\no:openssl\nF:lib\nR:x\n\n\
        P:musl\nV:1.2.4-r2\n\n";
    let python = "usr/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA";
    let alpine = root_of(
        stage,
        &[
            ("etc/os-release", b"ID=alpine\nVERSION_ID=3.18.4\n"),
            ("lib/apk/db/installed", apk),
            (python, b"Name: requests\nVersion: 2.31.0\n"),
            ("srv/node_modules/a/package.json", br#"{"name":"a","version":"1.0.0"}"#),
        ],
    );
    let distroless = root_of(
        stage,
        &[
            ("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n"),
            ("var/lib/dpkg/status.d/base", b"Package: base-files\nVersion: 12.4\n"),
            ("var/lib/dpkg/status.d/base.md5sums", b"d41d8cd98f00b204e9800998ecf8427e  etc/x\n"),
        ],
    );
    let scratch = root_of(stage, &[]);
    let [alpine, distroless, scratch] =
        [alpine, distroless, scratch].map(|root| start(stage, &runc, &root));
    let inventory = Inventory::new(stage);
    let root = inventory.of(&alpine);
    assert_eq!(
        packages(&root),
        ["apk libcrypto3 3.1.4-r1", "apk musl 1.2.4-r2", "python requests 2.31.0", "node a 1.0.0"]
    );
    assert_eq!((&root["read"], &root["lifecycle"]["state"]), (&"as_seen".into(), &"eol".into()));
    assert_eq!(root["packages"][0]["osv"]["ecosystem"], "Alpine:v3.18");
    assert_eq!(root["packages"][0]["osv"]["name"], "openssl");
    let root = inventory.of(&distroless);
    assert_eq!(packages(&root), ["dpkg base-files 12.4"]);
    assert_eq!(root["os"]["id"], "debian");
    // Nobody says what it is: that is not supported.
    let root = inventory.of(&scratch);
    assert_eq!((packages(&root), &root["lifecycle"]["state"]), (Vec::new(), &"unknown".into()));
    let table = inventory.run(&[&alpine, "--packages"]).stdout;
    assert!(table.contains("requests") && table.contains("openssl"), "{table}");
}

/// An overlay that is mounted as long as this is there.
struct Overlay(PathBuf);

impl Overlay {
    fn mount(at: &Path, options: &str) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "overlay", "-o", options]).arg(at);
        assert!(mount.status().expect("start mount").success(), "{mount:?}");
        Self(at.to_owned())
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        // A container that has it is ended behind this.
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

/// The kernel itself makes the upper layer: a file that was removed, and a directory that was
/// removed and made anew.
fn of_layers(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let describe = |name: &str| format!(r#"{{"name":"{name}","version":"1"}}"#).into_bytes();
    let at = |name: &str| format!("srv/node_modules/{name}/package.json");
    let [kept, removed, hidden] = ["kept", "removed", "hidden"].map(|it| (at(it), describe(it)));
    let hidden = (format!("opt/{}", hidden.0), hidden.1);
    let files = [&kept, &removed, &hidden].map(|(path, content)| (&**path, &content[..]));
    let lower = root_of(stage, &files);
    // An overlay's own layers may lie on no overlay.
    let place = stage.dir("layers");
    let [upper, work, root] = ["upper", "work", "root"].map(|name| place.join(name));
    let [own, own_work] = ["own", "own-work"].map(|name| place.join(name));
    for directory in [&upper, &work, &root, &own, &own_work] {
        fs::create_dir(directory).expect("create a directory");
    }
    let (below, above) = (lower.display(), upper.display());
    {
        let options = format!("lowerdir={below},upperdir={above},workdir={}", work.display());
        let _mounted = Overlay::mount(&root, &options);
        fs::remove_file(root.join(&removed.0)).expect("remove a file");
        let opt = root.join("opt/srv");
        fs::remove_dir_all(&opt).expect("remove a directory");
        fs::create_dir(&opt).expect("make it anew");
        let added = root.join(at("added"));
        fs::create_dir_all(added.parent().expect("it is below")).expect("create a directory");
        fs::write(added, describe("added")).expect("write a file");
    }
    // What the container writes to is another one.
    let (own, work) = (own.display(), own_work.display());
    let options = format!("lowerdir={above}:{below},upperdir={own},workdir={work}");
    let _mounted = Overlay::mount(&root, &options);
    let name = start(stage, &runc, &root);
    let found = Inventory::new(stage).of(&name);
    assert_eq!(found["read"], "layers");
    assert_eq!(packages(&found), ["node added 1", "node kept 1"], "{found:#}");
}

/// Nobody waits, no file of the host is read, and what stands in the way is told.
fn hostile(stage: &Stage<'_>) {
    let runc = Runc::start(&stage.engine_dir("r"));
    let root = root_of(stage, &[("etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n")]);
    let database = root.join("var/lib/dpkg");
    fs::create_dir_all(database.join("status.d")).expect("create a directory");
    for (path, args) in [("status", &["p"][..]), ("status.d/zero", &["c", "1", "5"])] {
        let made = Command::new("mknod").arg(database.join(path)).args(args).status();
        assert!(made.expect("start mknod").success(), "{path}");
    }
    symlink("/../../../../../../../../etc/passwd", database.join("status.d/up")).expect("link");
    let packages_of = root.join("usr/lib/python3/site-packages/x.dist-info");
    fs::create_dir_all(&packages_of).expect("create a directory");
    symlink("/proc/1/root/etc/passwd", packages_of.join("METADATA")).expect("link");
    let huge = fs::File::create(root.join("huge.jar")).expect("create a file");
    huge.set_len(1 << 40).expect("make it huge");
    let name = start(stage, &runc, &root);
    let root = Inventory::new(stage).of(&name);
    assert_eq!(packages(&root), Vec::<String>::new());
    let problems = root["problems"].as_array().expect("a list");
    let has =
        |path: &str, kind: &str| problems.iter().any(|it| it["path"] == path && it["kind"] == kind);
    assert!(has("/var/lib/dpkg/status", "other_kind"), "{problems:#?}");
    assert!(has("/var/lib/dpkg/status.d/zero", "other_kind"), "{problems:#?}");
    assert!(has("/huge.jar", "broken"), "{problems:#?}");
}

fn of_host(stage: &Stage<'_>) {
    let inventory = Inventory::new(stage);
    let report = inventory.json(&["host", "--packages"]);
    let root = &report["roots"][0];
    assert_eq!((&root["name"], &root["read"]), (&"host".into(), &"host".into()));
    let has_database = Path::new("/var/lib/dpkg/status").exists();
    assert_eq!(root["counts"]["dpkg"].as_u64().is_some_and(|it| it > 0), has_database, "{root:#}");
    // runc runs the containers of the other cases.
    let runtimes = report["runtimes"].as_array().expect("a list");
    let runc = runtimes.iter().find(|it| it["name"] == "runc");
    assert!(runc.is_some_and(|it| it["path"] != ""), "{runtimes:#?}");
    let config = inventory.config.to_str().expect("a plain path");
    let unknown = ["inventory", "--config", config, "no-such-container"];
    stage.runmon(unknown).assert(2, &["hint:"]);
}
