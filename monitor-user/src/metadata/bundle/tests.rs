use std::fs;

use super::{
    super::tests::{ID, check, lookup, pending},
    *,
};
use crate::{container::AnyFact, event::Reason, reach::Direct, records::folder::Folder};

const CRI: &str = r#"{
  "annotations": {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "web",
    "io.kubernetes.cri.image-name": "registry.example/web:1",
    "io.kubernetes.cri.sandbox-id": "s1",
    "io.kubernetes.cri.sandbox-name": "web-0",
    "io.kubernetes.cri.sandbox-namespace": "shop",
    "io.kubernetes.cri.sandbox-uid": ""
  },
  "linux": {"cgroupsPath": "kubepods-burstable-pod1.slice:cri-containerd:c1"}
}"#;

/// Where systemd puts its slice.
const SLICE: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice";

/// The bundle of a container of a runtime that is in none.
fn on_host(state: &Path, lookup: &Lookup) -> Result<Bundle, Look> {
    find(&Direct, state, lookup, &mut |_| false)
}

/// A state directory with bundles.
fn state(name: &str, bundles: &[(&str, &str, &str)]) -> Folder {
    let folder = Folder::new(&format!("bundle-{name}"));
    for (namespace, id, config) in bundles {
        let bundle = folder.path().join(TASKS).join(namespace).join(id);
        fs::create_dir_all(&bundle).unwrap();
        fs::write(bundle.join("config.json"), config).unwrap();
    }
    folder
}

/// What the bundle of a container tells.
fn told(name: &str, namespace: &str, config: &str, asked: &Lookup) -> Container {
    let state = state(name, &[(namespace, &asked.id, config)]);
    let bundle = on_host(state.path(), asked).unwrap();
    assert_eq!(bundle.namespace, namespace);
    let mut container = pending(asked);
    bundle.fill(&Direct, &mut container);
    container
}

#[test]
fn the_shim_is_told_by_its_file() {
    let asked = lookup("/kubepods/kata_THE_ID", "THE_ID");
    let spec = r#"{"linux":{"cgroupsPath":"/kubepods/THE_ID"}}"#.replace("THE_ID", ID);
    let state = state("shim", &[("k8s.io", &asked.id, &spec)]);
    let path = state.path().join(TASKS).join("k8s.io").join(&*asked.id).join(SHIM);
    fs::write(path, "/opt/kata/bin/containerd-shim-kata-v2").unwrap();
    let mut container = pending(&asked);
    on_host(state.path(), &asked).unwrap().fill(&Direct, &mut container);
    check(&container, &["oci_runtime = io.containerd.kata.v2 (bundle)"]);
    assert!(on_host(state.path(), &lookup("/kata_overhead/THE_ID", "THE_ID")).is_ok());
    // Whoever makes such a cgroup elsewhere does not become another one.
    for path in [
        "/docker/THE_ID/kata_THE_ID",
        "/lxc.payload.c1/kubepods/kata_THE_ID",
        "/system.slice/ci.service/kata_overhead/THE_ID",
        "/kata_THE_ID",
    ] {
        let looked = on_host(state.path(), &lookup(path, "THE_ID"));
        assert_eq!(looked.err(), Some(Look::Nothing), "{path}");
    }
}

/// What the files of the host's Docker say is not about one of another Docker's in a container.
#[test]
fn a_bundle_of_the_hosts_docker_is_known() {
    let spec = r#"{"linux":{"cgroupsPath":"/ci/c1"}}"#;
    let state = state("dockers", &[("moby", "c1", spec), ("other", "c2", &spec.replace("1", "2"))]);
    for (path, id, is_dockers) in
        [("/ci/c1", "c1", true), ("/docker/n1/ci/c1", "c1", false), ("/ci/c2", "c2", false)]
    {
        let asked = lookup(path, id);
        let mut is_node = |cgroup: &str| cgroup == "/docker/n1";
        let bundle = find(&Direct, state.path(), &asked, &mut is_node).unwrap();
        assert_eq!(bundle.is_dockers(&asked), is_dockers, "{path}");
    }
}

#[test]
fn a_pod_is_told_by_its_annotations() {
    let asked = lookup(&format!("{SLICE}/cri-containerd-c1.scope"), "c1");
    let container = told("cri", "k8s.io", CRI, &asked);
    check(
        &container,
        &[
            "runtime = containerd (bundle)",
            "name = web (bundle)",
            "image = registry.example/web:1 (bundle)",
            "pod_name = web-0 (bundle)",
            "pod_namespace = shop (bundle)",
            "sandbox_id = s1 (bundle)",
        ],
    );
    // Empty is not known; the digest and the labels are asked of the API.
    let open = |fact: &dyn AnyFact| fact.reason() == Some(Reason::Pending);
    assert!(open(&container.pod_uid) && open(&container.image_digest) && open(&container.labels));
}

#[test]
fn the_sandbox_of_a_pod_is_named_so() {
    let asked = lookup(&format!("{SLICE}/cri-containerd-c1.scope"), "c1");
    let sandbox = CRI.replace("\"container\"", "\"sandbox\"");
    check(&told("sandbox", "k8s.io", &sandbox, &asked), &["name = POD (bundle)"]);
}

#[test]
fn a_plain_container_is_in_no_pod() {
    let asked = lookup("/default/n1", "n1");
    let plain = r#"{"linux":{"cgroupsPath":"/default/n1"}}"#;
    let container = told("plain", "default", plain, &asked);
    assert_eq!(container.pod_name.known(), None);
    assert_eq!(container.image.known(), None);
}

/// Two namespaces have a container of one name: the cgroup tells which is meant.
#[test]
fn the_cgroup_tells_two_namesakes_apart() {
    let config = |path: &str| format!(r#"{{"linux":{{"cgroupsPath":"{path}"}}}}"#);
    let (one, other) = (config("/one/n1"), config("/other/n1"));
    let state = state("namesakes", &[("one", "n1", &one), ("other", "n1", &other)]);
    for namespace in ["one", "other"] {
        let bundle = on_host(state.path(), &lookup(&format!("/{namespace}/n1"), "n1")).unwrap();
        assert_eq!(bundle.namespace, namespace);
    }
    assert_eq!(on_host(state.path(), &lookup("/third/n1", "n1")).err(), Some(Look::Nothing));
}

#[test]
fn what_is_no_bundle_is_none() {
    let state = state("none", &[("default", "broken", "{"), ("default", "number", "3")]);
    let none = |state: &Path, id: &str| on_host(state, &lookup("/default/x", id)).err();
    assert_eq!(none(state.path(), "absent"), Some(Look::Nothing));
    // It may be that they are being written.
    assert_eq!(none(state.path(), "broken"), Some(Look::NotYet));
    assert_eq!(none(state.path(), "number"), Some(Look::NotYet));
    assert_eq!(none(Path::new("/nowhere"), "n1"), Some(Look::Nothing));
}

/// Whoever may make cgroups in a container can make one that ends like another container's. A node
/// that is a container is told by its runtime, which is in there.
#[test]
fn the_end_of_a_path_names_nobody() {
    let plain = r#"{"linux":{"cgroupsPath":"/kubepods/c2"}}"#;
    let state = state("alike", &[("k8s.io", "c1", CRI), ("k8s.io", "c2", plain)]);
    let (pod, node) = (format!("{SLICE}/cri-containerd-THE_ID.scope"), "/docker/THE_ID");
    let finds = |path: &str, id: &str| {
        let mut is_node = |cgroup: &str| cgroup == node.replace("THE_ID", ID);
        find(&Direct, state.path(), &lookup(path, id), &mut is_node).is_ok()
    };
    for (id, path) in
        [("c1", format!("{SLICE}/cri-containerd-c1.scope")), ("c2", "/kubepods/c2".into())]
    {
        assert!(finds(&path, id), "{path}");
        assert!(finds(&format!("{node}{path}"), id), "{path}");
        for above in [format!("{pod}/x"), pod.clone(), format!("{node}/x"), format!("{node}{pod}")]
        {
            assert!(!finds(&format!("{above}{path}"), id), "{above}{path}");
        }
    }
    for path in ["/kubepods.slice/cri-containerd-c1.scope", "/cri-containerd-c1.scope"] {
        assert!(!finds(path, "c1"), "{path}");
    }
}

/// An id comes from the path of a cgroup, which a container may choose.
#[test]
fn an_id_cannot_lead_elsewhere() {
    let own = r#"{"linux":{"cgroupsPath":"/default/n1"}}"#;
    let state = state("elsewhere", &[("default", "n1", own), ("default/n1", "sub", own)]);
    for id in ["", ".", "..", "../default/n1", "n1/sub", "/etc", ".hidden"] {
        assert!(on_host(state.path(), &lookup("/default/n1", id)).is_err(), "{id}");
    }
    assert!(on_host(state.path(), &lookup("/default/n1", "n1")).is_ok());
}
