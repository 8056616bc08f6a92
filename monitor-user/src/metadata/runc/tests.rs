use super::{
    super::tests::{check, lookup, pending, place},
    *,
};
use crate::reach::Direct;

fn state(cgroup: &str, bundle: &Path) -> String {
    format!(
        r#"{{"id":"n1","created":"2026-01-02T03:04:05.5Z",
            "cgroup_paths":{{"pids":"/sys/fs/cgroup/pids{cgroup}","":"/sys/fs/cgroup/unified{cgroup}"}},
            "config":{{"labels":["a=b","bundle={}"]}}}}"#,
        bundle.display()
    )
}

const SPEC: &str = r#"{"process":{"capabilities":{"effective":["CAP_CHOWN"]}}}"#;

#[test]
fn a_container_of_runcs() {
    let folder = place("runc", &[("bundle/config.json", SPEC), ("root/n1/none", "")]);
    let root = folder.path().join("root");
    let asked = lookup("/n1", "n1");
    // Its state is written once it has a cgroup.
    assert_eq!(look(&Direct, &root, &asked, &mut pending(&asked)), Look::NotYet);
    std::fs::write(root.join("n1/state.json"), state("/n1", &folder.path().join("bundle")))
        .unwrap();
    let mut container = pending(&asked);
    assert_eq!(look(&Direct, &root, &asked, &mut container), Look::Found);
    check(
        &container,
        &[
            "runtime = runc (runc)",
            "name = n1 (runc)",
            "image: not_applicable",
            "image_digest: not_applicable",
            "image_created_ns: not_applicable",
            "labels: not_applicable",
            "started_ns = 1767323045500000000 (runc)",
            "capabilities = 1 (bundle)",
        ],
    );
}

/// Whoever starts it may call it what stands for the host.
#[test]
fn one_that_is_called_as_the_host_is() {
    let folder = place("runc-host", &[]);
    let directory = folder.path().join("host");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("state.json"), state("/host", Path::new("/nowhere"))).unwrap();
    let asked = lookup("/host", "host");
    let mut container = pending(&asked);
    assert_eq!(look(&Direct, folder.path(), &asked, &mut container), Look::Found);
    assert_eq!((&*container.id, container.is_host()), ("container:host", false));
}

/// A cgroup may have any path.
#[test]
fn one_whose_cgroup_has_another_name() {
    let folder = place("runc-named", &[]);
    for (id, cgroup) in [("n1", "/mine/first"), ("n2", "/mine/second")] {
        let directory = folder.path().join(id);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("state.json"), state(cgroup, Path::new("/nowhere"))).unwrap();
    }
    let asked = lookup("/mine/second", "second");
    let mut container = pending(&asked);
    assert_eq!(look(&Direct, folder.path(), &asked, &mut container), Look::Found);
    assert_eq!(&*container.id, "n2");
    for path in ["/second", "/other/mine/second", "/mine/third"] {
        let asked = lookup(path, "second");
        assert_eq!(
            look(&Direct, folder.path(), &asked, &mut pending(&asked)),
            Look::Nothing,
            "{path}"
        );
    }
}

#[test]
fn a_container_of_cruns() {
    let status = r#"{"pid":1,"cgroup-path":"/n1","bundle":"/nowhere",
        "created":"2026-01-02T03:04:05Z"}"#;
    let folder = place("crun", &[("n1/status", status)]);
    let asked = lookup("/n1", "n1");
    let mut container = pending(&asked);
    assert_eq!(look(&Direct, folder.path(), &asked, &mut container), Look::Found);
    check(&container, &["runtime = crun (runc)", "name = n1 (runc)"]);
}

#[test]
fn an_id_cannot_lead_elsewhere() {
    let folder = place("runc-elsewhere", &[]);
    for id in ["", ".", "..", "../n1", "/etc"] {
        let asked = lookup("/n1", id);
        assert_eq!(
            look(&Direct, folder.path(), &asked, &mut pending(&asked)),
            Look::Nothing,
            "{id}"
        );
    }
    let asked = lookup("/n1", "n1");
    assert_eq!(look(&Direct, Path::new("/nowhere"), &asked, &mut pending(&asked)), Look::Nothing);
}
