//! Which workload a container is of, where profiles are learned by that: two that run one image can
//! have little in common.

use crate::{
    container::Container,
    event::{Fact, Reason},
};

/// `NAMESPACE/KIND/NAME/CONTAINER` of a pod's container, with the kind and name of what the pod is
/// of; the name of any other container.
///
/// # Errors
///
/// Why that is not known.
pub fn of(container: &Container) -> Result<Box<str>, Reason> {
    let name = known(&container.name)?;
    let pod = match &container.pod_name {
        Fact::Known(pod, _) => pod,
        Fact::Unknown(Reason::Pending) => return Err(Reason::Pending),
        Fact::Unknown(_) => return Ok(name.into()),
    };
    let namespace = known(&container.pod_namespace)?;
    let owners = [
        ("deployment", &container.deployment),
        ("statefulset", &container.stateful_set),
        ("daemonset", &container.daemon_set),
        ("cronjob", &container.cron_job),
        ("job", &container.job),
        ("replicaset", &container.replica_set),
    ];
    if owners.iter().any(|(_, owner)| **owner == Fact::Unknown(Reason::Pending)) {
        return Err(Reason::Pending);
    }
    let owner = owners.iter().find_map(|(kind, owner)| Some((*kind, owner.known()?)));
    let (kind, owner) = owner.unwrap_or(("pod", pod));
    Ok(format!("{namespace}/{kind}/{owner}/{name}").into())
}

fn known(fact: &Fact<Box<str>>) -> Result<&str, Reason> {
    match fact {
        Fact::Known(text, _) => Ok(text),
        Fact::Unknown(reason) => Err(*reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FactSource;

    fn text(text: &str) -> Fact<Box<str>> {
        Fact::Known(text.into(), FactSource::Bundle)
    }

    #[test]
    fn containers_are_of_what_their_pods_are_of() {
        let plain = Container {
            name: text("web"),
            ..Container::unknown("/docker/x", Reason::NotApplicable)
        };
        let pod = Container {
            pod_name: text("web-5d4f8c7b9b-bcdfg"),
            pod_namespace: text("shop"),
            replica_set: text("web-5d4f8c7b9b"),
            name: text("app"),
            ..plain.clone()
        };
        let of_deployment = Container { deployment: text("web"), ..pod.clone() };
        let pending = Fact::Unknown(Reason::Pending);
        for (container, expected) in [
            (plain.clone(), Ok("web")),
            (of_deployment, Ok("shop/deployment/web/app")),
            (pod.clone(), Ok("shop/replicaset/web-5d4f8c7b9b/app")),
            (Container { pod_name: pending.clone(), ..plain }, Err(Reason::Pending)),
            (Container { job: pending, ..pod }, Err(Reason::Pending)),
        ] {
            assert_eq!(of(&container).as_deref().map_err(|reason| *reason), expected);
        }
    }
}
