//! How the host is set up: who can command its runtimes, what their daemons were told, how old it
//! is and whether it is kept up to date.
//!
//! [`read`] looks, at a root directory, and makes plain facts; [`assess`] touches nothing. Of files
//! only that is kept which is asked for. Of what is not here nothing can be wrong: such checks do
//! not apply, and what only the cluster, or people, can tell is not decidable here ([`manual`]).

mod access;
pub mod checks;
mod containerd;
mod docker;
mod files;
mod found;
mod granted;
mod kubelet;
pub mod manual;
mod node;
mod processes;
mod root;
mod settings;
mod sshd;
mod storage;
mod sudoers;
#[cfg(test)]
mod tests;
mod updates;

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{listeners::Listener, traffic};
use crate::state::Assessment;
pub use root::{Answer, Directory, Looked, Question, Root};

/// What was seen of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFacts {
    access: access::Access,
    containerd: Option<containerd::Containerd>,
    dockers: Vec<docker::Docker>,
    files: files::Files,
    kubelet: Option<kubelet::Kubelet>,
    listeners: Looked<Vec<Listener>>,
    node: node::Node,
    processes: Looked<processes::Processes>,
    sshd: sshd::Sshd,
    storage: storage::Storage,
    sudoers: Looked<sudoers::Sudoers>,
}

/// The time, seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Looks at the host of a root directory, and at sockets of runtimes at places of their own. Where
/// it runs, who can look at its processes knows where they listen; `now` is the time, seconds since
/// 1970.
#[must_use]
pub fn read(
    root: &dyn Root,
    sockets: &[String],
    listeners: Looked<Vec<Listener>>,
    now: i64,
) -> HostFacts {
    let processes = processes::read(root);
    let dockers = docker::read(root, &processes);
    let kubelet = kubelet::read(root, &processes);
    let hosts = dockers.iter().flat_map(docker::Docker::hosts);
    let told = hosts.filter_map(|it| it.strip_prefix("unix://").map(str::to_owned));
    let sockets: BTreeSet<String> = told.chain(sockets.iter().cloned()).collect();
    HostFacts {
        access: access::read(root, &sockets),
        containerd: containerd::read(root, &processes),
        files: files::read(root, &dockers, kubelet.as_ref(), &processes),
        listeners,
        node: node::read(root, now),
        sshd: sshd::read(root, &processes),
        storage: storage::read(root, &dockers),
        sudoers: sudoers::read(root),
        dockers,
        kubelet,
        processes,
    }
}

impl HostFacts {
    /// Where it is waited for others.
    pub(super) fn listeners(&mut self) -> Option<&mut Vec<Listener>> {
        self.listeners.as_mut().ok()?.as_mut()
    }
}

/// Asks every check.
#[must_use]
pub fn assess(host: &HostFacts) -> Vec<Assessment> {
    [
        access::judge(&host.access),
        docker::judge(&host.dockers, rootless(&host.processes)),
        containerd::judge(host.containerd.as_ref()),
        kubelet::judge(host.kubelet.as_ref()),
        files::judge(&host.files),
        sshd::judge(&host.sshd),
        sudoers::judge(&host.sudoers),
        node::judge(&host.node),
        storage::judge(&host.storage),
        processes::judge(&host.processes),
        vec![spoken(&host.listeners)],
        manual::all(),
    ]
    .concat()
}

/// How those that listen are spoken to.
fn spoken(listeners: &Looked<Vec<Listener>>) -> Assessment {
    let check = &checks::PLAINTEXT_LISTENER;
    match listeners {
        Err(why) => traffic::judge(Err(why), check),
        Ok(Some(all)) => traffic::judge(Ok(all), check),
        Ok(None) => found::Found::not_applicable("nothing runs from this root").of(check),
    }
}

fn rootless(processes: &Looked<processes::Processes>) -> Option<u32> {
    processes.as_ref().ok()?.as_ref()?.rootless
}
