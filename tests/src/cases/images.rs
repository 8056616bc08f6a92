//! The images on a node, as `runmon images` tells them: what uses them, which are superseded, and a
//! plan that a person can carry out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::Case;
use crate::daemon::Options;
use crate::engines::{Docker, Engine, Podman};
use crate::image::{self, TRIGGER};
use crate::lab::{Ran, Stage};

pub(super) const CASES: &[Case] = &[
    Case::new("images::a_name_that_moved_in_containerd", of_containerd),
    Case::with(&["dockerd"], "images::a_plan_for_docker", of_docker),
    Case::with(&["podman"], "images::a_plan_for_podman", of_podman),
];

/// What a container does meanwhile.
const NAP: [&str; 3] = [TRIGGER, "nap", "600000"];

/// What runmon tells of images of the lab.
struct Images<'s> {
    stage: &'s Stage<'s>,
    config: PathBuf,
    state: PathBuf,
}

impl<'s> Images<'s> {
    fn new(stage: &'s Stage<'s>) -> Self {
        let state = stage.dir("state");
        let options = Options { state_dir: Some(state.clone()), ..Options::default() };
        Self { stage, config: stage.configuration(&options), state }
    }

    fn run(&self, more: &[&str]) -> Ran {
        let config = self.config.to_str().expect("a plain path");
        let ran = self.stage.runmon(["images", "--config", config].iter().chain(more));
        ran.assert(0, &[]);
        ran
    }

    fn json(&self, more: &[&str]) -> Value {
        let ran = self.run(&[more, &["--output", "json"]].concat());
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"))
    }

    /// Writes what a daemon writes that watched for so many days, and saw nothing in use.
    fn watched_for(&self, days: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let since = now - u128::from(days) * 86_400_000_000_000;
        let page = json!({
            "version": 1,
            "written_ns": u64::try_from(now).expect("before 2500"),
            "whole_since_ns": u64::try_from(since).expect("before 2500"),
            "images": [],
        });
        let place = self.state.join("usage");
        fs::create_dir_all(&place).expect("create a directory");
        fs::write(place.join("usage.json"), page.to_string()).expect("write what was used");
    }

    /// Asserts what becomes of an image, and for which reason.
    #[track_caller]
    fn assert_plan(&self, more: &[&str], id: &str, decision: &str, reason: &str) -> Value {
        let told = self.json(&[&["--plan"], more].concat());
        let images = told["plan"]["images"].as_array().unwrap_or_else(|| panic!("{told:#}"));
        let image = images.iter().find(|it| it["id"] == id);
        let image = image.unwrap_or_else(|| panic!("no {id} in {told:#}"));
        assert_eq!(image["decision"], decision, "{image:#}\n{}", told["not_read"]);
        let reasons = image["reasons"].to_string();
        assert!(reasons.contains(reason), "{reasons}");
        image.clone()
    }
}

/// The image of containerd's with that name.
fn named<'v>(told: &'v Value, name: &str) -> &'v Value {
    named_by(told, "containerd", name)
}

/// The same of another engine.
fn named_by<'v>(told: &'v Value, engine: &str, name: &str) -> &'v Value {
    let images = told["images"].as_array().unwrap_or_else(|| panic!("{told:#}"));
    let has_name = |it: &Value| {
        let names = it["names"].as_array().into_iter().flatten();
        names.into_iter().any(|it| it == name)
    };
    let image = images.iter().find(|it| it["engine"] == engine && has_name(it));
    image.unwrap_or_else(|| panic!("no {name} of {engine} in {told:#}"))
}

fn id_by(told: &Value, engine: &str, name: &str) -> String {
    named_by(told, engine, name)["id"].as_str().expect("an id").to_owned()
}

fn verdicts(image: &Value) -> Vec<&str> {
    let all = image["verdicts"].as_array().into_iter().flatten();
    all.filter_map(|it| it["name"].as_str()).collect()
}

/// What is said of a container whose image's name means another one by now.
fn superseded<'v>(told: &'v Value, container: &str) -> Option<&'v Value> {
    told["superseded"].as_array().into_iter().flatten().find(|it| it["container_id"] == container)
}

/// Makes a file or a directory old.
fn age(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(100 * 86_400);
    File::open(path).expect("open it").set_modified(then).expect("make it old");
}

fn of_containerd(stage: &Stage<'_>) {
    let containerd = stage.containerd();
    let (name, kept) = ("localhost/moved:1", "localhost/moved:before");
    let first = containerd.import(name, "one");
    let before = stage.name("before");
    let _before = containerd.run_image(name, &before, &[], &NAP);
    let images = Images::new(stage);
    let told = images.json(&[]);
    assert_eq!(superseded(&told, &before), None, "{told:#}");
    assert_eq!(named(&told, name)["running"][0]["id"], before.as_str());
    // The old one keeps another name, or none.
    let tagged = containerd.ctr(&["images", "tag", name, kept]);
    assert!(tagged.status.success(), "{tagged:?}");
    let second = containerd.import(name, "two");
    let after = stage.name("after");
    let _after = containerd.run_image(name, &after, &[], &NAP);
    let unused = "localhost/never-run:1";
    containerd.import(unused, "unused");
    let told = images.json(&[]);
    let it = superseded(&told, &before).unwrap_or_else(|| panic!("{told:#}"));
    assert_eq!((&it["runs"], &it["now"]), (&first.as_str().into(), &second.as_str().into()));
    assert_eq!((&it["name"], superseded(&told, &after)), (&name.into(), None));
    assert!(verdicts(named(&told, kept)).contains(&"running_superseded"), "{told:#}");
    assert_eq!(named(&told, kept)["running"][0]["id"], before.as_str());
    assert!(!verdicts(named(&told, name)).contains(&"running_superseded"), "{told:#}");
    // Nobody watched: since when it is unused is not known.
    let image = named(&told, unused);
    assert_eq!(verdicts(image), ["unused"], "{image:#}");
    assert!(image["size_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{image:#}");
    assert_eq!(image["unused_since"], Value::Null);
    let text = images.run(&[]).stdout;
    let line =
        format!("superseded: container {before} runs {first}, and {name} is {second} by now");
    assert!(text.contains(&line), "{text}");
    let id = image["id"].as_str().expect("an id");
    images.assert_plan(&[], id, "keep", "no daemon notes what is used");
    images.watched_for(90);
    images.assert_plan(&[], id, "keep", "less than 7 days");
    let id = named(&told, kept)["id"].as_str().expect("an id");
    let end = format!("container {} is of it", &before);
    images.assert_plan(&["--min-age", "0"], id, "keep", &end);
    // Without a record of the old image its layers are what is left to tell.
    let removed = containerd.ctr(&["images", "rm", kept]);
    assert!(removed.status.success(), "{removed:?}");
    let told = images.json(&[]);
    let it = superseded(&told, &before).unwrap_or_else(|| panic!("{told:#}"));
    assert!(it["runs"].as_str().is_some_and(|it| it.starts_with("layers sha256:")), "{it:#}");
    let map = stage.dir("map").join("days");
    fs::write(&map, format!("{second} 2020-01-31\n")).expect("write the map");
    let map = map.to_str().expect("a plain path");
    let told = images.json(&["--end-of-life", map]);
    assert!(verdicts(named(&told, name)).contains(&"end_of_life"), "{told:#}");
}

fn of_docker(stage: &Stage<'_>) {
    let place = stage.engine_dir("d");
    let docker = Docker::start(&place);
    let images = Images::new(stage);
    let first = id_by(&images.json(&[]), "docker", image::NAME);
    let [runs, made] = ["runs", "made"].map(|what| stage.name(what));
    docker.run_with(&runs, &[], &NAP);
    docker.told(&["create", "--name", &made, "--network=none", image::NAME, "/bin/true"]);
    let second = docker.import(image::NAME);
    let other = docker.import("localhost/other:1");
    let told = images.json(&[]);
    let all = told["superseded"].as_array().into_iter().flatten();
    let it = all.into_iter().find(|it| it["container"] == runs.as_str());
    let it = it.unwrap_or_else(|| panic!("{told:#}"));
    assert_eq!((&it["container"], &it["name"]), (&runs.as_str().into(), &image::NAME.into()));
    assert_eq!(
        (&it["runs"], &it["now"]),
        (&format!("sha256:{first}").into(), &second.as_str().into())
    );
    images.watched_for(90);
    let [second, other] = [second, other].map(|id| id.trim_start_matches("sha256:").to_owned());
    for id in [&first, &second, &other] {
        age(&place.join("data/image/overlay2/imagedb/content/sha256").join(id));
        let metadata = place.join("data/image/overlay2/imagedb/metadata/sha256").join(id);
        if metadata.join("lastUpdated").exists() {
            age(&metadata.join("lastUpdated"));
        }
    }
    // What was made and never started counts, and the name counts although it means another one.
    images.assert_plan(&[], &first, "keep", "is of it");
    images.assert_plan(&[], &second, "keep", "is of it");
    images.assert_plan(&["--except", "localhost/*"], &other, "keep", "excepted by `localhost/*`");
    images.assert_plan(&["--unused-for", "91"], &other, "keep", "only for 90 days");
    let gone = images.assert_plan(&[], &other, "remove", "none was seen for 90 days");
    assert_eq!(gone["command"], "docker image rm localhost/other:1");
    let text = images.run(&["--plan"]).stdout;
    assert!(text.contains("1 image could go") && text.contains("nothing was removed"), "{text}");
    assert!(text.contains("\n  docker image rm localhost/other:1\n"), "{text}");
    docker.told(&["image", "rm", "localhost/other:1"]);
    let told = images.json(&["--plan"]);
    assert_eq!(told["plan"]["removes"], 0, "{told:#}");
}

fn of_podman(stage: &Stage<'_>) {
    let place = stage.engine_dir("p");
    let podman = Podman::start(&place);
    let images = Images::new(stage);
    let first = id_by(&images.json(&[]), "podman", image::NAME);
    let runs = stage.name("runs");
    podman.run(&runs, &stage.dir("host"), &NAP);
    let second = podman.import(image::NAME);
    let other = podman.import("localhost/other:1");
    let told = images.json(&[]);
    let all = told["superseded"].as_array().into_iter().flatten();
    let it = all.into_iter().find(|it| it["container"] == runs.as_str());
    let it = it.unwrap_or_else(|| panic!("{told:#}"));
    assert_eq!((&it["container"], &it["name"]), (&runs.as_str().into(), &image::NAME.into()));
    assert_ne!(it["runs"], it["now"], "{it:#}");
    images.watched_for(90);
    for id in [&first, &second, &other] {
        age(&place.join("root/overlay-images").join(id));
    }
    images.assert_plan(&[], &first, "keep", "is of it");
    images.assert_plan(&[], &second, "keep", "is of it");
    let gone = images.assert_plan(&[], &other, "remove", "none was seen for 90 days");
    let root = place.join("root");
    let command = format!("podman --root {} image rm localhost/other:1", root.display());
    assert_eq!(gone["command"], command.as_str());
}
