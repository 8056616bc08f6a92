use std::{os::unix::fs::MetadataExt as _, path::PathBuf};

use super::{
    super::tests::{ID, check, lookup, pending, place, shown},
    *,
};
use crate::{event::Fact, reach::Direct};

fn spec(text: &str) -> Spec {
    serde_json::from_str(text).unwrap()
}

/// What the spec tells of a container.
fn told(text: &str) -> Container {
    let mut container = pending(&lookup("/x", "THE_ID"));
    spec(text).fill(&Direct, &mut container);
    container
}

const PRIVILEGED: &str = r#"{"process":{"capabilities":{"effective":["CAP_CHOWN","CAP_SYS_ADMIN"]}},
    "linux":{"resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"access":"rwm"}]},
    "namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"network"}]}}"#;

#[test]
fn limits_are_those_of_the_resources() {
    let resources = r#"{"linux":{"resources":{"memory":{"limit":268435456},
        "cpu":{"shares":512,"quota":150000,"period":100000},"pids":{"limit":64}}}}"#;
    check(
        &told(resources),
        &[
            "memory_limit = 268435456 (bundle)",
            "cpu_limit = 1500 (bundle)",
            "pids_limit = 64 (bundle)",
        ],
    );
    let none =
        ["memory_limit", "cpu_limit", "pids_limit"].map(|it| format!("{it}: not_applicable"));
    for resources in [
        r#"{"linux":{"resources":{"memory":{"limit":-1},"cpu":{"quota":-1},"pids":{"limit":0}}}}"#,
        r#"{"linux":{"resources":{"memory":null,"cpu":{"period":0}}}}"#,
        "{}",
    ] {
        check(&told(resources), &none.each_ref().map(String::as_str));
    }
    check(&told(r#"{"linux":{"resources":{"cpu":{"quota":5000}}}}"#), &["cpu_limit = 50 (bundle)"]);
}

#[test]
fn privileged_is_who_has_all_of_it() {
    check(&told(PRIVILEGED), &["privileged = true (bundle)", "capabilities = 2097153 (bundle)"]);
    for (part, by) in [
        ("\"CAP_SYS_ADMIN\"", "\"CAP_KILL\""),
        ("\"resources\"", "\"maskedPaths\":[\"/proc/kcore\"],\"resources\""),
        ("\"resources\"", "\"readonlyPaths\":[\"/proc/sys\"],\"resources\""),
        ("{\"allow\":true,", "{\"allow\":true,\"type\":\"c\","),
        ("{\"allow\":true,", "{\"allow\":true,\"major\":1,"),
        ("{\"allow\":true,\"access\":\"rwm\"}", "{\"allow\":true,\"access\":\"rm\"}"),
        ("{\"type\":\"pid\"}", "{\"type\":\"user\"}"),
    ] {
        let less = PRIVILEGED.replacen(part, by, 1);
        assert_ne!(less, PRIVILEGED);
        check(&told(&less), &["privileged = false (bundle)"]);
    }
}

#[test]
fn what_was_declared_can_be_compared() {
    let declared = r#"{"process":{"user":{"uid":1000,"gid":5},"noNewPrivileges":true,
        "capabilities":{"bounding":["CAP_CHOWN"],"effective":[],"permitted":["CAP_KILL"]}},
        "root":{"readonly":true}}"#;
    let expected = [
        "declared_uid = 1000 (bundle)",
        "declared_capabilities = 33 (bundle)",
        "no_new_privileges = true (bundle)",
        "readonly_root = true (bundle)",
    ];
    check(&told(declared), &expected);
    check(
        &told(r#"{"process":{}}"#),
        &["declared_uid = 0 (bundle)", "no_new_privileges = false (bundle)"],
    );
}

/// Users are those of the host; whom a namespace that is joined maps to whom, nobody says.
#[test]
fn a_declared_user_is_as_the_host_numbers_it() {
    let of = |user: u32, namespace: &str| {
        told(&format!(
            r#"{{"process":{{"user":{{"uid":{user}}}}},"linux":{{"namespaces":[{namespace}],
            "uidMappings":[{{"containerID":0,"hostID":100000,"size":1001}}]}}}}"#
        ))
        .declared_uid
    };
    let known = |uid| Fact::Known(uid, FactSource::Bundle);
    assert_eq!(of(1000, r#"{"type":"user"}"#), known(101_000));
    assert_eq!(of(1000, r#"{"type":"pid"}"#), known(1000));
    assert_eq!(of(1001, r#"{"type":"user"}"#).known(), None);
    assert_eq!(of(1000, r#"{"type":"user","path":"/proc/9/ns/user"}"#).known(), None);
}

#[test]
fn ports_of_a_pod_are_in_the_annotations() {
    let ports = r#"[{\"name\":\"web\",\"containerPort\":8080,\"protocol\":\"TCP\"},
        {\"containerPort\":53,\"protocol\":\"UDP\"}]"#;
    let ports = ports.replace('\n', "");
    let plain = format!(r#"{{"annotations":{{"io.kubernetes.container.ports":"{ports}"}}}}"#);
    check(&told(&plain), &["declared_ports = 8080/tcp 53/udp (bundle)"]);
    let inner = ports.replace('\\', r"\\\");
    let of_crio = format!(
        r#"{{"annotations":{{"io.kubernetes.cri-o.Annotations":
        "{{\"io.kubernetes.container.ports\":\"{inner}\"}}"}}}}"#
    );
    check(&told(&of_crio), &["declared_ports = 8080/tcp 53/udp (bundle)"]);
    assert_eq!(told("{}").declared_ports.known(), None);
}

#[test]
fn an_engine_that_says_so_is_believed() {
    let says = |word: &str| {
        format!(
            r#"{{"annotations":{{"io.podman.annotations.privileged":"{word}"}},{}"#,
            &PRIVILEGED[1..]
        )
    };
    check(&told(&says("FALSE")), &["privileged = false (bundle)"]);
    check(&told(&says("TRUE")), &["privileged = true (bundle)"]);
}

#[test]
fn nothing_is_told_of_what_is_not_there() {
    assert_eq!(
        shown(&told("{}")),
        [
            "host_pid = true (bundle)",
            "host_network = true (bundle)",
            "host_ipc = true (bundle)",
            "memory_limit: not_applicable",
            "cpu_limit: not_applicable",
            "pids_limit: not_applicable",
            "mounts =  (bundle)"
        ]
    );
}

#[test]
fn a_namespace_that_is_joined_may_be_the_hosts() {
    let of = |path: &str| {
        format!(r#"{{"linux":{{"namespaces":[{{"type":"network","path":"{path}"}}]}}}}"#)
    };
    // Not everybody may look at either, and in a container the second may be anybody.
    for process in HOST {
        let path = format!("/proc/{process}/ns");
        if std::fs::metadata(format!("{path}/net")).is_ok() {
            check(&told(&of(&format!("{path}/net"))), &["host_network = true (bundle)"]);
            check(&told(&of(&format!("{path}/uts"))), &["host_network = false (bundle)"]);
            break;
        }
    }
    let gone = told(&of("/proc/0/ns/net"));
    assert_eq!(gone.host_network.known(), None);
}

/// What the engine mounts for every container of its own is left out.
#[test]
fn mounts_are_those_from_outside() {
    let text = r#"{"mounts":[
        {"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]},
        {"destination":"/host","type":"bind","source":"/","options":["rbind","ro","rslave"]},
        {"destination":"/etc/hosts","type":"bind","source":"/var/lib/x/THE_ID/hosts"},
        {"destination":"/data","type":"none","source":"/srv","options":["bind","rw"]}]}"#;
    let text = text.replace("THE_ID", ID);
    check(&told(&text), &["mounts = /|/host||false|rslave|/srv|/data||true|| (bundle)"]);
}

#[test]
fn it_was_started_when_its_file_was_written() {
    let folder = place("oci-start", &[("config.json", "{}")]);
    let mut container = pending(&lookup("/x", "x"));
    read(&Direct, folder.path()).unwrap().fill(&Direct, &mut container);
    let seconds = std::fs::metadata(folder.path().join("config.json")).unwrap().mtime();
    assert_eq!(container.started_ns.known().unwrap() / 1_000_000_000, seconds);
    assert_eq!(read(&Direct, &PathBuf::from("/nowhere")).unwrap_err(), Look::Nothing);
}

#[test]
fn it_is_known_by_its_cgroup() {
    let of = |path: &str| spec(&format!(r#"{{"linux":{{"cgroupsPath":"{path}"}}}}"#));
    let slice = of(&format!("system.slice:docker:{ID}"));
    assert!(slice.is_of(&lookup("/system.slice/docker-THE_ID.scope", "THE_ID")));
    assert!(!slice.is_of(&lookup("/docker/THE_ID", "THE_ID")));
    let node = format!("/docker/{}", "ab".repeat(32));
    let in_node = lookup(&format!("{node}/system.slice/docker-THE_ID.scope"), "THE_ID");
    assert_eq!(slice.above(&in_node), Some(&*node));
    assert!(!slice.is_of(&in_node));
    let manager = "/user.slice/user-7.slice/user@7.service";
    let of_user = lookup(&format!("{manager}/system.slice/docker-THE_ID.scope"), "THE_ID");
    assert!(slice.is_of(&of_user));
    assert!(of("/default/n1").is_of(&lookup("/default/n1", "n1")));
    assert!(!of("/default/n1").is_of(&lookup("/a/default/n1", "n1")));
    let machine = lookup("/n/kata_THE_ID", "THE_ID");
    assert!(of(&format!("/n/{ID}")).is_of(&machine) && !of("/n/other").is_of(&machine));
    assert!(!of("n1").is_of(&lookup("/n1", "n1")) && !of("").is_of(&lookup("/n1", "n1")));
}

#[test]
fn a_slice_is_in_those_that_its_name_begins_with() {
    for (slice, path) in [
        ("system.slice", "/system.slice"),
        ("a-b_c-d.slice", "/a.slice/a-b_c.slice/a-b_c-d.slice"),
        ("-.slice", ""),
        ("", "/system.slice"),
    ] {
        assert_eq!(path_of(slice), path);
    }
}
