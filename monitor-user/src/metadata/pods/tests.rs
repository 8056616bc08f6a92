use super::{
    super::{
        files::Words,
        tests::{check, lookup, pending},
    },
    *,
};
use crate::{container::Label, kubernetes::told::Controller};

const UID: &str = "6f6b6b0e-0000-4000-8000-000000000001";

fn pod(labels: &[(&str, &str)], controller: Option<(&str, &str, &str)>) -> Pod {
    let label = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Pod {
        uid: UID.into(),
        name: "web-5d4f8c7b9b-x2k4z".into(),
        namespace: "shop".into(),
        service_account: Some("web".into()),
        labels: Some(labels.iter().map(label).collect::<Words>()),
        controller: controller.map(|(group, kind, name)| Controller {
            group: group.into(),
            kind: kind.into(),
            name: name.into(),
        }),
    }
}

/// A container of the pod, as the node's own files tell of it.
fn facts(path: &str, name: &str) -> ContainerFacts {
    let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
    let label = Label { key: "app".into(), value: "old".into() };
    let mut container = Container {
        name: known(name),
        pod_uid: known(UID),
        pod_name: known("web-5d4f8c7b9b-x2k4z"),
        pod_namespace: known("shop"),
        pod_labels: Fact::Known([label].into(), FactSource::Containerd),
        deployment: Fact::Known("guess".into(), FactSource::NameRule),
        ..pending(&lookup(path, name))
    };
    container.give_up(Reason::NotAsked);
    ContainerFacts { cgroup_path: path.into(), container: Some(Arc::new(container)) }
}

fn pods() -> Pods {
    Pods::new(Arc::default())
}

fn container(facts: &ContainerFacts) -> &Container {
    facts.container.as_ref().unwrap()
}

const OWNED: [(&str, &str); 2] = [("app", "web"), ("pod-template-hash", "5d4f8c7b9b")];
const REPLICA_SET: Option<(&str, &str, &str)> = Some(("apps", "ReplicaSet", "web-5d4f8c7b9b"));
const WHOLE: [&str; 5] = [
    "service_account = web (kubernetes)",
    "pod_labels = app|web|pod-template-hash|5d4f8c7b9b| (kubernetes)",
    "deployment = web (kubernetes)",
    "replica_set = web-5d4f8c7b9b (kubernetes)",
    "job: not_applicable",
];

#[test]
fn a_pod_that_was_told_of_completes_its_containers() {
    let mut pods = pods();
    assert!(pods.learn(pod(&OWNED, REPLICA_SET)).is_empty());
    let whole = pods.complete(facts("/k/a", "app"), Instant::now());
    check(container(&whole), &WHOLE);
    assert!(!container(&whole).is_pending() && pods.due().is_none());
    // What is in no pod, and what is no container, is as it was.
    let mut plain = facts("/k/b", "b");
    plain.container = Some(Arc::new(Container::unknown("/k/b", Reason::NotApplicable)));
    assert_eq!(pods.complete(plain.clone(), Instant::now()), plain);
    plain.container = None;
    assert_eq!(pods.complete(plain.clone(), Instant::now()), plain);
}

#[test]
fn a_pod_that_is_told_of_later_completes_them_later() {
    let (mut pods, now) = (pods(), Instant::now());
    let early = pods.complete(facts("/k/a", "app"), now);
    assert_eq!(container(&early).service_account, Fact::Unknown(Reason::Pending));
    check(
        container(&early),
        &["deployment = guess (name_rule)", "pod_labels = app|old| (containerd)"],
    );
    assert_eq!(pods.due(), Some(now + PATIENCE));
    assert!(pods.give_up(now).is_empty());
    let told = pods.learn(pod(&OWNED, REPLICA_SET));
    assert_eq!(told.len(), 1);
    check(container(&told[0]), &WHOLE);
    assert!(pods.due().is_none() && pods.give_up(now + PATIENCE * 2).is_empty());
}

#[test]
fn a_pod_that_is_not_told_of_is_not_waited_for_without_end() {
    let (mut pods, now) = (pods(), Instant::now());
    pods.complete(facts("/k/a", "app"), now);
    let late = pods.give_up(now + PATIENCE);
    check(container(&late[0]), &["service_account: no_answer", "deployment = guess (name_rule)"]);
    assert!(pods.give_up(now + PATIENCE).is_empty());
    // The API may be reached again.
    check(container(&pods.learn(pod(&OWNED, REPLICA_SET))[0]), &WHOLE);
}

#[test]
fn what_changes_of_a_pod_changes_of_its_containers() {
    let mut pods = pods();
    pods.learn(pod(&OWNED, REPLICA_SET));
    pods.complete(facts("/k/a", "app"), Instant::now());
    pods.complete(facts("/k/b", "side"), Instant::now());
    assert!(pods.learn(pod(&OWNED, REPLICA_SET)).is_empty());
    let changed = pods.learn(pod(&[("app", "quarantined")], None));
    assert_eq!(changed.len(), 2);
    for facts in &changed {
        check(
            container(facts),
            &["pod_labels = app|quarantined| (kubernetes)", "deployment: not_applicable"],
        );
    }
    pods.forget(UID);
    assert!(pods.learn(pod(&OWNED, REPLICA_SET)).is_empty());
}

/// One that is started again takes the place of the one before.
#[test]
fn of_each_name_the_last_is_remembered() {
    let mut pods = pods();
    for number in 0..3 {
        pods.complete(facts(&format!("/k/{number}"), "app"), Instant::now());
    }
    let told = pods.learn(pod(&OWNED, REPLICA_SET));
    assert_eq!(told.iter().map(|facts| &*facts.cgroup_path).collect::<Vec<_>>(), ["/k/2"]);
    for number in 0..=POD_CONTAINERS {
        pods.complete(facts(&format!("/k/n{number}"), &format!("n{number}")), Instant::now());
    }
    assert_eq!(pods.containers.len(), POD_CONTAINERS);
    assert_eq!(pods.stats.named()[6], ("kubernetes_containers_evicted", 2));
}

/// A uid that another pod has cannot be borrowed.
#[test]
fn a_pod_of_another_name_is_another() {
    let mut pods = pods();
    pods.learn(Pod { name: "other".into(), ..pod(&OWNED, REPLICA_SET) });
    let facts = pods.complete(facts("/k/a", "app"), Instant::now());
    check(container(&facts), &["service_account: ambiguous", "deployment = guess (name_rule)"]);
}

#[test]
fn the_controller_tells_whose_a_pod_is() {
    let mut pods = pods();
    let mut told = |labels: &[(&str, &str)], controller, expected: &[&str]| {
        pods.learn(pod(labels, controller));
        check(container(&pods.complete(facts("/k/a", "app"), Instant::now())), expected);
    };
    told(
        &[],
        REPLICA_SET,
        &["replica_set = web-5d4f8c7b9b (kubernetes)", "deployment: not_applicable"],
    );
    told(
        &[],
        Some(("batch", "Job", "tidy-29012345")),
        &["job = tidy-29012345 (kubernetes)", "cron_job = tidy (name_rule)"],
    );
    told(&[], Some(("apps", "StatefulSet", "db")), &["stateful_set = db (kubernetes)"]);
    told(&[], Some(("apps", "DaemonSet", "agent")), &["daemon_set = agent (kubernetes)"]);
    // Other groups have kinds of the same names.
    told(&[], Some(("batch.volcano.sh", "Job", "train")), &["job: not_applicable"]);
    told(&[], None, &["deployment: not_applicable", "job: not_applicable"]);
}

#[test]
fn what_was_not_kept_is_not_known() {
    let mut pods = pods();
    pods.learn(Pod { labels: None, service_account: None, ..pod(&[], REPLICA_SET) });
    let facts = pods.complete(facts("/k/a", "app"), Instant::now());
    check(container(&facts), &["pod_labels: too_large", "service_account: not_applicable"]);
}
