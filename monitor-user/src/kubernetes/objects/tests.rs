use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A pod as the API writes it, with much that is not read.
const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-5d4f8c7b9b-x2k4z",
    "generateName":"web-5d4f8c7b9b-","namespace":"shop","uid":"6f6b6b0e-0000-4000-8000-000000000001",
    "resourceVersion":"812","labels":{"app":"web","pod-template-hash":"5d4f8c7b9b"},
    "annotations":{"secret":"kept by nobody"},
    "ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"1"},
        {"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d4f8c7b9b","uid":"2","controller":true,
         "blockOwnerDeletion":true}],"managedFields":[{"manager":"kubelet"}]},
    "spec":{"containers":[{"name":"app","env":[{"name":"KEY","value":"secret"}]}],"nodeName":"n1",
        "serviceAccountName":"web","serviceAccount":"web"},
    "status":{"phase":"Running","hostIP":"10.0.0.1","podIP":"10.244.1.7",
        "podIPs":[{"ip":"10.244.1.7"},{"ip":"fd00::7"}],"qosClass":"BestEffort"}}"#;

fn pod(change: impl FnOnce(&mut serde_json::Value)) -> PodObject {
    let mut value: serde_json::Value = serde_json::from_str(POD).unwrap();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

fn addresses_of(pod: &PodObject) -> Vec<String> {
    pod.holder(1).addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn of_a_pod_that_is_kept_which_is_used() {
    let object = pod(|_| {});
    assert!(object.is_wanted("n1") && !object.is_wanted("n2"));
    assert_eq!(addresses_of(&object), ["10.244.1.7", "fd00::7"]);
    let pod = object.pod().unwrap();
    assert_eq!(&*pod.uid, "6f6b6b0e-0000-4000-8000-000000000001");
    assert_eq!((&*pod.name, &*pod.namespace), ("web-5d4f8c7b9b-x2k4z", "shop"));
    assert_eq!(pod.service_account.as_deref(), Some("web"));
    assert_eq!(pod.labels.clone().unwrap().len(), 2);
    let controller = pod.controller.clone().unwrap();
    assert_eq!((&*controller.group, &*controller.kind), ("apps", "ReplicaSet"));
    assert!(!format!("{pod:?}").contains("secret"));
}

#[test]
fn what_is_over_or_on_the_host_has_no_address() {
    for phase in ["Succeeded", "Failed"] {
        assert!(addresses_of(&pod(|it| it["status"]["phase"] = json!(phase))).is_empty());
    }
    assert!(addresses_of(&pod(|it| it["spec"]["hostNetwork"] = json!(true))).is_empty());
    assert!(addresses_of(&pod(|it| it["status"]["podIPs"] = json!(null))).is_empty());
    let odd =
        json!([{"ip": "127.0.0.1"}, {"ip": "::ffff:10.0.0.1"}, {"ip": "x"}, {}, {"ip": "1.1.1.1"}]);
    // No more are looked at than a pod has.
    assert_eq!(addresses_of(&pod(|it| it["status"]["podIPs"] = odd)), ["10.0.0.1", "1.1.1.1"]);
}

/// A kubelet knows a pod that one of its own files asks for by another uid.
#[test]
fn a_pod_of_a_file_has_the_uid_that_its_node_gave_it() {
    let hash = "0123456789abcdef0123456789abcdef";
    let note = |text: &str| {
        let text = json!({ "kubernetes.io/config.mirror": text });
        pod(|it| it["metadata"]["annotations"] = text)
    };
    assert_eq!(note(hash).uid(), hash);
    // Nobody takes the place of another pod by a note.
    let other = "6f6b6b0e-0000-4000-8000-000000000002";
    assert_eq!(note(other).uid(), "6f6b6b0e-0000-4000-8000-000000000001");
}

#[test]
fn names_and_labels_are_bounded() {
    let long = "x".repeat(CLUSTER_NAME_BYTES + 1);
    for key in ["name", "namespace", "uid"] {
        assert!(!pod(|it| it["metadata"][key] = json!(long)).is_wanted("n1"), "{key}");
        assert!(!pod(|it| it["metadata"][key] = json!("")).is_wanted("n1"), "{key}");
    }
    assert!(!pod(|it| it["spec"]["serviceAccountName"] = json!(long)).is_wanted("n1"));
    let labels = json!({ "app": "x".repeat(CONTAINER_LIST_BYTES) });
    assert_eq!(pod(|it| it["metadata"]["labels"] = labels).pod().unwrap().labels, None);
    let none = pod(|it| it["metadata"]["labels"] = json!(null)).pod().unwrap().labels;
    assert_eq!(none, Some(BTreeMap::new()));
    let mut owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true }]);
    owner[0]["name"] = json!(long);
    assert_eq!(pod(|it| it["metadata"]["ownerReferences"] = owner).pod().unwrap().controller, None);
}

#[test]
fn a_service_has_its_addresses_in_the_cluster() {
    let service = |addresses: serde_json::Value| -> Holder {
        let text = json!({ "metadata": { "name": "db", "namespace": "shop", "uid": "u1" },
            "spec": { "clusterIPs": addresses, "externalIPs": ["192.0.2.1"] } });
        serde_json::from_value::<ServiceObject>(text).unwrap().holder(7)
    };
    let holder = service(json!(["10.96.0.9", "fd00::9"]));
    assert_eq!((holder.kind, &*holder.name, holder.told_ns), (HolderKind::Service, "db", 7));
    assert_eq!(holder.addresses.len(), 2);
    assert!(service(json!(["None"])).addresses.is_empty());
    assert!(service(json!(null)).addresses.is_empty());
}

fn told(text: &str) -> Result<Change<PodObject>, OddError> {
    change(text.as_bytes())
}

#[test]
fn a_change_says_what_it_is() {
    for kind in ["ADDED", "MODIFIED"] {
        let text = format!(r#"{{"type":"{kind}","object":{POD}}}"#);
        assert!(matches!(told(&text), Ok(Change::Is(pod)) if pod.metadata.name.starts_with("web")));
    }
    // In any order.
    let text = format!(r#"{{"object":{POD},"type":"DELETED","more":[1]}}"#);
    assert!(matches!(told(&text), Ok(Change::Gone(_))));
    let text = r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9"}}}"#;
    assert!(matches!(told(text), Ok(Change::Bookmark(version)) if version == "9"));
    // A status is no object of the kind: its `status` is a text.
    let text = r#"{"type":"ERROR","object":{"kind":"Status","status":"Failure","code":410}}"#;
    assert!(matches!(told(text), Ok(Change::Error(410))));
}

#[test]
fn what_is_no_change_is_an_error() {
    let deep = format!(r#"{{"type":"ADDED","object":{}}}"#, "[".repeat(100_000));
    for text in [
        "",
        "{}",
        "null",
        "[1]",
        r#"{"type":"ADDED"}"#,
        r#"{"type":"ADDED","object":{"metadata":{"name":7}}}"#,
        r#"{"type":"ADDED","object":{"metadata":{"name":"a","name":"b"}}}"#,
        r#"{"type":"ADDED","object":{"metadata":null}}"#,
        r#"{"type":"OTHER","object":{}}"#,
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\u{0}\"}}}",
        &deep,
    ] {
        assert!(told(text).is_err(), "{}", text.chars().take(60).collect::<String>());
    }
}

#[test]
fn a_list_has_pages() {
    let list: List<PodObject> = serde_json::from_str(&format!(
        r#"{{"metadata":{{"resourceVersion":"9","continue":"more"}},"items":[{POD}]}}"#
    ))
    .unwrap();
    assert_eq!(list.metadata.next.as_deref(), Some("more"));
    assert_eq!(list.items.unwrap().len(), 1);
    let empty: List<PodObject> =
        serde_json::from_str(r#"{"metadata":{"resourceVersion":"9"},"items":null}"#).unwrap();
    assert!(empty.items.is_none() && empty.metadata.next.is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes: Vec<u8>) {
        let _read = change::<PodObject>(&bytes);
        let _read = serde_json::from_slice::<List<ServiceObject>>(&bytes);
    }

    /// A change that was cut anywhere is none.
    #[test]
    fn a_cut_change_is_no_change(at in 0..POD.len()) {
        let text = format!(r#"{{"type":"ADDED","object":{POD}}}"#);
        prop_assert!(told(&text[..at]).is_err());
    }
}
