//! Whether this process is in a container, and who started it.

use std::path::Path;

use crate::enrich::cgroup_path::{self, Shape};

/// Who started this process: what is missing is written down for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// A pod's container.
    Kubernetes,
    /// Docker, or an engine with the same options: podman, nerdctl.
    Docker,
    /// A service of the host.
    Systemd,
}

impl Manager {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kubernetes, Self::Docker, Self::Systemd];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Docker => "docker",
            Self::Systemd => "systemd",
        }
    }
}

/// Where this process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the host.
    Host,
    /// In a container.
    Container {
        /// What tells that.
        because: &'static str,
        /// Whose it is, if that can be told.
        of: Option<Manager>,
    },
}

/// What tells a container from the host.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    /// Kubernetes tells every container where its API is.
    pub(super) kubernetes_variable: bool,
    /// Files that Docker and podman leave at the root. They tell whose a container is, but not that
    /// it is one: images become the disks of machines, too.
    pub(super) engine_file: bool,
    /// The pid namespace is not the first one.
    pub(super) own_pids: bool,
    /// The cgroup namespace is not the first one.
    pub(super) own_cgroups: bool,
    /// The root directory is not that of the first process.
    pub(super) own_root: bool,
    /// Its root directory is made of layers of a runtime.
    pub(super) layers: bool,
    /// `/proc/self/cgroup`.
    pub(super) cgroups: String,
}

impl Signs {
    pub(super) fn place(&self) -> Place {
        let signs = [
            (self.own_pids, "its pid namespace is not the host's"),
            (self.own_cgroups, "its cgroup namespace is not the host's"),
            (self.own_root, "its root directory is not the host's"),
            (self.cgroups.lines().any(names_container), "its cgroup is a container's"),
            (self.layers, "its root directory is made of layers"),
            (self.kubernetes_variable, "KUBERNETES_SERVICE_HOST is set"),
        ];
        let Some((_, because)) = signs.into_iter().find(|(is_there, _)| *is_there) else {
            return Place::Host;
        };
        let docker = self.engine_file.then_some(Manager::Docker);
        let of = if self.kubernetes_variable { Some(Manager::Kubernetes) } else { docker };
        Place::Container { because, of }
    }
}

/// Whether a line of `/proc/self/cgroup` names a container for sure.
fn names_container(line: &str) -> bool {
    let path = line.splitn(3, ':').nth(2).unwrap_or_default();
    cgroup_path::container(path).is_some_and(|named| named.shape == Shape::Certain)
}

impl Place {
    /// Whether it is a container.
    #[must_use]
    pub fn is_container(&self) -> bool {
        matches!(self, Self::Container { .. })
    }

    /// Whether what is said for a manager is of use here.
    #[must_use]
    pub fn fits(&self, manager: Manager) -> bool {
        match self {
            Self::Host => manager == Manager::Systemd,
            Self::Container { of: Some(of), .. } => manager == *of,
            Self::Container { of: None, .. } => manager != Manager::Systemd,
        }
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Host => "on the host".to_owned(),
            Self::Container { because, of } => {
                let whose = match of {
                    Some(Manager::Kubernetes) => "in a container of Kubernetes",
                    Some(Manager::Docker) => "in a container of Docker or podman",
                    Some(Manager::Systemd) | None => "in a container",
                };
                format!("{whose}: {because}")
            }
        }
    }
}

pub(super) fn has_engine_file() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(change: impl FnOnce(&mut Signs)) -> Place {
        let mut signs =
            Signs { cgroups: "0::/user.slice/a/b\n1:cpu:/\n".into(), ..Signs::default() };
        change(&mut signs);
        signs.place()
    }

    #[test]
    fn one_sign_tells_a_container() {
        assert_eq!(place(|_| ()), Place::Host);
        assert_eq!(place(|it| it.engine_file = true), Place::Host);
        let id = "0123456789abcdef".repeat(4);
        let signs: [fn(&mut Signs); 4] = [
            |it| it.own_pids = true,
            |it| it.own_cgroups = true,
            |it| it.own_root = true,
            |it| it.layers = true,
        ];
        for sign in signs {
            assert!(place(sign).is_container());
        }
        assert!(place(|it| it.cgroups = format!("0::/docker/{id}")).is_container());
    }

    #[test]
    fn what_is_said_fits_where_it_runs() {
        let fits = |place: Place| Manager::ALL.map(|manager| place.fits(manager));
        assert_eq!(fits(place(|_| ())), [false, false, true]);
        assert_eq!(fits(place(|it| it.kubernetes_variable = true)), [true, false, false]);
        let in_docker = |it: &mut Signs| (it.engine_file, it.own_root) = (true, true);
        assert_eq!(fits(place(in_docker)), [false, true, false]);
        assert_eq!(fits(place(|it| it.own_pids = true)), [true, true, false]);
    }
}
