use super::{
    super::tests::{ID, check, lookup, pending, place},
    *,
};
use crate::reach::Direct;
use crate::records::folder::Folder;

const PODMAN: &str = r#"{"annotations":{"io.container.manager":"libpod",
        "io.kubernetes.cri-o.Created":"2026-11-28T16:45:07Z",
        "io.podman.annotations.privileged":"FALSE"},
    "linux":{"cgroupsPath":"/libpod_parent/libpod-THE_ID"}}"#;
const ENTRIES: &str = r#"[{"id":"other","names":["n"]},
    {"id":"THE_ID","names":["web"],"image":"9f0b",
     "metadata":"{\"image-name\":\"localhost/x:1\",\"name\":\"web\"}"}]"#;
const IMAGES: &str = r#"[{"id":"9f0b","digest":"sha256:d0","names":["localhost/x:1"]}]"#;

const BUNDLE_FILE: &str = "overlay-containers/THE_ID/userdata/config.json";

fn found(folder: &Folder, path: &str) -> Container {
    let asked = lookup(path, "THE_ID");
    let mut container = pending(&asked);
    let places = [folder.path().to_owned(), folder.path().join("run")];
    assert_eq!(look(at(&places), &asked, &mut container), Look::Found);
    container
}

fn at(paths: &[PathBuf]) -> Places<'_> {
    Places { reach: &Direct, paths }
}

#[test]
fn a_container_of_podmans() {
    let files = [
        (BUNDLE_FILE, PODMAN),
        ("overlay-containers/containers.json", ENTRIES),
        ("overlay-images/images.json", IMAGES),
    ];
    let folder = place("podman", &files);
    let all = [
        "runtime = podman (storage)",
        "name = web (storage)",
        "image = localhost/x:1 (storage)",
        "image_id = 9f0b (storage)",
        "image_digest = sha256:d0 (storage)",
        "privileged = false (bundle)",
    ];
    check(&found(&folder, "/libpod_parent/libpod-THE_ID"), &all);
}

/// What does not outlive the host's run is listed in another place than the image.
#[test]
fn one_that_goes_when_it_ends() {
    let files = [
        (BUNDLE_FILE, PODMAN),
        ("overlay-containers/containers.json", "[]"),
        ("run/overlay-containers/volatile-containers.json", ENTRIES),
        ("overlay-images/images.json", IMAGES),
    ];
    let folder = place("volatile", &files);
    let told = ["name = web (storage)", "image_digest = sha256:d0 (storage)"];
    check(&found(&folder, "/libpod_parent/libpod-THE_ID"), &told);
}

#[test]
fn one_without_an_image() {
    let entries = ENTRIES.replace("\"9f0b\"", "\"\"");
    let files = [(BUNDLE_FILE, PODMAN), ("overlay-containers/containers.json", &*entries)];
    let folder = place("rootfs", &files);
    let none = ["image: not_applicable", "image_digest: not_applicable"];
    check(&found(&folder, "/libpod_parent/libpod-THE_ID"), &none);
}

const CRIO: &str = r#"{"annotations":{
        "io.container.manager":"cri-o",
        "io.kubernetes.container.name":"app",
        "io.kubernetes.cri-o.ContainerType":"container",
        "io.kubernetes.cri-o.ImageName":"registry.example/app:1",
        "io.kubernetes.cri-o.ImageRef":"registry.example/app@sha256:aa",
        "io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.pod.uid\":\"u1\"}",
        "io.kubernetes.cri-o.Name":"k8s_app_web-0_shop_u1_0",
        "io.kubernetes.cri-o.SandboxID":"SANDBOX"},
    "linux":{"cgroupsPath":"kubepods-podu1.slice:crio:THE_ID"}}"#;
const SANDBOX: &str = r#"{"annotations":{
        "io.container.manager":"cri-o",
        "io.kubernetes.cri-o.ContainerType":"sandbox",
        "io.kubernetes.cri-o.KubeName":"web-0",
        "io.kubernetes.cri-o.Namespace":"shop",
        "io.kubernetes.cri-o.SandboxID":"SANDBOX",
        "io.kubernetes.cri-o.Labels":"{\"app\":\"web\",\"io.kubernetes.pod.uid\":\"u1\"}"},
    "linux":{"cgroupsPath":"kubepods-podu1.slice:crio:SANDBOX"}}"#;

#[test]
fn a_container_of_crios() {
    let sandbox = "5a".repeat(32);
    let [container, of_sandbox] = [CRIO, SANDBOX].map(|text| text.replace("SANDBOX", &sandbox));
    let sandbox_file = format!("overlay-containers/{sandbox}/userdata/config.json");
    let folder = place("crio", &[(BUNDLE_FILE, &container), (&sandbox_file, &of_sandbox)]);
    let slice = "/kubepods.slice/kubepods-podu1.slice";
    let container = found(&folder, &format!("{slice}/crio-THE_ID.scope"));
    check(
        &container,
        &[
            "runtime = cri-o (bundle)",
            "name = app (bundle)",
            "image = registry.example/app:1 (bundle)",
            "image_digest = sha256:aa (bundle)",
            "pod_name = web-0 (bundle)",
            "pod_namespace = shop (bundle)",
            "pod_uid = u1 (bundle)",
            "pod_labels = app|web|io.kubernetes.pod.uid|u1| (bundle)",
            &format!("sandbox_id = {sandbox} (bundle)"),
        ],
    );
    let asked = lookup(&format!("{slice}/crio-{sandbox}.scope"), &sandbox);
    let mut container = pending(&asked);
    assert_eq!(look(at(&[folder.path().to_owned()]), &asked, &mut container), Look::Found);
    check(&container, &["name = POD (bundle)", "pod_name = web-0 (bundle)"]);
}

#[test]
fn nobody_takes_anothers_name() {
    let files = [(BUNDLE_FILE, PODMAN), ("overlay-containers/containers.json", ENTRIES)];
    let both = place("podman-names", &files);
    let listed = place("podman-listed", &files[1..]);
    let inside = format!("/docker/{}/libpod-{ID}", "ab".repeat(32));
    for (folder, expected) in [(&both, Look::Nothing), (&listed, Look::Unsure)] {
        let asked = lookup(&inside, ID);
        let places = [folder.path().to_owned()];
        assert_eq!(look(at(&places), &asked, &mut pending(&asked)), expected);
    }
    let container = found(&listed, "/libpod_parent/libpod-THE_ID");
    check(&container, &["name = web (storage)"]);
}

#[test]
fn a_bundle_that_is_being_written_is_waited_for() {
    let folder = place("podman-early", &[(BUNDLE_FILE, "{\"ociVersion\"")]);
    let asked = lookup("/libpod_parent/libpod-THE_ID", "THE_ID");
    let places = [folder.path().to_owned()];
    assert_eq!(look(at(&places), &asked, &mut pending(&asked)), Look::NotYet);
}
