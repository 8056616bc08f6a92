//! `k8s.*`: the pod that the process runs in.

use monitor_rules::{Field, Type, Value};

use super::{fact, fact_of, keyed, labelled, labels, one};
use crate::{container::short, event::Event, rules::kinds::ALL};

pub(in crate::rules) const FIELDS: &[Field<Event>] = &[
    one(
        "k8s.node.name",
        Type::Str,
        ALL,
        "Name of the node: what the configuration's `node` or the variable `NODE_NAME` says, else \
         the host's. Not a field of Falco's.",
        |event, _| Value::str(event.node.name()),
    ),
    one(
        "k8s.cluster.name",
        Type::Str,
        ALL,
        "Name of the cluster, as the configuration's `cluster` says. Not a field of Falco's.",
        |event, _| Value::or_absent(event.node.cluster.as_deref().map(Value::str)),
    ),
    one("k8s.pod.name", Type::Str, ALL, "Name of the pod.", |event, _| {
        fact(&event.container.pod_name)
    }),
    one("k8s.ns.name", Type::Str, ALL, "Namespace of the pod.", |event, _| {
        fact(&event.container.pod_namespace)
    }),
    one("k8s.pod.uid", Type::Str, ALL, "Unique id of the pod.", |event, _| {
        fact(&event.container.pod_uid)
    }),
    one(
        "k8s.pod.sandbox_id",
        Type::Str,
        ALL,
        "Id of the pod's sandbox, cut like container ids.",
        |event, _| fact_of(&event.container.sandbox_id, |id| Value::str(short(id))),
    ),
    one("k8s.pod.full_sandbox_id", Type::Str, ALL, "Full id of the pod's sandbox.", |event, _| {
        fact(&event.container.sandbox_id)
    }),
    keyed("k8s.pod.label", Type::Str, ALL, "Value of a label of the pod.", |event, arg| {
        labelled(&event.container.pod_labels, arg)
    }),
    one("k8s.pod.labels", Type::Str, ALL, "Labels of the pod: `key:value,…`.", |event, _| {
        labels(&event.container.pod_labels)
    }),
    one("k8s.pod.service_account", Type::Str, ALL, SERVICE_ACCOUNT, |event, _| {
        fact(&event.container.service_account)
    }),
    one("k8s.deployment.name", Type::Str, ALL, DEPLOYMENT, |event, _| {
        fact(&event.container.deployment)
    }),
    one("k8s.rs.name", Type::Str, ALL, REPLICA_SET, |event, _| fact(&event.container.replica_set)),
    one("k8s.job.name", Type::Str, ALL, JOB, |event, _| fact(&event.container.job)),
    one("k8s.cronjob.name", Type::Str, ALL, CRON_JOB, |event, _| fact(&event.container.cron_job)),
    one("k8s.statefulset.name", Type::Str, ALL, STATEFUL_SET, |event, _| {
        fact(&event.container.stateful_set)
    }),
    one("k8s.daemonset.name", Type::Str, ALL, DAEMON_SET, |event, _| {
        fact(&event.container.daemon_set)
    }),
];

const SERVICE_ACCOUNT: &str = "Service account of the pod. Only the cluster's API tells it, which \
                               is asked if the configuration's `kubernetes.api` says so. Not a \
                               field of Falco's.";
const DEPLOYMENT: &str = "Deployment that the pod is of, by the pod's labels; where they are not \
                          known by its name, `<deployment>-<hash>-<5 letters>`.";
const REPLICA_SET: &str =
    "ReplicaSet of a Deployment that the pod is of, told as the Deployment is.";
const JOB: &str = "Job that the pod is of, by the pod's labels; where they are not known, and only \
                   of a CronJob, by its name. Not a field of Falco's.";
const CRON_JOB: &str = "CronJob that made the pod's Job, by the name of that, \
                        `<cron job>-<minutes since 1970>`. Not a field of Falco's.";
const STATEFUL_SET: &str =
    "StatefulSet that the pod is of, by the pod's labels. Not a field of Falco's.";
const DAEMON_SET: &str =
    "DaemonSet that the pod is of, by the pod's labels. Not a field of Falco's.";
