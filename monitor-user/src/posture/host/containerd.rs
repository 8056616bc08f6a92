//! Whether containerd waits for others on the network: who reaches it there has the host.

use super::{
    checks,
    found::Found,
    granted::CONTAINERD,
    processes::Processes,
    root::{Looked, Root},
};
use crate::{document::printable::terminal, state::Assessment};

/// What its file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Containerd {
    /// The address on the network at which its API is, or why that is not known.
    pub tcp: Result<Option<String>, String>,
}

/// Reads; None where there is none.
pub(super) fn read(root: &dyn Root, processes: &Looked<Processes>) -> Option<Containerd> {
    let running = processes.as_ref().ok().and_then(Option::as_ref);
    let running = running.and_then(|it| it.of("containerd").next());
    if running.is_none() && !root.has("usr/bin/containerd") {
        return None;
    }
    let told = running.and_then(|it| it.arguments.last(&["--config", "-c"]));
    let text = root.lines(told.unwrap_or("/etc/containerd/config.toml"), CONTAINERD);
    Some(Containerd { tcp: text.map(|text| address(&text.unwrap_or_default())) })
}

/// The only setting of that name.
fn address(text: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| {
        let value = line.trim().strip_prefix(CONTAINERD)?.trim_start().strip_prefix('=')?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    });
    values.find(|it| !it.is_empty())
}

/// Whether it does.
pub(super) fn judge(containerd: Option<&Containerd>) -> Vec<Assessment> {
    let found = match containerd.map(|it| &it.tcp) {
        None => Found::not_applicable("there is no containerd here"),
        Some(Err(why)) => Found::Unknown(why.clone()),
        Some(Ok(found)) => {
            Found::bad(found.as_ref().map(|it| (terminal(it.as_bytes()).into_owned(), Vec::new())))
        }
    };
    vec![found.of(&checks::CONTAINERD_TCP)]
}
