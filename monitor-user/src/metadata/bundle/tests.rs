use super::*;
use crate::records::folder::Folder;

const CRI: &str = r#"{
  "annotations": {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "web",
    "io.kubernetes.cri.image-name": "registry.example/web:1",
    "io.kubernetes.cri.sandbox-name": "web-0",
    "io.kubernetes.cri.sandbox-namespace": "shop",
    "io.kubernetes.cri.sandbox-uid": ""
  },
  "linux": {"cgroupsPath": "kubepods-burstable-pod1.slice:cri-containerd:c1"}
}"#;

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

fn lookup(path: &str, id: &str) -> Lookup {
    Lookup { cgroup_path: path.into(), id: id.into(), unseen: None }
}

fn known(fact: &Fact<Box<str>>) -> &str {
    fact.known().map_or("", |text| text)
}

#[test]
fn a_pod_is_told_by_its_annotations() {
    let state = state("cri", &[("k8s.io", "c1", CRI)]);
    let asked = lookup("/kubepods.slice/cri-containerd-c1.scope", "c1");
    let bundle = find(state.path(), &asked).unwrap();
    assert_eq!(bundle.namespace, "k8s.io");
    let container = bundle.container(&asked);
    assert_eq!((known(&container.name), known(&container.runtime)), ("web", "containerd"));
    assert_eq!(known(&container.image), "registry.example/web:1");
    assert_eq!((known(&container.pod_name), known(&container.pod_namespace)), ("web-0", "shop"));
    // Empty is not known; the digest is asked of the API.
    assert_eq!(container.pod_uid, Fact::Unknown(Reason::Pending));
    assert_eq!(container.image_digest, Fact::Unknown(Reason::Pending));
}

#[test]
fn the_sandbox_of_a_pod_is_named_so() {
    let state = state("sandbox", &[("k8s.io", "c1", &CRI.replace("\"container\"", "\"sandbox\""))]);
    let asked = lookup("/kubepods.slice/cri-containerd-c1.scope", "c1");
    assert_eq!(known(&find(state.path(), &asked).unwrap().container(&asked).name), "POD");
}

#[test]
fn a_plain_container_is_in_no_pod() {
    let state = state("plain", &[("default", "n1", r#"{"linux":{"cgroupsPath":"/default/n1"}}"#)]);
    let asked = lookup("/default/n1", "n1");
    let container = find(state.path(), &asked).unwrap().container(&asked);
    assert_eq!(known(&container.name), "n1");
    assert_eq!(container.pod_name, Fact::Unknown(Reason::NotApplicable));
    assert_eq!(container.image, Fact::Unknown(Reason::Pending));
}

/// Two namespaces have a container of one name: the cgroup tells which is meant.
#[test]
fn the_cgroup_tells_two_namesakes_apart() {
    let config = |path: &str| format!(r#"{{"linux":{{"cgroupsPath":"{path}"}}}}"#);
    let (one, other) = (config("/one/n1"), config("/other/n1"));
    let state = state("namesakes", &[("one", "n1", &one), ("other", "n1", &other)]);
    for namespace in ["one", "other"] {
        let bundle = find(state.path(), &lookup(&format!("/{namespace}/n1"), "n1")).unwrap();
        assert_eq!(bundle.namespace, namespace);
    }
    assert_eq!(find(state.path(), &lookup("/third/n1", "n1")), None);
}

#[test]
fn what_is_no_bundle_is_none() {
    let state = state("none", &[("default", "broken", "{"), ("default", "number", "3")]);
    for id in ["absent", "broken", "number"] {
        assert_eq!(find(state.path(), &lookup("/default/x", id)), None, "{id}");
    }
    assert_eq!(find(Path::new("/nowhere"), &lookup("/default/n1", "n1")), None);
}

/// An id comes from the path of a cgroup, which a container may choose.
#[test]
fn an_id_cannot_lead_elsewhere() {
    let own = r#"{"linux":{"cgroupsPath":"/default/n1"}}"#;
    let state = state("elsewhere", &[("default", "n1", own), ("default/n1", "sub", own)]);
    for id in ["", ".", "..", "../default/n1", "n1/sub", "/etc", ".hidden"] {
        assert_eq!(find(state.path(), &lookup("/default/n1", id)), None, "{id}");
    }
    assert!(find(state.path(), &lookup("/default/n1", "n1")).is_some());
}
