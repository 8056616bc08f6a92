//! Which Deployment, Job and so on a pod is of. Without asking the cluster: by the labels that
//! their controllers put on pods, and where those are not known by the names that they give them.
//! Where it is asked it says which is the nearest; what that is of is told as without.
//!
//! | controller | name of a pod | label |
//! |---|---|---|
//! | ReplicaSet of a Deployment | `<deployment>-<hash>-<5 letters>` | `pod-template-hash` |
//! | Job of a CronJob | `<cron job>-<minutes since 1970>-<5 letters>` | `job-name` |
//! | Job | `<job>-<5 letters>` | `job-name` |
//! | StatefulSet | `<stateful set>-<number>` | `statefulset.kubernetes.io/pod-name` |
//! | DaemonSet | `<daemon set>-<5 letters>` | `controller-revision-hash` |
//!
//! The names of the last three could be anybody's: there only labels count.

use super::files::{Words, fill_text, lacks};
use crate::{
    container::{Container, Label},
    event::{Fact, FactSource, Reason},
    kubernetes::told::Controller,
};

/// Letters at the end of a pod's name.
const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";

/// Letters of the hash of a template: the digits of a number are written so.
const HASH: &str = "bcdf456789";

/// Letters of such a hash; that of a small number is shorter, and rare.
const HASH_LETTERS: std::ops::RangeInclusive<usize> = 7..=10;

/// Digits of the minutes since 1970, from 1989 to 2160.
const MINUTES_DIGITS: usize = 8;

/// Fills in what can be told; where there is no pod, or none of a controller's, nothing applies.
pub(super) fn fill(container: &mut Container) {
    let Some(pod) = container.pod_name.known().cloned() else {
        let reason = match container.pod_name {
            Fact::Unknown(reason) => reason,
            Fact::Known(..) => Reason::NotApplicable,
        };
        return close(container, reason);
    };
    match container.pod_labels.clone() {
        Fact::Known(labels, source) => by_labels(container, &pod, &labels, source),
        Fact::Unknown(_) => by_name(container, &pod),
    }
    // Of a sandbox's own labels as of a name: what is not told by them is not the case.
    let reason = match container.pod_labels {
        Fact::Known(..) => Reason::NotApplicable,
        Fact::Unknown(reason) => reason,
    };
    let is_told =
        [&container.deployment, &container.cron_job].iter().any(|it| it.known().is_some());
    close(container, if is_told { Reason::NotApplicable } else { reason });
}

fn close(container: &mut Container, reason: Reason) {
    for fact in owners(container) {
        lacks(fact, reason);
    }
}

fn owners(container: &mut Container) -> [&mut Fact<Box<str>>; 6] {
    [
        &mut container.deployment,
        &mut container.replica_set,
        &mut container.stateful_set,
        &mut container.daemon_set,
        &mut container.job,
        &mut container.cron_job,
    ]
}

/// Fills in what the cluster's API told of a pod's controller, in place of what was known.
pub(super) fn by_controller(
    container: &mut Container,
    controller: Option<&Controller>,
    labels: Option<&Words>,
) {
    const SOURCE: FactSource = FactSource::Kubernetes;
    for fact in owners(container) {
        *fact = Fact::Unknown(Reason::Pending);
    }
    if let Some(Controller { group, kind, name }) = controller {
        match (&**group, &**kind) {
            ("apps", "ReplicaSet") => {
                let hash = labels.and_then(|labels| labels.get("pod-template-hash"));
                let deployment = hash.and_then(|hash| deployment(name, hash));
                fill_text(&mut container.replica_set, Some(name), SOURCE);
                fill_text(&mut container.deployment, deployment, SOURCE);
            }
            ("batch", "Job") => {
                fill_text(&mut container.job, Some(name), SOURCE);
                fill_text(&mut container.cron_job, cron_job(name), FactSource::NameRule);
            }
            ("apps", "StatefulSet") => fill_text(&mut container.stateful_set, Some(name), SOURCE),
            ("apps", "DaemonSet") => fill_text(&mut container.daemon_set, Some(name), SOURCE),
            // Whatever else makes pods has no field here.
            _ => {}
        }
    }
    close(container, Reason::NotApplicable);
}

/// The Deployment that made a ReplicaSet, by the hash in its name; one of nobody's has none there.
fn deployment<'n>(replica_set: &'n str, hash: &str) -> Option<&'n str> {
    replica_set.strip_suffix(hash)?.strip_suffix('-')
}

fn by_labels(container: &mut Container, pod: &str, labels: &[Label], source: FactSource) {
    let label = |key: &str| labels.iter().find(|label| &*label.key == key).map(|it| &*it.value);
    let start = pod.rsplit_once('-').map(|(start, _)| start);
    if let Some(hash) = label("pod-template-hash") {
        let deployment = start.and_then(|set| deployment(set, hash));
        fill_text(&mut container.deployment, deployment, source);
        fill_text(&mut container.replica_set, deployment.and(start), source);
    } else if let Some(job) = label("batch.kubernetes.io/job-name").or_else(|| label("job-name")) {
        fill_text(&mut container.job, Some(job), source);
        fill_text(&mut container.cron_job, cron_job(job), FactSource::NameRule);
    } else if label("statefulset.kubernetes.io/pod-name") == Some(pod) {
        fill_text(&mut container.stateful_set, start, source);
    } else if label("controller-revision-hash").is_some() {
        let ends = pod.rsplit_once('-').filter(|(_, end)| is_random(end));
        fill_text(&mut container.daemon_set, ends.map(|(start, _)| start), source);
    }
}

fn by_name(container: &mut Container, pod: &str) {
    const SOURCE: FactSource = FactSource::NameRule;
    let Some((start, _)) = pod.rsplit_once('-').filter(|(_, end)| is_random(end)) else { return };
    if let Some((deployment, hash)) = start.rsplit_once('-')
        && HASH_LETTERS.contains(&hash.len())
        && hash.chars().all(|letter| HASH.contains(letter))
    {
        fill_text(&mut container.deployment, Some(deployment), SOURCE);
        fill_text(&mut container.replica_set, Some(start), SOURCE);
    } else if let Some(cron_job) = cron_job(start) {
        fill_text(&mut container.job, Some(start), SOURCE);
        fill_text(&mut container.cron_job, Some(cron_job), SOURCE);
    }
}

fn is_random(end: &str) -> bool {
    end.len() == 5 && end.chars().all(|letter| RANDOM.contains(letter))
}

/// The CronJob that made a Job of this name.
fn cron_job(job: &str) -> Option<&str> {
    let (cron_job, minutes) = job.rsplit_once('-')?;
    let is_time = minutes.len() == MINUTES_DIGITS && minutes.bytes().all(|b| b.is_ascii_digit());
    (is_time && !cron_job.is_empty()).then_some(cron_job)
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{check, lookup, pending},
        *,
    };

    /// What is told of a pod of this name, with these labels if they are known.
    fn told(pod: &str, labels: Option<&[(&str, &str)]>) -> Container {
        let mut container = pending(&lookup("/x", "x"));
        container.pod_name = Fact::Known(pod.into(), FactSource::Bundle);
        let label =
            |(key, value): &(&str, &str)| Label { key: (*key).into(), value: (*value).into() };
        container.pod_labels = match labels {
            Some(labels) => Fact::Known(labels.iter().map(label).collect(), FactSource::Containerd),
            None => Fact::Unknown(Reason::NoAnswer),
        };
        fill(&mut container);
        container
    }

    #[test]
    fn labels_tell() {
        let hash = [("pod-template-hash", "5d4f8c7b9b")];
        let of_deployment = told("web-5d4f8c7b9b-x2k4z", Some(&hash));
        check(
            &of_deployment,
            &[
                "deployment = web (containerd)",
                "replica_set = web-5d4f8c7b9b (containerd)",
                "job: not_applicable",
            ],
        );
        check(
            &told("tidy-29012345-x2k4z", Some(&[("job-name", "tidy-29012345")])),
            &["job = tidy-29012345 (containerd)", "cron_job = tidy (name_rule)"],
        );
        check(
            &told("once-x2k4z", Some(&[("batch.kubernetes.io/job-name", "once")])),
            &["job = once (containerd)", "cron_job: not_applicable"],
        );
        let of_set =
            [("statefulset.kubernetes.io/pod-name", "db-0"), ("controller-revision-hash", "db-1")];
        check(
            &told("db-0", Some(&of_set)),
            &["stateful_set = db (containerd)", "daemon_set: not_applicable"],
        );
        check(
            &told("agent-x2k4z", Some(&[("controller-revision-hash", "7c9")])),
            &["daemon_set = agent (containerd)"],
        );
    }

    #[test]
    fn who_has_no_such_label_is_nobodys() {
        for pod in ["web-5d4f8c7b9b-x2k4z", "tidy-29012345-x2k4z", "web"] {
            let none = ["deployment: not_applicable", "cron_job: not_applicable"];
            check(&told(pod, Some(&[("app", "web")])), &none);
        }
        let other = [("pod-template-hash", "777")];
        check(&told("web-5d4f8c7b9b-x2k4z", Some(&other)), &["deployment: not_applicable"]);
    }

    #[test]
    fn names_tell_where_labels_are_not_known() {
        check(
            &told("my-web-5d4f8c7b9b-x2k4z", None),
            &[
                "deployment = my-web (name_rule)",
                "replica_set = my-web-5d4f8c7b9b (name_rule)",
                "daemon_set: not_applicable",
            ],
        );
        check(
            &told("tidy-29012345-x2k4z", None),
            &["job = tidy-29012345 (name_rule)", "cron_job = tidy (name_rule)"],
        );
        // These could be of anybody.
        for pod in ["web", "db-0", "agent-x2k4z", "web-5d4f8c7b9b-aeiou", "web-1d4f8c7b9b-x2k4z"] {
            check(&told(pod, None), &["deployment: no_answer", "job: no_answer"]);
        }
    }
}
