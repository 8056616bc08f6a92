//! What a look at processes tells of the files that they use, and of who can reach them.

use std::collections::BTreeMap;

use super::Observed;
use crate::usage::{How, Used};

/// The files that are mapped and executed at this moment, and where somebody listens for others, as
/// `443/tcp`.
#[must_use]
pub fn in_use(observed: Observed, now_ns: i64) -> (BTreeMap<Vec<u8>, Used>, Vec<String>) {
    let used = |how| Used { how, first_ns: now_ns, last_ns: now_ns, by_root: false };
    let mut files = BTreeMap::new();
    let ports = ports(&observed);
    for it in observed.mapped {
        let how = if it.is_code { How::Mapped } else { How::Opened };
        files.insert(it.path, used(how));
    }
    // A program that runs was executed.
    for process in observed.processes.into_iter().filter(|it| it.program.starts_with(b"/")) {
        let one = used(How::Executed);
        files.entry(process.program).and_modify(|it: &mut Used| *it = it.and(one)).or_insert(one);
    }
    (files, ports)
}

/// Where somebody listens for others.
#[must_use]
pub fn ports(observed: &Observed) -> Vec<String> {
    let listeners = observed.listeners.iter().flatten();
    let mut ports: Vec<String> =
        listeners.map(|it| format!("{}/{}", it.port, it.protocol)).collect();
    ports.sort();
    ports.dedup();
    ports
}
