//! What the API of a cluster tells of pods that run here.

use serde_json::{Value, json};

use super::Case;
use super::network::give_address;
use crate::cluster::{Cluster, NODE};
use crate::cri::{self, Pod, RunningPod};
use crate::daemon::{Daemon, EVERY_ACT, EVERY_ACT_CONDITION, Options};
use crate::image;
use crate::lab::Stage;
use crate::laws::number;
use crate::place::Place;
use crate::wait;

pub(super) const CASES: &[Case] = &[
    Case::new("kubernetes::the_api_tells_of_pods", pods),
    Case::with(&["ip", "nsenter"], "kubernetes::the_api_tells_whose_addresses_are", addresses),
    Case::new("kubernetes::an_api_that_is_not_there", not_there),
];

/// A pod as the API tells of it.
fn pod(name: &str, labels: Value, address: &str) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": cri::NAMESPACE, "uid": format!("{}{name}", cri::UID),
            "labels": labels, "annotations": { "note": "x".repeat(3000) },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c7b9b",
                "controller": true,
            }],
        },
        "spec": {
            "nodeName": NODE, "serviceAccountName": "clerk",
            "containers": [{ "name": cri::CONTAINER, "env": [{ "name": "KEY", "value": "x" }] }],
        },
        "status": { "phase": "Running", "podIPs": [{ "ip": address }] },
    })
}

fn labels(stage: &str) -> Value {
    json!({ "pod-template-hash": "5d4f8c7b9b", "stage": stage })
}

const RULES: &str = "\
- rule: Of the clerk
  id: clerk
  desc: It hangs on what only the API tells.
  condition: evt.type = execve and k8s.pod.service_account = clerk and proc.args startswith \"nap \"
  output: account=%k8s.pod.service_account stage=%k8s.pod.label[stage] of=%k8s.deployment.name
  priority: NOTICE
";

fn watch(stage: &Stage<'_>, cluster: &Cluster, rules: String) -> Daemon {
    stage.daemon(Options {
        rules: Some(rules),
        keys: format!("heartbeat_seconds: 1\n{}", cluster.keys()),
        ..Options::default()
    })
}

fn start(stage: &Stage<'_>, name: &str) -> RunningPod {
    let socket = stage.containerd().for_pods();
    let host = stage.dir("host");
    let pod = Pod {
        name,
        labels: &[("stage", "made")],
        annotations: &[],
        host: &host,
        privileged: false,
        command: &[image::TRIGGER, "nap", "600000", "first"],
    };
    RunningPod::start(&socket, &pod)
}

/// The alert about what was started with this word.
fn alert(daemon: &Daemon, word: &str) -> Value {
    daemon.expect(&format!("the clerk's exec of {word}"), |it| {
        it["rule"]["id"] == "clerk" && it["process"]["args"][3] == word
    })
}

fn pods(stage: &Stage<'_>) {
    let cluster = Cluster::start(&stage.dir("cluster"));
    let [known, late, more] = ["known", "late", "more"].map(|word| stage.name(word));
    for name in [&known, &more, &stage.name("other"), &stage.name("other")] {
        cluster.put("pods", pod(name, labels("told"), "192.0.2.1"));
    }
    let daemon = watch(stage, &cluster, RULES.to_owned());
    let first = start(stage, &known);
    let told = alert(&daemon, "first");
    assert_eq!(
        told["kubernetes"]["serviceaccount"],
        json!({ "name": "clerk", "known_from": "kubernetes" })
    );
    assert_eq!(told["kubernetes"]["deployment"]["name"], "web", "{told:#}");
    assert_eq!(told["kubernetes"]["deployment"]["known_from"], "kubernetes", "{told:#}");
    assert_eq!(told["orchestrator"]["resource"]["parent"]["name"], "web-5d4f8c7b9b", "{told:#}");
    assert_eq!(told["container"]["known_from"]["pod.labels"], "kubernetes", "{told:#}");
    assert_eq!(told["message"], "account=clerk stage=told of=web", "{told:#}");
    // What is changed while it runs.
    cluster.put("pods", pod(&known, labels("changed"), "192.0.2.1"));
    wait::until("the changed label", || {
        first.exec(&[image::TRIGGER, "nap", "0", "changed"]);
        let changed = |it: &Value| it["message"] == "account=clerk stage=changed of=web";
        daemon.documents().iter().any(changed).then_some(())
    });
    // A pod that the API tells of once it runs.
    let second = start(stage, &late);
    cluster.put("pods", pod(&late, labels("late"), "192.0.2.9"));
    wait::until("the pod to be told of", || {
        let pods = |it: &&Value| it["runmon"]["document"] == "heartbeat";
        let documents = daemon.documents();
        let last = documents.iter().rev().find(pods)?;
        (number(&last["runmon"]["tables"], "kubernetes_pods") >= 5).then_some(())
    });
    second.exec(&[image::TRIGGER, "nap", "0", "late"]);
    assert_eq!(alert(&daemon, "late")["message"], "account=clerk stage=late of=web");
    // The token is another, and changes were missed.
    cluster.renew_token("second");
    cluster.put("pods", pod(&more, labels("missed"), "192.0.2.1"));
    cluster.forget();
    wait::until("another list with another token", || {
        (cluster.asked(200, "/api/v1/pods") >= 5).then_some(())
    });
    let third = start(stage, &more);
    third.exec(&[image::TRIGGER, "nap", "0", "missed"]);
    assert_eq!(alert(&daemon, "missed")["message"], "account=clerk stage=missed of=web");
    drop((first, second, third));
    let ended = daemon.stop();
    let tables = &ended.heartbeat()["runmon"]["tables"];
    assert_eq!(number(tables, "kubernetes_pods"), 5, "{tables:#}");
    assert!(number(tables, "kubernetes_lists") >= 3, "{tables:#}");
    assert_eq!(cluster.asked(403, ""), 0, "{tables:#}");
}

/// Where datagrams go: a service, and a pod that nobody has seen talk.
const SERVICE: &str = "10.78.0.7";
const POD: &str = "10.78.0.8";

fn addresses(stage: &Stage<'_>) {
    let cluster = Cluster::start(&stage.dir("cluster"));
    let name = stage.name("served");
    cluster.put("pods", pod(&name, labels("told"), POD));
    let service = json!({
        "metadata": { "name": "tills", "namespace": "shop", "uid": "uid-of-tills" },
        "spec": { "clusterIPs": [SERVICE], "type": "ClusterIP" },
    });
    cluster.put("services", service);
    let condition = "evt.type = connect and proc.name = trigger";
    let daemon = watch(stage, &cluster, EVERY_ACT.replace(EVERY_ACT_CONDITION, condition));
    let client = stage.containerd().run(&stage.name("client"), &[]);
    give_address(&client, "10.78.0.9");
    let asked = |address: &str| {
        let report = Place::In(&client).trigger(&["connect", "udp", &format!("{address}:9")]);
        let alert = Place::In(&client).expect(&daemon, &report, "connect", |_| true);
        alert["runmon"]["destination"].clone()
    };
    let is_young = |of: &Value| of["age_seconds"].as_u64().is_some_and(|age| age < 60);
    let service = wait::until("the service", || {
        Some(asked(SERVICE)["service"].clone()).filter(Value::is_object)
    });
    assert_eq!(service["name"], "tills", "{service:#}");
    assert_eq!(service["namespace"], "shop", "{service:#}");
    assert_eq!(service["known_from"], "kubernetes", "{service:#}");
    assert!(is_young(&service), "{service:#}");
    let peer = asked(POD);
    assert_eq!(peer["pod"], name.as_str(), "{peer:#}");
    assert_eq!(peer["namespace"], cri::NAMESPACE, "{peer:#}");
    assert_eq!(peer["known_from"], "kubernetes", "{peer:#}");
    assert!(is_young(&peer), "{peer:#}");
    // They are gone.
    cluster.remove("services", "uid-of-tills");
    cluster.remove("pods", &format!("{}{name}", cri::UID));
    wait::until("nobody to have the addresses", || {
        [SERVICE, POD].iter().all(|address| asked(address).is_null()).then_some(())
    });
    daemon.stop();
}

/// Whoever is not told is not kept from watching.
fn not_there(stage: &Stage<'_>) {
    let dir = stage.dir("cluster");
    let cluster = Cluster::start(&dir);
    let mut away = cluster.clone();
    away.server = "http://127.0.0.1:1".to_owned();
    let condition = "evt.type = execve and proc.name = trigger";
    let daemon = watch(stage, &away, EVERY_ACT.replace(EVERY_ACT_CONDITION, condition));
    let running = start(stage, &stage.name("alone"));
    let update = daemon.expect("the first exec", |it| it["process"]["args"][3] == "first");
    assert_eq!(update["runmon"]["document"], "update", "{update:#}");
    let account = &update["kubernetes"]["serviceaccount"];
    assert_eq!(account["unknown_because"], "no_answer", "{update:#}");
    let labels = update["orchestrator"]["resource"]["label"].as_array();
    let of_node = labels.is_some_and(|labels| labels.contains(&json!("stage:made")));
    assert!(of_node, "{update:#}");
    drop(running);
    assert!(daemon.log().contains("the cluster's API does not tell"), "{}", daemon.log());
    let ended = daemon.stop();
    assert!(number(&ended.heartbeat()["runmon"]["tables"], "kubernetes_failures") > 0);
    // Without a token nothing starts.
    std::fs::remove_file(&cluster.token_file).expect("remove the token");
    let options = Options { keys: cluster.keys(), ..Options::default() };
    let config = stage.configuration(&options);
    let ran = stage.runmon(["run".as_ref(), "--config".as_ref(), config.as_os_str()]);
    ran.assert(1, &["the cluster's API cannot be asked: cannot read", "hint: a pod has it where"]);
}
