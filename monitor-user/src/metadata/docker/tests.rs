use super::{
    super::tests::{ID, check, lookup, pending, place},
    *,
};
use crate::{event::Fact, reach::Direct};

const CONFIG: &str = r#"{"ID":"THE_ID","Name":"/web","Driver":"overlay2","Image":"sha256:9f9f",
    "Config":{"Image":"registry.example:5000/web:1","Labels":{"tier":"front"}},
    "MountPoints":{
        "/data":{"Source":"/var/lib/docker/volumes/v/_data","Destination":"/data","RW":true,
                 "Name":"v","Relabel":"z","Propagation":""},
        "/host":{"Source":"/","Destination":"/host","RW":false,"Relabel":"ro",
                 "Propagation":"rslave"}}}"#;
const HOST: &str = r#"{"Privileged":true,"NetworkMode":"host","PidMode":"","IpcMode":"private",
    "Runtime":"runsc"}"#;
const REPOSITORIES: &str = r#"{"Repositories":{
    "mirror.example/web":{"mirror.example/web@sha256:01":"sha256:9f9f"},
    "registry.example:5000/web":{
        "registry.example:5000/web:1":"sha256:9f9f",
        "registry.example:5000/web@sha256:02":"sha256:9f9f",
        "registry.example:5000/web@sha256:03":"sha256:0000"}}}"#;

const CONFIG_FILE: &str = "containers/THE_ID/config.v2.json";
const HOST_FILE: &str = "containers/THE_ID/hostconfig.json";
const IMAGES_FILE: &str = "image/overlay2/repositories.json";

fn found(name: &str, files: &[(&str, &str)]) -> Container {
    let folder = place(&format!("docker-{name}"), files);
    let asked = lookup("/docker/THE_ID", "THE_ID");
    let mut container = pending(&asked);
    assert_eq!(look(&Direct, folder.path(), &asked, &mut container), Look::Found);
    container
}

#[test]
fn everything_is_in_its_files() {
    let files = [(CONFIG_FILE, CONFIG), (HOST_FILE, HOST), (IMAGES_FILE, REPOSITORIES)];
    check(
        &found("all", &files),
        &[
            "runtime = docker (docker)",
            "oci_runtime = runsc (docker)",
            "name = web (docker)",
            "image = registry.example:5000/web:1 (docker)",
            "image_id = 9f9f (docker)",
            "image_digest = sha256:02 (docker)",
            "privileged = true (docker)",
            "host_pid = false (docker)",
            "host_network = true (docker)",
            "labels = tier|front| (docker)",
            "mounts = /var/lib/docker/volumes/v/_data|/data|z|true||/|/host|ro|false|rslave| (docker)",
        ],
    );
}

#[test]
fn an_image_from_nowhere_has_no_digest() {
    let files = [(CONFIG_FILE, CONFIG), (IMAGES_FILE, r#"{"Repositories":{}}"#)];
    check(&found("local", &files), &["image_digest: not_applicable"]);
    // Where the list of images is not there, it may have one.
    let container = found("no-list", &[(CONFIG_FILE, CONFIG)]);
    assert_eq!(container.image_digest.known(), None);
    assert_eq!(container.privileged.known(), None);
    let manifest = CONFIG.replacen('{', r#"{"ImageManifest":{"digest":"sha256:aa"},"#, 1);
    check(&found("manifest", &[(CONFIG_FILE, &manifest)]), &["image_digest = sha256:aa (docker)"]);
}

#[test]
fn ports_are_those_that_are_exposed() {
    let exposed = CONFIG.replacen(
        r#""Config":{"#,
        r#""Config":{"ExposedPorts":{"80/tcp":{},"53/udp":{}},"#,
        1,
    );
    assert_ne!(exposed, CONFIG);
    let ports = |name: &str, config: &str| found(name, &[(CONFIG_FILE, config)]).declared_ports;
    let known = |text: &str| Fact::Known(text.into(), FactSource::Docker);
    assert_eq!(ports("ports", &exposed), known("53/udp 80/tcp"));
    assert_eq!(ports("no-ports", CONFIG), known(""), "none is declared, and that is known");
    let many: Vec<String> = (1..300).map(|port| format!("\"{port}/tcp\":{{}}")).collect();
    let many = exposed.replace(r#""80/tcp":{}"#, &many.join(","));
    assert_eq!(ports("many-ports", &many), Fact::Unknown(Reason::TooLarge));
}

#[test]
fn a_kubelets_labels_tell_of_the_pod() {
    let labels = r#""io.kubernetes.docker.type":"container","io.kubernetes.container.name":"app",
        "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop",
        "io.kubernetes.pod.uid":"u1","io.kubernetes.sandbox.id":"s1","tier""#;
    let config = CONFIG.replace("\"tier\"", labels);
    check(
        &found("kubelet", &[(CONFIG_FILE, &config)]),
        &[
            "name = app (docker)",
            "pod_name = web-0 (docker)",
            "pod_namespace = shop (docker)",
            "pod_uid = u1 (docker)",
            "sandbox_id = s1 (docker)",
        ],
    );
    let sandbox = config.replace("\"container\"", "\"podsandbox\"");
    check(&found("sandbox", &[(CONFIG_FILE, &sandbox)]), &["name = POD (docker)"]);
}

#[test]
fn who_joins_another_containers_namespace_is_asked_elsewhere() {
    let host = HOST.replace("\"host\"", "\"container:x\"");
    let container = found("joins", &[(CONFIG_FILE, CONFIG), (HOST_FILE, &host)]);
    assert_eq!(container.host_network.known(), None);
}

/// A container that may make cgroups names one after another container.
#[test]
fn nobody_takes_anothers_name() {
    let folder = place("docker-names", &[(CONFIG_FILE, CONFIG)]);
    let own = "ab".repeat(32);
    for path in [format!("/docker/{own}/docker/{ID}"), format!("/kubepods/pod1/{own}/{ID}")] {
        let asked = lookup(&path, ID);
        assert_eq!(
            look(&Direct, folder.path(), &asked, &mut pending(&asked)),
            Look::Nothing,
            "{path}"
        );
    }
    for id in ["..", "../containers", "", "."] {
        let asked = lookup("/docker/x", id);
        assert_eq!(
            look(&Direct, folder.path(), &asked, &mut pending(&asked)),
            Look::Nothing,
            "{id}"
        );
    }
}

/// Where the container itself was told another place.
#[test]
fn its_own_files_say_where_it_is() {
    let manager = "/user.slice/user-7.slice/user@7.service";
    for (parent, own, others) in [
        (
            "/ecs/t1",
            "/ecs/t1/THE_ID",
            ["/system.slice/ecs/t1/THE_ID", "/ecs/THE_ID", "/lxc.payload.c1/ecs/t1/THE_ID"],
        ),
        ("foo", "/foo/THE_ID", ["/bar/THE_ID", "/ci/foo/THE_ID", "/foo/foo/THE_ID"]),
        (
            "foo",
            "/system.slice/foo/THE_ID",
            ["/a.slice/foo/THE_ID/x", "/system.slice/ci.service/foo/THE_ID", "/foo/x/THE_ID"],
        ),
        (
            "/system.slice/ci.service/docker",
            "/system.slice/ci.service/docker/THE_ID",
            ["/system.slice/x.service/docker/THE_ID", "/ci.service/docker/THE_ID", "/ci/THE_ID"],
        ),
        (
            "user-a.slice",
            &format!("{manager}/user.slice/user-a.slice/docker-THE_ID.scope"),
            ["/user.slice/user-7.slice/docker-THE_ID.scope", "/ci/THE_ID", "/user-b.slice/THE_ID"],
        ),
    ] {
        let host = HOST.replacen('{', &format!(r#"{{"CgroupParent":"{parent}","#), 1);
        let folder = place("docker-parent", &[(CONFIG_FILE, CONFIG), (HOST_FILE, &host)]);
        let looked = |path: &str| {
            let asked = lookup(path, "THE_ID");
            look(&Direct, folder.path(), &asked, &mut pending(&asked))
        };
        assert_eq!(looked(own), Look::Found, "{own}");
        for path in others {
            assert_ne!(looked(path), Look::Found, "{parent}: {path}");
        }
    }
}
