//! What standards ask that no node can decide: it is of how images are built, of who starts
//! containers, or of the cluster. They are told of as such, so that nobody takes them for good.

use crate::{
    posture::checks::{DOCKER, KUBERNETES},
    state::{Assessment, Check, Status},
};

checks! {
    CONTENT_TRUST = "host.manual.docker_4_5", Informational, "Only signed images are taken",
        [(DOCKER, "4.5")], "ask those who deploy: their clients take images";
    HEALTHCHECK = "host.manual.docker_4_6", Informational, "Images say how their health is asked",
        [(DOCKER, "4.6")], "ask those who build images";
    UPDATE_ALONE = "host.manual.docker_4_7", Informational,
        "Package lists are updated with what installs packages",
        [(DOCKER, "4.7")], "ask those who build images";
    COPY = "host.manual.docker_4_9", Informational, "Images are built with COPY, not ADD",
        [(DOCKER, "4.9")], "ask those who build images";
    SECRETS = "host.manual.docker_4_10", Informational, "Images are built without secrets",
        [(DOCKER, "4.10")], "scan images for secrets where they are built";
    VERIFIED = "host.manual.docker_4_11", Informational, "Images are built of verified packages",
        [(DOCKER, "4.11")], "ask those who build images";
    SIGNED = "host.manual.docker_4_12", Informational, "What goes into images is signed",
        [(DOCKER, "4.12")], "ask those who build images";
    RESTARTS = "host.manual.docker_5_15", Informational,
        "Containers are restarted five times at most",
        [(DOCKER, "5.15")], "ask Docker: `docker inspect` shows RestartPolicy";
    HEALTH = "host.manual.docker_5_27", Informational, "The health of containers is asked",
        [(DOCKER, "5.27")], "ask Docker: `docker inspect` shows Health";
    SWARM = "host.manual.docker_7", Informational, "A swarm is set up as it should be",
        [(DOCKER, "7")], "ask its managers: `docker info`, `docker node ls`";
    CONTROL_PLANE = "host.manual.kubernetes_1_2", Informational,
        "The control plane is started as it should be",
        [(KUBERNETES, "1.2"), (KUBERNETES, "1.3"), (KUBERNETES, "1.4")],
        "run kube-bench on the nodes of the control plane";
    RBAC = "host.manual.kubernetes_5_1", Informational,
        "Roles of the cluster give no more than needed",
        [(KUBERNETES, "5.1")], "ask the cluster: kubectl get clusterrolebindings, rolebindings";
    ADMISSION = "host.manual.kubernetes_5_2_1", Informational, "Pods are admitted by a policy",
        [(KUBERNETES, "5.2.1")], "ask the cluster: labels of its namespaces, its webhooks";
    NETWORK_POLICIES = "host.manual.kubernetes_5_3_2", Informational,
        "Each namespace has a NetworkPolicy",
        [(KUBERNETES, "5.3.2")], "ask the cluster: kubectl get networkpolicies -A";
    EXTERNAL_SECRETS = "host.manual.kubernetes_5_4_2", Informational,
        "Secrets are stored elsewhere",
        [(KUBERNETES, "5.4.2")], "ask those who run the cluster";
    PROVENANCE = "host.manual.kubernetes_5_5_1", Informational,
        "Images are admitted by where they are of",
        [(KUBERNETES, "5.5.1")], "ask the cluster: its admission plugins and webhooks";
    NAMESPACES = "host.manual.kubernetes_5_6_1", Informational,
        "Namespaces divide who administers what",
        [(KUBERNETES, "5.6.1")], "ask those who run the cluster";
    DEFAULT_NAMESPACE = "host.manual.kubernetes_5_6_4", Informational,
        "Nothing runs in the default namespace",
        [(KUBERNETES, "5.6.4")], "ask the cluster: kubectl get all -n default";
}

const BUILD: &str = "it is of how images are built, which is over before they come to a node";
const CLIENT: &str = "it is a setting of who takes images, not of who runs them";
const ENGINE: &str = "only the engine that started them knows";
const CLUSTER: &str = "only the API of the cluster knows";
const MANAGERS: &str = "only the managers of the swarm know";
const PLANE: &str =
    "its flags are on nodes of the control plane only, where they are not looked at either";
const PEOPLE: &str = "it is a matter of organisation";

/// Why each cannot be decided.
const WHY: [(&Check, &str); 18] = [
    (&CONTENT_TRUST, CLIENT),
    (&HEALTHCHECK, BUILD),
    (&UPDATE_ALONE, BUILD),
    (&COPY, BUILD),
    (&SECRETS, BUILD),
    (&VERIFIED, BUILD),
    (&SIGNED, BUILD),
    (&RESTARTS, ENGINE),
    (&HEALTH, ENGINE),
    (&SWARM, MANAGERS),
    (&CONTROL_PLANE, PLANE),
    (&RBAC, CLUSTER),
    (&ADMISSION, CLUSTER),
    (&NETWORK_POLICIES, CLUSTER),
    (&EXTERNAL_SECRETS, PEOPLE),
    (&PROVENANCE, CLUSTER),
    (&NAMESPACES, PEOPLE),
    (&DEFAULT_NAMESPACE, CLUSTER),
];

/// All of them, with why.
pub(super) fn all() -> Vec<Assessment> {
    let of = |(check, why): &(&'static Check, &str)| Assessment {
        check,
        status: Status::NotDecidable,
        text: (*why).to_owned(),
        evidence: Vec::new(),
    };
    WHY.iter().map(of).collect()
}
