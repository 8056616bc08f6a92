//! What tests of the sources share, and tests of all sources together.

use std::{ffi::OsString, fs::File, io, path::Path};

use super::{files::Look, *};
use crate::{
    container::Container,
    event::Fact,
    reach::{Direct, Reach, Stat},
    records::folder::Folder,
};

/// An id as engines give them.
pub(super) const ID: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

/// A place with files in it. `THE_ID` stands for the id.
pub(super) fn place(name: &str, files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new(&format!("metadata-{name}"));
    for (path, text) in files {
        let path = folder.path().join(path.replace("THE_ID", ID));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("THE_ID", ID)).unwrap();
    }
    folder
}

pub(super) fn lookup(path: &str, id: &str) -> Lookup {
    let [path, id] = [path, id].map(|text| text.replace("THE_ID", ID).into());
    Lookup { cgroup_path: path, id, is_nested: false, unseen: None }
}

pub(super) fn pending(lookup: &Lookup) -> Container {
    let id = lookup.id.clone();
    Container { id, ..Container::unknown(&lookup.cgroup_path, Reason::Pending) }
}

/// Each fact in a line: `name = value (source)`, or `name: reason`. What is pending is left out.
pub(super) fn shown(container: &Container) -> Vec<String> {
    let line = |name: &str, text: Option<String>, source: &str, reason: Option<Reason>| match text {
        Some(text) => Some(format!("{name} = {} ({source})", text.replace('\0', "|"))),
        None => {
            reason.filter(|it| *it != Reason::Pending).map(|it| format!("{name}: {}", it.name()))
        }
    };
    let facts = container.facts().filter_map(|(name, fact)| {
        let source = fact.source().map_or("", crate::event::FactSource::name);
        line(name, fact.text(), source, fact.reason())
    });
    facts.collect()
}

/// Asserts that these lines are among those of the container.
#[track_caller]
pub(super) fn check(container: &Container, expected: &[&str]) {
    let shown = shown(container);
    for line in expected {
        let line = line.replace("THE_ID", ID);
        assert!(shown.contains(&line), "no `{line}` in {shown:#?}");
    }
}

const DOCKER: (&str, &str) = (
    "docker/containers/THE_ID/config.v2.json",
    r#"{"Name":"/shop","Image":"sha256:11","Driver":"overlay2","MountPoints":{},
        "Config":{"Image":"shop:1","Labels":{"tier":"web"}}}"#,
);
const BUNDLE: (&str, &str) = (
    "containerd/io.containerd.runtime.v2.task/moby/THE_ID/config.json",
    r#"{"process":{"capabilities":{"effective":["CAP_CHOWN"]}},
        "linux":{"cgroupsPath":"/docker/THE_ID","namespaces":[{"type":"pid"}],"maskedPaths":["/p"]}}"#,
);

fn sources() -> Sources {
    Sources { reach: Box::new(Direct), containerd: containerd::direct() }
}

fn finder(folder: &Folder) -> Finder {
    let root = |kind, name: &str| RuntimeRoot::new(kind, &folder.path().join(name));
    let roots = vec![
        root(RuntimeKind::Runc, "runc"),
        root(RuntimeKind::Containerd, "containerd"),
        root(RuntimeKind::Podman, "podman"),
        root(RuntimeKind::Docker, "docker"),
    ];
    Finder::new(sources(), roots, None)
}

#[track_caller]
fn container(answer: Option<Answer>) -> Option<std::sync::Arc<Container>> {
    match answer {
        Some(Answer::Facts(facts)) => facts.container,
        other => panic!("no facts: {other:?}"),
    }
}

/// Docker's files tell who it is, the bundle what it may do.
#[test]
fn sources_complete_one_another() {
    let folder = place("both", &[DOCKER, BUNDLE]);
    let found = finder(&folder).find(&lookup("/docker/THE_ID", "THE_ID"), Before::default());
    check(
        &container(found).unwrap(),
        &[
            "name = shop (docker)",
            "image = shop:1 (docker)",
            "labels = tier|web| (docker)",
            "capabilities = 1 (bundle)",
            "privileged = false (bundle)",
            "host_network = true (bundle)",
            "pod_name: not_applicable",
            "pod_labels: not_applicable",
            // Neither the list of images nor containerd was there.
            "image_digest: no_answer",
        ],
    );
}

#[test]
fn what_is_nowhere_keeps_what_the_path_says() {
    let folder = place("nowhere", &[]);
    let mut finder = finder(&folder);
    let asked = lookup("/docker/THE_ID", "THE_ID");
    // Its files may be on their way.
    assert_eq!(finder.find(&asked, Before::default()), None);
    let found = finder.find(&asked, Before::ALL);
    check(
        &container(found).unwrap(),
        &["runtime = docker (cgroup_path)", "name: no_bundle", "started_ns: no_bundle"],
    );
    // Nothing says that this is one, but that it is gone already: it is not called the host.
    let gone = container(finder.find(&lookup("/default/n1", "n1"), Before::default())).unwrap();
    check(&gone, &["runtime: gone", "image: gone"]);
    // What a container has inside of it, and nothing else says what it is, is that container's.
    let nested = Lookup { is_nested: true, ..lookup("/default/n1/n2", "n2") };
    assert_eq!(container(finder.find(&nested, Before::default())), None);
}

/// Opens nothing in time.
struct Silent;

impl Reach for Silent {
    fn read(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::TimedOut.into())
    }
    fn names(&self, _: &Path) -> io::Result<Vec<OsString>> {
        Err(io::ErrorKind::TimedOut.into())
    }
    fn stat(&self, _: &Path) -> io::Result<Stat> {
        Err(io::ErrorKind::TimedOut.into())
    }
    fn listener(&self, _: &Path) -> io::Result<i32> {
        Err(io::ErrorKind::TimedOut.into())
    }
    fn append(&self, _: &Path) -> io::Result<File> {
        Err(io::ErrorKind::TimedOut.into())
    }
    fn rotate(&self, _: &Path, _: u32) -> io::Result<()> {
        Err(io::ErrorKind::TimedOut.into())
    }
    fn take_unanswered(&self) -> bool {
        true
    }
}

/// What nobody could look for is not taken for something that is not there, or the host.
#[test]
fn who_may_be_there_is_not_the_host() {
    let sources = Sources { reach: Box::new(Silent), containerd: containerd::direct() };
    let roots = vec![RuntimeRoot::new(RuntimeKind::Containerd, Path::new("/c"))];
    let mut finder = Finder::new(sources, roots, None);
    for (path, id) in [("/default/n1", "n1"), ("/docker/THE_ID", "THE_ID")] {
        let unknown = container(finder.find(&lookup(path, id), Before::default())).unwrap();
        check(&unknown, &["name: no_answer", "image: no_answer"]);
    }
}

/// Whose state is being written is asked about again, and nobody else waits for it.
#[test]
fn who_must_wait_holds_nobody_up() {
    let folder = place("wait", &[DOCKER, ("runc/n1/other", "")]);
    let root = |kind, name: &str| RuntimeRoot::new(kind, &folder.path().join(name));
    let roots = vec![root(RuntimeKind::Runc, "runc"), root(RuntimeKind::Docker, "docker")];
    let mut metadata = Metadata::start(sources(), roots, None, false, || {}).unwrap();
    assert_eq!(metadata.ask(lookup("/n1", "n1")), None);
    assert_eq!(metadata.ask(lookup("/docker/THE_ID", "THE_ID")), None);
    let id = |answer: Answer| match answer {
        Answer::Facts(facts) => facts.container.map(|it| it.id.to_string()),
        Answer::Cgroup(..) | Answer::Holder(_) => panic!("no facts"),
    };
    let answers = &metadata.answers;
    assert_eq!(id(answers.recv().unwrap()).as_deref(), Some(ID));
    let state = r#"{"created":"2026-01-02T03:04:05.5Z","cgroup_paths":{"":"/sys/fs/cgroup/n1"}}"#;
    std::fs::write(folder.path().join("runc/n1/state.json"), state).unwrap();
    assert_eq!(id(answers.recv().unwrap()).as_deref(), Some("n1"));
}

/// Does not answer at first.
struct Late(u32);

impl containerd::Ask for Late {
    fn container(&mut self, _: containerd::Question<'_>) -> Result<containerd::Record, Reason> {
        self.0 += 1;
        if self.0 == 1 {
            return Err(Reason::NoAnswer);
        }
        Ok(containerd::Record { image: "shop:1".to_owned(), ..containerd::Record::default() })
    }
    fn digest(&mut self, _: containerd::Question<'_>) -> Result<String, Reason> {
        Ok("sha256:11".to_owned())
    }
    fn created(&mut self, _: containerd::Question<'_>) -> Result<String, Reason> {
        Err(Reason::Gone)
    }
    fn stores(&mut self, _: &Path) -> Vec<crate::images::Store> {
        Vec::new()
    }
}

/// A runtime that was busy when a container started is asked again, and what it tells is told.
#[test]
fn a_runtime_that_did_not_answer_is_asked_again() {
    let folder = place("late", &[BUNDLE]);
    let root = RuntimeRoot {
        socket: Some(folder.path().join("socket")),
        ..RuntimeRoot::new(RuntimeKind::Containerd, &folder.path().join("containerd"))
    };
    let sources = Sources { reach: Box::new(Direct), containerd: Box::new(Late(0)) };
    let mut metadata = Metadata::start(sources, vec![root], None, false, || {}).unwrap();
    assert_eq!(metadata.ask(lookup("/docker/THE_ID", "THE_ID")), None);
    let next = || container(metadata.answers.recv().ok()).unwrap();
    check(&next(), &["image: no_answer", "image_digest: no_answer"]);
    check(&next(), &["image = shop:1 (containerd)", "image_digest = sha256:11 (containerd)"]);
}

#[test]
fn only_files_are_read() {
    let folder = place("files", &[("broken", "{"), ("good", "{}")]);
    let read = |name: &str| files::read::<files::Words>(&Direct, &folder.path().join(name));
    assert_eq!(read("good"), Ok(files::Words::new()));
    assert_eq!(read("broken"), Err(Look::NotYet));
    assert_eq!(read("absent"), Err(Look::Nothing));
    assert_eq!(read("good/absent"), Err(Look::Nothing));
}

#[test]
fn a_list_that_is_too_long_is_not_kept() {
    let mut container = pending(&lookup("/x", "x"));
    let long = "x".repeat(crate::limits::CONTAINER_LIST_BYTES);
    let labels = files::Words::from([("a".to_owned(), long)]);
    files::fill_labels(&mut container.labels, &labels, crate::event::FactSource::Docker);
    assert_eq!(container.labels, Fact::Unknown(Reason::TooLarge));
}

/// Neither an id alone nor the end of a path names anybody in a container.
#[test]
fn in_a_container_an_id_alone_names_nobody() {
    let pod = (
        "containerd/io.containerd.runtime.v2.task/k8s.io/THE_ID/config.json",
        r#"{"annotations":{"io.kubernetes.cri.container-type":"container",
            "io.kubernetes.cri.container-name":"web"},
            "linux":{"cgroupsPath":"POD.slice:cri-containerd:THE_ID"}}"#,
    );
    let uid = "8d4a8b5c_0000_1111_2222_333344445555";
    let of_pod = pod.1.replace("POD", &format!("kubepods-pod{uid}"));
    let folder = place("nested", &[DOCKER, (pod.0, &of_pod)]);
    let mut finder = finder(&folder);
    let mut found = |path: &str, is_nested| {
        let asked = Lookup { is_nested, ..lookup(path, "THE_ID") };
        container(finder.find(&asked, Before::ALL)).unwrap()
    };
    let of_pod = format!("/kubepods.slice/kubepods-pod{uid}.slice/cri-containerd-THE_ID.scope");
    let known = format!("pod_uid = {} (cgroup_path)", uid.replace('_', "-"));
    check(&found(&of_pod, false), &[&known]);
    // Neither may the path say whose pod it is, which the cluster's API then tells more of.
    let unknown = ["name: no_bundle", "pod_uid: no_bundle"];
    check(&found(&format!("/default/box{of_pod}"), true), &unknown);
    let slice = "/user.slice/user-4711.slice/user@4711.service";
    check(&found(&format!("{slice}{of_pod}"), false), &unknown);
    check(&found("/docker-THE_ID.scope", false), &["name = shop (docker)"]);
    check(&found("/default/box/docker-THE_ID.scope", true), &["name: no_bundle"]);
    check(&found(&format!("{slice}/docker-THE_ID.scope"), false), &["name: no_bundle"]);
}

/// The cgroup of a guest or of a delegated service, which makes any below its own.
const DELEGATED: [&str; 6] = [
    "/lxc.payload.c1",
    "/lxc/c1",
    "/machine.slice/machine-x.scope/payload",
    "/machine.slice/systemd-nspawn@x.service/payload",
    "/system.slice/ci.service",
    "/ci",
];

/// Who may make cgroups outside of containers is not taken for part of a pod either.
#[test]
fn what_a_guest_or_a_service_makes_is_of_no_pod() {
    let folder = place("delegated-pod", &[]);
    let mut finder = finder(&folder);
    let uid = "8d4a8b5c-0000-1111-2222-333344445555";
    let slice = format!("/kubepods.slice/kubepods-pod{}.slice", uid.replace('-', "_"));
    let mut found =
        |path: &str| container(finder.find(&lookup(path, "THE_ID"), Before::ALL)).unwrap();
    for own in [
        format!("/kubepods/burstable/pod{uid}/THE_ID"),
        format!("{slice}/THE_ID"),
        format!("{slice}/crio-THE_ID.scope"),
    ] {
        check(&found(&own), &[&format!("pod_uid = {uid} (cgroup_path)"), "name: no_bundle"]);
        for above in DELEGATED {
            let unknown = found(&format!("{above}{own}"));
            check(&unknown, &["pod_uid: no_bundle", "name: no_bundle"]);
            assert_eq!(&*unknown.id, ID);
        }
    }
}

/// Nor for a container of an engine's, and not for the host where one has that id.
#[test]
fn what_a_guest_or_a_service_makes_is_no_engines() {
    let entries = (
        "podman/overlay-containers/containers.json",
        r#"[{"id":"THE_ID","names":["web"],"image":"9f0b"}]"#,
    );
    for (engine, file, name, forms) in [
        ("docker", DOCKER, "shop (docker)", ["/docker/THE_ID", "/a.slice/docker-THE_ID.scope"]),
        (
            "podman",
            entries,
            "web (storage)",
            ["/libpod_parent/libpod-THE_ID", "/machine.slice/libpod-THE_ID.scope"],
        ),
    ] {
        let folder = place(&format!("delegated-{engine}"), &[file]);
        let mut finder = finder(&folder);
        let mut found =
            |path: &str| container(finder.find(&lookup(path, "THE_ID"), Before::ALL)).unwrap();
        for own in forms {
            check(&found(own), &[&format!("name = {name}")]);
            for above in DELEGATED {
                check(&found(&format!("{above}{own}")), &["name: no_bundle", "image: no_bundle"]);
            }
        }
        for path in ["/lxc.payload.c1/THE_ID", "/ci/THE_ID"] {
            let unknown = found(path);
            check(&unknown, &["name: no_bundle"]);
            assert_eq!(&*unknown.id, ID);
        }
    }
}

/// Where Docker was told of another place for all containers, only the bundle names it.
#[test]
fn a_bundle_says_that_an_id_is_the_one() {
    let config = BUNDLE.1.replace("/docker/", "/ci/");
    let folder = place("elsewhere", &[DOCKER, (BUNDLE.0, &config)]);
    let mut finder = finder(&folder);
    let mut found =
        |path: &str| container(finder.find(&lookup(path, "THE_ID"), Before::default())).unwrap();
    check(&found("/ci/THE_ID"), &["runtime = docker (docker)", "name = shop (docker)"]);
}
